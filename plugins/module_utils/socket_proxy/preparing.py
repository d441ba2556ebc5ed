# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Preparation of the proxy, as root before it starts and before the watchdog reads its settings: what is let through, what is hidden.

So the proxy reads neither the settings nor the secret store, and needs no right to them.
"""

from __future__ import annotations

import grp
import sys
from pathlib import Path

from ..core import published_secrets
from ..core.atomic_files import write_atomic
from ..core.masking import clean
from ..watchdog import settings
from ..watchdog.probes import commands
from .policy import FILE, Policy, Service


def derive(folder: Path = settings.FOLDER) -> Policy:
    """What follows from the settings of the watchdog.

    :raises OSError, ValueError: they cannot be read; the message names the file.
    """
    config = settings.load(folder)
    run: dict[Service, set[tuple[str, ...]]] = {}
    files: dict[Service, set[str]] = {}
    for stack in config.stacks:
        for service in stack.services:
            for probe in service.probes:
                if argv := commands.of_probe(probe):
                    run.setdefault((stack.name, service.service), set()).add(tuple(argv))
        for fresh in stack.freshness:
            if fresh.kind == "query":
                run.setdefault((stack.name, fresh.service), set()).add(tuple(commands.of_query(fresh)))
            elif fresh.kind == "file":
                files.setdefault((stack.name, fresh.service), set()).add(fresh.path)
    return Policy(
        stacks=frozenset(stack.name for stack in config.stacks),
        healed=frozenset((stack.name, service.service) for stack in config.stacks for service in stack.services if service.heal != "none"),
        commands=run,
        files=files,
        metrics=config.host.container_metrics,
    )


def prepare() -> None:
    """Write both.

    :raises OSError, ValueError: one of them cannot be made; what was written before stays.
    :raises KeyError: there is no such group.
    """
    policy, group = derive().to_json(), grp.getgrnam(published_secrets.GROUP).gr_gid
    published_secrets.publish()
    write_atomic(FILE, policy, 0o440, 0, group)


if __name__ == "__main__":
    try:
        prepare()
    except (OSError, ValueError, KeyError) as error:
        sys.stderr.write(f"socket proxy: {clean(error)}\n")
        raise SystemExit(2) from error
