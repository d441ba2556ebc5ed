# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's line in the state of a host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core.version import OWN, EngineVersion, installed
from ansible_collections.latentum.ops.plugins.module_utils.status import collect, table

EMPTY: dict[str, Any] = {"stacks": [], "backups": [], "certificates": [], "ports": {"error": "none"}, "disks": [], "failed_units": []}
HOST = {"name": "web1", "kernel": "6.1", "uptime": 60, "load": [0.0, 0.0, 0.0], "reboot_required": False}


def shown(monkeypatch: pytest.MonkeyPatch, here: EngineVersion | None) -> str:
    monkeypatch.setattr(collect, "installed", lambda: here)
    parts = {"host": HOST, "engine": collect.engine_versions(), "updates": {"pending": 0, "security": 0}, **EMPTY}
    return table.table(parts).splitlines()[1]


def test_the_engine_of_the_host_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, None) == "engine: none installed"
    assert shown(monkeypatch, EngineVersion(OWN.version, "0123456789abcdef", 1)) == f"engine {OWN.version} (0123456789ab)"


def test_another_version_than_the_one_that_looks_needs_attention(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (
        shown(monkeypatch, EngineVersion("9.0.0", "0123456789abcdef", 1)) == f"!! engine 9.0.0 (0123456789ab), looked at by {OWN.version}"
    )
    assert shown(monkeypatch, EngineVersion()) == f"!! engine without a recorded version, looked at by {OWN.version}"


def test_a_damaged_record_does_not_end_the_look(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "engine.json").write_text("{")
    monkeypatch.setattr(collect, "installed", lambda: installed(tmp_path))
    for part in ("host", "services", "backups", "certificates", "ports", "disks", "updates", "failed_units"):
        monkeypatch.setattr(collect, part, list)
    assert "engine.json is damaged" in collect.collect()["engine"]["error"]
