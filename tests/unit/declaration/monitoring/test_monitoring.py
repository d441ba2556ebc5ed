# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is declared of alerts: what is derived, and what is refused with which words."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.alerts import STACK_ALERTS
from ansible_collections.latentum.ops.plugins.module_utils.contracts.monitoring import MonitoredStack, StackLimits
from ansible_collections.latentum.ops.plugins.module_utils.declaration import loader
from ansible_collections.latentum.ops.plugins.module_utils.declaration.monitoring.derive import monitoring_config

from ..samples import STACK, changed

PROVIDED = {"kind": "provided", "value": "https://switch.example.com/hush"}
SECRETS = {**STACK["secrets"], "switch": PROVIDED, "made_up": {"kind": "password"}}


def declared(monitoring: Any, **more: Any) -> dict[str, Any]:
    """A declaration with this C(monitoring), and two secrets."""
    secrets = dict(SECRETS)
    used = repr([monitoring, more])
    for name in ("switch", "made_up"):
        if f"'{name}'" not in used:
            secrets.pop(name)
    return changed(("monitoring", monitoring), ("secrets", secrets), *more.items())


def derived(monitoring: Any, **more: Any) -> MonitoredStack:
    (stack,) = monitoring_config(loader.load(declared(monitoring, **more)))
    return MonitoredStack.from_dict(stack)


def test_what_a_stack_is_watched_by_arrives() -> None:
    stack = derived({"scrape_interval": "30s", "deadman": {"url_secret": "switch", "interval": "5m"}}, slos=[
        {"name": "web", "route": "app.example.com/", "availability": 99.9}
    ])  # fmt: skip
    assert (stack.stack, stack.scrape_interval) == ("acme", 30)
    assert set(stack.services) == {"web", "worker", "database"} and set(stack.services.values()) <= {"critical", "warning"}
    assert next((site.domain, site.services) for site in stack.sites) == ("app.example.com", ("web",))
    assert [objective.name for objective in stack.objectives] == ["web"]
    assert stack.deadman is not None and (stack.deadman.url_file, stack.deadman.interval) == ("/etc/latentum-ops/secrets/acme/switch", 300)
    assert "hush" not in repr(stack)


def test_limits_arrive_as_they_are_written_and_have_defaults() -> None:
    assert derived({}).limits == StackLimits()
    limits = derived(
        {"limits": {"error_warning": 1, "error_critical": "2.5", "latency": "500ms", "cpu": 50, "restarts": 5, "disabled": ["HighLatency"]}}
    ).limits
    assert (limits.error_warning, limits.error_critical, limits.latency, limits.cpu, limits.restarts) == (1, 2.5, 0.5, 50, 5)
    assert limits.disabled == ("HighLatency",) and limits.memory == StackLimits().memory


def test_a_latency_that_nobody_has_written_can_be_told_by_the_buckets() -> None:
    assert derived({"buckets": ["100ms", "1s"]}).limits.latency == 0.5
    assert derived({"buckets": ["100ms", "1s", "10s"]}).limits.latency == 2


MAIL = {"name": "mail", "kind": "email", "server": "smtp.example.com", "from": "a@example.com", "to": ["b@example.com"]}


def test_prices_and_the_monthly_mail_arrive() -> None:
    given = {"report": {"monthly": True, "prices": {"currency": "US$", "host_month": "49.90", "by": "limits"}}}
    report = derived(given, watchdog={"alerts": [MAIL]}).report
    assert report is not None and report.prices is not None
    assert (report.monthly, report.prices.currency, report.prices.host_month, report.prices.idle) == (True, "US$", 49.9, "apart")
    assert derived({}).report is None
    empty = derived({"report": {}}).report
    assert empty is not None and not empty.monthly and empty.prices is None


