# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the log services, as role log_shipping writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.versioned_json import known_fields
from .records import CLASSES
from .sinks.declared import Sink, sink_from
from .sizes import size_from

SETTINGS = Path("/etc/latentum-ops/logs/settings.json")
TREE = Path("/var/log/latentum-ops/tree")
STATE = Path("/var/lib/latentum-ops/logs")


@dataclass(frozen=True)
class Target:
    """The log host.

    :param name: that its certificate has to have.
    """

    host: str
    port: int
    name: str
    authority: str
    certificate: str
    key: str


@dataclass(frozen=True)
class Kept:
    """How long records of a class are kept.

    :param days: after which they are removed.
    :param size: bytes of all closed files of the class; the oldest go beyond. 0 for no bound.
    """

    days: int
    size: int = 0


@dataclass(frozen=True)
class Settings:
    """What is collected, where it goes, and how long it stays.

    :param queue: bytes that may wait for the log host; the oldest are passed over beyond, and counted.
    :param sinks: where records go beside the log host.
    """

    host: str
    tree: Path = TREE
    state: Path = STATE
    containers: str = "/var/lib/docker/containers"
    access: tuple[str, ...] = ()
    error: tuple[str, ...] = ()
    audit: tuple[str, ...] = ()
    journal: bool = False
    mask: bool = True
    queue: int = 1 << 30
    target: Target | None = None
    keep: Mapping[str, Kept] = field(default_factory=dict)
    metrics: str = ""
    sinks: tuple[Sink, ...] = ()


def load(path: Path = SETTINGS) -> Settings:
    """The settings of this host.

    :raises ValueError: there are none, or they cannot be.
    """
    try:
        raw = json.loads(path.read_text())
        return from_dict(raw)
    except FileNotFoundError:
        raise ValueError(f"{path} is not there: log_shipping_enabled: true, and role log_shipping writes it") from None
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error


def from_dict(raw: Mapping[str, Any]) -> Settings:
    """Settings from what the role has written.

    :raises ValueError: a class that there is not, or a size that is none.
    """
    if unknown := set(raw.get("keep") or {}) - set(CLASSES):
        raise ValueError(f"keep: {', '.join(sorted(unknown))}: write some of {', '.join(CLASSES)}")
    keep = {kind: Kept(int(given["days"]), size_from(given.get("size", 0))) for kind, given in (raw.get("keep") or {}).items()}
    target = raw.get("target")
    return known_fields(
        Settings,
        {
            **raw,
            "tree": Path(raw.get("tree") or TREE),
            "state": Path(raw.get("state") or STATE),
            "queue": size_from(raw.get("queue", 1 << 30)),
            "target": known_fields(Target, target) if target else None,
            "keep": keep,
            "sinks": tuple(sink_from(sink) for sink in raw.get("sinks") or ()),
            **{name: tuple(raw.get(name) or ()) for name in ("access", "error", "audit")},
        },
    )
