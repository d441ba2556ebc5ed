# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is derived from a faultless declaration."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.health import Expectation
from ansible_collections.latentum.ops.plugins.module_utils.contracts.rollout_policy import Policy
from ansible_collections.latentum.ops.plugins.module_utils.contracts.watchdog_settings import StackSpec
from ansible_collections.latentum.ops.plugins.module_utils.declaration import compose_project
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import load, problems, report, summary
from ansible_collections.latentum.ops.plugins.module_utils.declaration.model import Declaration
from ansible_collections.latentum.ops.plugins.module_utils.declaration.routes import derive as routes
from ansible_collections.latentum.ops.plugins.module_utils.declaration.services import derive as services
from ansible_collections.latentum.ops.plugins.module_utils.declaration.updates.derive import rollout_policies
from ansible_collections.latentum.ops.plugins.module_utils.declaration.watchdog.derive import watchdog_config

from .samples import REMOVED, changed

COPIES = "/etc/latentum-ops/secrets/acme/services"


@pytest.fixture
def declared(stack: dict[str, Any]) -> Declaration:
    return load(stack)


def declare(*changes: tuple[str, Any]) -> Declaration:
    return load(changed(*changes))


def test_a_faultless_declaration_has_no_errors(stack: dict[str, Any]) -> None:
    assert problems(stack) == ()
    assert report(problems(stack)) == ""


@pytest.mark.parametrize("stack", [None, {}, ""])
def test_nothing_declared_is_no_error(stack: object) -> None:
    assert problems(stack) == ()


def test_the_smallest_declaration() -> None:
    declaration = load({"name": "small", "compose": "services: {a: {image: 'a:1'}}"})
    assert declaration.directory == "/opt/small"
    assert routes.nginx_sites(declaration) == []
    assert routes.firewall_rules(declaration) == []
    assert routes.fail2ban_jails(declaration) == []
    assert services.secret_entries(declaration) == []


@pytest.mark.parametrize(
    "changes",
    [
        [
            ("compose.services.worker.ports", ["9000:9000"]),
            ("compose.networks.backend", {"internal": False}),
            ("services.worker", {"allow": ["publish_all"]}),
        ],
        [("compose.services.worker.image", "acme/worker"), ("services.worker", {"allow": ["latest_tag"]})],
        [("compose.services.worker.privileged", True), ("services.worker", {"allow": ["privileged"]})],
        [
            ("compose.services.worker.network_mode", "host"),
            ("compose.services.worker.networks", REMOVED),
            ("services.worker", {"allow": ["host_network"]}),
        ],
        [
            ("compose.services.worker.volumes", ["/var/run/docker.sock:/d"]),
            ("services.worker", {"allow": ["docker_socket"]}),
        ],
        [("compose.services.worker.environment", {"TOKEN": "t"}), ("services.worker", {"allow": ["plain_secret"]})],
        [("compose.services.web.healthcheck", REMOVED), ("services.web.allow", ["no_healthcheck"])],
    ],
)
def test_what_is_waived_is_no_error(changes: list[tuple[str, Any]]) -> None:
    assert problems(changed(*changes)) == ()


