# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The releases of a stack on this host: what was deployed, what is live, and what to go back to.

A release is everything by which a stack serves, frozen: the Compose project with its images pinned by digest, the plain
environment, the routes that lead to it, and how each service is judged and updated. Its id is a hash of project, environment and
routes, so a release that failed is known again when somebody tries it once more, and a change of a route alone can be rolled back.

    /var/lib/latentum-ops/stacks/<stack>/live.json               which release is live, and the good ones before it
    /var/lib/latentum-ops/stacks/<stack>/releases/<id>/          compose.yaml, environment, release.json, routes.json, models.json,
                                                                 judged.json, promoted.json
    /var/lib/latentum-ops/stacks/<stack>/files/<digest>/         a file or folder that the projects of releases mount
    /var/lib/latentum-ops/stacks/<stack>/taken_over.json         containers of somebody else that a first release kept

Routes and models have files of their own: an engine from before there were any refuses fields in ``release.json`` that it does not
know.
A release without that file is one of such an engine, or of a host without nginx; its id is that of project and environment.
``judged.json`` is there once a release failed: by what, beside its content, that came about. ``promoted.json`` names the environment
and the release there that it was promoted from.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..compose.yaml_writer import dump
from ..contracts.routes import Routes, routes_from
from ..core import paths
from ..core.atomic_files import read_text, write_atomic
from ..core.env_file import render
from ..core.versioned_json import known_fields, read_state, write_state

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
    :param source: hash of the project and the environment that the operator declared, before anything was pinned.
    :param routes: how clients reach it; None where that is not known.
    :param models: registered models, each with the version that this release has.
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
    routes: Routes | None = None
    models: list[dict[str, Any]] = field(default_factory=list)

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits of its content."""
        content = {"project": self.project, "environment": self.environment}
        return fingerprint(content | {"routes": self.routes.identity()} if self.routes else content)

    def description(self) -> dict[str, Any]:
        """What opsctl needs to know about the stack while this release is live."""
        return {"name": self.stack, "directory": self.directory, "services": self.services, "domains": self.domains}

    def replicas(self, service: str) -> int:
        """How many containers of a service this release wants; 0 when it has no such service."""
        return next((int(spec.get("replicas") or 1) for spec in self.services if spec["service"] == service), 0)


def is_id(reference: str) -> bool:
    """An image that came from no registry, and that none can give again."""
    return reference.startswith("sha256:")


def fingerprint(content: Any) -> str:
    """A short hash of plain data that does not depend on the order of keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:12]


