# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collector: reads every log of a host, and appends it to the tree, each record once.

What was appended and how far each log was read become true together: files are synced, then the state is replaced, which names the size of
each file of the tree. After a crash files are cut back to that size, and reading goes on from there. The forwarder sends no more than the
state names.
"""

from __future__ import annotations

import os
import secrets
import signal
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from ..core import masking
from ..core.systemd import notify
from ..core.versioned_json import read_state, write_state
from .numbers import publish
from .records import ACCESS, AUDIT, Place, encode
from .settings import Settings
from .sources import HostLog, Journal, Text, container, folders

LOOK = 0.25  # seconds between two looks when nothing comes
SEARCH = 1.0  # seconds between two looks for new containers
CHECKPOINT = 1.0  # seconds between two checkpoints while something comes
REPORT = 15.0  # seconds between two reports to node_exporter
COLLECTED = "collected.json"
NUMBERS = "latentum_ops_logs.prom"


class Source(Protocol):
    """A log that is read."""

    key: str

    def state(self) -> dict[str, Any]: ...
    def read(self) -> Any: ...
    def gaps(self) -> int: ...
    def close(self) -> None: ...


def today() -> str:
    """The day, UTC, in whose folder records are written, whenever they were made: a day that is over gets none any more."""
    return f"{datetime.now(timezone.utc):%Y-%m-%d}"


class Collector:
    """All logs of one host."""

    def __init__(self, settings: Settings, day: Callable[[], str] = today) -> None:
        self.settings, self.day = settings, day
        self.state_file = settings.state / COLLECTED
        state = read_state(self.state_file, {}, put_aside=True)
        self._known: dict[str, dict[str, Any]] = state.get("sources") or {}  # what is known of each log
        self._sizes: dict[str, int] = state.get("sizes") or {}
        # Numbers begin at 1 again where the state was lost, and must not look like those that were.
        self._run = str(state.get("run") or secrets.token_hex(3))
        self._files: dict[str, BinaryIO] = {}
        self._written: set[str] = set()  # since the last checkpoint
        self._sources: dict[str, Source] = {}
        self._searched = self._reported = 0.0
        self._checked = time.monotonic()
        self._changed = False
        self.records = 0
        self._cut_back(str(state.get("day") or ""))

    def _cut_back(self, day: str) -> None:
        """What was appended after the last checkpoint is read again, and so goes from the tree, of a new day as well."""
        if not day:
            self._sizes = {}
            return
        for path in self.settings.tree.glob(f"*/{self.settings.host}/*/*.jsonl"):
            relative = str(path.relative_to(self.settings.tree))
            if relative >= f"{day}/" and path.stat().st_size > self._sizes.get(relative, 0):
                os.truncate(path, self._sizes.get(relative, 0))

    def search(self) -> None:
        """Take up new logs, and let go of those that are no more."""
        there: set[str] = set()
        for folder in folders(Path(self.settings.containers)) if self.settings.containers else ():
            name = f"container.{folder.name}"
            there.add(name)
            if name not in self._sources and (log := container(self.settings.host, folder, self._state_of(name))):
                self._sources[name] = log
        for kind, paths in ((ACCESS, self.settings.access), ("error", self.settings.error), (AUDIT, self.settings.audit)):
            for path in paths:
                name = f"{kind}.{path}"
                if name not in self._sources:
                    self._sources[name] = HostLog(self.settings.host, Path(path), kind, self._state_of(name))
        if self.settings.journal and "journal" not in self._sources:
            self._sources["journal"] = Journal(self.settings.host, self._state_of("journal"))
        for name in [name for name in self._sources if name.startswith("container.") and name not in there]:
            self._take(name, self._sources[name])
            self._sources.pop(name).close()
            self._known.pop(name, None)
            self._changed = True

    def _state_of(self, name: str) -> dict[str, Any]:
        return dict(self._known.get(name, {}).get("state") or {})

    def look(self) -> int:
        """Read what has come, and append it; the number of records."""
        before = self.records
        if time.monotonic() - self._searched >= SEARCH:
            self.search()
            self._searched = time.monotonic()
        for name, source in list(self._sources.items()):
            self._take(name, source)
        if self._changed and time.monotonic() - self._checked >= CHECKPOINT:
            self.checkpoint()
        return self.records - before

    def _take(self, name: str, source: Source) -> None:
        known = self._known.setdefault(name, {"numbers": {}})
        numbers: dict[str, int] = known["numbers"]  # one log may go to several places, and each is counted by itself
        label = f"{source.key}.{self._run}"
        lines: dict[str, list[bytes]] = {}
        day = self.day()
        text: Text
        for text in source.read():
            number = numbers[_name(text.place)] = numbers.get(_name(text.place), 0) + 1
            self.records += 1
            shown = masking.foreign(text.text) if self.settings.mask else text.text
            lines.setdefault(text.place.path(day), []).append(encode(text.at, label, number, text.stream, shown))
        for path, encoded in lines.items():
            data = b"".join(encoded)
            self._file(path).write(data)
            self._written.add(path)
            self._sizes[path] = self._sizes.get(path, 0) + len(data)
        known["gaps"] = source.gaps()
        state = source.state()
        if state != known.get("state"):
            known["state"] = state
            self._changed = True

    def _file(self, path: str) -> BinaryIO:
        if path not in self._files:
            full = self.settings.tree / path
            full.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            self._files[path] = full.open("ab")
            self._sizes[path] = full.stat().st_size
        return self._files[path]

    def checkpoint(self) -> None:
        """What was appended, and how far was read, become true."""
        day = self.day()
        for path, file in list(self._files.items()):
            if path in self._written:
                file.flush()
                os.fsync(file.fileno())
            if not path.startswith(f"{day}/"):
                file.close()
                del self._files[path]
        self._written.clear()
        sizes = {path: size for path, size in self._sizes.items() if (self.settings.tree / path).exists()}
        self._sizes = sizes
        state = {"version": 1, "run": self._run, "day": day, "sizes": sizes, "sources": self._known}
        write_state(self.state_file, state, 0o640, os.getuid(), os.getgid())
        self._checked = time.monotonic()
        self._changed = False

    def report(self) -> None:
        """Numbers for node_exporter's folder of text files."""
        if not self.settings.metrics or time.monotonic() - self._reported < REPORT:
            return
        self._reported = time.monotonic()
        records = sum(sum(known["numbers"].values()) for known in self._known.values())
        gaps = sum(int(known.get("gaps") or 0) for known in self._known.values())
        publish(self.settings.metrics, NUMBERS, {"latentum_ops_logs_records_total": records, "latentum_ops_logs_gaps_total": gaps})

    def close(self) -> None:
        """The last checkpoint."""
        self.checkpoint()
        for source in self._sources.values():
            source.close()
        for file in self._files.values():
            file.close()
        self._files.clear()

    def run(self) -> None:
        """Until SIGTERM."""
        ended: list[int] = []
        signal.signal(signal.SIGTERM, lambda number, _frame: ended.append(number))
        notify("READY=1")
        while not ended:
            came = self.look()
            self.report()
            notify("WATCHDOG=1")
            if not came:
                time.sleep(LOOK)
        self.close()


def _name(place: Place) -> str:
    return f"{place.stack}/{place.service}.{place.kind}"


def collected(settings: Settings) -> dict[str, int]:
    """Files of the tree that the collector has written, with the sizes that are sure.

    :raises ValueError: its state is damaged.
    """
    state = read_state(settings.state / COLLECTED, {})
    return {str(path): int(size) for path, size in (state.get("sizes") or {}).items()}
