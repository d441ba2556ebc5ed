# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rollout and the jobs that come before services: in their place, once, and never beside a failure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.job_settings import Job, JobSettings
from ansible_collections.latentum.ops.plugins.module_utils.core import paths
from ansible_collections.latentum.ops.plugins.module_utils.jobs import gate, state
from ansible_collections.latentum.ops.plugins.module_utils.jobs import settings as job_settings
from ansible_collections.latentum.ops.plugins.module_utils.jobs.gate import JobNotDone
from ansible_collections.latentum.ops.plugins.module_utils.release.store import FAILED, Store
from ansible_collections.latentum.ops.plugins.module_utils.rollout.request import DeployFailed

from .played_host import PlayedHost, declared

SEED = Job("seed", "seeder", once="before_first_start")
PROJECT: dict[str, Any] = {"db": {}, "seeder": {"depends_on": ["db"]}, "web": {"depends_on": ["db"]}}


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PlayedHost:
    monkeypatch.setattr(job_settings, "FOLDER", tmp_path / "jobs")
    monkeypatch.setattr(paths, "JOBS", tmp_path / "records")
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs/shop.json").write_text(json.dumps(JobSettings("shop", "/opt/shop", (SEED,), "a", "a").to_dict()))
    played = PlayedHost(tmp_path, monkeypatch)
    played.failing = False  # type: ignore[attr-defined]

    def run(_known: JobSettings, job: Job, _release: Any, _tell: Any) -> None:
        played.did.append(f"job {job.name}")
        if played.failing:  # type: ignore[attr-defined]
            raise JobNotDone(f"job {job.name}: it ended with exit status 1")
        state.save("shop", job.name, state.Record(success=1.0, successes=1))

    monkeypatch.setattr(gate, "require", run)
    return played


def first(host: PlayedHost) -> Any:
    given = declared(**PROJECT)
    services = [entry for entry in given.services if entry["service"] != "seeder"]  # no container of it, as with replicas: 0
    return type(given)(**{**given.__dict__, "services": services})


def order(host: PlayedHost) -> list[str]:
    services = {one.id: one.service for one in host.there}
    return [services.get(entry.removeprefix("start "), entry) for entry in host.did if entry.startswith(("start ", "job "))]


def test_a_first_release_is_seeded_between_its_database_and_the_rest(host: PlayedHost) -> None:
    host.deploy(first(host))
    assert order(host) == ["db", "job seed", "web"]


def test_a_seed_that_fails_starts_nothing_more_and_is_tried_again(host: PlayedHost) -> None:
    host.failing = True  # type: ignore[attr-defined]
    with pytest.raises(DeployFailed, match="exit status 1"):
        host.deploy(first(host))
    assert order(host) == ["db", "job seed"] and Store("shop").live() is None
    assert all(release.state != FAILED for release in Store("shop").all()), "the release itself is not to blame"
    host.failing = False  # type: ignore[attr-defined]
    host.deploy(first(host))
    assert order(host) == ["db", "job seed", "job seed", "web"] and Store("shop").live() is not None


def test_a_second_release_is_not_seeded(host: PlayedHost) -> None:
    host.deploy(first(host))
    later = first(host)
    later.project["services"]["web"]["environment"] = {"LEVEL": "debug"}
    host.deploy(later)
    assert order(host).count("job seed") == 1
