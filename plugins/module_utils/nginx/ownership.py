# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose the sites and upstreams of nginx are: a site belongs to the stack that it leads to, or whose status page it serves. One that does
neither, such as a name that only redirects, names its stack. What a stack has in the server block of another is in a file of its name.

The files say it themselves, whoever wrote them and whichever release is live: definitions of upstreams carry the name of their stack, and
sites name upstreams. So nothing has to be recorded beside them, and a host from before there were several stacks says as much as a new one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ..core import paths
from ..core.atomic_files import read_text, understood
from . import site_file
from .writer import one_writer

NAMED = re.compile(r"^# Of stack (\S+)$", re.MULTILINE)
PAGE = re.compile(r"^\s*alias\s+/run/latentum-ops-watchdog/page/([^/;]+)/;", re.MULTILINE)


@dataclass
class Owned:
    """What nginx has of one stack.

    :param definitions: the files that list its upstreams.
    :param upstreams: the names of these.
    :param sites: the files that lead to them.
    """

    definitions: list[Path] = field(default_factory=list)
    upstreams: list[str] = field(default_factory=list)
    sites: list[Path] = field(default_factory=list)

    @property
    def files(self) -> set[Path]:
        """What a set of files of another run must leave."""
        return {*self.definitions, *self.sites}

    @property
    def domains(self) -> dict[str, Path]:
        """The names that its sites serve, and where."""
        return {name: path for path in self.sites for name in site_file.read(read_text(path) or "").names}

    @property
    def certificates(self) -> set[str]:
        """The names of the certificates that its sites use."""
        return {name for path in self.sites if (name := site_file.read(read_text(path) or "").certificate)}


def owned() -> dict[str, Owned]:
    """What nginx has, by stack; sites that lead nowhere of ours are nobody's.

    :raises ValueError: definitions that cannot be understood; the message names their file.
    """
    stacks: dict[str, Owned] = {}
    leading: dict[str, str] = {}
    for path in sorted(paths.UPSTREAMS.glob("*.json")):
        stack = path.name.removesuffix(".json").removesuffix(".kept")
        with understood(path):
            upstreams = [str(upstream["name"]) for upstream in json.loads(path.read_text())]
        mine = stacks.setdefault(stack, Owned())
        mine.definitions.append(path)
        mine.upstreams += upstreams
        leading.update(dict.fromkeys(upstreams, stack))
    for path in site_file.every():
        if stack := path.stem if path.suffix == ".site" else stack_of(read_text(path) or "", leading):
            stacks.setdefault(stack, Owned()).sites.append(path)
    return stacks


def stack_of(content: str, leading: Mapping[str, str]) -> str:
    """The stack of a site file; empty for one that is nobody's.

    :param leading: name of an upstream to its stack.
    """
    names = site_file.read(content).locations.values()
    said = PAGE.search(content) or NAMED.search(content)
    return next((leading[name] for name in names if name in leading), said[1] if said else "")


def ejected() -> set[Path]:
    """Sites that an ejected stack has left: they are no stack's any more, and serve it all the same."""
    return {path for path in site_file.SITES.glob("*.conf") if site_file.is_left(path)}


def of_others(own: Collection[str]) -> dict[str, Owned]:
    """What nginx has of stacks that are not among these."""
    return {stack: mine for stack, mine in owned().items() if stack not in own}


@contextmanager
def undisturbed(own: Collection[str] | None) -> Iterator[set[Path]]:
    """The files of other stacks and of ejected ones, while nobody writes any.

    For a set that has nothing to do with nginx (None) none, at any time.
    """
    if own is None:
        yield set()
        return
    with one_writer():
        yield {path for mine in of_others(own).values() for path in mine.files} | ejected()
