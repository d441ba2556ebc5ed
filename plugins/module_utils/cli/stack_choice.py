# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which stack is meant: the one that was named, the one whose folder one stands in, the only one."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ..release.stacks import stacks
from ..schema.nodes import close_to

WAYS = ("backup", "restore", "upstreams", "maintenance", "alert", "watchdog", "jobs", "deploys")  # verbs of two words
NONE = "no stack is described on this host: run playbooks/site.yml"


class StackNeeded(ValueError):
    """Several stacks are there, and none was named."""

    def __init__(self, names: Sequence[str], argv: Sequence[str]) -> None:
        self.names = list(names)
        lines = [f"  {with_stack(argv, name)}" for name in names]
        super().__init__("\n".join(["several stacks are on this host; write which, or stand in its folder:", *lines]))


def with_stack(argv: Sequence[str], name: str) -> str:
    """The same command for one stack, as it can be typed."""
    words = 2 if argv[:1] and argv[0] in WAYS else 1
    return shlex.join(["opsctl", *argv[:words], "--stack", name, *argv[words:]])


def directories() -> dict[str, Path]:
    """Each stack of this host with its directory."""
    return {str(stack["name"]): Path(stack.get("directory") or f"/opt/{stack['name']}") for stack in stacks()}


def standing_in(known: Mapping[str, Path], folder: Path | None = None) -> str:
    """The stack whose directory holds the present folder, the innermost where they lie in each other; empty for none."""
    try:
        place = (folder or Path.cwd()).resolve()
    except OSError:  # somebody has removed it
        return ""
    holding = [(len(path.parts), name) for name, directory in known.items() if place.is_relative_to(path := directory.resolve())]
    return max(holding)[1] if holding else ""


def chosen(named: str | None, argv: Sequence[str], known: Mapping[str, Path] | None = None) -> str:
    """The one stack that a verb is about.

    :param argv: the command line, to be repeated in the error.
    :raises StackNeeded: there are several, and nothing says which.
    :raises ValueError: there is none, or none of this name.
    """
    places = directories() if known is None else known
    if named:
        return existing(named, places)
    if len(places) == 1:
        return next(iter(places))
    if not places:
        raise ValueError(NONE)
    if here := standing_in(places):
        return here
    raise StackNeeded(sorted(places), argv)


def selected(named: str | None, known: Mapping[str, Path] | None = None) -> list[str]:
    """The stacks that a verb shows: the one that is named or stood in, or all."""
    places = directories() if known is None else known
    if named:
        return [existing(named, places)]
    here = standing_in(places)
    return [here] if here else sorted(places)


def existing(name: str, known: Iterable[str], what: str = "stack") -> str:
    """A name that is there.

    :raises ValueError: it is not; the message has the name that was probably meant, or all.
    """
    names = sorted(known)
    if name in names:
        return name
    if not names:
        raise ValueError(NONE if what == "stack" else f"there is no {what} {name!r}, nor any other")
    near = close_to(name, names)
    raise ValueError(f"there is no {what} {name!r}: " + (f"did you mean {near}?" if near else f"write one of {', '.join(names)}"))
