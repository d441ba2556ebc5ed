# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs of all replicas of services: merged by their times, masked, and followed through restarts and rollouts."""

from __future__ import annotations

import heapq
import queue
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TypeAlias

from ..containers.api import EngineApi
from ..containers.client import SERVICE, Container, DockerUnavailable, Engine
from ..core.masking import written
from ..core.times import epoch

LONGEST = 1 << 20  # bytes of a line; what is longer is no line for people
BEYOND = 1 << 16  # bytes that are read beyond that, so that a secret that lies across the end is known as one
BILLION = 10**9
COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)  # of prefixes (ECMA-48, SGR): those that both a dark and a light terminal show
WAITING = 10_000  # lines that may wait for a slow reader
_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ?")
_DURATION = re.compile(r"(\d{1,9})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Line:
    """One line of a container.

    :param at: epoch nanoseconds; 0 where the engine gave no time.
    :param more: bytes of it that were left out.
    """

    at: int
    source: Container
    raw: bytes
    more: int = 0

    def text(self, *, colours: bool = False) -> str:
        """Without secrets; bytes that are not UTF-8 are marked."""
        shown = written(self.raw, colours=colours).expandtabs(8)
        return f"{shown[:LONGEST]}… {self.more + max(0, len(self.raw) - LONGEST)} bytes more" if self.more else shown


@dataclass(frozen=True)
class Notice:
    """What happened to a container, or to the watch over its log."""

    text: str


@dataclass(frozen=True)
class Lost:
    """Docker itself is gone."""

    reason: str


Event: TypeAlias = "Line | Notice | Lost"


def moment(at: int) -> str:
    """RFC 3339 with milliseconds; empty for none."""
    return f"{datetime.fromtimestamp(at // BILLION, timezone.utc):%Y-%m-%dT%H:%M:%S}.{at % BILLION // 1_000_000:03d}Z" if at else ""


def colour_of(number: int) -> str:
    """The sequence that begins the colour of the prefix with this number."""
    return f"\x1b[{COLOURS[number % len(COLOURS)]}m"


def fits(text: str, patterns: Sequence[re.Pattern[str]]) -> bool:
    """A line holds all that is searched for."""
    return all(pattern.search(text) for pattern in patterns)


def since_from(text: str, verb: str = "logs") -> float:
    """Epoch seconds of ``90s``, ``10m``, ``2h``, ``1d`` ago, or of a time; UTC where that has no zone.

    :raises ValueError: anything else.
    """
    if match := _DURATION.fullmatch(text.strip()):
        return time.time() - int(match[1]) * _SECONDS[match[2]]
    try:
        return epoch(text.strip())
    except ValueError:
        raise ValueError(
            f"{verb}: --since {text!r}: write a time such as 2026-11-20T14:03:07Z, or how long ago: 90s, 10m, 2h, 1d"
        ) from None


@dataclass
class Lines:
    """Lines of a container out of the parts that the engine sends; a line of more than 16 KiB comes in several, each with its time."""

    source: Container
    _pending: dict[int, bytearray] = field(default_factory=dict)
    _stamps: dict[int, int] = field(default_factory=dict)
    _dropped: dict[int, int] = field(default_factory=dict)

    def feed(self, stream: int, part: bytes) -> Iterator[Line]:
        """The lines that are whole now.

        :param stream: 1 and 2 for parts that are whole by themselves; 0 for a terminal, whose parts are cut anywhere.
        """
        pending = self._pending.setdefault(stream, bytearray())
        if stream:  # the time of a further part stands in the middle of the line
            stamp, part = _stamped(part)
            if not pending or stamp is None:
                self._stamps[stream] = stamp or self._stamps.get(stream, 0)
        self._append(stream, part)
        while (end := pending.find(b"\n")) >= 0:
            line = bytes(pending[:end])
            del pending[: end + 1]
            yield from self._whole(stream, line)

    def rest(self) -> Iterator[Line]:
        """What stands without an end of its line when nothing more comes."""
        for stream, pending in self._pending.items():
            if pending:
                yield from self._whole(stream, bytes(pending))
                pending.clear()

    def _append(self, stream: int, part: bytes) -> None:
        """Keep what may become a line; of one that never ends only the beginning."""
        pending = self._pending[stream]
        room = LONGEST + BEYOND - len(pending)
        if len(part) <= room:
            pending += part
            return
        end = part.find(b"\n")
        kept = part if end < 0 else part[:end]
        pending += kept[: max(0, room)]
        self._dropped[stream] = self._dropped.get(stream, 0) + max(0, len(kept) - max(0, room))
        if end >= 0:
            pending += part[end:]

    def _whole(self, stream: int, line: bytes) -> Iterator[Line]:
        dropped = self._dropped.pop(stream, 0)
        if not stream:
            stamp, line = _stamped(line)
            self._stamps[stream] = stamp or self._stamps.get(stream, 0)
        # A program that draws a bar writes over its line: each state of it is one of its own.
        for shown in [part for part in line.rstrip(b"\r").split(b"\r") if part] or [b""]:
            yield Line(self._stamps.get(stream, 0), self.source, shown, dropped + max(0, len(shown) - LONGEST))


def _stamped(part: bytes) -> tuple[int | None, bytes]:
    """The time at the beginning, as epoch nanoseconds, and what follows it."""
    match = _STAMP.match(part)
    if not match:
        return None, part
    seconds = int(epoch((match[1] + match[3]).decode()))
    return seconds * BILLION + int((match[2] or b"0").ljust(9, b"0")), part[match.end() :]


class LogView:
    """What containers wrote, and write.

    :param last: lines of each container; None for all.
    :param patterns: only lines that, masked, hold all of them: so nobody finds out a secret by searching for its parts.
    """

    def __init__(self, engine: Engine, last: int | None, since: float, patterns: Sequence[re.Pattern[str]]) -> None:
        self.engine, self.last, self.since, self.patterns = engine, last, since, patterns
        self.began = time.time()  # before anything is read, so that no line is missed
        self.seen: dict[str, int] = {}  # the time of the last line of each container
        self.troubles: list[str] = []

    def history(self, containers: Iterable[Container]) -> Iterator[Line]:
        """What was written until now, in the order of its times."""
        return heapq.merge(*[self._past(container) for container in containers], key=lambda line: line.at)

    def _past(self, container: Container) -> Iterator[Line]:
        """The last lines that fit."""
        tail = "all" if self.last is None or self.patterns else str(self.last)
        lines = self.read(self.engine.api, container, tail, _engine_time(_nanoseconds(self.since)), follow=False)
        fitting = (line for line in lines if self.fits(line))
        return fitting if self.last is None else iter(deque(fitting, maxlen=self.last))

    def fits(self, line: Line) -> bool:
        """It holds all that is searched for."""
        return not self.patterns or fits(line.text(), self.patterns)

    def read(self, api: EngineApi, container: Container, tail: str, since: str, *, follow: bool) -> Iterator[Line]:
        """The lines of one container, as the engine sends them.

        :raises OSError: they cannot be followed; of what cannot be read otherwise, `troubles` tells.
        """
        lines = Lines(container)
        try:
            for stream, part in api.log_stream(container.id, tail=tail, since=since, follow=follow):
                for line in lines.feed(stream, part):
                    yield self._noted(line)
            for line in lines.rest():
                yield self._noted(line)
        except OSError as error:
            if follow:
                raise
            self.troubles.append(f"the log of {container.name} cannot be read: {error}")

    def _noted(self, line: Line) -> Line:
        self.seen[line.source.id] = max(line.at, self.seen.get(line.source.id, 0))
        return line

    def follow(
        self, project: str, services: set[str], containers: Iterable[Container], tick: Callable[[], None]
    ) -> Iterator[Line | Notice]:
        """What comes from now on, of these containers and of those that are started for the same services later.

        :param tick: called about each second, and may raise.
        :raises DockerUnavailable: the engine went away.
        """
        following = _Following(self, project, services)
        for container in containers:
            following.begin(container)
        following.watch()
        while True:
            tick()
            try:
                event = following.events.get(timeout=1)
            except queue.Empty:
                continue
            if isinstance(event, Lost):
                raise DockerUnavailable(event.reason)
            if isinstance(event, Notice) or self.fits(event):
                yield event


class _Following:
    """A thread for each container that is followed, and one for what happens to containers."""

    def __init__(self, view: LogView, project: str, services: set[str]) -> None:
        self.view, self.project, self.services = view, project, services
        self.events: queue.Queue[Event] = queue.Queue(WAITING)
        self._restarted: dict[str, threading.Event] = {}

    def begin(self, container: Container) -> None:
        """Follow a container; one that is followed already goes on after its restart."""
        again = self._restarted.get(container.id)
        if again:
            again.set()
            return
        self._restarted[container.id] = threading.Event()
        threading.Thread(target=self._follow, args=(container, self._restarted[container.id]), daemon=True).start()

    def _follow(self, container: Container, again: threading.Event) -> None:
        api, view = self.view.engine.api, self.view
        while True:
            last = view.seen.get(container.id, 0)
            try:
                for line in view.read(api, container, "all", _engine_time(last or _nanoseconds(view.began)), follow=True):
                    if line.at > last or not line.at:
                        self.events.put(line)
            except OSError as error:
                if again.is_set():
                    again.clear()
                    continue
                self.events.put(Notice(f"the log of {container.name} cannot be read: {error}"))
            again.wait()
            again.clear()

    def watch(self) -> None:
        """Look for containers that start and end."""
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        try:
            for event in self.view.engine.events(self.view.began, project=self.project):
                self._happened(event)
            self.events.put(Lost("the Docker engine has ended its events: look at `systemctl status docker`"))
        except (OSError, DockerUnavailable) as error:
            self.events.put(Lost(f"the Docker engine went away: {error}; look at `systemctl status docker`"))

    def _happened(self, event: Mapping[str, object]) -> None:
        actor = event.get("Actor")
        about = actor if isinstance(actor, dict) else {}
        attributes = about.get("Attributes") or {}
        if attributes.get(SERVICE) not in self.services:
            return
        name, action = attributes.get("name", ""), event.get("Action")
        if action == "die":
            self.events.put(Notice(f"{name} has ended with exit status {attributes.get('exitCode', '?')}"))
        elif action == "start" and (container := self.view.engine.container(str(about.get("ID") or event.get("id") or ""))):
            self.events.put(Notice(f"{name} has started"))
            self.begin(container)


def _nanoseconds(at: float) -> int:
    """Epoch seconds, of which microseconds are exact."""
    return round(at * 1_000_000) * 1000


def _engine_time(nanoseconds: int) -> str:
    """A time as the engine takes it: seconds with nine decimals, for not one line twice."""
    return f"{nanoseconds // BILLION}.{nanoseconds % BILLION:09d}" if nanoseconds > 0 else ""
