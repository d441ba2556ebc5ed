# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`docker compose config` on the controller: asked where it is there, about what is known here alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import load
from ansible_collections.latentum.ops.plugins.plugin_utils.compose_config import complaint

from ..declaration.samples import changed

# Keeps what it is given, and answers to `config` with the words in a file beside it.
DOCKER = """#!/bin/sh
here=$(dirname "$0")
for word; do
  case $word in --file=*) cp "${word#*=}" "$here/given.yaml";; --env-file=*) cp "${word#*=}" "$here/given.env";; esac
done
case "$*" in *config*) env > "$here/seen"; cat "$here/words" >&2; [ ! -s "$here/words" ];; *) [ ! -e "$here/no-plugin" ];; esac
"""


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A controller with a CLI that accepts everything."""
    (tmp_path / "docker").write_text(DOCKER)
    (tmp_path / "docker").chmod(0o755)
    (tmp_path / "words").write_text("")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("LOG_LEVEL", "of the shell")
    return tmp_path


def of(*changes: tuple[str, Any]) -> str:
    return complaint(load(changed(*changes)))


def test_it_is_given_the_project_without_files_of_the_host(docker: Path) -> None:
    assert of(("compose.services.worker.env_file", ["/srv/own.env", ".env"])) == ""
    services = yaml.safe_load((docker / "given.yaml").read_text())["services"]
    assert "env_file" not in services["worker"]
    assert services["worker"]["environment"] == {"LOG_LEVEL": "${LOG_LEVEL}"}
    assert (docker / "given.env").read_text() == "LOG_LEVEL=info\n"
    assert "of the shell" not in (docker / "seen").read_text()


def test_what_it_says(docker: Path) -> None:
    (docker / "words").write_text("dependency cycle detected: a -> b -> a\n")
    assert of() == "dependency cycle detected: a -> b -> a"
    (docker / "words").write_text("validating c.yaml: services.a Additional property provider is not allowed\n")
    assert of() == ""  # the CLI of the host may be a newer one


def test_without_it_nothing_is_said(docker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (docker / "words").write_text("would complain\n")
    (docker / "no-plugin").touch()
    assert of() == ""
    monkeypatch.setenv("PATH", str(docker.parent / "nowhere"))
    assert of() == ""
