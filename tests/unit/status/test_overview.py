# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several stacks at a glance."""

from __future__ import annotations

import copy
import time
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core.format import width_of
from ansible_collections.latentum.ops.plugins.module_utils.core.version import OWN
from ansible_collections.latentum.ops.plugins.module_utils.status import overview

NOW = 1_800_000_000.0
HOST = {"name": "web1", "kernel": "6.1", "uptime": 90000, "load": [0.1, 0.2, 0.3], "reboot_required": False}


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW)


def container(**more: Any) -> dict[str, Any]:
    return {"name": "c", "state": "running", "health": "healthy", "exit_code": 0, **more}


def stack(name: str, *services: dict[str, Any], **more: Any) -> dict[str, Any]:
    plain = {"service": "web", "state": "ok", "reason": "", "containers": [container(), container()]}
    return {
        "name": name, "domains": [f"{name}.example.com"], "release": "0123456789ab", "since": NOW - 7200, "underway": "",
        "services": list(services) or [plain], **more,
    }  # fmt: skip


def certificate(name: str, days: int = 60, **more: Any) -> dict[str, Any]:
    return {"name": name, "domains": [name], "days_left": days, "issuer": "CA", "placeholder": False, **more}


def backup(name: str, age: float = 3600, **more: Any) -> dict[str, Any]:
    return {"stack": name, "restorable": NOW - age, "stale_after": 86400, "verify": {"ok": True, "target": "x"}, **more}


def collected(**more: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "host": HOST, "engine": {"installed": None, "own": OWN.to_dict()}, "stacks": [stack("blog"), stack("shop")],
        "backups": [backup("blog"), backup("shop")], "certificates": [certificate("blog.example.com"), certificate("shop.example.com")],
        "ports": {"opened": [], "listening": []}, "disks": [{"mount": "/", "size": 100, "used": 43, "percent": 43, "inodes_percent": 5}],
        "updates": {"pending": 3, "security": 0}, "failed_units": [],
    }  # fmt: skip
    return copy.deepcopy({**plain, **more})


def lines(state: dict[str, Any], published: dict[str, Any] | None = None, width: int = 120) -> list[str]:
    published = {"incidents": []} if published is None else published
    return overview.table(state, overview.summaries(state, published), width).splitlines()


def test_a_line_for_each_stack_and_one_for_the_host() -> None:
    shown = lines(collected())
    assert [line.split() for line in shown[1:3]] == [
        ["ok", name, "ok", "0123456789ab", "2h", "0m", "2/2", "1h", "0m", "ago", "0", "60", "days"] for name in ("blog", "shop")
    ]
    assert "ok host web1: up 1d 1h, load 0.10 0.20 0.30, disk / 43 %" in shown
    assert shown[-1] == "one in detail: opsctl status --stack blog"


FAILED = {
    "service": "web",
    "state": "failed",
    "reason": "shop-web-2 is unhealthy",
    "containers": [container(), container(health="unhealthy")],
}


@pytest.mark.parametrize(
    ("state", "published", "cell"),
    [
        (collected(stacks=[stack("blog"), stack("shop", FAILED)]), None, "1/2"),
        (collected(stacks=[stack("blog"), stack("shop", underway="deploy of x by ada")]), None, "0123456789ab"),
        (collected(backups=[backup("blog"), backup("shop", age=90_000)]), None, "1d 1h ago"),
        (collected(backups=[backup("blog"), backup("shop", verify={"ok": False})]), None, "1h 0m ago"),
        (collected(backups=[backup("blog"), {"stack": "shop"}]), None, "never"),
        (collected(certificates=[certificate("blog.example.com"), certificate("shop.example.com", 5)]), None, "5 days"),
        (
            collected(certificates=[certificate("blog.example.com"), certificate("shop.example.com", placeholder=True)]),
            None,
            "not issued yet",
        ),
        (collected(), {"incidents": [{"stack": "shop"}, {"stack": "shop"}, {"stack": ""}]}, "2"),
    ],
)
def test_what_needs_attention_is_marked_and_the_others_are_not(state: dict[str, Any], published: dict[str, Any] | None, cell: str) -> None:
    shown = lines(state, published)
    assert shown[1].startswith("ok  blog") and shown[2].startswith("!!  shop") and cell in shown[2]
    if state["stacks"][1]["services"][0]["state"] == "failed":
        assert "!! shop: web: shop-web-2 is unhealthy" in shown