@pytest.mark.parametrize(
    "changes",
    [
        [("environment.COMPOSE_PARALLEL_LIMIT", 4)],
        [("environment.SPARE", "x"), ("compose.services.worker.env_file", [".env"])],
        [("environment.SPARE", "x"), ("compose.services.worker.environment", ["SPARE"])],
        [
            (
                "compose.services.worker.environment",
                {"TOKEN_FILE": "/run/secrets/t", "USE_TOKEN": "true", "API_KEY_LENGTH": 5},
            )
        ],
        [("compose.services.worker.environment", {"ENABLE_PASSWORD": "true", "SECRET": "/run/secrets/s", "TOKEN": ""})],
        [
            ("compose.secrets", {"own": {"file": "./own"}}),
            ("compose.services.worker.secrets", ["own"]),
            ("files", {"./own": {"on_host": True}}),
        ],
        [("compose.services.web.expose", [8080])],
        [("compose.services.worker.mem_limit", "512m"), ("compose.services.worker.stop_grace_period", "1m30s")],
        [("compose.services.worker.memswap_limit", -1), ("compose.services.migrate.restart", "on-failure:3")],
        [
            ("compose.services.web.ports", ["127.0.0.1:9000-9001:8080"]),
            ("compose.networks.backend", {"internal": False}),
        ],
        [
            ("compose.services.worker.ports", ["127.0.0.1:9000:1", "127.0.0.2:9000:1", "127.0.0.1:9000:1/udp"]),
            ("compose.networks.backend", {"external": True}),
        ],
        [("compose.services.web.user", "app"), ("services.web.user_id", 10001)],
        [("routes[0].port", "8080"), ("routes[0].timeout", 90), ("routes[0].body_limit", 0)],
        [
            ("databases[0].password_secret", "pgpass"),
            ("secrets.pgpass", {"kind": "password"}),
            ("secrets.database_url.template", "x{{ pgpass }}{{ database_password }}"),
            ("compose.services.database.secrets", ["database_password", "database_url"]),
        ],
        [("compose.x-anything", {"a": "$"}), ("compose.version", "3.8"), ("compose.name", "acme")],
    ],
)
def test_what_only_looks_wrong_is_no_error(changes: list[tuple[str, Any]]) -> None:
    assert report(problems(changed(*changes))) == ""


def test_sites(declared: Declaration) -> None:
    app, api = routes.nginx_sites(declared)
    assert {key: app[key] for key in ("name", "domain", "aliases", "certificate", "stack")} == {
        "stack": "acme",
        "name": "app.example.com",
        "domain": "app.example.com",
        "aliases": ["www.example.com"],
        "certificate": "app.example.com",
    }
    assert app["locations"][0] == {
        "path": "/",
        "route": "app.example.com/",
        "service": "web",
        "upstream": "acme_web_8080",
        "websocket": False,
        "body_limit": "1m",
        "timeout": 60,
        "rate_limit": {"requests": 20, "per": "second", "burst": 40},
        "headers": {},
        "allow_from": [],
        "strip_prefix": False,
        "buffering": True,
    }
    assert (app["locations"][1]["path"], app["locations"][1]["timeout"]) == ("/ws", 300)
    assert (api["locations"][0]["body_limit"], api["locations"][0]["allow_from"]) == ("2m", ["203.0.113.0/24"])


def test_burst_is_the_rate_unless_told() -> None:
    (site, *_rest) = routes.nginx_sites(declare(("routes[0].rate_limit", {"requests": 7})))
    assert site["locations"][0]["rate_limit"] == {"requests": 7, "per": "second", "burst": 7}


def test_upstreams_are_one_a_service_and_port(declared: Declaration) -> None:
    assert routes.nginx_upstreams(declared) == [
        {
            "name": "acme_web_8080",
            "project": "acme",
            "service": "web",
            "port": 8080,
            "balance": "least_conn",
            "keepalive": 32,
        }
    ]


def test_certificates(declared: Declaration) -> None:
    assert routes.certificates(declared) == [
        {"name": "app.example.com", "domains": ["app.example.com", "www.example.com"]},
        {"name": "api.example.com", "domains": ["api.example.com"]},
    ]


def test_networks_are_written_in_one_way() -> None:
    networks = ["203.0.113.7", "203.0.113.8/32", "203.0.113.0/24", "2001:DB8::1", "2001:db8::/32"]
    (rule,) = routes.firewall_rules(declare(("firewall[0].from", networks)))[2:]
    assert rule["from"] == ["203.0.113.7", "203.0.113.8", "203.0.113.0/24", "2001:db8::1", "2001:db8::/32"]


def test_firewall_rules_and_jails(declared: Declaration) -> None:
    rules = routes.firewall_rules(declared)
    assert [(rule["port"], rule["from"], rule["comment"]) for rule in rules] == [
        (80, [], "HTTP"),
        (443, [], "HTTPS"),
        (9443, ["203.0.113.0/24"], "metrics"),
    ]
    assert "nginx-limit-req" in routes.fail2ban_jails(declared)
    assert "nginx-limit-req" not in routes.fail2ban_jails(declare(("routes[0].rate_limit", REMOVED)))


