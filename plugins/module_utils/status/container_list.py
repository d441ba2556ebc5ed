# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The containers of a stack, one line each: `opsctl ps`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..containers.client import Container, Engine
from ..core.format import GAP, WIDTH, columns, duration, fitted, width_of
from ..release.pinning import definition_of
from ..release.store import Release, Store
from .marks import BAD, GOOD

SHORT = 12  # digits of a digest that tell images apart
COLUMNS = ("", "service", "replica", "state", "health", "up", "restarts", "address", "image", "digest", "release")
DISPENSABLE = ("address", "digest", "restarts")  # columns that a narrow terminal does without, in this order


@dataclass(frozen=True)
class Row:
    """One container, or a service that has none: then only `service` and `state` say anything.

    :param since: when it was started (RFC 3339); `uptime` in seconds since then.
    :param release: the one whose definition it has; empty for one that no release on this host has.
    """

    service: str
    replica: int = 0
    name: str = ""
    state: str = "none"
    health: str = ""
    since: str = ""
    uptime: int = 0
    restarts: int = 0
    exit_code: int = 0
    address: str = ""
    image: str = ""
    digest: str = ""
    release: str = ""

    @property
    def attention(self) -> bool:
        """It neither serves nor has done its work."""
        if self.state == "running":
            return self.health not in ("healthy", "none")
        return not (self.state == "exited" and self.exit_code == 0)


def look(engine: Engine, stack: str, services: Sequence[str], declared: Sequence[str]) -> list[Row]:
    """The containers as they are now, by service and number.

    :param services: only these; all when empty.
    :param declared: services that the live release has, with or without a container.
    """
    releases = _by_definition(Store(stack))
    rows = [_row(engine, container, releases) for container in engine.containers(stack)]
    rows += [Row(service) for service in declared if service not in {row.service for row in rows}]
    wanted = [row for row in rows if not services or row.service in services]
    return sorted(wanted, key=lambda row: (row.service, row.replica, row.name))


def _by_definition(store: Store) -> dict[tuple[str, str], str]:
    """Service and hash of its definition to the release that has it; the live one where several have."""
    live = store.live()
    newest: list[Release] = [*store.all(), *([live] if live else [])]
    return {(service, definition_of(release, service)): release.id for release in newest for service in release.project["services"]}


def _row(engine: Engine, container: Container, releases: Mapping[tuple[str, str], str]) -> Row:
    name, _at, pinned = container.image.partition("@")
    return Row(
        service=container.service,
        replica=container.number,
        name=container.name,
        state=container.state,
        health=container.health,
        since=container.started_at if container.uptime() else "",
        uptime=int(container.uptime()),
        restarts=container.restarts,
        exit_code=container.exit_code,
        address=container.address() or "",
        image=name,
        digest=pinned or engine.digest(container),
        release=releases.get((container.service, container.definition), "") if container.definition else "",
    )


def table(rows: Sequence[Row], width: int = WIDTH, *, wide: bool = False) -> str:
    """Aligned text; a terminal that is too narrow for all of it does without what is asked for least."""
    cells = [dict(zip(COLUMNS, COLUMNS, strict=True)), *map(_cells, rows)]
    names = list(COLUMNS)
    for name in () if wide else DISPENSABLE:
        if sum(max(width_of(row[column]) for row in cells) + len(GAP) for column in names) - len(GAP) > width:
            names.remove(name)
    shown = [[row[column] for column in names] for row in cells]
    return "\n".join(columns(shown if wide else fitted(shown, width)))


def _cells(row: Row) -> dict[str, str]:
    exited = f" ({row.exit_code})" if row.state in ("exited", "dead") else ""
    bare = row.image.rpartition("/")[2] if row.image else ""
    values = {
        "": BAD if row.attention else GOOD,
        "service": row.service,
        "replica": str(row.replica) if row.name else "",
        "state": f"{row.state}{exited}",
        "health": row.health,
        "up": duration(row.uptime) if row.since else "",
        "restarts": str(row.restarts) if row.name else "",
        "address": row.address,
        "image": bare,
        "digest": row.digest.removeprefix("sha256:")[:SHORT],
        "release": row.release,
    }
    return {column: values[column] for column in COLUMNS}


def as_dicts(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Plain data."""
    return [vars(row) for row in rows]
