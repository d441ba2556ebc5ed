# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A status as the watchdog writes it, with something of everything: for the page, the tables and the metrics."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.latentum.ops.plugins.module_utils.contracts.objectives import Objective
from ansible_collections.latentum.ops.plugins.module_utils.slo.budget import Budget
from ansible_collections.latentum.ops.plugins.module_utils.slo.measured import Measured
from ansible_collections.latentum.ops.plugins.module_utils.slo.picture import Mark, picture

AT = datetime(2026, 11, 20, 14, 32, 8, tzinfo=UTC).timestamp()
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
FULL = "86 % of the space of /var/lib/docker are used; `du -xh /var/lib/docker | sort -h | tail`"
SECRET_LOG = "log line that only operators may read"


def sample() -> dict[str, Any]:
    """A model server that ran out of memory for good, and drags the gateway along; all the rest is well. The same each time."""
    return {
        "host": "web-1",
        "at": AT,
        "version": "0.1.0",
        "well": False,
        "loop": {"lag": 0.0031, "uptime": 5 * DAY, "events": 1204},
        "stacks": [_latentum()],
        "host_checks": [
            {"name": "disk /", "state": "ok", "reason": "", "value": "61 %"},
            {"name": "disk /var/lib/docker", "state": "warning", "reason": FULL, "value": "86 %"},
            {"name": "memory", "state": "ok", "reason": "", "value": "47 %"},
            {"name": "nginx", "state": "ok", "reason": "", "value": "active"},
            {"name": "docker", "state": "ok", "reason": "", "value": "active"},
            {"name": "clock", "state": "ok", "reason": "", "value": "0.4 ms"},
            {"name": "reboot", "state": "ok", "reason": "", "value": "not needed"},
        ],
        "incidents": [_open()],
        "history": _history(),
        "maintenance": [
            {"scope": "latentum/worker", "reason": "moving the queue to a larger disk", "who": "alex",
             "since": AT - 20 * MINUTE, "until": AT + 40 * MINUTE},
        ],
        "alerts": {
            "waiting": 1, "failed": {"mail": "smtp.example.com does not answer"},
            "last_sent": {"chat": AT - 200, "mail": AT - 3 * DAY},
        },
    }  # fmt: skip


def well() -> dict[str, Any]:
    """The same host on a good day."""
    status = sample() | {"well": True, "incidents": [], "maintenance": [], "alerts": {"waiting": 0, "failed": {}, "last_sent": {}}}
    for check in status["host_checks"]:
        check.update(state="ok", reason="")
    for stack in status["stacks"]:
        stack["state"], stack["busy"] = "ok", ""
        stack["budgets"] = {"at": AT - 120, "error": "", "objectives": [_budget("api", "normal", 0.71, 29.0, 100.2)]}
        for site in stack["sites"]:
            site.update(state="ok", reason="")
        for service in stack["services"]:
            probes = [{**probe, "ok": True, "reason": ""} for probe in service["probes"]]
            service.update(state="ok", reason="", healthy=service["replicas"], out=[], breaker=False, probes=probes)
    return status


def _latentum() -> dict[str, Any]:
    unhealthy = "latentum-model-server-1 was killed for memory and is restarted by Docker"
    refused = "http /health: [Errno 111] connection to 172.18.0.5:8080 refused"
    return {
        "name": "latentum",
        "domains": ["latentum.example.com", "www.latentum.example.com"],
        "title": "Latentum",
        "state": "degraded",
        "busy": "",
        "services": [
            _service("api-gateway", "affected", 2, 1, {6: (0, 900), 31: (45, 240), 58: (0, 60)},
                     reason=f"latentum-api-gateway-2: {refused}", probes=[_probe("http /health", 0.004, refused)],
                     out=[{"container": "latentum-api-gateway-2", "reason": "http /health fails"}]),
            _service("model-server", "down", 1, 0, {0: (760, 0), 6: (1500, 400), 7: (9000, 3600), 44: (120, 0)},
                     reason=unhealthy, heals=5, breaker=True, probes=[_probe("tcp 9000", 5.0, "tcp 9000: timed out")]),
            _service("worker", "maintenance", 4, 4, {31: (0, 3000)}, unseen=range(70, 90), probes=[_probe("queue jobs", 0.002)]),
            _service("cache", "ok", 1, 1, {}, probes=[_probe("tcp 6379", 0.001)]),
            _service("database", "ok", 1, 1, {58: (31, 0)}, heals=1, probes=[_probe("postgresql latentumdb", 0.031)]),
        ],
        "sites": [
            {"domain": "latentum.example.com", "state": "ok", "reason": "", "latency": 0.0481, "certificate_days": 71},
            {"domain": "www.latentum.example.com", "state": "ok", "reason": "", "latency": 0.0124, "certificate_days": 71},
        ],
        "budgets": {
            "at": AT - 120,
            "error": "https://prometheus.internal.example.net: HTTP 503: it is not ready",
            "objectives": [
                _budget("api", "normal", 0.71, 29.0, 100.2),
                _budget("search", "refuse", 0.042, 95.8, 100.0, spent_in=7800.0),
                _budget("training", "unknown", None, None, None),
            ],
        },
    }  # fmt: skip


