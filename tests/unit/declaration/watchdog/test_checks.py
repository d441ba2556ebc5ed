# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the declaration says that services are watched and who is told, what it refuses, and what the watchdog is given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.watchdog_settings import StackSpec
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import load, problems
from ansible_collections.latentum.ops.plugins.module_utils.declaration.watchdog.derive import watchdog_config
from ansible_runs import AnsibleRuns

from ...filter.inventories import derived
from ..samples import REMOVED, changed

ROOT = Path(__file__).parents[4]
STORE = "/etc/latentum-ops/secrets/acme"
MAIL = {"name": "mail", "kind": "email", "server": "smtp.example.com", "from": "ops@example.com", "to": ["a@example.com"]}
CHAT = {"name": "chat", "kind": "slack", "url_secret": "webhook"}
WEBHOOK = ("secrets.webhook", {"kind": "provided", "value": "https://chat.example.com/hooks/1"})


def config(*changes: tuple[str, Any]) -> dict[str, Any]:
    return watchdog_config(load(changed(*changes)))


def service(name: str, *changes: tuple[str, Any]) -> dict[str, Any]:
    return {one["service"]: one for one in config(*changes)["services"]}[name]


def probes(name: str, *changes: tuple[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in service(name, *changes)["probes"]}


def test_without_a_word_all_that_stays_up_is_watched() -> None:
    told = config()
    assert [one["service"] for one in told["services"]] == ["web", "worker", "database"]
    assert service("web") == {
        "service": "web",
        "expect": "healthy",
        "replicas": 2,
        "needs": ["database"],
        "routed": True,
        "severity": "critical",
        "heal": "restart",
        "escalate": [],
        "max_heals": 4,
        "heal_window": 600,
        "start_period": 30,
        "probes": [
            {
                "kind": "http",
                "name": "http /health",
                "path": "/health",
                "port": 8080,
                "status": 200,
                "match": "",
                "max_latency": 0,
                "timeout": 2,
                "interval": 15,
            }
        ],
    }
    assert (service("worker")["expect"], service("worker")["routed"], service("worker")["probes"]) == ("running", False, [])
    assert service("database")["probes"] == [
        {
            "kind": "postgresql",
            "name": "postgresql app",
            "database": "app",
            "user": "app",
            "max_connections_percent": 85,
            "max_lag": 60,
            "timeout": 10,
            "interval": 30,
        }
    ]


def test_without_a_word_the_stack_has_its_defaults_and_tells_nobody() -> None:
    told = config()
    assert {name: value for name, value in told.items() if name not in ("services", "sites")} == {
        "stack": "acme",
        "interval": 15,
        "confirm": 2,
        "recover": 10,
        "runbook": "",
        "alerts": [],
        "deadman": None,
        "backup_max_age": 0,
        "status_page": {"title": "acme"},
    }
    common = {"path": "/health", "services": ["web"], "timeout": 10, "interval": 30, "certificate_days": 14}
    assert told["sites"] == [{"domain": "app.example.com", **common}, {"domain": "api.example.com", **common}]


def test_a_declaration_of_one_service_is_enough() -> None:
    told = watchdog_config(load({"name": "small", "compose": "services: {a: {image: 'a:1'}}"}))
    assert [(one["service"], one["needs"], one["probes"]) for one in told["services"]] == [("a", [], [])]
    assert told["sites"] == []


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ([("compose.services.worker.profiles", ["debug"]), ("secrets.api_key", REMOVED)], ["web", "database"]),
        ([("services.worker", {"replicas": 0})], ["web", "database"]),
        ([("services.worker", {"expect": "completed"})], ["web", "database"]),
    ],
)
def test_what_does_not_stay_up_is_not_watched(changes: list[tuple[str, Any]], left: list[str]) -> None:
    assert [one["service"] for one in config(*changes)["services"]] == left


