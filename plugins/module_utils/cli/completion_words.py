# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that a shell completes: stacks, services, releases, the environment. Small, as it runs at each press of the tab key.

Read is what the user may read; what he may not is not completed, and nothing is ever said: a shell would print it into the command line.
Verbs and options need no such look: they stand in the script itself.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..core import paths

PLAIN = re.compile(r"[A-Za-z0-9._/-]+")  # a shell would carry out what stands in anything else
ENVIRONMENT = paths.STACKS.parent / "environment.json"


def _read(file: Path) -> Any:
    return json.loads(file.read_text())


def _stacks() -> list[str]:
    return sorted(file.stem for file in paths.STACKS.glob("*.json"))


def _meant(named: str) -> list[str]:
    """The stack that was named or is stood in; all where nothing says which."""
    known = _stacks()
    if named:
        return [named] if named in known else []
    place = Path.cwd().resolve()
    folders = {name: Path(_read(paths.STACKS / f"{name}.json").get("directory") or f"/opt/{name}").resolve() for name in known}
    holding = [(len(folder.parts), name) for name, folder in folders.items() if place.is_relative_to(folder)]
    return [max(holding)[1]] if holding else known


def _services(named: str) -> Iterator[str]:
    for stack in _meant(named):
        yield from (str(service["service"]) for service in _read(paths.STACKS / f"{stack}.json")["services"])


def _scopes(_named: str) -> Iterator[str]:
    yield "host"
    for stack in _stacks():
        yield stack
        yield from (f"{stack}/{service}" for service in _services(stack))


def _releases(named: str) -> Iterator[str]:
    for stack in _meant(named):
        yield from sorted(folder.name for folder in (paths.RELEASES / stack / "releases").iterdir())


def _jobs(named: str) -> Iterator[str]:
    for stack in _meant(named):
        yield from (str(job["name"]) for job in _read(paths.STACKS.parent / f"jobs/{stack}.json")["jobs"])


def _environment(_named: str) -> Iterator[str]:
    yield str(_read(ENVIRONMENT)["environment"])


def _runbooks(_named: str) -> list[str]:
    from ..emergency import runbook  # the pages are long, and seldom asked for

    return runbook.names()


KINDS: Mapping[str, Callable[[str], Iterator[str] | list[str]]] = {
    "stacks": lambda _named: _stacks(),
    "services": _services,
    "scopes": _scopes,
    "releases": _releases,
    "jobs": _jobs,
    "environment": _environment,
    "runbooks": _runbooks,
}


def main(argv: Sequence[str]) -> int:
    """C(opsctl completion words KIND [STACK]): the names, one a line."""
    kind, named = (*argv, "", "")[:2]
    names: set[str] = set()
    try:
        for name in KINDS[kind](named):
            if PLAIN.fullmatch(name):
                names.add(name)
    except (KeyError, OSError, TypeError, ValueError, AttributeError):
        pass  # what is there until then is completed
    sys.stdout.write("".join(f"{name}\n" for name in sorted(names)))
    return 0
