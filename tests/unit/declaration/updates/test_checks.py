# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the declaration says that services are updated, what it refuses, and what a rollout is told."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.compose.model import Service, parse
from ansible_collections.latentum.ops.plugins.module_utils.contracts.rollout_policy import policies_from
from ansible_collections.latentum.ops.plugins.module_utils.contracts.update_safety import unsafe
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import load, problems
from ansible_collections.latentum.ops.plugins.module_utils.declaration.updates import derive as updates
from ansible_collections.latentum.ops.plugins.module_utils.declaration.updates.section import SECTION

from ..samples import REMOVED, changed


def policy(service: str, *changes: tuple[str, Any]) -> dict[str, Any]:
    return {one["service"]: one for one in updates.rollout_policies(load(changed(*changes)))}[service]


def test_without_a_word_everything_is_rolled() -> None:
    told = policy("web")
    assert told["strategy"] == "rolling"
    assert (told["surge"], told["min_healthy"], told["drain_timeout"], told["observe"]) == ("100%", 5, 60, 10)
    assert (told["healthy_timeout"], told["keep_for"], told["maintenance"]) == (120, 600, "dependents")
    assert (told["canary"], told["migration"], told["job"], told["allow"]) == (None, None, False, [])


def test_every_service_has_a_policy_in_the_order_of_the_compose_file() -> None:
    assert [one["service"] for one in updates.rollout_policies(load(changed()))] == ["web", "worker", "migrate", "database"]


def test_a_canary_without_a_word_has_its_defaults_written_out() -> None:
    assert policy("web", ("services.web.update", {"strategy": "canary"}))["canary"] == {
        "share": 10,
        "duration": 60,
        "min_requests": 100,
        "max_error_rate": 1.0,
        "max_latency_ratio": 1.5,
        "on_low_traffic": "abort",
        "prometheus": None,
    }


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
    told = policies_from(updates.rollout_policies(load(changed(("services.web.update", update)))))
    assert told["web"].canary.share == 5
    assert told["web"].migration is not None
    assert told["web"].migration.command == ("x",)


def test_hooks_of_the_stack() -> None:
    declared = load(changed(("update", {"before": [["/usr/local/sbin/backup", "now"]], "before_timeout": "1h"})))
    assert updates.rollout_hooks(declared) == {"before": [["/usr/local/sbin/backup", "now"]], "before_timeout": 3600}


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
        ([("services.web.update", {"migration": {"command": []}})], "services.web.update.migration.command", "remove migration"),
        ([("update", {"before": [["ls"], []]})], "update.before[1]", "remove it"),
        ([("update", {"before": ["ls"]})], "update.before[0]", "write a list"),
        ([("services.migrate.update", {"strategy": "rolling"})], "services.migrate.update", "remove update"),
        ([("services.migrate.update", {"observe": "1s"})], "services.migrate.update", "remove update"),
        ([("services.migrate.update", {"migration": {"command": ["x"]}})], "services.migrate.update", "remove update"),
        ([("services.migrate.update", {"migration": {"command": []}})], "services.migrate.update", "remove update"),
        ([("services.worker", {"update": {"strategy": "canary"}})], "services.worker.update.strategy", "rolling"),
        ([("services.database", {"update": {"strategy": "rolling"}})], "services.database.update.strategy", "recreate"),
        # The host knows of no databases: what would stop it there is waived, or missing.
        ([("services.database", {"allow": ["shared_volume"]})], "services.database.update.strategy", "recreate"),
        ([("compose.services.database.volumes", [])], "services.database.update.strategy", "recreate"),
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
    assert len(found) == 1


@pytest.mark.parametrize(
    "changes",
    [
        [("services.database", {"update": {"strategy": "recreate", "maintenance": "none"}})],
        [("services.database", {"update": {"strategy": "recreate"}, "allow": ["shared_volume"]})],
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


def service(**keys: Any) -> Service:
    """A service that can be rolled, with these keys of Compose."""
    healthy = {"image": "acme/web:1", "healthcheck": {"test": "true"}}
    return parse({"services": {"web": {**healthy, **keys}}}, {}, []).services["web"]


@pytest.mark.parametrize(
    ("keys", "last"),
    [
        ({"healthcheck": {"disable": True}}, "healthcheck"),
        ({"container_name": "web"}, "container_name"),
        ({"ports": ["127.0.0.1:9000:80"]}, "ports"),
        ({"network_mode": "host"}, "network_mode"),
        ({"volumes": ["data:/data"]}, "volumes"),
        ({"volumes": ["/srv/data:/data"]}, "volumes"),
        ({"volumes": [{"type": "bind", "source": "/srv/data", "target": "/data"}]}, "volumes"),
    ],
)
@pytest.mark.parametrize("strategy", ["rolling", "canary", "blue_green"])
def test_unsafe_beside_itself(strategy: str, keys: dict[str, Any], last: str) -> None:
    (found,) = unsafe(service(**keys), strategy, ())
    assert found.key == f"compose.services.web.{last}"
    assert "services.web.update.strategy: recreate" in found.fix
    assert unsafe(service(**keys), "recreate", ()) == []


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"ports": ["80"]},
        {"tmpfs": ["/tmp"]},
        {"volumes": [{"type": "tmpfs", "target": "/tmp"}]},
        {"volumes": ["/tmp/of/its/own"]},
        {"volumes": ["data:/data:ro"]},
        {"volumes": [{"type": "volume", "source": "data", "target": "/data", "read_only": True}]},
        {"volumes": ["/run/proxy.sock:/run/proxy.sock"]},
    ],
)
def test_safe_beside_itself(keys: dict[str, Any]) -> None:
    assert unsafe(service(**keys), "rolling", ()) == []


