# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine of this collection that is on the host already, and the stacks that it runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...core import paths
from ...core.version import HOME, RECORD
from ..host import SurveyedHost


@dataclass(frozen=True)
class Stack:
    """A stack that was deployed here.

    :param recorded: what its description and its live release say of where it came from, whatever a collection records.
    """

    name: str
    directory: str = ""
    services: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    release: str = ""
    recorded: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class OwnEngine:
    """The engine of this collection."""

    version: str = ""
    digest: str = ""
    stacks: tuple[Stack, ...] = ()
    watchdog: bool = False

    @property
    def installed(self) -> bool:
        """There is one, also one from before versions were recorded."""
        return bool(self.version or self.digest or self.stacks)


# By which repository or inventory a stack came here, by the names under which it may be recorded.
ORIGINS = ("inventory", "repository", "owner", "environment", "controller")


def engine(host: SurveyedHost) -> OwnEngine:
    """From its record and the descriptions of stacks, whichever version wrote them."""
    record = _json(host, str(HOME / RECORD))
    stacks = [stack for path in host.files(str(paths.STACKS), "*.json") if (stack := _stack(host, path.stem, _json(host, str(path))))]
    version = str(record.get("version", ""))
    if not version and host.exists(HOME / "latentum_ops"):
        version = "without a recorded version"
    return OwnEngine(version, str(record.get("digest", "")), tuple(stacks), host.runs("latentum-ops-watchdog"))


def _stack(host: SurveyedHost, name: str, described: Mapping[str, Any]) -> Stack:
    live = _json(host, str(paths.RELEASES / name / "live.json"))
    services = [str(service.get("service")) for service in described.get("services") or () if isinstance(service, dict)]
    return Stack(
        name=str(described.get("name", name)),
        directory=str(described.get("directory", "")),
        services=tuple(services),
        domains=tuple(map(str, described.get("domains") or ())),
        release=str(live.get("live") or ""),
        recorded={key: str(source[key]) for source in (described, live) for key in ORIGINS if source.get(key)},
    )


def _json(host: SurveyedHost, path: str) -> Mapping[str, Any]:
    """The object in a file; an empty one where there is none, or what is there is none."""
    try:
        document = json.loads(host.read(path) or "{}")
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
