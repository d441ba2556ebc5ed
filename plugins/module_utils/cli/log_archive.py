# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tree of logs: `logs --archive` searches it, `log-archive` says what is in it and whether anybody has changed it."""

from __future__ import annotations

import argparse
import json
import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.format import columns, padded, size
from ..core.masking import written
from ..logs import digests
from ..logs.records import HOST_STACK, Place, place_of
from ..logs.search import Found, Search
from ..logs.settings import Settings, load
from . import output, stack_choice
from .arguments import shared
from .log_view import colour_of, fits, moment
from .output import Output, OutputClosed


@dataclass(frozen=True)
class Wanted:
    """What is searched for.

    :param last: lines of each service; None for all.
    :param since: epoch seconds; 0 for all.
    """

    last: int | None
    since: float
    patterns: Sequence[re.Pattern[str]]


def add_parsers(verbs: Any) -> None:
    """The command line of the verb."""
    ways = verbs.add_parser("log-archive").add_subparsers(dest="way", required=True)
    ways.add_parser("list", parents=[shared(stack="")], help="hosts, services and classes, with their days and size")
    verify = ways.add_parser("verify", parents=[shared(stack="")], help="compare all closed files with the chain of digests")
    verify.add_argument("--known", default="", metavar="DIGEST", help="digest of an entry, noted elsewhere: it has to be in the chain")


def run_verb(options: argparse.Namespace, out: Output) -> int:
    """Carry out the verb."""
    settings = load()
    return _verify(settings, options.known, out) if options.way == "verify" else _list(settings, out)


def _verify(settings: Settings, known: str, out: Output) -> int:
    if known and not re.fullmatch(r"[0-9a-f]{64}", known):
        raise ValueError(f"log-archive: --known {known!r} is no digest: write the 64 hexadecimal digits of the journal's line")
    seen = digests.verify(settings.tree, known)
    lines = [*seen.problems, f"{seen.files} closed files, {seen.entries} entries, digest of the last one: {seen.head or 'none yet'}"]
    about = {"ok": not seen.problems, "files": seen.files, "entries": seen.entries, "digest": seen.head, "problems": seen.problems}
    out.result(about, "\n".join(lines))
    return 1 if seen.problems else 0


def _list(settings: Settings, out: Output) -> int:
    summed: dict[Place, tuple[set[str], int]] = {}
    for path in settings.tree.glob("[0-9]*/*/*/*"):
        if found := place_of(str(path.relative_to(settings.tree))):
            days, total = summed.get(found[1], (set(), 0))
            summed[found[1]] = (days | {found[0]}, total + path.stat().st_size)
    order = sorted(summed, key=lambda place: (place.host, place.stack, place.service, place.kind))
    rows: list[dict[str, Any]] = [
        {"host": place.host, "stack": place.stack, "service": place.service, "class": place.kind}
        | {"days": len(summed[place][0]), "from": min(summed[place][0]), "bytes": summed[place][1]}
        for place in order
    ]
    table = [["HOST", "STACK", "SERVICE", "CLASS", "DAYS", "FROM", "SIZE"]]
    table += [[str(row[name]) for name in ("host", "stack", "service", "class", "days", "from")] + [size(row["bytes"])] for row in rows]
    out.result({"tree": str(settings.tree), "logs": rows}, "\n".join(columns(table)) if rows else f"{settings.tree} is empty")
    return 0


def show(options: argparse.Namespace, out: Output, wanted: Wanted, colours: bool) -> int:
    """Records of the tree, as `opsctl logs` shows those of containers."""
    settings = load()
    search = Search(settings.tree, lambda _place: True, wanted.since)
    search.wanted = _chosen(options, search.places())
    shown = _Shown(options, out, colours)
    for found in _last(search.history(), wanted):
        shown.record(found)
    for trouble in search.troubles:
        output.aside(f"opsctl: {trouble}")
    if options.follow:
        for found in search.follow(_tick):
            if fits(_text(found), wanted.patterns):
                shown.record(found)
    elif options.json:
        out.result({"lines": shown.collected}, None)
    return 1 if search.troubles else 0


def _tick() -> None:
    if output.reader_left():
        raise OutputClosed


def _chosen(options: argparse.Namespace, places: Sequence[Place]) -> Any:
    """Which places are meant.

    :raises ValueError: there is no such host, stack or service.
    """
    host = stack_choice.existing(options.host, {place.host for place in places}, "host") if options.host else ""
    stack = stack_choice.existing(options.stack, {place.stack for place in places}, "stack") if options.stack else ""
    near = [place for place in places if host in ("", place.host) and stack in ("", place.stack)]
    services = {stack_choice.existing(name, {place.service for place in near}, "service") for name in options.services}

    def wanted(place: Place) -> bool:
        return (
            host in ("", place.host)
            and stack in ("", place.stack)
            and (not services or place.service in services)
            and options.kind in (None, place.kind)
        )

    return wanted


def _last(history: Iterable[Found], wanted: Wanted) -> Iterable[Found]:
    fitting = (found for found in history if fits(_text(found), wanted.patterns))
    if wanted.last is None:
        return fitting
    kept: dict[Place, deque[Found]] = {}
    for found in fitting:
        kept.setdefault(found.place, deque(maxlen=wanted.last)).append(found)
    return sorted((found for records in kept.values() for found in records), key=lambda found: found.at)


def _text(found: Found) -> str:
    """Without secrets that this host knows, and without what a terminal would act on."""
    return written(found.text).expandtabs(8)


class _Shown:
    """Records as they are printed: host, stack and service before each for people, an object a line for programs."""

    def __init__(self, options: argparse.Namespace, out: Output, colours: bool) -> None:
        self.options, self.out, self.colours = options, out, colours
        self.collected: list[dict[str, Any]] = []
        self._prefixes: dict[str, str] = {}
        self._width = 0

    def record(self, found: Found) -> None:
        """One record."""
        place = found.place
        if self.options.json:
            about = {"at": moment(found.at), "host": place.host, "stack": place.stack, "service": place.service, "class": place.kind}
            about |= {"source": found.source, "text": _text(found)}
            if self.options.follow:
                output.say(json.dumps(about))
            else:
                self.collected.append(about)
            return
        stamp = f"{moment(found.at)} " if self.options.timestamps else ""
        text = written(found.text, colours=self.colours).expandtabs(8)
        self.out.line(f"{'' if self.options.no_prefix else self._prefix(place)}{stamp}{text}")

    def _prefix(self, place: Place) -> str:
        label = "/".join([place.host, *([] if place.stack == HOST_STACK else [place.stack]), place.service])
        self._width = max(self._width, len(label))
        begin = self._prefixes.setdefault(label, colour_of(len(self._prefixes)) if self.colours else "")
        return f"{begin}{padded(label, self._width)} |{chr(27) + '[0m' if begin else ''} "
