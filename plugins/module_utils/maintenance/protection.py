# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Protected environments: whoever deploys to them or destroys in them names them.

It is asked where the wish of a person comes in: by the verbs of opsctl, and by the modules that deploy or destroy, with an argument of
their own, whoever's play has called them.
Below that nothing asks: the watchdog's helper, the timers and a rollout that takes itself back call the engine, or verbs that change no
release and destroy nothing. So no variable of the environment, which a shell would hand on by accident, opens or closes anything.
"""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path

from ..contracts.host_environment import HostEnvironment
from ..core.atomic_files import read_text
from ..hostconfig.entries import Change, Entry
from ..hostconfig.transaction import ConfigSet, apply

FILE = Path("/etc/latentum-ops/environment.json")


class Front(Enum):
    """Where the confirmation is written."""

    COMMAND = "--confirm {}"
    PLAYBOOK = "-e ops_confirm={}"


class NotConfirmed(Exception):
    """It was not confirmed, or for another environment; `environment` is the name that was expected."""

    def __init__(self, message: str, environment: str) -> None:
        self.environment = environment
        super().__init__(message)


def load(file: Path | None = None) -> HostEnvironment:
    """What this host knows of its environment; no name, and no protection, where nobody has said anything.

    :raises ValueError: the file is damaged: nobody can say then what the host is.
    """
    path = FILE if file is None else file
    text = read_text(path)
    if text is None:
        return HostEnvironment()
    try:
        return HostEnvironment.from_dict(json.loads(text), tolerant=True)
    except ValueError as error:  # no JSON, or of another form
        raise ValueError(
            f"{path} is damaged ({error}), so that nobody can say whether this host is protected:"
            ' write {"environment": "NAME", "protected": true} into it, or remove it and run site.yml --tags opsctl'
        ) from error


def require_confirmed(what: str, confirm: str, front: Front = Front.PLAYBOOK, file: Path | None = None) -> HostEnvironment:
    """Let through what was confirmed with the name of this host's environment, or needs no confirmation; what the host knows of it.

    A name that was given is compared on every host that knows its own: whoever writes ``production`` on a host of staging is on the
    wrong one.

    :param what: what is to be done, for the message: ``deploy of shop``.
    :param confirm: the name that was given; empty for none.
    :raises NotConfirmed: there is none where one is wanted, or it is another one.
    :raises ValueError: the host's file is damaged.
    """
    host = load(file)
    name = host.environment
    write = front.value.format(name)
    if confirm and name and confirm != name:
        raise NotConfirmed(
            f"{what}: confirmed for {confirm!r}, and this host belongs to {name}: nothing was changed; look where you are, or write"
            f" {write}",
            name,
        )
    if host.protected and not confirm:
        raise NotConfirmed(f"{what}: this host belongs to the protected environment {name}: nothing was changed; write {write}", name)
    return host


def keep(wanted: HostEnvironment, confirm: str, *, check: bool = False, file: Path | None = None) -> list[Change]:
    """Write what the inventory says about this host; what was, or would be, changed.

    The protection of a host is not taken away by an inventory that was meant for another one: that is confirmed with the name that the
    host has now. Without a name in the inventory the host keeps what it has: another inventory may have said it.

    :raises NotConfirmed: a protected environment would lose its name or its protection.
    :raises ValueError: the host's file is damaged.
    """
    if not wanted.environment:
        return []
    path = FILE if file is None else file
    known = load(path)
    if known.protected and wanted != known and confirm != known.environment:
        raise NotConfirmed(
            f"this host belongs to the protected environment {known.environment}, and would become"
            f" {wanted.environment}, {'protected' if wanted.protected else 'not protected'}: nothing was changed; is it the right host?"
            f" If so, write {Front.PLAYBOOK.value.format(known.environment)}",
            known.environment,
        )
    text = json.dumps(wanted.to_dict(), sort_keys=True) + "\n"
    return apply(ConfigSet(name="environment", entries=[Entry(path=path, content=text.encode())], parents=True), check_mode=check).changes