# (monitoring, more of the declaration, key, a part of what is wrong, a part of what to write instead)
REFUSED: list[tuple[Any, dict[str, Any], str, str, str]] = [
    (["x"], {}, "monitoring", "must be a mapping", "write a mapping"),
    ({"limit": {}}, {}, "monitoring.limit", "not a key", "did you mean limits?"),
    ({"report": {"monthly": True}}, {}, "monitoring.report.monthly", "would reach nobody", "write monthly: false"),
    ({"report": {"monthly": "yes"}}, {}, "monitoring.report.monthly", "must be true or false", "true"),
    ({"report": {"prices": {}}}, {}, "monitoring.report.prices", "has no price", "write host_month"),
    ({"report": {"prices": {"host_month": 5, "cpu_hour": 1}}}, {}, "monitoring.report.prices", "has host_month and cpu_hour", "whole host"),
    ({"report": {"prices": {"host_month": "49,90"}}}, {}, "monitoring.report.prices.host_month", "not a number from 0", "such as 49.90"),
    ({"report": {"prices": {"host_month": -1}}}, {}, "monitoring.report.prices.host_month", "not a number from 0", "such as 49.90"),
    ({"report": {"prices": {"host": 5}}}, {}, "monitoring.report.prices.host", "not a key", "host_month"),
    ({"report": {"prices": {"host_month": 5, "currency": "a b"}}}, {}, "monitoring.report.prices.currency", "currency", "such as EUR"),
    (
        {"report": {"prices": {"host_month": 5, "by": "usage"}}},
        {},
        "monitoring.report.prices.by",
        "must be one of use, limits",
        "write use",
    ),
    (
        {"report": {"prices": {"host_month": 5, "idle": "hide"}}},
        {},
        "monitoring.report.prices.idle",
        "one of apart, spread",
        "write one of",
    ),
    ({"limits": []}, {}, "monitoring.limits", "must be a mapping", "error_critical"),
    ({"limits": {"errors": 5}}, {}, "monitoring.limits.errors", "not a key", "error_critical"),
    ({"limits": {"error_warning": 0}}, {}, "monitoring.limits.error_warning", "not a number from 0.01 to 100", "such as 5"),
    ({"limits": {"error_critical": 101}}, {}, "monitoring.limits.error_critical", "not a number from 0.01 to 100", "such as 10"),
    ({"limits": {"error_critical": "ten"}}, {}, "monitoring.limits.error_critical", "not a number", "such as 10"),
    ({"limits": {"error_critical": "10%"}}, {}, "monitoring.limits.error_critical", "not a number", "such as 10"),
    ({"limits": {"error_warning": 10}}, {}, "monitoring.limits.error_warning", "is not below error_critical (10)", "write less"),
    ({"limits": {"error_critical": 4}}, {}, "monitoring.limits.error_warning", "is not below error_critical (4)", "raise error_critical"),
    ({"limits": {"latency": "fast"}}, {}, "monitoring.limits.latency", "not a duration", "such as"),
    ({"limits": {"latency": "0s"}}, {}, "monitoring.limits.latency", "not between 1ms", "1ms"),
    ({"limits": {"latency": "30s"}}, {}, "monitoring.limits.latency", "not below 30s, the last of monitoring.buckets", "less than 30s"),
    ({"limits": {"latency": "2s"}, "buckets": ["1s"]}, {}, "monitoring.limits.latency", "could never fire", "add a bucket"),
    ({"limits": {"min_requests": 0}}, {}, "monitoring.limits.min_requests", "within its limits", "from 1 to"),
    ({"limits": {"min_requests": "few"}}, {}, "monitoring.limits.min_requests", "number", "20"),
    ({"limits": {"cpu": 0.8}}, {}, "monitoring.limits.cpu", "not a number from 1 to 100", "such as 80"),
    ({"limits": {"memory": 120}}, {}, "monitoring.limits.memory", "not a number from 1 to 100", "such as 85"),
    ({"limits": {"throttled": -1}}, {}, "monitoring.limits.throttled", "not a number from 1 to 100", "such as 25"),
    ({"limits": {"restarts": 0}}, {}, "monitoring.limits.restarts", "within its limits", "from 1 to 1000"),
    ({"limits": {"disabled": "HighLatency"}}, {}, "monitoring.limits.disabled", "must be a list", "[HighLatency]"),
    ({"limits": {"disabled": ["HighLatancy"]}}, {}, "monitoring.limits.disabled[0]", "no alert of a stack", "HighLatency"),
    ({"limits": {"disabled": ["ClockOff"]}}, {}, "monitoring.limits.disabled[0]", "no alert of a stack", "ServiceDown"),
    ({"limits": {"disabled": ["HighLatency", "HighLatency"]}}, {}, "monitoring.limits.disabled[1]", "stands in it twice", "remove one"),
    ({"deadman": {}}, {}, "monitoring.deadman.url_secret", "is required", "monitoring_deadman_url"),
    ({"deadman": {"url": "https://x.example.com", "url_secret": "switch"}}, {}, "monitoring.deadman.url", "not a key", "url_secret"),
    ({"deadman": {"url_secret": "nobody"}}, {}, "monitoring.deadman.url_secret", "not declared", "kind: provided"),
    ({"deadman": {"url_secret": "made_up"}}, {}, "monitoring.deadman.url_secret", "the host makes up", "kind: provided"),
    ({"deadman": {"url_secret": "switch", "interval": "1s"}}, {}, "monitoring.deadman.interval", "not between 10s", "10s"),
    (
        {"deadman": {"url_secret": "switch"}},
        {"watchdog": {"deadman": {"url_secret": "switch"}}},
        "monitoring.deadman.url_secret",
        "is that of watchdog.deadman",
        "of its own",
    ),
]


@pytest.mark.parametrize(("monitoring", "more", "key", "problem", "fix"), REFUSED)
def test_what_cannot_be_is_refused(monitoring: Any, more: dict[str, Any], key: str, problem: str, fix: str) -> None:
    problems = loader.problems(declared(monitoring, **more))
    assert [one.key for one in problems] == [key], loader.report(problems)
    (one,) = problems
    assert problem in one.problem and fix in one.fix, str(one)


def test_an_address_in_place_of_a_secret_is_not_shown() -> None:
    (problem,) = loader.problems(declared({"deadman": {"url_secret": "https://switch.example.com/hush"}}))
    assert problem.key == "monitoring.deadman.url_secret" and "hush" not in str(problem)


@pytest.mark.parametrize("alert", STACK_ALERTS)
def test_each_alert_of_a_stack_can_be_turned_off(alert: str) -> None:
    assert derived({"limits": {"disabled": [alert]}}).limits.disabled == (alert,)
