# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Spool of notices: one file a notice and route, so that an alert survives a dead network, a restart and SIGKILL.

A file is removed only after the receiver has accepted. A process that is killed between the two tells once more: at least once, never
not at all. PagerDuty's dedup_key and mail's Message-ID make the second time harmless there.
"""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...core.versioned_json import known_fields
from ..incidents import incident_from
from .routes import Route, routes_for
from .spool_files import SpoolFiles

FOLDER = Path("/var/lib/latentum-ops/watchdog/spool")
SPARE = Path("/run/latentum-ops-watchdog/spool")
FIRST, LONGEST = 10.0, 600.0  # seconds between two tries: doubling
# Not given up before. The tries, so that a wrong clock, or a host that was off for days, gives nothing up: they take 16 hours at least.
PATIENCE, TRIES = 3 * 86400.0, 100
DEAD = 200  # files that are kept of what was given up
FORGOTTEN = 90 * 86400.0  # seconds after which it is forgotten who was told of an incident that never ended
REPEATED = 86400.0  # seconds for which an end is remembered, so that it is not told twice
QUEUE, TOLD, GRAVE = "queue", "told", "dead"


@dataclass
class Item:
    """One notice on its way over one route.

    :param name: of its file; they sort in the order in which they were put.
    :param spooled: epoch seconds.
    :param tries: how often it was tried in vain; `next` is when it may be again (epoch seconds).
    :param plain: the receiver refused its form: say it as simply as can be.
    :param left: receivers of the route that did not get it while others did; empty for all.
    """

    name: str
    route: str
    notice: dict[str, Any]
    spooled: float
    tries: int = 0
    next: float = 0.0
    plain: bool = False
    left: list[str] = field(default_factory=list)

    @property
    def incident(self) -> str:
        """The id of what it is about."""
        return str(self.notice["incident"]["id"])

    def check(self) -> None:
        """Is all of a notice there?

        :raises KeyError, TypeError, ValueError: it is not.
        """
        incident_from(self.notice["incident"])
        if not self.incident or not self.notice["what"] or not self.notice["host"] or float(self.notice["at"]) < 0:
            raise ValueError("no notice")

    def due(self, now: float) -> bool:
        """Whether it may be tried; a clock that was set back does not hold it."""
        return self.next <= now or self.next - now > 2 * 3600


def back_off(tries: int) -> float:
    """Seconds until the next try after so many in vain: 10, 20, 40 … 600, each up to a fifth less, so that hosts do not march in step."""
    return min(LONGEST, FIRST * 2.0 ** min(max(0, tries - 1), 10)) * random.uniform(0.8, 1.0)  # noqa: S311 - no secret


class Spool:
    """The spool in its folder; written by the daemon (`put`) and one deliverer (the rest)."""

    def __init__(self, folder: Path = FOLDER, spare: Path | None = None) -> None:
        self.folder = folder
        self.files = SpoolFiles(folder, spare or SPARE)

    # -- the daemon's side -----------------------------------------------------------------------------------------------

    def tell(self, notice: Mapping[str, Any], routes: Mapping[str, Route]) -> list[str]:
        """Put a notice for everybody who is to hear it; returns the keys of their routes."""
        chosen = routes_for(notice, routes, self.deliveries(str(notice["incident"]["id"])))
        self.put(notice, chosen)
        return chosen

    def put(self, notice: Mapping[str, Any], routes: Iterable[str]) -> int:
        """Write one file a route, synced; what a route was told already (a daemon that was killed and says it again) is left out.

        :return: how many were written.
        :raises OSError: neither the disk nor /run can be written.
        """
        incident, what, at = str(notice["incident"]["id"]), str(notice["what"]), float(notice["at"])
        delivered = self.deliveries(incident)
        present = self.files.names(QUEUE)
        last = int(present[-1].removeprefix(f"{QUEUE}/").partition(".")[0]) if present else 0
        count = 0
        for key in routes:
            route_notices = delivered.setdefault(key, [])
            mark = _digest(key, incident, what, str(at))
            if (what, at) in route_notices:
                continue
            route_notices.append((what, at))
            if any(name.endswith(f".{mark}.json") for name in present):
                continue
            last = max(last + 1, time.time_ns())
            self._write(Item(f"{QUEUE}/{last:020d}.{mark}.json", key, dict(notice), time.time()))
            count += 1
        if delivered and what != "test":
            # After the files: killed in between, it is said again and found in the queue.
            self.files.write(_record(incident), json.dumps({"incident": incident, "routes": delivered}))
        return count

    def deliveries(self, incident: str) -> dict[str, list[tuple[str, float]]]:
        """By route, what it was told of this incident and when."""
        try:
            routes = json.loads(self.files.read(_record(incident)) or b"{}").get("routes", {})
            return {str(key): [(str(what), float(at)) for what, at in route_notices] for key, route_notices in routes.items()}
        except (ValueError, TypeError, AttributeError):
            return {}

    # -- the deliverer's side --------------------------------------------------------------------------------------------

    def pending(self) -> bool:
        """Something was not accepted yet."""
        return bool(self.files.names(QUEUE))

    def waiting(self) -> list[Item]:
        """Everything that was not accepted yet, oldest first; a file that is damaged goes to the dead."""
        items = []
        for name in self.files.names(QUEUE):
            content = self.files.read(name)
            if content is None:
                continue
            try:
                raw = json.loads(content)
                item = known_fields(Item, {**raw, "name": name})
                item.check()
            except (ValueError, TypeError, KeyError):
                self._bury(name, content.decode(errors="replace"))
                continue
            items.append(item)
        return items

    def due(self, now: float) -> list[Item]:
        """What may be tried now: in order, and nothing about an incident while something earlier about it waits on that route."""
        return in_order(self.waiting(), now)

    def retry(self, items: Sequence[Item], now: float, *, slow: bool = False) -> list[Item]:
        """Note a try in vain; what was tried for three days is given up and returned.

        All of them are tried again at one time, that of the newest: each at a time of its own would be a deliverer each.

        :param slow: only a human can help: there is no use in a quick try.
        """
        dead = []
        for item in items:
            item.tries += 1
        again = now + back_off(99 if slow else min((item.tries for item in items), default=0))
        for item in items:
            item.next = again
            if item.tries >= TRIES and now - item.spooled >= PATIENCE:
                dead.append(item)
            else:
                self._write(item)
        self.give_up(dead)
        return dead

    def give_up(self, items: Sequence[Item]) -> None:
        """Move to the dead."""
        for item in items:
            self._bury(item.name, json.dumps(_plain(item)))

    def accepted(self, items: Sequence[Item]) -> None:
        """Remove what the receiver has taken."""
        self.files.remove(item.name for item in items)

    def dead(self) -> int:
        """How many are kept of what was given up."""
        return len(self.files.names(GRAVE))

    def sweep(self, now: float) -> None:
        """Remove leftovers of killed writers, what was given up long ago, and who was told of what is long over."""
        self.files.sweep((QUEUE, TOLD, GRAVE))
        self.files.remove(self.files.names(GRAVE)[:-DEAD])
        old = []
        for name in self.files.names(TOLD):
            try:
                routes = json.loads(self.files.read(name) or b"{}")["routes"]
                notices = [(str(what), float(at)) for route in routes.values() for what, at in route]
            except (ValueError, TypeError, KeyError, AttributeError):
                notices = []
            ended = any(what in ("end", "success", "deployment") for what, _at in notices)
            if now - max((at for _what, at in notices), default=0.0) > (REPEATED if ended else FORGOTTEN):
                old.append(name)
        self.files.remove(old)

    def _write(self, item: Item) -> None:
        self.files.write(item.name, json.dumps(_plain(item)))

    def _bury(self, name: str, content: str) -> None:
        self.files.write(name.replace(QUEUE, GRAVE, 1), content)
        self.files.remove([name])


def in_order(items: Iterable[Item], now: float, *, hurry: bool = False) -> list[Item]:
    """Those that may be tried. What only some receivers of a route still miss holds nothing up: the others have it.

    :param hurry: the receiver is known to be well again, so only what it refused by itself waits for its time.
    """
    blocked: set[tuple[str, str]] = set()
    ready = []
    for item in items:
        story = (item.route, item.incident)
        is_due = item.due(now) or (hurry and not item.plain and not item.left)
        if is_due and (item.left or story not in blocked):
            ready.append(item)
        elif not item.left:
            blocked.add(story)
    return ready


def _plain(item: Item) -> dict[str, Any]:
    return {name: value for name, value in vars(item).items() if name != "name"}


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()[:16]


def _record(incident: str) -> str:
    return f"{TOLD}/{_digest(incident)}.json"
