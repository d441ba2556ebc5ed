# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The releases of a stack on this host: what was deployed, what is live, and what to go back to.

A release is everything that a deployment needs, frozen: the Compose project with its images pinned by digest, the plain
environment, and how each service is judged and updated. Its id is a hash of project and environment, so the same content has
the same id on every host, and a release that failed is known again when somebody tries it once more.

    /var/lib/latentum-ops/stacks/<stack>/live.json               which release is live, and the good ones before it
    /var/lib/latentum-ops/stacks/<stack>/releases/<id>/          compose.yaml, environment, release.json
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..core import paths
from ..core.atomic_files import read_text, write_atomic
from ..core.env_file import render

KEPT = 10  # good releases that stay on the host, beside the live one

NEW, GOOD, FAILED, ROLLED_BACK = "new", "good", "failed", "rolled_back"


class ReleaseError(Exception):
    """A release that does not exist or may not be deployed; the message says what to do."""


@dataclass(frozen=True)
class Release:
    """One release.

    :param project: the Compose project, images pinned by digest.
    :param environment: plain values for ``${NAME}`` in it.
    :param services: expectations of health, one dictionary a service.
    :param policies: how each service is updated.
    :param images: service to pinned reference.
    :param source: hash of what the operator declared, before anything was pinned.
    :param state: new, good, failed or rolled_back; ``reason`` says why it is not good.
    """

    stack: str
    directory: str
    project: dict[str, Any]
    environment: dict[str, str]
    services: list[dict[str, Any]]
    policies: list[dict[str, Any]]
    domains: list[str] = field(default_factory=list)
    images: dict[str, str] = field(default_factory=dict)
    source: str = ""
    created: str = ""
    state: str = NEW
    reason: str = ""

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits of its content."""
        return fingerprint({"project": self.project, "environment": self.environment})

    def description(self) -> dict[str, Any]:
        """What opsctl needs to know about the stack while this release is live."""
        return {"name": self.stack, "directory": self.directory, "services": self.services, "domains": self.domains}

    def replicas(self, service: str) -> int:
        """How many containers of a service this release wants; 0 when it has no such service."""
        return next((int(one.get("replicas") or 1) for one in self.services if one["service"] == service), 0)


def fingerprint(content: Any) -> str:
    """A short hash of plain data that does not depend on the order of keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:12]


def now() -> str:
    """The time, as journals and releases hold it (ISO 8601, UTC, seconds)."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def compose_text(project: Mapping[str, Any]) -> str:
    """The project as a Compose file that a person can read. Without PyYAML, on a bare host that is checked, as JSON: that is YAML, too."""
    head = "# Written by latentum.ops; images are pinned by digest. Change the declaration, or use `opsctl deploy`.\n"
    try:
        import yaml
    except ImportError:
        return head + json.dumps(project, indent=2) + "\n"
    return head + str(yaml.safe_dump(dict(project), sort_keys=False, width=160, allow_unicode=True))


def environment_text(environment: Mapping[str, str]) -> str:
    """The env file of a release."""
    return "# Written by latentum.ops; change the declaration instead.\n" + render(environment)


class Store:
    """The releases of one stack on disk."""

    def __init__(self, stack: str) -> None:
        self.stack = stack
        self.folder = paths.RELEASES / stack

    def path(self, release: str) -> Path:
        """The folder of a release."""
        return self.folder / "releases" / release

    def save(self, release: Release) -> Path:
        """Write a release; what was known about its state stays. Returns its folder."""
        folder = self.path(release.id)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        known = self.load(release.id) if (folder / "release.json").exists() else None
        kept = replace(release, state=known.state, reason=known.reason, created=known.created) if known else release
        write_atomic(folder / "compose.yaml", compose_text(kept.project), 0o600, 0, 0)
        write_atomic(folder / "environment", environment_text(kept.environment), 0o600, 0, 0)
        self._write(folder, replace(kept, created=kept.created or now()))
        return folder

    def _write(self, folder: Path, release: Release) -> None:
        write_atomic(folder / "release.json", json.dumps(asdict(release), indent=1) + "\n", 0o600, 0, 0)

    def load(self, release: str) -> Release:
        """:raises ReleaseError: there is none of this id."""
        text = read_text(self.path(release) / "release.json")
        if text is None:
            known = ", ".join(one.id for one in self.all()) or "none"
            raise ReleaseError(f"there is no release {release} of {self.stack} on this host; there are: {known} (`opsctl releases`)")
        return Release(**json.loads(text))

    def all(self) -> list[Release]:
        """Every release on this host, oldest first."""
        folders = (self.folder / "releases").glob("*/release.json")
        return sorted((Release(**json.loads(file.read_text())) for file in folders), key=lambda one: (one.created, one.id))

    def find(self, prefix: str) -> Release:
        """The release whose id begins so.

        :raises ReleaseError: none, or more than one.
        """
        found = [one for one in self.all() if one.id.startswith(prefix)]
        if len(found) == 1:
            return found[0]
        if not found:
            return self.load(prefix)
        raise ReleaseError(f"release {prefix!r} could be {' or '.join(one.id for one in found)}: write more of it")

    def mark(self, release: str, state: str, reason: str = "") -> None:
        """Remember what became of a release."""
        if (self.path(release) / "release.json").exists():
            self._write(self.path(release), replace(self.load(release), state=state, reason=reason))

    def _pointer(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(read_text(self.folder / "live.json") or "{}")
        return read

    def live(self) -> Release | None:
        """The release that is live; None before the first."""
        known = self._pointer().get("live")
        return self.load(known) if known else None

    def previous(self) -> list[str]:
        """Ids of the good releases before the live one, the last one first."""
        return list(reversed(self._pointer().get("previous", [])))

    def set_live(self, release: str, kind: str = "deploy") -> None:
        """Make a release the live one.

        :param kind: after a ``rollback`` what was live is nothing to go back to; a ``scale`` takes the place of what was live.
        """
        pointer = self._pointer()
        before, live = list(pointer.get("previous", [])), pointer.get("live")
        if live == release:
            return
        if kind == "rollback" and release in before:
            before = before[: before.index(release)]
        elif kind == "scale":
            before = [one for one in before if one != release]
        elif live:
            before = [one for one in before if one not in (release, live)] + [live]
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomic(self.folder / "live.json", json.dumps({"live": release, "previous": before[-KEPT:]}) + "\n", 0o600, 0, 0)
        self._forget({release, *before[-KEPT:]})

    def _forget(self, kept: set[str]) -> None:
        """Remove the folders of good releases that nobody can return to; failed ones are remembered for as long."""
        for one in self.all()[:-KEPT]:
            if one.id not in kept:
                shutil.rmtree(self.path(one.id), ignore_errors=True)
