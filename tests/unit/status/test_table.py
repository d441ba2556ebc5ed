# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a host as a table: it fits a terminal, and `--wide` leaves nothing out."""

from __future__ import annotations

import time
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


def test_updates_that_are_held_back_stand_there_with_their_command() -> None:
    held = {"package": "docker.io", "installed": "26.1.5", "available": "26.1.6", "security": True, "hold": False}
    updates = {"pending": 1, "security": 0, "held": [held], "command": "sudo apt-get install --only-upgrade docker.io"}
    parts = {"host": HOST, "engine": collect.engine_versions(), **EMPTY}
    text = " ".join(table.table({**parts, "updates": updates}).split())
    assert "!! held back from the nightly updates: docker.io 26.1.5 -> 26.1.6 (security) sudo apt-get install" in text
    assert "held back" not in table.table({**parts, "updates": {**updates, "held": [], "command": ""}})


@pytest.mark.parametrize("late", [True, False])
def test_a_certificate_between_hosts_that_nobody_renews_needs_attention(late: bool) -> None:
    own = {"names": ["10.0.0.11", "web1"], "authority": "CN=hosts 1", "days_left": 300 if not late else 20, "late": late}
    parts = {"host": HOST, "engine": collect.engine_versions(), "updates": {"pending": 0, "security": 0}, **EMPTY}
    (line,) = [line for line in table.table({**parts, "host_certificate": own}).splitlines() if "between hosts" in line]
    assert ("!!" in line and "no run has renewed it" in line) is late and "web1" in line
    assert "between hosts" not in table.table({**parts, "host_certificate": {}})


DIGEST = "sha256:" + "0123456789abcdef" * 4


def container(image: str, **more: Any) -> dict[str, Any]:
    plain = {"name": "shop-web-1", "state": "running", "health": "healthy", "uptime": 90000, "restarts": 0, "digest": DIGEST}
    return {**plain, "image": image, **more}


def host_with(*containers: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A host with one service of these containers, and other parts in place of nothing."""
    service = {"service": "web", "state": "ok", "reason": "", "containers": list(containers)}
    stack = {"name": "shop", "domains": ["shop.example.com"], "release": "20261128-0123456789", "services": [service]}
    parts = {"host": HOST, "engine": {"own": OWN.to_dict(), "installed": None}, "updates": {"pending": 0, "security": 0}, **EMPTY}
    return {**parts, "stacks": [stack], **more}


def row(text: str) -> str:
    return next(line for line in text.splitlines() if line.startswith("ok") and "running" in line)


def test_the_table_fits_120_columns_whatever_names_are_long() -> None:
    long = f"registry.example.com:5000/{'team/' * 20}application-server:2026.11.28-{'0' * 40}@{DIGEST}"
    many = ", ".join(f"{port}/tcp allow from 203.0.113.0/24" for port in range(8000, 8040))
    collected = host_with(
        container(long, name="a-rather-long-stack-name-" * 4 + "web-1"),
        ports={"opened": [many], "listening": [f"{port}/tcp" for port in range(30000, 30060)]},
        failed_units=[f"unit-{number}.service" for number in range(40)],
        certificates={"error": "openssl: " + "cannot be read " * 20},
    )
    lines = table.table(collected).splitlines()
    assert max(map(len, lines)) <= 120
    assert "8039/tcp" in "\n".join(lines) and "unit-39.service" in "\n".join(lines)  # folded, and nothing lost
    assert row("\n".join(lines)).endswith("0" * 10)  # the end of the tag


def test_a_tag_is_shown_without_its_digest_and_a_digest_only_where_there_is_no_tag() -> None:
    tagged, pinned = f"shop/web:1.4.2@{DIGEST}", f"registry.example.com:5000/shop/web@{DIGEST}"
    assert row(table.table(host_with(container(tagged)))).endswith(" shop/web:1.4.2")
    assert row(table.table(host_with(container(pinned)))).endswith(" registry.example.com:5000/shop/web@0123456789ab")
    assert row(table.table(host_with(container("shop/web")))).endswith(" shop/web")


def test_wide_shows_all_in_full_and_the_digest_once() -> None:
    long = "registry.example.com:5000/" + "team/" * 20 + f"web:1@{DIGEST}"
    shown = row(table.table(host_with(container(long)), wide=True))
    assert long.partition("@")[0] in shown and shown.count(DIGEST) == 1


def test_a_promoted_release_says_where_it_comes_from() -> None:
    collected = host_with(container("shop/web:1"))
    collected["stacks"][0] |= {"release": "91be07aa52c0", "promoted_from": "staging@3f2a90c1d4e7"}
    assert "release 91be07aa52c0, promoted from staging@3f2a90c1d4e7" in table.table(collected)


def test_a_service_without_containers_has_its_row_in_both() -> None:
    for wide in (False, True):
        assert [line.split() for line in table.table(host_with(), wide=wide).splitlines() if " none" in line and "web" in line] == [
            ["ok", "web", "none"]
        ]


def test_ports_on_loopback_and_lines_of_nginx_are_named() -> None:
    host = host_with(container("acme/web:1"))
    host["stacks"][0] |= {
        "loopback": [{"service": "db", "address": "127.0.0.1", "port": 5434, "target": 5432, "protocol": "tcp"}],
        "snippets": ["shop.example.com"],
    }
    lines = table.table(host).splitlines()
    assert "on loopback: 127.0.0.1:5434/tcp is db:5432; from elsewhere: opsctl tunnel db" in lines
    assert "lines of nginx from the declaration (snippet): shop.example.com" in lines


def test_each_plan_of_the_backups_has_a_line() -> None:
    now = time.time()
    files = {"restorable": now - 900_000, "stale_after": 600_000, "backup": {"at": now - 60}, "verify": {"ok": False, "error": "empty"}}
    plans = {"database": {"restorable": now - 60, "stale_after": 600, "backup": {"at": now - 60}}, "files": files}
    lines = table.table(host_with(backups=[{"stack": "shop", "restorable": now - 60, "backup": {"ok": True}, "plans": plans}])).splitlines()
    (database,) = [line for line in lines if "plan database" in line]
    (late,) = [line for line in lines if "plan files" in line]
    assert database.startswith("ok") and late.startswith("!!") and late.endswith("empty")
    assert [line for line in lines if line.startswith("!! backups of shop")]


def test_core_dumps_are_named_and_nothing_is_said_without_any() -> None:
    dump = {
        "path": "/var/lib/docker/volumes/shop_data/_data/core.8",
        "size": 57_581_568,
        "at": time.time() - 60,
        "stack": "shop",
        "volume": "d",
    }
    shown = table.table(host_with(container("shop/web"), core_files=[dump] * 21))
    assert f"!! {dump['path']} 54.9 MiB 1m 0s ago" in [" ".join(row.split()) for row in shown.splitlines()]
    assert "1 more" in shown and "remove them" in shown
    assert "core dumps" not in table.table(host_with(container("shop/web"), core_files=[]))