def test_what_is_not_there_is_not_bad_and_what_nobody_knows_is_said() -> None:
    state = collected(stacks=[stack("blog"), stack("shop", release="", since=0.0, domains=[])], backups=[backup("blog")])
    (shop,) = [one for one in overview.summaries(state, None) if one["stack"] == "shop"]
    assert (shop["backup"], shop["incidents"], shop["certificate_days"], shop["since"]) == (None, None, None, None)
    shown = overview.table(state, overview.summaries(state, None)).splitlines()
    assert shown[2].split() == ["ok", "shop", "ok", "none", "2/2", "not", "backed", "up", "unknown", "none"]


def test_a_job_that_has_run_to_its_end_counts_as_well() -> None:
    job = {"service": "job", "state": "ok", "reason": "", "containers": [container(state="exited", health="none")]}
    (summed,) = overview.summaries(collected(stacks=[stack("shop", job)]), None)
    assert summed["containers"] == {"healthy": 1, "total": 1}


def test_certificates_are_those_of_the_stack_also_by_another_name() -> None:
    wild = certificate("wild", 3, domains=["*.example.com", "shop.example.com"])
    summed = overview.summaries(collected(certificates=[certificate("blog.example.com"), wild]), None)
    assert [one["certificate_days"] for one in summed] == [60, 3]


@pytest.mark.parametrize(
    ("part", "value", "line"),
    [
        ("updates", {"pending": 3, "security": 2}, "!! host web1: up 1d 1h, load 0.10 0.20 0.30, disk / 43 %, security updates: 2"),
        ("failed_units", ["a.service"], "!! host web1: up 1d 1h, load 0.10 0.20 0.30, disk / 43 %, failed units: a.service"),
        ("core_files", [{"stack": "shop"}, {"stack": ""}], "!! host web1: up 1d 1h, load 0.10 0.20 0.30, disk / 43 %, core dumps: 2"),
        ("host", {**HOST, "reboot_required": True}, "!! host web1: up 1d 1h, load 0.10 0.20 0.30, disk / 43 %, reboot required"),
        ("disks", [{"mount": "/x", "percent": 10, "inodes_percent": 99}], "!! host web1: up 1d 1h, load 0.10 0.20 0.30, disk /x 99 %"),
        ("certificates", {"error": "openssl failed"}, "!! certificates: openssl failed"),
        (
            "updates",
            {"pending": 1, "security": 0, "held": [{}], "command": "sudo apt-get x"},
            "!! host web1: up 1d 1h, load 0.10 0.20 0.30, disk / 43 %, updates held back: 1 (`sudo apt-get x`)",
        ),
        ("updates", {"error": "apt is busy"}, "!! updates: apt is busy"),
        ("host", {"error": "no /proc"}, "!! host: no /proc"),
    ],
)
def test_what_is_wrong_with_the_host(part: str, value: Any, line: str) -> None:
    assert line in lines(collected(**{part: value}))


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_table_fits_a_terminal_also_with_wide_characters(width: int) -> None:
    state = collected(stacks=[stack("shop-" + "x" * 60, release="日本" * 20), stack("blog")])
    table = lines(state, width=width)[:3]
    assert max(map(width_of, table)) <= width


def test_one_of_several_has_nothing_of_the_others() -> None:
    one = overview.of_stack(collected(), "shop")
    assert [stack["name"] for stack in one["stacks"]] == ["shop"] and [item["stack"] for item in one["backups"]] == ["shop"]
    assert [item["name"] for item in one["certificates"]] == ["shop.example.com"] and one["host"] == HOST
    broken = overview.of_stack(collected(certificates={"error": "x"}), "shop")
    assert broken["certificates"] == {"error": "x"}


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("日本", 4), ("é", 1), ("e\u0301", 1), ("🚀", 2), ("a\u200bb", 2), ("", 0)])
def test_columns_are_those_of_a_terminal(text: str, width: int) -> None:
    assert width_of(text) == width


def test_a_stack_is_late_when_one_of_its_plans_is() -> None:
    plans = {"database": backup("", 60), "files": backup("", 90_000, stale_after=180_000)}
    late = {**plans, "files": backup("", 200_000, stale_after=180_000)}
    failed = {**plans, "files": backup("", 60, verify={"ok": False})}
    assert [overview.is_late(backup("shop", plans=some)) for some in (plans, late, failed)] == [False, True, True]
