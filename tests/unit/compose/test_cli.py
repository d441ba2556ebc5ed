# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine makes of the words of `docker compose`."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.compose.cli import Compose
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("validating /c.yaml: services.a Additional property provider is not allowed", "refuses the key provider: it is newer"),  # 2.26.1
        ("validating /c.yaml: services.a additional properties 'foo' not allowed", "refuses the key foo: it is newer"),  # 2.40.3
        ('service "a" refers to undefined config v: invalid compose project', "undefined config v"),
    ],
)
def test_a_key_that_only_a_newer_compose_knows(said: str, advice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\ncat >&2 <<'END'\n" + said + "\nEND\nexit 1\n")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(CommandError) as refused:
        Compose("shop", str(tmp_path / "shop"), tmp_path).check()
    assert advice in str(refused.value)
    assert ("docker_source" in str(refused.value)) == ("key" in advice)
    assert said in refused.value.stderr