def test_who_reads_secrets_as_the_user_of_the_image() -> None:
    """Not a service for which the Compose file names the user, and not one that reads none."""
    assert services.secret_readers(declare()) == {"database": None}
    given = declare(("compose.services.web.user", REMOVED), ("services.web.user_id", 10001))
    assert services.secret_readers(given) == {"database": None, "web": 10001}


def test_secret_entries(declared: Declaration) -> None:
    password, url, key = services.secret_entries(declared)
    assert password == {
        "name": "database_password",
        "kind": "password",
        "length": 40,
        "consumers": [{"service": "database", "uid": 0, "gid": 0}],
        "environment": [],
    }
    assert url["consumers"] == [{"service": "web", "uid": 10001, "gid": 10001}]
    assert url["template"].startswith("postgres://app:{{ database_password")
    assert (key["bytes"], key["encoding"]) == (32, "urlsafe")
    assert key["environment"] == [{"service": "worker", "variable": "API_KEY"}]
    assert "value" not in key


def test_a_value_from_outside_is_adopted_by_any_kind() -> None:
    declaration = declare(("secrets.api_key.value", "from the vault"))
    entry = services.secret_entries(declaration)[2]
    assert (entry["kind"], entry["value"]) == ("token", "from the vault")
    assert "from the vault" not in repr(declaration)


def test_health_expectations(declared: Declaration) -> None:
    found = {entry["service"]: entry for entry in services.health_expectations(declared)}
    assert {name: (entry["expect"], entry["replicas"]) for name, entry in found.items()} == {
        "web": ("healthy", 2),
        "worker": ("running", 1),
        "migrate": ("completed", 1),
        "database": ("healthy", 1),
    }
    assert found["web"]["probe"] == {"path": "/health", "port": 8080, "status": 200, "timeout": 2.0}
    assert found["worker"]["probe"] is None


def test_services_that_are_not_started_are_not_expected() -> None:
    off = [("compose.services.worker.profiles", ["debug"]), ("secrets.api_key", REMOVED)]
    declaration = declare(*off, ("services.migrate.replicas", 0))
    assert [entry["service"] for entry in services.health_expectations(declaration)] == ["web", "database"]


def test_the_project_has_what_production_needs(declared: Declaration) -> None:
    found = compose_project.compose_project(declared)
    assert found["services"]["worker"] == {
        "image": "acme/worker:1.4.2",
        "networks": ["backend"],
        "depends_on": ["database"],
        "restart": "unless-stopped",
        "init": True,
        "stop_grace_period": "30s",
        "logging": {"driver": "json-file", "options": {"max-size": "10m", "max-file": "5"}},
        "security_opt": ["no-new-privileges:true"],
        "pids_limit": 4096,
        "env_file": ["/etc/latentum-ops/secrets/acme/env/worker.env"],
    }
    assert found["name"] == "acme"
    assert found["networks"] == {"backend": {"internal": True}}
    assert found["services"]["web"]["deploy"] == {"replicas": 2}
    assert found["services"]["web"]["environment"]["LOG_LEVEL"] == "${LOG_LEVEL}"
    assert "restart" not in found["services"]["migrate"]
    assert found["volumes"] == {"data": None}


def test_each_service_gets_its_own_copy_of_a_secret() -> None:
    found = compose_project.compose_project(
        declare(
            ("compose.secrets", {"database_password": {"file": "./dev"}, "own": {"file": "./own"}}),
            ("compose.services.worker.secrets", [{"source": "database_password", "target": "pw", "mode": 256}, "own"]),
            ("files", {"./own": {"on_host": True}}),
        )
    )
    assert found["secrets"] == {
        "web.database_url": {"file": f"{COPIES}/web/database_url"},
        "worker.database_password": {"file": f"{COPIES}/worker/database_password"},
        "database.database_password": {"file": f"{COPIES}/database/database_password"},
        "own": {"file": "./own"},
    }
    assert found["services"]["worker"]["secrets"] == [{"source": "worker.database_password", "target": "pw"}, "own"]
    assert found["services"]["database"]["secrets"] == [{"source": "database.database_password", "target": "database_password"}]