def _budget(name: str, state: str, remaining: float | None, failed: float | None, allowed: float | None, **more: Any) -> dict[str, Any]:
    sentence = f"99.9 % of the requests to latentum.example.com/{name} are answered without a 5xx, over 30d"
    about = {"objective": name, "sentence": sentence, "window": 30 * DAY, "unit": "events", "state": state, "spent_in": None}
    return {**about, "remaining": remaining, "failed": failed, "allowed": allowed, **more}


def pictures() -> dict[str, str]:
    """The history of a budget, as the watchdog draws it."""
    objective = Objective("latentum", "api", "route", "latentum.example.com/api", "availability", 99.9, 30 * DAY)
    points = tuple((AT - 30 * DAY + number * 12960, 1 - 0.3 * number / 200) for number in range(201))
    entry = Measured(objective, Budget(objective.budget, objective.window, 100_200, 29), {}, points)
    marks = [Mark(AT - 9 * DAY, "deploy"), Mark(AT - 8 * DAY, "model-server", AT - 7.9 * DAY)]
    return {"api": picture(entry, AT, marks, fluid=True)}


def _probe(name: str, latency: float, reason: str = "") -> dict[str, Any]:
    return {"name": name, "ok": not reason, "latency": latency, "reason": reason}


def _service(
    name: str,
    state: str,
    replicas: int,
    healthy: int,
    trouble: dict[int, tuple[float, float]],
    unseen: Sequence[int] = (),
    **more: Any,
) -> dict[str, Any]:
    """A service; `trouble`: by days ago, seconds down and degraded; `unseen`: days ago on which nobody watched."""
    today = datetime.fromtimestamp(AT, UTC).date()
    days = []
    for back in range(89, -1, -1):
        if back not in unseen:
            down, degraded = trouble.get(back, (0.0, 0.0))
            seen = AT % DAY if back == 0 else DAY - random.Random(back).choice((0.0, 0.0, 42.5))  # noqa: S311 - the same gaps each time
            days.append(
                {
                    "day": (today - timedelta(days=back)).isoformat(),
                    "down": float(down),
                    "degraded": float(degraded),
                    "seen": round(seen, 1),
                }
            )
    plain = {"service": name, "state": state, "reason": "", "replicas": replicas, "healthy": healthy, "out": [], "probes": [], "heals": 0}
    return {**plain, "breaker": False, "days": days, **more}


def _open() -> dict[str, Any]:
    began = AT - 760
    restarted = "latentum-model-server-1 was restarted; it was killed for memory again after {} s"
    return {
        "id": f"latentum/model-server@{int(began + 2)}", "key": "latentum/model-server", "stack": "latentum", "subject": "model-server",
        "severity": "critical", "cause": "latentum-model-server-1 was killed for memory and is restarted by Docker",
        "began": began, "opened": began + 2, "ended": None,
        "done": [[began + 3, restarted.format(9)], [began + 21, restarted.format(8)], [began + 65, restarted.format(11)],
                 [began + 160, "a new container in place of each, from registry.example.com:5000/latentum/model-server:1.4.0"],
                 [began + 340, "healing gave up: a human is needed"]],
        "affected": ["api-gateway"], "log": [SECRET_LOG], "needs_human": True, "flapping": False,
    }  # fmt: skip


def _history() -> list[dict[str, Any]]:
    gateway, database, model = "latentum-api-gateway-2", "latentum-database-1", "latentum-model-server-1"
    return [
        _ended(2.2, 31, "database", f"{database} ended with exit code 2 and does not run", f"{database} was started"),
        _ended(6.1, 1900, "model-server", f"{model}: tcp 9000: timed out", f"{model} was restarted"),
        _ended(7.4, 12600, "model-server", "1 of 1 containers is missing", "a rollback to the last good release"),
        _ended(19.5, 45, "nginx", "nginx.service died and was started again by systemd", "systemd started it again", stack=""),
        _ended(31.3, 285, "api-gateway", f"{gateway} is unhealthy (GET /health 503 {SECRET_LOG})",
               f"{gateway} was taken out of rotation and restarted", severity="warning"),
        _ended(40.0, 3 * HOUR, "certificate:latentum.example.com",
               "the certificate that nginx serves for latentum.example.com ends in 13 days; `certbot renew`, `opsctl status`",
               severity="warning"),
        _ended(44.8, 120, "site:latentum.example.com", "https://latentum.example.com/health answered 502"),
    ]  # fmt: skip


def _ended(
    days: float, lasted: float, subject: str, cause: str, done: str = "", stack: str = "latentum", severity: str = "critical"
) -> dict[str, Any]:
    """An incident of so many days ago that lasted so many seconds."""
    began, key = AT - days * DAY, f"{stack or 'host'}/{subject}"
    return {
        "id": f"{key}@{int(began + 2)}", "key": key, "stack": stack, "subject": subject, "severity": severity, "cause": cause,
        "began": began, "opened": began + 2, "ended": began + lasted, "done": [[began + 3, done]] if done else [],
        "affected": ["api-gateway", "worker"] if subject == "database" else [], "log": [SECRET_LOG],
        "needs_human": subject == "model-server", "flapping": False,
    }  # fmt: skip
