# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is recorded of a host and for how long. The audit netlink is the kernel's own, so here auditd reads its settings and no more."""

from __future__ import annotations

import re

import pytest
from conftest import Production

RULES = "/etc/audit/rules.d/50-latentum-ops.rules"


def test_auditd_is_off_where_it_cannot_run_and_no_unit_of_it_failed(production: Production) -> None:
    for unit in ("auditd.service", "audit-rules.service", "latentum-ops-audit-retention.timer"):
        shown = production.root(f"systemctl show --property=LoadState,UnitFileState,ActiveState {unit}")
        assert "UnitFileState=enabled" not in shown and "ActiveState=failed" not in shown and "ActiveState=active" not in shown, shown


def test_auditd_understands_its_settings(production: Production) -> None:
    """It reads them all before it asks the kernel, which refuses it here."""
    said = production.root("timeout 10 auditd -f 2>&1 || true")
    assert "_parser called with: SUSPEND" in said and not re.search(r"Unknown keyword|not found|should be|invalid", said, re.IGNORECASE), (
        said
    )
    said = production.root(
        "mkdir -p /run/other-audit; (cat /etc/audit/auditd.conf; echo 'nonsense = 1') > /run/other-audit/auditd.conf;"
        " chmod 640 /run/other-audit/auditd.conf; timeout 10 auditd -f -c /run/other-audit 2>&1 || true; rm -r /run/other-audit"
    )
    assert 'Unknown keyword "nonsense"' in said, "a mistake would not be seen"


def test_each_call_of_the_system_has_its_name_in_each_architecture(production: Production) -> None:
    """Of a name that it does not know auditctl takes no rule, and none of those that follow, not even the lock."""
    calls = {
        (arch, call)
        for arch, names in re.findall(r"^-a always,exit -F arch=(b64|b32) -S (\S+)", production.root(f"cat {RULES}"), re.MULTILINE)
        for call in names.split(",")
    }
    assert {("b64", "connect"), ("b32", "connect"), ("b64", "execve"), ("b32", "stime")} <= calls
    for arch, call in sorted(calls):
        table = {"b64": "x86_64", "b32": "i386"}[arch]
        assert production.root(f"ausyscall {table} {call} --exact || echo unknown").isdigit(), f"{call} of {table}"
    unknown = production.root("ausyscall x86_64 stime --exact 2>&1 || true")
    assert not unknown.isdigit(), "a mistake would not be seen"


def test_what_runs_containers_is_watched_and_the_lock_comes_last(production: Production) -> None:
    production.root("augenrules")
    compiled = [line for line in production.root("cat /etc/audit/audit.rules").splitlines() if line and not line.startswith("#")]
    assert compiled[-1] == "-e 2"
    watched = {line.split()[1] for line in compiled if line.startswith("-w ")}
    assert watched >= {"/run/docker.sock", "/run/containerd/containerd.sock", "/etc/docker"}
    programs = production.root("readlink -f $(command -v docker dockerd containerd runc)").split()
    assert watched >= set(programs)
    # auditctl takes no rule of a path whose folder is not there.
    folders = " ".join(sorted({path.rpartition("/")[0] for path in watched}))
    assert production.root(f"for folder in {folders}; do test -d $folder || echo $folder; done") == ""


@pytest.mark.parametrize(("days", "stays"), [(399, True), (402, False)])
def test_logs_of_auditd_go_by_their_age_only(production: Production, days: int, stays: bool) -> None:
    log = "/var/log/audit/audit.log.113"
    production.root(f"touch --date='{days} days ago' {log} && systemctl start latentum-ops-audit-retention.service")
    assert (production.inside.run(f"sudo test -e {log}").rc == 0) is stays
    production.root(f"rm -f {log}")


def test_the_journal_and_syslog_keep_a_year(production: Production) -> None:
    settings = production.root("systemd-analyze cat-config systemd/journald.conf")
    assert re.findall(r"^MaxRetentionSec=(\d+)day$", settings, re.MULTILINE)[-1:] == ["400"]
    assert "Storage=persistent" in settings
    rotation = production.root("logrotate --debug /etc/logrotate.conf 2>&1")
    (rule,) = re.findall(r"^rotating pattern: .*/var/log/auth\.log.*$", rotation, re.MULTILINE)
    assert "weekly" in rule and int(re.findall(r"\((\d+) rotations\)", rule)[0]) >= 53