def test_all_reasons_at_once_and_only_the_volume_is_waived() -> None:
    web = service(healthcheck={}, container_name="web", ports=["9000:80"], network_mode="host", volumes=["data:/data"])
    found = [one.key.rpartition(".")[2] for one in unsafe(web, "rolling", ())]
    assert found == ["healthcheck", "container_name", "ports", "network_mode", "volumes"]
    assert [one.key.rpartition(".")[2] for one in unsafe(web, "rolling", ("shared_volume", "publish_all"))] == found[:-1]


def test_a_site_without_a_stack_has_the_defaults_of_the_contract() -> None:
    """Roles that read them hold none of their own."""
    assert SECTION.derivations["rollout_hooks"].empty() == {"before": [], "before_timeout": 1800}


def test_tasks_after_an_update_are_told_to_the_host_and_others_are_as_before() -> None:
    told = policy(
        "web", ("services.web.update.after", [{"command": ["seed", 1], "required": True}, {"command": ["warm"], "timeout": "2m"}])
    )
    assert told["after"] == [
        {"command": ["seed", "1"], "timeout": 600, "required": True},
        {"command": ["warm"], "timeout": 120, "required": False},
    ]
    assert "after" not in policy("web")


@pytest.mark.parametrize(
    ("after", "message"),
    [
        ([{"command": []}], "is a command without a word"),
        ([{}], "command"),
        ([{"command": ["x"], "timeout": "0s"}], "timeout"),
        ([{"command": ["x"], "retries": 2}], "retries"),
        ([{"command": "seed"}], "command"),
        ("seed", "after"),
    ],
)
def test_a_task_that_cannot_be_is_refused(after: Any, message: str) -> None:
    found = problems(changed(("services.web.update.after", after)))
    assert len(found) == 1 and found[0].key.startswith("services.web.update.after") and message in str(found[0])


def test_a_backup_before_a_deployment_needs_backups() -> None:
    found = problems(changed(("update", {"backup": {"max_age": "12h"}})))
    assert [problem.key for problem in found] == ["update.backup"]


@pytest.mark.parametrize("backup", [{"max_age": "5s"}, {"max_age": "60d"}, {"max_age": "often"}, {"age": "1h"}, "24h"])
def test_an_age_of_a_backup_that_cannot_be(backup: Any) -> None:
    assert [problem.key.startswith("update.backup") for problem in problems(changed(("update", {"backup": backup})))] == [True]


PROMETHEUS = MappingProxyType({"prometheus": "http://127.0.0.1:9090"})
OBJECTIVE = {"name": "web", "route": "app.example.com/", "availability": 99.9}
ASKS = {"strategy": "canary", "canary": {"objectives": True, "duration": "5m"}}


def with_objectives(update: dict[str, Any], monitoring: Mapping[str, Any] = PROMETHEUS, slos: Any = (OBJECTIVE,)) -> dict[str, Any]:
    """A declaration whose canary asks objectives."""
    return changed(("services.web.update", update), ("slos", list(slos)), ("monitoring", dict(monitoring)))


def test_a_canary_that_asks_objectives_is_told_so_and_only_then() -> None:
    (told,) = [one for one in updates.rollout_policies(load(with_objectives(ASKS))) if one["service"] == "web"]
    assert told["canary"]["objectives"] is True and told["canary"]["duration"] == 300
    assert "objectives" not in policy("web", ("services.web.update", {"strategy": "canary", "canary": {"objectives": False}}))["canary"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (with_objectives(ASKS, {}), ("services.web.update.canary.objectives", "asks nobody", "monitoring.prometheus")),
        (with_objectives(ASKS, slos=()), ("services.web.update.canary.objectives", "nothing to ask", "write one in slos")),
        (
            with_objectives(ASKS, slos=[{"name": "probe", "probe": "web", "availability": 99}]),
            ("services.web.update.canary.objectives", "nothing to ask"),
        ),
        (
            with_objectives({"strategy": "canary", "canary": {"objectives": True}}),
            ("services.web.update.canary.duration", "1m", "before anything was measured", "such as 5m"),
        ),
        (
            with_objectives(ASKS, {**PROMETHEUS, "scrape_interval": "60s", "budget": {"canary": {"objectives": True, "duration": "2m"}}}),
            ("monitoring.budget.canary.duration", "2m", "before anything was measured"),
        ),
    ],
)
def test_a_canary_that_could_ask_nothing_is_refused(given: dict[str, Any], words: tuple[str, ...]) -> None:
    found = [str(problem) for problem in problems(given)]
    assert any(all(word in problem for word in words) for problem in found), found