def test_needs_go_through_others_and_leave_out_jobs() -> None:
    depends = {"migrate": {"condition": "service_completed_successfully"}, "worker": {"condition": "service_started"}}
    assert service("web", ("compose.services.web.depends_on", depends))["needs"] == ["database", "worker"]
    through_a_job = [
        ("compose.services.web.depends_on", {"migrate": {"condition": "service_completed_successfully"}}),
        ("compose.services.migrate.depends_on", ["database"]),
    ]
    assert service("web", *through_a_job)["needs"] == ["database"]


def test_what_is_written_is_told_in_seconds() -> None:
    watch = {
        "severity": "warning",
        "escalate": ["recreate", "rollback"],
        "max_heals": 2,
        "heal_window": "5m",
        "start_period": 0,
        "http": [
            {"path": "/ready", "port": "8081", "status": 204, "match": "^o+k$", "max_latency": "1.5s", "timeout": 3, "interval": "1m"}
        ],
        "tcp": [{"port": 6379}],
        "commands": [{"run": ["redis-cli", "ping"]}, {"run": ["sleep", 1], "timeout": "500ms", "interval": 20}],
        "queues": [{"list": "jobs", "max": 1000, "password_secret": "database_password"}],
    }
    told = service("web", ("services.web.watch", watch))
    assert (told["severity"], told["escalate"], told["max_heals"]) == ("warning", ["recreate", "rollback"], 2)
    assert (told["heal_window"], told["start_period"]) == (300, 0)
    assert told["probes"][1:] == [
        {
            "kind": "http",
            "name": "http /ready",
            "path": "/ready",
            "port": 8081,
            "status": 204,
            "match": "^o+k$",
            "max_latency": 1.5,
            "timeout": 3,
            "interval": 60,
        },
        {"kind": "tcp", "name": "tcp 6379", "port": 6379, "timeout": 5, "interval": 15},
        {"kind": "command", "name": "command 1", "argv": ["redis-cli", "ping"], "timeout": 10, "interval": 60},
        {"kind": "command", "name": "command 2", "argv": ["sleep", "1"], "timeout": 0.5, "interval": 20},
        {
            "kind": "redis_queue",
            "name": "queue jobs",
            "port": 6379,
            "list": "jobs",
            "max": 1000,
            "password_file": f"{STORE}/database_password",
            "timeout": 5,
            "interval": 30,
        },
    ]


def test_a_queue_without_a_password_names_no_file() -> None:
    watch = {"queues": [{"list": "jobs", "max": 0}]}
    assert probes("worker", ("services.worker", {"watch": watch}))["queue jobs"]["password_file"] == ""


@pytest.mark.parametrize(
    ("stack", "own", "http", "command", "queue", "database"),
    [(None, None, 15, 60, 30, 30), ("45s", None, 45, 60, 45, 45), ("2m", None, 120, 120, 120, 120), ("2m", "5s", 5, 5, 5, 5)],
)
def test_costly_probes_are_rarer_unless_the_service_says_how_often(
    stack: str | None, own: str | None, http: int, command: int, queue: int, database: int
) -> None:
    watch = {"http": [{"port": 80}], "commands": [{"run": ["true"]}], "queues": [{"list": "q", "max": 1}], "interval": own}
    told = probes("database", ("watchdog", {"interval": stack}), ("services.database", {"watch": watch}))
    assert {name: one["interval"] for name, one in told.items()} == {
        "http /": http,
        "command 1": command,
        "queue q": queue,
        "postgresql app": database,
    }


def test_an_http_probe_of_the_same_path_and_port_takes_the_place_of_the_declared_one() -> None:
    told = probes("web", ("services.web.watch", {"http": [{"path": "/health", "port": 8080, "match": "ok"}]}))
    assert list(told) == ["http /health"]
    assert (told["http /health"]["match"], told["http /health"]["timeout"]) == ("ok", 5)


