# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stack is taken away from a host: out of the traffic first, then its containers, then all that is there for it; nothing of others.

Each step finds out by itself what there is, so a removal that was interrupted is finished by the next one.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass

from ..containers.client import Engine
from ..contracts.route_authentication import FOLDER as AUTHENTICATION
from ..core import paths
from ..core.atomic_files import read_text, understood
from ..core.locks import FOLDER, stack_lock
from ..hostconfig import shares
from ..hostconfig.entries import write
from ..secretstore.store import Store as SecretStore
from ..slo import settings as slo_settings
from . import containers, host, web
from .report import Report

PART = "removal"  # of the share that says what an interrupted removal had begun with
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")


class RemovalRefused(ValueError):
    """A stack that cannot be taken away so; the message says what to do."""


@dataclass(frozen=True)
class Wish:
    """What is to go.

    :param volumes: its data as well.
    :param secrets: its secrets as well; otherwise they are kept, readable by root alone, since backups are opened with them.
    :param drain: seconds to wait for requests that had begun.
    :param wait: seconds to wait while somebody else works on the stack.
    """

    stack: str
    volumes: bool = False
    secrets: bool = False
    drain: float = 60
    wait: float = 60


def remove(wish: Wish, engine: Engine | None, *, check: bool = False, progress: Callable[[str], None] = lambda _what: None) -> Report:
    """Take a stack away; with check only what would go.

    :param engine: None where no Docker engine answers, as on a host that never had one.
    :raises RemovalRefused: the name is none.
    :raises LockHeld: somebody else works on it.
    """
    if not _NAME.fullmatch(wish.stack):
        raise RemovalRefused(
            f"stack: {wish.stack!r} is not the name of a stack: write one of {', '.join(sorted(shares.on_host())) or '(none)'}"
        )
    if check:
        return _steps(wish, engine, Report(check=True), progress)
    with stack_lock(wish.stack, "removal", wish.wait, what="takes it away"):
        return _steps(wish, engine, Report(), progress)


def _steps(wish: Wish, engine: Engine | None, report: Report, progress: Callable[[str], None]) -> Report:
    stack = wish.stack
    directory, certificates = _directory(stack), _begin(stack, report)
    progress("out of watch and traffic")
    host.watchdog(stack, report)
    host.monitoring(stack, report)
    host.exporters(stack, report)
    host.deliveries(stack, report)
    host.jobs(stack, report)
    host.backups(stack, report)
    host.rotations(stack, report)
    web.sites(stack, report, wish.drain)
    if engine:
        progress("containers, networks, volumes")
        containers.containers(engine, stack, report)
        containers.networks(engine, stack, report)
        containers.volumes(engine, stack, report, remove=wish.volumes)
    progress("configuration of the host")
    host.firewall(stack, report)
    host.bans(stack, report)
    host.forwarding(stack, report)
    web.certificates(certificates, report)
    states = {"releases": paths.RELEASES / stack, "records of builds": paths.BUILDS / stack, "authentication": AUTHENTICATION / stack}
    states["static files"] = paths.STATIC / stack
    states["rotations of secrets"] = paths.ROTATIONS / stack
    if wish.volumes:
        states["records of jobs"] = paths.JOBS / stack
    elif (paths.JOBS / stack).is_dir():
        report.stays("records of jobs", f"{paths.JOBS / stack}: what runs once has been done to the data, which stays")
    described = paths.STACKS / f"{stack}.json"
    host.files(
        stack, directory, report, described=described, states=states, others=[FOLDER / f"{stack}.out.json", slo_settings.file_of(stack)]
    )
    _secrets(wish, report)
    if not report.check:
        for path in paths.SHARES.glob(f"{stack}.*.json"):
            path.unlink(missing_ok=True)
    return report


def _begin(stack: str, report: Report) -> set[str]:
    """The certificates to remove: what nginx names now, and what a removal that was interrupted had found."""
    known = shares.recorded(PART).get(stack) or {}
    certificates = {*known.get("certificates", ()), *web.certificates_of(stack)}
    if certificates and not report.check:
        for entry in shares.entries(PART, {stack: {"certificates": sorted(certificates)}}):
            write(entry)
    return certificates


def _directory(stack: str) -> str:
    file = paths.STACKS / f"{stack}.json"
    with understood(file):
        return str(json.loads(read_text(file) or "{}").get("directory") or f"/opt/{stack}")


def _secrets(wish: Wish, report: Report) -> None:
    """Copies for containers go, since there are none; the secrets themselves are kept unless they are to go."""
    store = SecretStore(wish.stack, paths.SECRETS)
    if not store.folder.is_dir():
        return
    if wish.secrets:
        report.goes("secrets", str(store.folder))
        if not report.check:
            shutil.rmtree(store.folder)
        return
    outcome = store.ensure([], check_mode=report.check)
    for change in outcome.changes:
        if change.entry.state == "absent":
            report.goes("copy of a secret", str(change.entry.path.relative_to(store.folder)))
    if outcome.retired:
        report.goes("secrets in use", ", ".join(outcome.retired))
    kept = store.folder / "retired"
    if outcome.retired or (kept.is_dir() and any(kept.iterdir())):
        report.stays("secrets", f"{kept}: the keys of backups are among them; remove_stack_secrets: true removes them, too")


def there(stack: str) -> bool:
    """The host knows a stack of this name."""
    return stack in known()


def known() -> list[str]:
    """The stacks of which this host has something that a removal would take, or has kept."""
    folders = (path.name for folder in (paths.RELEASES, paths.SECRETS) if folder.is_dir() for path in folder.iterdir() if path.is_dir())
    return sorted({*shares.on_host(), *(name for name in folders if _NAME.fullmatch(name))})