def now() -> str:
    """The time, as journals and releases hold it (ISO 8601, UTC, seconds)."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def compose_text(project: Mapping[str, Any]) -> str:
    """The project as a Compose file that a person can read."""
    head = "# Written by latentum.ops; images are pinned by digest. Change the declaration, or use `opsctl deploy`.\n"
    return head + dump(project)


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
        paths.shared_folder(self.folder, paths.PASSED)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        known = self.load(release.id) if (folder / "release.json").exists() else None
        kept = replace(release, state=known.state, reason=known.reason, created=known.created) if known else release
        write_atomic(folder / "compose.yaml", compose_text(kept.project), 0o600, 0, 0)
        write_atomic(folder / "environment", environment_text(kept.environment), 0o600, 0, 0)
        if kept.routes:
            write_state(folder / "routes.json", kept.routes.to_dict(), 0o600, indent=1)
        if kept.models:
            write_state(folder / "models.json", kept.models, 0o600, indent=1)
        self._write(folder, replace(kept, created=kept.created or now()))
        return folder

    def _write(self, folder: Path, release: Release) -> None:
        content = {name: value for name, value in asdict(release).items() if name not in ("routes", "models")}
        write_state(folder / "release.json", content, 0o600, indent=1)

    def _read(self, folder: Path) -> Release | None:
        raw = read_state(folder / "release.json", None)
        if not raw:
            return None
        routes, models = routes_from(read_state(folder / "routes.json", None)), read_state(folder / "models.json", [])
        return replace(known_fields(Release, raw), routes=routes, models=models)

    def load(self, release: str) -> Release:
        """:raises ReleaseError: there is none of this id."""
        stored = self._read(self.path(release))
        if stored is None:
            known = ", ".join(known_release.id for known_release in self.all()) or "none"
            raise ReleaseError(f"there is no release {release} of {self.stack} on this host; there are: {known} (`opsctl releases`)")
        return stored

    def all(self) -> list[Release]:
        """Every release on this host, oldest first."""
        folders = (self.folder / "releases").glob("*")
        return sorted((release for folder in folders if (release := self._read(folder))), key=lambda release: (release.created, release.id))

    def find(self, prefix: str) -> Release:
        """The release whose id begins so.

        :raises ReleaseError: none, or more than one.
        """
        matches = [release for release in self.all() if release.id.startswith(prefix)]
        if len(matches) == 1:
            return matches[0]
        if not matches:
            return self.load(prefix)
        raise ReleaseError(f"release {prefix!r} could be {' or '.join(release.id for release in matches)}: write more of it")

    def mark(self, release: str, state: str, reason: str = "", judged: Mapping[str, str] | None = None) -> None:
        """Remember what became of a release.

        :param judged: by what that came about, as names and hashes; None where that cannot change any more.
        """
        folder = self.path(release)
        if (folder / "release.json").exists():
            if judged is None:
                (folder / "judged.json").unlink(missing_ok=True)
            else:
                write_state(folder / "judged.json", dict(judged), 0o600)
            self._write(folder, replace(self.load(release), state=state, reason=reason))

    def judged(self, release: str) -> dict[str, str]:
        """By what a release failed or was rolled back; empty where a person, or an older engine, said so."""
        read: dict[str, str] = read_state(self.path(release) / "judged.json", {})
        return read

    def set_origin(self, release: str, origin: str) -> None:
        """Remember which release of another environment a release was promoted from; nothing where it was not."""
        if origin:
            write_state(self.path(release) / "promoted.json", {"from": origin}, 0o600)

    def origin(self, release: str) -> str:
        """The environment and release that a release was promoted from; empty for one that was deployed here."""
        return str(read_state(self.path(release) / "promoted.json", {}).get("from", ""))

    def _pointer(self) -> dict[str, Any]:
        read: dict[str, Any] = read_state(self.folder / "live.json", {})
        return read

    def live(self) -> Release | None:
        """The release that is live; None before the first."""
        known = self.live_id()
        return self.load(known) if known else None

    def live_id(self) -> str:
        """Its id alone; empty before the first."""
        return str(self._pointer().get("live") or "")

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
            before = [earlier for earlier in before if earlier != release]
        elif live:
            before = [earlier for earlier in before if earlier not in (release, live)] + [live]
        paths.shared_folder(self.folder, paths.PASSED)
        pointer = {"live": release, "previous": before[-KEPT:]}
        write_state(self.folder / "live.json", pointer, paths.READABLE, gid=paths.watchdog_gid())
        self._forget({release, *before[-KEPT:]})

    def adopt(self, live: str, adopted: Release) -> None:
        """Let a release take the place of the live one, of which it says more: it is the same one, and what is to go back to stays."""
        self.save(adopted)
        self.set_origin(adopted.id, self.origin(live))
        self.set_live(adopted.id, "scale")
        if adopted.id != live:
            shutil.rmtree(self.path(live), ignore_errors=True)

    def _forget(self, kept: set[str]) -> None:
        """Remove the folders of good releases that nobody can return to, and files that none carries.

        Failed ones are remembered for as long.
        """
        for release in self.all()[:-KEPT]:
            if release.id not in kept:
                shutil.rmtree(self.path(release.id), ignore_errors=True)
        forget_files(self.stack, [read_text(folder) or "" for folder in (self.folder / "releases").glob("*/compose.yaml")])


def forget_files(stack: str, projects: Iterable[str]) -> None:
    """Remove files that no release mounts any more (`carried` writes them).

    :param projects: the texts of the Compose projects of all releases that are kept.
    """
    folder = paths.RELEASES / stack / paths.FILES
    pattern = re.compile(rf"{re.escape(str(folder))}/([0-9a-f]{{12}})/")
    used = {digest for text in projects for digest in pattern.findall(text)}
    for path in folder.glob("*") if folder.is_dir() else ():
        if path.name not in used:
            shutil.rmtree(path, ignore_errors=True)
