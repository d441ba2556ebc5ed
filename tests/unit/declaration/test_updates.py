# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the declaration says that services are updated, what it refuses, and what a rollout is told."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils import derive_rollout
from ansible_collections.latentum.ops.plugins.module_utils.declaration import load, problems
from ansible_collections.latentum.ops.plugins.module_utils.rollout_policy import policies_from

from .samples import REMOVED, changed


def policy(service: str, *changes: tuple[str, Any]) -> dict[str, Any]:
    return {one["service"]: one for one in derive_rollout.rollout_policies(load(changed(*changes)))}[service]


def test_without_a_word_everything_is_rolled() -> None:
    told = policy("web")
    assert told["strategy"] == "rolling"
    assert (told["surge"], told["min_healthy"], told["drain_timeout"], told["observe"]) == ("100%", 5, 60, 10)
    assert (told["canary"], told["migration"], told["job"], told["allow"]) == (None, None, False, [])


def test_a_job_is_told_to_be_one() -> None:
    assert policy("migrate")["job"] is True


def test_what_is_written_is_told_in_seconds() -> None:
    update = {
        "strategy": "canary",
        "surge": 2,
        "drain_timeout": "2m",
        "canary": {
            "share": 5,
            "duration": "90s",
            "max_error_rate": 0.5,
            "prometheus": {"url": "http://127.0.0.1:9090/", "query": "up", "max": 1},
        },
        "migration": {"command": ["migrate", 3]},
    }
    told = policy("web", ("services.web.update", update))
    assert (told["strategy"], told["surge"], told["drain_timeout"]) == ("canary", "2", 120)
    assert told["canary"] == {
        "share": 5,
        "duration": 90,
        "min_requests": 100,
        "max_error_rate": 0.5,
        "max_latency_ratio": 1.5,
        "on_low_traffic": "abort",
        "prometheus": {"url": "http://127.0.0.1:9090", "query": "up", "max": 1.0},
    }
    assert told["migration"] == {"command": ["migrate", "3"], "timeout": 600}


def test_the_engine_understands_every_policy() -> None:
    update = {"strategy": "canary", "canary": {"share": 5}, "migration": {"command": ["x"]}}
    told = policies_from(derive_rollout.rollout_policies(load(changed(("services.web.update", update)))))
    assert told["web"].canary.share == 5
    assert told["web"].migration is not None
    assert told["web"].migration.command == ("x",)


def test_hooks_of_the_stack() -> None:
    declared = load(changed(("update", {"before": [["/usr/local/sbin/backup", "now"]], "before_timeout": "1h"})))
    assert derive_rollout.rollout_hooks(declared) == {"before": [["/usr/local/sbin/backup", "now"]], "before_timeout": 3600}


@pytest.mark.parametrize(
    ("changes", "key", "fix"),
    [
        ([("services.web.update", {"strategy": "rollin"})], "services.web.update.strategy", "write rolling"),
        ([("services.web.update", {"keep_for": "5m"})], "services.web.update.keep_for", "blue_green"),
        ([("services.web.update", {"strategy": "recreate", "surge": 1})], "services.web.update.surge", "rolling or canary"),
        ([("services.web.update", {"strategy": "rolling", "canary": {}})], "services.web.update.canary", "canary"),
        ([("services.web.update", {"strategy": "blue_green", "maintenance": "none"})], "services.web.update.maintenance", "recreate"),
        ([("services.web.update", {"surge": 0})], "services.web.update.surge", "50%"),
        ([("services.web.update", {"surge": "150%"})], "services.web.update.surge", "50%"),
        ([("services.web.update", {"observe": "soon"})], "services.web.update.observe", "number with its unit"),
        ([("services.web.update", {"strategy": "canary", "canary": {"share": 60}})], "services.web.update.canary.share", "1 to 50"),
        ([("services.web.update", {"migration": {}})], "services.web.update.migration.command", "add command"),
        ([("services.migrate.update", {"strategy": "rolling"})], "services.migrate.update", "remove update"),
        ([("services.worker", {"update": {"strategy": "canary"}})], "services.worker.update.strategy", "rolling"),
        ([("services.database", {"update": {"strategy": "rolling"}})], "services.database.update.strategy", "recreate"),
        (
            [("services.web.update", {"strategy": "rolling"}), ("compose.services.web.volumes", ["data:/data"])],
            "compose.services.web.volumes",
            "shared_volume",
        ),
        ([("services.worker", {"update": {"strategy": "rolling"}})], "compose.services.worker.healthcheck", "recreate"),
        ([("services.web.allow", ["shared_volume"])], "services.web.allow[0]", "remove it"),
    ],
)
def test_refused(changes: list[tuple[str, Any]], key: str, fix: str) -> None:
    found = [one for one in problems(changed(*changes)) if one.key == key]
    assert found, problems(changed(*changes))
    assert fix in found[0].fix


@pytest.mark.parametrize(
    "changes",
    [
        [("services.database", {"update": {"strategy": "recreate", "maintenance": "none"}})],
        [("services.worker", {"update": {"observe": "1s"}})],  # implied rolling: judged when it changes
        [("services.web.update", {"strategy": "rolling"}), ("compose.services.web.volumes", ["data:/data:ro"])],
        [
            ("services.web.update", {"strategy": "rolling"}),
            ("compose.services.web.volumes", ["data:/data"]),
            ("services.web.allow", ["shared_volume"]),
        ],
        [
            ("services.web.update", {"strategy": "rolling"}),
            ("compose.services.web.healthcheck", REMOVED),
            ("services.web.allow", ["no_healthcheck"]),
        ],
    ],
)
def test_not_refused(changes: list[tuple[str, Any]]) -> None:
    assert problems(changed(*changes)) == ()
