# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a run: what was changed, and where a run that stopped has left each host."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest
from ansible_collections.latentum.ops.plugins.action.patch_report import documents, read
from ansible_collections.latentum.ops.plugins.module_utils.patching.report import Outcome, going_on, markdown, table

UPDATE = {
    "changes": [
        {"package": "openssl", "before": "3.5.1-1", "after": "3.5.4-1", "security": True, "closes": ["CVE-2026-1", "CVE-2026-2"]},
        {"package": "libssl3", "before": "3.5.1-1", "after": "3.5.4-1", "security": True, "closes": ["CVE-2026-1"]},
        {"package": "linux-image-6.12.57", "before": "", "after": "1", "security": False, "closes": []},
    ],
    "kept": ["/etc/ssl/openssl.cnf"],
    "restarted": ["nginx.service", "ssh.service"],
    "left": {"docker.service": "the container engine: patch_engine"},
    "reboot_due": [],
    "rebooted": True,
    "seconds": {"packages": 61.2, "services": 4.0, "reboot": 20.0},
    "advisories": "",
}
RESULTS = [
    ("web1", {"outcome": "updated", "update": UPDATE, "waiting": [{"package": "docker.io", "why": "of the engine: patch_engine"}]}),
    ("web2", {"outcome": "failed", "step": "Verify | Every service is as expected", "reason": "web-1\n is unhealthy", "drained": True}),
    ("web3", None),
]


def test_the_table_of_a_run_that_stopped() -> None:
    reports = read(RESULTS, "web1")
    lines = table(reports)
    assert lines[1].split() == ["web1", "updated", "(canary)", "3", "2", "2", "2", "yes", "1m", "25s"]
    assert lines[2].startswith("web2  failed") and lines[3].split() == ["web3", "not", "begun"]
    told = "\n".join(lines[4:])
    assert "web1: kept as they were: /etc/ssl/openssl.cnf (the new ones lie beside)" in told
    assert "web1: still on replaced files: docker.service (the container engine: patch_engine)" in told
    assert "web1: 1 stay (of the engine: patch_engine): docker.io" in told
    assert "web2: stopped at Verify | Every service is as expected; it gets no traffic: web-1 is unhealthy" in told


def test_how_to_go_on() -> None:
    reports = read(RESULTS, "web1")
    assert going_on(reports) == (
        "done before: web1; not begun: web3; without traffic until it is put right: web2;"
        " run it again to go on: what is done is passed over"
    )
    assert going_on(reports[:1]) == ""


def test_markdown_and_json_have_what_was_changed() -> None:
    reports = read(RESULTS, "web1")
    files = documents(reports, datetime(2026, 11, 30, 2, 0, 11, tzinfo=timezone.utc))
    assert list(files) == ["patches-2026-11-30T020011Z.json", "patches-2026-11-30T020011Z.md"]
    text = files["patches-2026-11-30T020011Z.md"]
    assert "| openssl | 3.5.1-1 | 3.5.4-1 | CVE-2026-1, CVE-2026-2 |" in text and "| linux-image-6.12.57 | new | 1 |  |" in text
    assert "The run stopped; done before: web1" in text and "packages 61 s, services 4 s, reboot 20 s" in text
    content = json.loads(files["patches-2026-11-30T020011Z.json"])
    assert content["version"] == 1 and [one["outcome"] for one in content["hosts"]] == ["updated", "failed", "not begun"]
    assert content["hosts"][0]["closed"] == ["CVE-2026-1", "CVE-2026-2"] and content["hosts"][1]["drained"] is True


def test_what_is_not_known_is_said_as_such() -> None:
    update = {
        **UPDATE,
        "advisories": "https://security-tracker.debian.org/…/trixie: timed out",
        "rebooted": False,
        "reboot_due": ["a kernel"],
    }
    (report,) = read([("web1", {"outcome": "updated", "update": update})], "")
    lines = table([report])
    assert lines[1].split()[4] == "?" and lines[1].split()[6] == "due"
    assert "web1: which vulnerabilities are gone is not known: https://security-tracker.debian.org/…/trixie: timed out" in lines
    assert "- a reboot is due: a kernel" in markdown([report], "now")


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_has_its_line(outcome: Outcome) -> None:
    (report,) = read([("web1", {"outcome": outcome.value})], "")
    assert outcome.value in table([report])[1]
