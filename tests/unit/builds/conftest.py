# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real git repositories, a program in place of Docker, and an engine that knows what that one has made."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.builds import access, builder
from ansible_collections.latentum.ops.plugins.module_utils.contracts.image_build import ImageBuild
from ansible_collections.latentum.ops.plugins.module_utils.core import paths, progress

PEOPLE = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in (("NAME", "a"), ("EMAIL", "a@example.com"))}


def git(folder: Path, *arguments: str) -> str:
    """One call, by somebody with a name, and without the configuration of whoever runs the tests."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {**PEOPLE, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    argv = ["git", "-c", "protocol.file.allow=always", "-C", str(folder), *arguments]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=True).stdout.strip()


@dataclass
class Origin:
    """A repository that is built from."""

    folder: Path

    @property
    def address(self) -> str:
        return f"file://{self.folder}"

    def commit(self, files: dict[str, str] | None = None, message: str = "x") -> str:
        for name, text in (files or {"file": message}).items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        git(self.folder, "add", "--all")
        git(self.folder, "commit", "--quiet", "--allow-empty", "--message", message)
        return git(self.folder, "rev-parse", "HEAD")

    def tag(self, name: str, *options: str) -> None:
        git(self.folder, "tag", "--force", *options, name)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of a host below a folder of the test."""
    for name in ("SECRETS", "BUILDS"):
        monkeypatch.setattr(paths, name, tmp_path / name.lower())
    monkeypatch.setattr(access, "FOLDER", tmp_path / "run")
    monkeypatch.setattr(progress, "FOLDER", tmp_path / "run")
    return tmp_path


def repository_at(folder: Path, files: dict[str, str]) -> Origin:
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    origin = Origin(folder)
    origin.commit(files)
    return origin


@pytest.fixture
def origin(host: Path) -> Origin:
    """A repository with a Dockerfile and the tag v1."""
    made = repository_at(host / "origin", {"Dockerfile": "FROM scratch\n", "services/web/Dockerfile": "FROM scratch\n"})
    made.tag("v1")
    return made


def build_of(origin: Origin, **options: Any) -> ImageBuild:
    return ImageBuild(**{"service": "web", "repository": origin.address, "revision": "v1", **options})


DOCKER = """#!/usr/bin/env python3
import json, os, pathlib, sys
here = pathlib.Path(os.environ["FAKE_DOCKER"])
with (here / "calls").open("a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + chr(10))
if sys.argv[1:3] == ["compose", "version"]:
    print((here / "version").read_text())
elif sys.argv[1] == "buildx":
    sys.exit(0 if (here / "buildx").exists() else 1)
elif sys.argv[1] == "push":
    (here / "pushed").open("a").write(sys.argv[-1] + chr(10))
elif "build" in sys.argv:
    file = next(word for word in sys.argv if word.startswith("--file=")).partition("=")[2]
    project = json.loads(pathlib.Path(file).read_text())
    (service,) = project["services"].values()
    build, context = service["build"], pathlib.Path(service["build"]["context"])
    print("#1 [internal] load build definition")
    print("#5 [2/3] RUN make", flush=True)
    for name, secret in project.get("secrets", {}).items():
        print("#5 0.1 secret is " + pathlib.Path(secret["file"]).read_text())
    if (context / "sleep").exists():
        import time
        time.sleep(60)
    if (context / "broken").exists():
        print("#5 0.2 make: *** no rule to make target", file=sys.stderr)
        sys.exit(17)
    files = sorted(str(path.relative_to(context)) for path in context.rglob("*"))
    made = {"project": project, "files": files, "labels": build["labels"], "environment": dict(os.environ), "argv": sys.argv}
    (here / "images").open("a").write(json.dumps({"tag": service["image"], **made}) + chr(10))
"""


@dataclass
class FakeDocker:
    """What the program in place of Docker was asked, and the engine that has its images."""

    folder: Path
    registry: dict[str, str] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)

    def _lines(self, name: str) -> list[str]:
        file = self.folder / name
        return file.read_text().splitlines() if file.exists() else []

    @property
    def built(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._lines("images")]

    @property
    def pushed(self) -> list[str]:
        return self._lines("pushed")

    def image(self, reference: str) -> dict[str, Any] | None:
        for number, made in reversed(list(enumerate(self.built, 1))):  # a tag is that of the last build
            identity = f"sha256:{number:064d}"
            if reference in (made["tag"], identity) and identity not in self.removed:
                name = made["tag"].rpartition(":")[0]
                digests = [f"{name}@sha256:{number:064x}"] if made["tag"] in self.pushed else []
                return {"Id": identity, "RepoDigests": digests, "Config": {"Labels": made["labels"]}}
        return None

    def remote_digest(self, reference: str) -> str | None:
        return self.registry.get(reference)


@pytest.fixture
def docker(host: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDocker:
    folder = host / "docker"
    folder.mkdir()
    (folder / "version").write_text("2.26.1")
    program = folder / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(DOCKER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_DOCKER", str(folder))
    fake = FakeDocker(folder)
    monkeypatch.setattr(builder, "Engine", lambda: fake)
    return fake


@pytest.fixture
def secret(host: Path) -> Callable[[str, str], None]:
    """Writes a secret of the stack."""

    def write(name: str, value: str) -> None:
        folder = host / "secrets" / "shop"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(value)

    return write
