# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with a tree, as the collector or the receiver writes it, and what is sent from it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from ansible_collections.latentum.ops.plugins.module_utils.logs.records import encode
from ansible_collections.latentum.ops.plugins.module_utils.logs.settings import Settings, from_dict
from ansible_collections.latentum.ops.plugins.module_utils.logs.sinks.shipper import Shipper

from .stand_ins import Bulk, Kept, Loki, Server, Store, VictoriaLogs

STORES: dict[str, type[Store]] = {"loki": Loki, "elasticsearch": Bulk, "opensearch": Bulk, "victorialogs": VictoriaLogs}
PATIENCE = 600.0  # seconds, on a machine that is busy with other things
BILLION = 10**9


def day(ago: int = 0) -> str:
    """A day, UTC."""
    return f"{datetime.now(timezone.utc) - timedelta(days=ago):%Y-%m-%d}"


def stamp(at: int) -> str:
    """Epoch nanoseconds as they stand in the tree."""
    return f"{datetime.fromtimestamp(at // BILLION, timezone.utc):%Y-%m-%dT%H:%M:%S}.{at % BILLION:09d}Z"


@dataclass
class Site:
    """The tree of a host, and where it goes."""

    folder: Path
    host: str = "web1"
    numbers: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("tree", "state", "numbers"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    @property
    def tree(self) -> Path:
        """The tree."""
        return self.folder / "tree"

    def write(self, *texts: str, service: str = "api", host: str = "", kind: str = "application", ago: int = 0, **more: Any) -> None:
        """Append records as this host's collector does, or as the writer of a log host.

        :param more: `at` (epoch nanoseconds of the first; each next one is a microsecond later), `source`, `stream`, `number`.
        """
        path = self.tree / day(ago) / (host or self.host) / "shop" / f"{service}.{kind}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        source = more.get("source", f"{service}-1@abc")
        at = more.get("at") or time.time_ns() - ago * 86400 * BILLION
        lines = []
        for turn, text in enumerate(texts):
            key = f"{host}/{service}/{kind}/{source}"
            number = self.numbers[key] = more.get("number") or self.numbers.get(key, 0) + 1
            lines.append(encode(stamp(at + turn * 1000), source, number, more.get("stream", "stdout"), text))
        with path.open("ab") as file:
            file.write(b"".join(lines))
        self.sure()

    def sure(self) -> None:
        """What the collector says is sure: all of it."""
        sizes = {str(path.relative_to(self.tree)): path.stat().st_size for path in self.tree.glob(f"*/{self.host}/*/*.jsonl")}
        (self.folder / "state/collected.json").write_text(json.dumps({"version": 1, "sizes": sizes}))

    def raw(self, *sinks: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Settings as the role writes them."""
        keep = {kind: {"days": 90, "size": "1G"} for kind in ("application", "system", "access", "audit")}
        places = {"tree": str(self.tree), "state": str(self.folder / "state"), "metrics": str(self.folder / "numbers")}
        return {"version": 1, "host": self.host, "keep": keep, **places, "sinks": list(sinks), **more}

    def settings(self, *sinks: dict[str, Any], **more: Any) -> Settings:
        """As the engine reads them."""
        return from_dict(self.raw(*sinks, **more))

    def shipper(self, kind: str, server: Server, **more: Any) -> Shipper:
        """A shipper of one sink, which waits for nothing between its requests."""
        settings = self.settings({"name": "main", "kind": kind, "url": server.url, **more})
        return Shipper(settings, settings.sinks[0], pace=lambda _seconds: None)


def ship(shipper: Shipper, tries: int = 0) -> int:
    """All that waits; how many records were settled. So many tries may fail."""
    count = 0
    while True:
        try:
            settled = shipper.step()
        except OSError:
            if not tries:
                raise
            tries -= 1
            continue
        if not settled:
            shipper.queue.save()
            return count
        count += settled


def texts(server: Server) -> list[str]:
    """What it has, in order; it has refused to read nothing."""
    assert server.problems == []
    return [kept.text for kept in server.store.kept]


def of_stream(server: Server, **labels: str) -> list[Kept]:
    """What it has of some labels."""
    return [kept for kept in server.store.kept if labels.items() <= kept.labels.items()]
