# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scraped by one host and by nobody else; told once, from there."""

from __future__ import annotations

import json
import time

import pytest
from conftest import APP, EYE, STRANGER, TLS, got, sh, told, up, wait_for

JOBS = {"node", "requests", "nginx", "watchdog", "containers"}
# No curl on the hosts. The status of an answer, or 0 where the front hangs up; the certificate has the host's name, whatever the address.
ASK = f"""
import http.client, socket, ssl, sys
address, certificate = sys.argv[1], sys.argv[2:]
context = ssl.create_default_context(cafile="{TLS}/authority.pem")
if certificate:
    context.load_cert_chain(*certificate)
try:
    connection = http.client.HTTPSConnection("{APP}", 9943, timeout=20, context=context)
    connection.sock = context.wrap_socket(socket.create_connection((address, 9943), 20), server_hostname="{APP}")
    connection.request("GET", "/node/metrics")
    print(connection.getresponse().status)
except (OSError, http.client.HTTPException):
    print(0)
"""
MINE = (f"{TLS}/certificate.pem", f"{TLS}/key.pem")


def answered(host: str, address: str, *certificate: str) -> int:
    """The status with which the front of the scraped host answers another one."""
    return int(sh(host, f"python3 - {' '.join([address, *certificate])} <<'END'{ASK}END"))


def test_every_job_of_the_other_host_is_asked_by_its_name(scraped: dict[tuple[str, str], str]) -> None:
    assert {job for host, job in scraped if host == APP} == JOBS
    targets = got(EYE, "http://127.0.0.1:9090/api/v1/targets")["data"]["activeTargets"]
    assert {target["scrapeUrl"].partition(":")[0] for target in targets if target["labels"]["instance"] == APP} == {"https"}


def test_the_host_that_is_scraped_evaluates_and_tells_nothing() -> None:
    assert sh(APP, "systemctl is-active latentum-ops-prometheus latentum-ops-alertmanager", check=False).split() == ["inactive"] * 2
    groups = got(EYE, "http://127.0.0.1:9090/api/v1/rules")["data"]["groups"]
    assert any(group["name"].startswith("alerts/latentum/") for group in groups)


def test_only_the_monitoring_host_is_answered() -> None:
    address = sh(EYE, f"getent ahostsv4 {APP}").split()[0]
    assert answered(EYE, address, *MINE) == 200
    assert answered(EYE, address) in (0, 400), "without a certificate"
    assert answered(APP, "127.0.0.1", *MINE) in (0, 403), "the host itself is no monitoring host"


def test_nobody_else_gets_through_the_firewall() -> None:
    connect = f"import socket; socket.create_connection(('{APP}', 9943), timeout=5)"
    assert "timed out" in sh(STRANGER, f'python3 -c "{connect}" 2>&1 || true')
    rules = sh(APP, "ufw status").splitlines()
    (rule,) = [line for line in rules if "9943" in line]
    assert sh(EYE, f"getent ahostsv4 {EYE}").split()[0] in rule or "metrics" in rule


@pytest.mark.parametrize("unit", ["latentum-ops-metrics-front", "latentum-ops-log-forwarder"])
def test_units_of_the_scraped_host_run(unit: str) -> None:
    assert sh(APP, f"systemctl is-active {unit}") == "active"


def test_keys_are_for_root_and_the_authority_is_on_one_host() -> None:
    assert sh(EYE, "stat --format='%a %U' /etc/latentum-ops/authority /etc/latentum-ops/authority/1.key").split("\n") == [
        "700 root",
        "600 root",
    ]
    assert sh(APP, "test -e /etc/latentum-ops/authority && echo there || true") == ""
    assert sh(APP, f"stat --format='%a %U %G' {TLS}/key.pem") == "640 root latentum-certificates"
    # systemd hands it to the front, and to nobody else.
    assert sh(APP, f"runuser -u latentum-node -- cat {TLS}/key.pem 2>&1 || true").endswith("Permission denied")


def test_logs_of_the_scraped_host_arrive_by_the_same_certificates() -> None:
    tree = "/var/log/latentum-ops/tree"
    sh(APP, "logger --tag fleet 'a line for the log host'")
    wait_for("the line on the log host", lambda: sh(EYE, f"grep -rl 'a line for the log host' {tree}/*/{APP} 2>/dev/null || true"), 300)


def test_a_host_that_is_cut_off_is_told_once_and_its_end(scraped: dict[tuple[str, str], str]) -> None:
    assert scraped
    since = time.time()
    sh(APP, "systemctl stop latentum-ops-metrics-front")
    try:
        wait_for("nothing of it answers", lambda: {value for (host, _job), value in up().items() if host == APP} == {"0"}, 120)
        wait_for("a message", lambda: told(since), 600)
    finally:
        sh(APP, "systemctl start latentum-ops-metrics-front")
    wait_for("its end", lambda: any(title.startswith("ENDED") for title in told(since)), 300)
    gone = [title for title in told(since) if "Nobody answers" in title and not title.startswith("ENDED")]
    assert len(gone) == 1, told(since)


def test_the_end_of_the_certificate_is_measured() -> None:
    answer = got(EYE, "http://127.0.0.1:9090/api/v1/query?query=latentum_ops_host_certificate_ends_timestamp_seconds")
    ends = {(s["metric"]["instance"], s["metric"]["of"]): float(s["value"][1]) for s in answer["data"]["result"]}
    assert {host for host, _of in ends} == {APP, EYE} and min(ends.values()) > time.time() + 300 * 86400, json.dumps(answer)