def test_names_of_probes_are_never_the_same() -> None:
    watch = {"http": [{"path": "/health", "port": 9090}], "queues": [{"list": "a", "max": 1}, {"list": "a", "max": 1, "port": 6380}]}
    assert list(probes("web", ("services.web.watch", watch))) == [
        "http /health at port 8080",
        "http /health at port 9090",
        "queue a at port 6379",
        "queue a at port 6380",
    ]


OPEN = ("routes[2].allow_from", [])
UNCHECKED = ("services.worker", {"allow": ["no_healthcheck"]})


def to_worker(path: str) -> tuple[str, Any]:
    return "routes[3]", {"domain": "api.example.com", "path": path, "service": "worker", "port": 80}


@pytest.mark.parametrize(
    ("changes", "path", "behind"),
    [
        ([OPEN], "/health", "web"),
        ([OPEN, ("services.web.probe.port", 9090)], "/", "web"),
        ([OPEN, ("services.web.probe", REMOVED)], "/", "web"),
        ([OPEN, ("routes[2].path", "/v1")], "/v1", "web"),
        ([OPEN, ("routes[2].path", "/v1"), ("routes[2].strip_prefix", True)], "/v1/health", "web"),
        # The probe's path leads to another service.
        ([OPEN, UNCHECKED, to_worker("/health")], "/", "web"),
        # What the host itself may not ask for, only when there is nothing else.
        ([UNCHECKED, to_worker("/open")], "/open", "worker"),
        ([("watchdog", {"sites": {"paths": {"api.example.com": "/status"}}})], "/status", "web"),
        ([OPEN, UNCHECKED, to_worker("/w"), ("watchdog", {"sites": {"paths": {"api.example.com": "/w/x"}}})], "/w/x", "worker"),
    ],
)
def test_the_path_of_a_site_and_who_answers_it(changes: list[tuple[str, Any]], path: str, behind: str) -> None:
    (site,) = [one for one in config(*changes)["sites"] if one["domain"] == "api.example.com"]
    assert (site["path"], site["services"]) == (path, [behind])


def test_sites_can_be_left_out_and_have_their_limits() -> None:
    sites = {"skip": ["api.example.com"], "timeout": "3s", "interval": "1m", "certificate_days": 30}
    (site,) = config(("watchdog", {"sites": sites}))["sites"]
    assert (site["domain"], site["timeout"], site["interval"], site["certificate_days"]) == ("app.example.com", 3, 60, 30)


def test_the_stack_as_written() -> None:
    watchdog = {
        "confirm": "500ms",
        "recover": "1m",
        "runbook": "https://wiki.example.com/{service}/",
        "backup_max_age": "26h",
        "max_connections": 70,
        "max_replication_lag": "2m",
        "deadman": {"url_secret": "webhook"},
        "status_page": {"title": "Acme"},
    }
    told = config(WEBHOOK, ("watchdog", watchdog))
    assert (told["confirm"], told["recover"], told["runbook"]) == (0.5, 60, "https://wiki.example.com/{service}/")
    assert (told["backup_max_age"], told["status_page"]) == (93600, {"title": "Acme"})
    assert told["deadman"] == {"url_file": f"{STORE}/webhook", "interval": 60}
    (probe,) = service("database", WEBHOOK, ("watchdog", watchdog))["probes"]
    assert (probe["max_connections_percent"], probe["max_lag"]) == (70, 120)


COMMON = {"severities": ["critical", "warning"], "reminder": 14400, "burst": 10, "per": 600}