def test_what_the_operator_wrote_stays() -> None:
    written = {
        "restart": "always",
        "init": False,
        "stop_grace_period": "2m",
        "logging": {"driver": "journald"},
        "security_opt": ["no-new-privileges:false", "label:type:x"],
        "env_file": "/srv/own.env",
        "deploy": {"resources": {"limits": {"memory": "1g", "pids": 99}}},
    }
    found = compose_project.compose_project(declare(*((f"compose.services.worker.{key}", value) for key, value in written.items())))
    worker = found["services"]["worker"]
    assert {key: worker[key] for key in written if key != "env_file"} == {key: written[key] for key in written if key != "env_file"}
    assert worker["env_file"] == ["/srv/own.env", "/etc/latentum-ops/secrets/acme/env/worker.env"]


def test_log_limits_complete_what_is_given() -> None:
    found = compose_project.compose_project(declare(("compose.services.worker.logging", {"options": {"max-size": "50m"}})))
    assert found["services"]["worker"]["logging"] == {
        "driver": "json-file",
        "options": {"max-size": "50m", "max-file": "5"},
    }


def test_networks_of_the_project() -> None:
    found = compose_project.compose_project(
        declare(
            ("compose.networks", {"backend": None, "edge": {"internal": False}, "shared": {"external": True}}),
            ("compose.services.migrate.networks", REMOVED),
        )
    )
    assert found["networks"] == {
        "backend": {"internal": True},
        "edge": {"internal": False},
        "shared": {"external": True},
        "default": {"internal": True},
    }


def test_what_only_a_developer_needs_is_left_out() -> None:
    found = compose_project.compose_project(
        declare(
            ("compose.version", "3.8"),
            ("compose.x-base", {}),
            ("compose.services.worker.build", "."),
            ("compose.services.worker.scale", 2),
        )
    )
    assert "version" not in found
    assert "x-base" not in found
    assert "build" not in found["services"]["worker"]
    assert "scale" not in found["services"]["worker"]
    assert found["services"]["worker"]["deploy"] == {"replicas": 2}


def test_results_can_be_changed_without_harm(declared: Declaration) -> None:
    first = compose_project.compose_project(declared)
    first["services"]["worker"]["networks"].append("x")
    first["networks"]["backend"]["x"] = 1
    routes.nginx_sites(declared)[0]["locations"][0]["headers"]["x"] = "y"
    assert compose_project.compose_project(declared)["networks"] == {"backend": {"internal": True}}
    assert compose_project.compose_project(declared)["services"]["worker"]["networks"] == ["backend"]
    assert routes.nginx_sites(declared)[0]["locations"][0]["headers"] == {}


def test_a_declaration_is_read_once(stack: dict[str, Any]) -> None:
    assert load(stack) is load(changed())
    assert load(stack) is not load(changed(("name", "other")))


def test_the_summary_names_and_shows_no_values() -> None:
    lines = summary(declare(("secrets.api_key.value", "hunter2")))
    assert [line for line in lines if not line.startswith("advice: ")] == [
        "stack acme: web x2, worker, migrate, database",
        "https://app.example.com/ -> web:8080",
        "https://app.example.com/ws -> web:8080",
        "https://api.example.com/ -> web:8080",
        "secrets: database_password, database_url, api_key",
    ]


def test_the_shortest_values_that_may_be_declared_are_what_a_contract_takes() -> None:
    probe = {"path": "/", "port": 1, "status": 100, "timeout": "1ms"}
    watch = {"http": [{"port": 2, "timeout": "100ms", "interval": "1s"}], "heal_window": "10s", "start_period": "0s", "max_heals": 1}
    update = {"min_healthy": "0s", "healthy_timeout": "1s", "drain_timeout": "0s", "observe": "0s"}
    shortest = {"replicas": 1, "probe": probe, "watch": watch, "update": update}
    declaration = declare(("services.web", shortest), ("watchdog", {"interval": "1s", "confirm": "100ms", "recover": "0s"}))
    assert StackSpec.from_dict(watchdog_config(declaration)).services[0].probes[0].timeout == 0.001
    assert Expectation.from_dict(services.health_expectations(declaration)[0]).probe
    assert Policy.from_dict(rollout_policies(declaration)[0]).observe == 0
