# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which engine is older, and what may work beside which."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.module_utils.core import version
from ansible_collections.latentum.ops.plugins.module_utils.core.version import EngineSkew, EngineVersion, installed, require_compatible

ROOT = Path(__file__).parents[3]


def record(home: Path, **values: object) -> None:
    home.mkdir(exist_ok=True)
    (home / "engine.json").write_text(json.dumps({"version": version.VERSION, "digest": "a" * 64, "state_format": 1, **values}))


def test_the_engine_has_the_version_of_the_collection() -> None:
    assert yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"] == version.VERSION


def test_versions_are_ordered_by_number_and_without_one_comes_first() -> None:
    ordered = [EngineVersion(), *(EngineVersion(text) for text in ("0.1.0", "0.9.2", "0.10.0", "1.0.0"))]
    for index, older in enumerate(ordered):
        assert not older.older_than(older)
        for newer in ordered[index + 1 :]:
            assert older.older_than(newer) and not newer.older_than(older)


def test_what_is_installed_is_read_back(tmp_path: Path) -> None:
    assert installed(tmp_path / "none") is None
    (tmp_path / "latentum_ops").mkdir()
    assert installed(tmp_path) == EngineVersion()
    # A later engine may record more.
    record(tmp_path, version="3.0.0", later="field")
    assert installed(tmp_path) == EngineVersion("3.0.0", "a" * 64, 1)


def test_a_damaged_record_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "engine.json").write_text("{")
    with pytest.raises(ValueError, match=r"engine\.json is damaged: remove it, and run `ansible-playbook"):
        installed(tmp_path)


def test_beside_no_engine_or_the_same_a_module_works(tmp_path: Path) -> None:
    require_compatible(tmp_path / "none")
    record(tmp_path)
    require_compatible(tmp_path)


def test_beside_an_older_engine_it_refuses_with_the_command_to_run(tmp_path: Path) -> None:
    (tmp_path / "latentum_ops").mkdir()
    with pytest.raises(EngineSkew, match=r"older \(without a recorded version\).*ansible-playbook latentum.ops.site --tags opsctl"):
        require_compatible(tmp_path)
    record(tmp_path, version="0.0.9")
    with pytest.raises(EngineSkew, match=r"older \(0.0.9 \(aaaaaaaaaaaa\)\) than this module \(0.1.0\)"):
        require_compatible(tmp_path)


def test_beside_a_newer_engine_it_works_as_long_as_it_reads_its_state(tmp_path: Path) -> None:
    record(tmp_path, version="99.0.0")
    require_compatible(tmp_path)
    record(tmp_path, version="99.0.0", state_format=2)
    with pytest.raises(EngineSkew, match=r"writes state files of format 2; this module \(0.1.0\) knows 1: update the collection"):
        require_compatible(tmp_path)