@pytest.mark.parametrize(
    ("alert", "told"),
    [
        (CHAT, {"url_file": f"{STORE}/webhook"}),
        ({**CHAT, "deployments": "failure"}, {"url_file": f"{STORE}/webhook", "deployments": "failure"}),
        (
            {**CHAT, "deployments": "success", "severities": ["critical", "warning", "info"]},
            {"url_file": f"{STORE}/webhook", "deployments": "success", "severities": ["critical", "warning", "info"]},
        ),
        ({**CHAT, "kind": "apprise"}, {"url_file": f"{STORE}/webhook"}),
        (
            {"name": "pager", "kind": "pagerduty", "key_secret": "webhook", "severities": ["critical"]},
            {"url": "https://events.pagerduty.com/v2/enqueue", "key_file": f"{STORE}/webhook", "severities": ["critical"]},
        ),
        (
            {
                "name": "pager",
                "kind": "pagerduty",
                "key_secret": "webhook",
                "url": "http://127.0.0.1:8000/v2",
                "reminder": "1h",
                "burst": 3,
            },
            {"url": "http://127.0.0.1:8000/v2", "key_file": f"{STORE}/webhook", "reminder": 3600, "burst": 3},
        ),
        (
            {**MAIL, "user": "ops", "password_secret": "webhook"},
            {
                "server": "smtp.example.com",
                "port": 587,
                "tls": "starttls",
                "from": "ops@example.com",
                "to": ["a@example.com"],
                "user": "ops",
                "password_file": f"{STORE}/webhook",
            },
        ),
    ],
)
def test_alerts(alert: dict[str, Any], told: dict[str, Any]) -> None:
    (found,) = config(WEBHOOK, ("watchdog", {"alerts": [alert]}))["alerts"]
    assert found == {"name": alert["name"], "kind": alert["kind"], **COMMON, **told}


@pytest.mark.parametrize(("tls", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_mail_without_a_user_and_the_port_of_its_encryption(tls: str, port: int) -> None:
    (found,) = config(("watchdog", {"alerts": [{**MAIL, "tls": tls}]}))["alerts"]
    assert (found["port"], found["user"], found["password_file"]) == (port, "", "")


def test_no_value_of_a_secret_is_in_it() -> None:
    assert "hooks" not in json.dumps(config(WEBHOOK, ("watchdog", {"alerts": [CHAT], "deadman": {"url_secret": "webhook"}})))


def test_the_engine_understands_it() -> None:
    watch = {"escalate": ["recreate"], "commands": [{"run": ["true"]}]}
    told = StackSpec.from_dict(json.loads(json.dumps(config(WEBHOOK, ("services.web.watch", watch), ("watchdog", {"alerts": [CHAT]})))))
    assert (told.name, [one.service for one in told.services]) == ("acme", ["web", "worker", "database"])
    assert told.services[0].escalate == ("recreate",)
    assert told.services[0].probes[1].options == {"argv": ["true"]}
    assert told.alerts[0].options["url_file"] == f"{STORE}/webhook"


def watched(**keys: Any) -> list[tuple[str, Any]]:
    return [("services.web.watch", keys)]


def stack(**keys: Any) -> list[tuple[str, Any]]:
    return [WEBHOOK, ("watchdog", {"deadman": {"url_secret": "webhook"}, **keys})]


def alerts(*all_of_them: dict[str, Any]) -> list[tuple[str, Any]]:
    return stack(alerts=list(all_of_them))


WEB, ALERT = "services.web.watch", "watchdog.alerts[0]"
REFUSED: list[tuple[list[tuple[str, Any]], str, str]] = [
    (watched(sevrity="warning"), f"{WEB}.sevrity", "did you mean severity?"),
    (watched(severity="info"), f"{WEB}.severity", "critical, warning"),
    (watched(heal="rebuild"), f"{WEB}.heal", "restart, none"),
    (watched(escalate=["rolback"]), f"{WEB}.escalate[0]", "write rollback"),
    (watched(escalate=["rollback", "rollback"]), f"{WEB}.escalate[1]", "remove one"),
    (watched(escalate=["recreate"], heal="none"), f"{WEB}.escalate", "heal: restart"),
    (watched(max_heals=0), f"{WEB}.max_heals", "1 to 100"),
    (watched(heal_window="1s"), f"{WEB}.heal_window", "between 10s and 24h"),
    (watched(start_period="soon"), f"{WEB}.start_period", "number with its unit"),
    (watched(interval=0), f"{WEB}.interval", "between 1s and 24h"),
    (watched(http={"port": 1}), f"{WEB}.http", "write a list"),
    (watched(http=[{"path": "/"}]), f"{WEB}.http[0].port", "add port"),
    (watched(http=[{"port": 65536}]), f"{WEB}.http[0].port", "1 to 65535"),
    (watched(http=[{"port": 80, "path": "ready"}]), f"{WEB}.http[0].path", "write /ready"),
    (watched(http=[{"port": 80, "match": "(ok"}]), f"{WEB}.http[0].match", "correct it"),
    (watched(http=[{"port": 80, "timeout": 0}]), f"{WEB}.http[0].timeout", "between 100ms and 5m"),
    (watched(http=[{"port": 80}, {"port": 80, "path": "/"}]), f"{WEB}.http[1].path", "remove one of the two"),
    (watched(tcp=[{"port": 80}, {"port": 81}, {"port": 80}]), f"{WEB}.tcp[2].port", "remove one of the two"),
    (watched(tcp=[80]), f"{WEB}.tcp[0]", "write a mapping"),
    (watched(commands=[{"run": []}]), f"{WEB}.commands[0].run", "remove it"),
    (watched(commands=[{"run": "redis-cli ping"}]), f"{WEB}.commands[0].run", "write a list"),
    (watched(queues=[{"max": 5}]), f"{WEB}.queues[0].list", "add list"),
    (watched(queues=[{"list": "jobs"}]), f"{WEB}.queues[0].max", "add max"),
    (watched(queues=[{"list": "a", "max": 5}, {"list": "a", "max": 6}]), f"{WEB}.queues[1].list", "remove one of the two"),
    (
        watched(queues=[{"list": "a", "max": 5, "password_secret": "databse_password"}]),
        f"{WEB}.queues[0].password_secret",
        "did you mean database_password?",
    ),
    ([("services.migrate.watch", {"severity": "warning"})], "services.migrate.watch", "remove watch"),
    ([("services.migrate.watch", {})], "services.migrate.watch", "remove watch"),
    ([("services.database", {"watch": {"escalate": ["recreate", "rollback"]}})], "services.database.watch.escalate[1]", "human"),
    (
        [
            ("compose.services.worker.network_mode", "service:web"),
            ("compose.services.worker.networks", REMOVED),
            ("services.worker", {"watch": {"tcp": [{"port": 80}]}}),
        ],
        "services.worker.watch.tcp",
        "write commands",
    ),
    ([("watchdog", {"confirm": "10m"})], "watchdog.confirm", "between 100ms and 5m"),
    ([("watchdog", {"runbook": "wiki.example.com"})], "watchdog.runbook", "https://"),
    ([("watchdog", {"runbook": "https://wiki.example.com/{name}"})], "watchdog.runbook", "write {service}"),
    ([("watchdog", {"max_connections": 101})], "watchdog.max_connections", "1 to 100"),
    ([("watchdog", {"sites": {"paths": {"ap.example.com": "/"}}})], "watchdog.sites.paths.ap.example.com", "did you mean"),
    ([("watchdog", {"sites": {"skip": ["other.org"]}})], "watchdog.sites.skip[0]", "api.example.com"),
    (
        [("watchdog", {"sites": {"skip": ["api.example.com"], "paths": {"api.example.com": "/x"}}})],
        "watchdog.sites.paths.api.example.com",
        "remove one of the two",
    ),
    ([("watchdog", {"deadman": {}})], "watchdog.deadman.url_secret", "add url_secret"),
    ([("watchdog", {"deadman": {"url_secret": "pulse"}})], "watchdog.deadman.url_secret", "{pulse: {kind: provided"),
    ([("watchdog", {"deadman": {"url_secret": "api_key"}})], "watchdog.deadman.url_secret", "kind: provided"),
    (alerts({"kind": "slack", "url_secret": "webhook"}), f"{ALERT}.name", "add name"),
    (alerts({**CHAT, "name": "Chat room"}), f"{ALERT}.name", "lower case letters"),
    (alerts(CHAT, {**MAIL, "name": "chat"}), "watchdog.alerts[1].name", "another name"),
    (alerts({"name": "chat"}), f"{ALERT}.kind", "add kind"),
    (alerts({"name": "chat", "kind": "slak"}), f"{ALERT}.kind", "write slack"),
    (alerts({**CHAT, "severities": []}), f"{ALERT}.severities", "remove the alert"),
    (alerts({**CHAT, "severities": ["fatal"]}), f"{ALERT}.severities[0]", "critical"),
    (alerts({**CHAT, "deployments": "all"}), f"{ALERT}.deployments", "success"),
    (alerts({**CHAT, "deployments": "success"}), f"{ALERT}.deployments", "write severities: [critical, warning, info]"),
    (alerts({**CHAT, "deployments": "failure", "severities": ["critical"]}), f"{ALERT}.deployments", "severities: [critical, warning]"),
    (
        alerts({"name": "pager", "kind": "pagerduty", "key_secret": "webhook", "deployments": "failure"}),
        f"{ALERT}.deployments",
        "let another alert tell of it",
    ),
    (alerts({**CHAT, "reminder": "1s"}), f"{ALERT}.reminder", "between 1m and 30d"),
    (alerts({**CHAT, "server": "smtp.example.com"}), f"{ALERT}.server", "email"),
    (alerts({"name": "chat", "kind": "slack"}), f"{ALERT}.url_secret", "add url_secret"),
    (alerts({"name": "chat", "kind": "slack", "url_secret": "webhok"}), f"{ALERT}.url_secret", "did you mean webhook?"),
    (alerts({"name": "pager", "kind": "pagerduty", "key_secret": "database_password"}), f"{ALERT}.key_secret", "kind: provided"),
    (alerts({"name": "pager", "kind": "pagerduty", "key_secret": "webhook", "url": "ftp://x"}), f"{ALERT}.url", "http://"),
    (alerts({name: value for name, value in MAIL.items() if name != "server"}), f"{ALERT}.server", "add server"),
    (alerts({**MAIL, "server": "smtp://smtp.example.com:587"}), f"{ALERT}.server", "only its name"),
    (alerts({name: value for name, value in MAIL.items() if name != "from"}), f"{ALERT}.from", "add from"),
    (alerts({**MAIL, "from": "ops"}), f"{ALERT}.from", "ops@example.com"),
    (alerts({name: value for name, value in MAIL.items() if name != "to"}), f"{ALERT}.to", "add to"),
    (alerts({**MAIL, "to": []}), f"{ALERT}.to", "[ops@example.com]"),
    (alerts({**MAIL, "to": "a@example.com"}), f"{ALERT}.to", "write a list"),
    (alerts({**MAIL, "port": 0}), f"{ALERT}.port", "1 to 65535"),
    (alerts({**MAIL, "tls": "ssl"}), f"{ALERT}.tls", "tls"),
    (alerts({**MAIL, "user": "ops"}), f"{ALERT}.password_secret", "add password_secret"),
    (alerts({**MAIL, "password_secret": "webhook"}), f"{ALERT}.user", "add user"),
    (alerts({**MAIL, "user": "ops", "password_secret": "webhook", "tls": "none"}), f"{ALERT}.tls", "starttls"),
]


@pytest.mark.parametrize(("changes", "key", "fix"), REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_refused(changes: list[tuple[str, Any]], key: str, fix: str) -> None:
    found = problems(changed(*changes))
    assert [one.key for one in found] == [key], found
    assert fix in found[0].fix


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (("watchdog", {"alerts": [{"name": "chat", "kind": "slack", "url_secret": "https://chat.example.com/hooks/1"}]}), "url_secret"),
        (("watchdog", {"alerts": [{**MAIL, "password": "https://chat.example.com/hooks/1"}]}), "password"),
        (("watchdog", {"deadman": {"url": "https://chat.example.com/hooks/1"}}), "url"),
    ],
)
def test_a_secret_in_the_wrong_place_is_not_shown(change: tuple[str, Any], key: str) -> None:
    found = problems(changed(change))
    assert [one for one in found if one.key.endswith(f".{key}")]
    assert "hooks" not in str(found)


@pytest.mark.parametrize(
    "change",
    [
        ("services.worker", {"watch": {"queues": [{"list": "jobs", "max": 1, "password_secret": "webhook"}]}}),
        ("watchdog", {"deadman": {"url_secret": "webhook"}}),
        ("watchdog", {"alerts": [CHAT]}),
        ("watchdog", {"alerts": [{"name": "pager", "kind": "pagerduty", "key_secret": "webhook"}]}),
        ("watchdog", {"alerts": [{**MAIL, "user": "ops", "password_secret": "webhook"}]}),
    ],
)
def test_what_the_watchdog_reads_is_used(change: tuple[str, Any]) -> None:
    assert [one.key for one in problems(changed(WEBHOOK))] == ["secrets.webhook"]
    assert problems(changed(WEBHOOK, change)) == ()


def test_an_address_may_be_made_of_other_secrets_or_adopted() -> None:
    of_others = ("secrets.webhook", {"kind": "template", "template": "https://chat.example.com/{{ api_key | urlencode }}"})
    adopted = ("secrets.webhook", {"kind": "token", "value": "https://chat.example.com/hooks/1"})
    for secret in (of_others, adopted):
        assert problems(changed(secret, ("watchdog", {"alerts": [CHAT]}))) == ()


def test_a_wrong_compose_file_does_not_hide_what_is_wrong_here() -> None:
    found = {one.key for one in problems(changed(("compose", "services: ["), ("watchdog", {"alerts": [{**MAIL, "to": []}]})))}
    assert {"compose", f"{ALERT}.to"} <= found


@pytest.mark.parametrize(
    ("inventory", "domain", "alerts"), [("latentum", "latentum.example.com", []), ("demo", "latentum.example.test", ["email"])]
)
def test_latentum(inventory: str, domain: str, alerts: list[str], ansible: AnsibleRuns) -> None:
    assert derived(ansible, inventory)["report"] == ""
    told = derived(ansible, inventory)["config"]
    assert {one["service"]: (one["needs"], one["routed"], [probe["name"] for probe in one["probes"]]) for one in told["services"]} == {
        "api-gateway": (["cache", "database", "model-server"], True, ["http /health"]),
        "model-server": ([], False, []),
        "worker": (["cache", "database"], False, []),
        "database": ([], False, ["postgresql latentumdb"]),
        "cache": ([], False, ["queue latentum:jobs"]),
    }
    assert {one["expect"] for one in told["services"]} == {"healthy"}
    (queue,) = told["services"][4]["probes"]
    assert queue["password_file"] == "/etc/latentum-ops/secrets/latentum/cache_password"
    assert [(one["domain"], one["path"], one["services"]) for one in told["sites"]] == [(domain, "/health", ["api-gateway"])]
    assert ([alert["kind"] for alert in told["alerts"]], told["deadman"]) == (alerts, None)


def test_latentum_with_receivers_of_its_own(ansible: AnsibleRuns) -> None:
    variables = {
        "latentum_alerts": [CHAT],
        "latentum_deadman": {"url_secret": "webhook"},
        "latentum_alert_secrets": {"webhook": {"kind": "provided", "value": "https://chat.example.com/hooks/1"}},
    }
    told = derived(ansible, "demo", "-e", json.dumps(variables))
    assert told["report"] == ""
    file = "/etc/latentum-ops/secrets/latentum/webhook"
    assert (told["config"]["alerts"][0]["url_file"], told["config"]["deadman"]) == (file, {"url_file": file, "interval": 60})
