# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that are not there, and a port that somebody else has: named before a service starts that would reach nobody."""

from __future__ import annotations

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.preflight.log_host import certificates, sink_files, taken

from .hosts import RecordedHost, wanted

FILES = {"authority": "/etc/a.pem", "certificate": "/etc/c.pem", "key": "/etc/k.pem"}
WANTED = wanted("log_shipping", certificates=FILES, listen="10.0.0.5:6514")
THERE = {f"stat --format=%s {path}": "1000\n" for path in FILES.values()}


def listening(address: str, unit: str, program: str = "rsyslogd") -> RecordedHost:
    files = {"/proc/77/cgroup": f"0::/system.slice/{unit}\n"}
    return RecordedHost({"ss -Hltnp": f'LISTEN 0 4096 {address} 0.0.0.0:* users:(("{program}",pid=77,fd=3))'}, files)


def test_certificates_that_are_there() -> None:
    assert list(certificates(RecordedHost(THERE), WANTED)) == []


@pytest.mark.parametrize("size", [None, "0\n"])
def test_one_that_is_not_there_or_empty_is_named(size: str | None) -> None:
    outputs = {**THERE}
    del outputs["stat --format=%s /etc/k.pem"]
    (problem,) = certificates(RecordedHost(outputs if size is None else {**outputs, "stat --format=%s /etc/k.pem": size}), WANTED)
    assert problem.key == "log_shipping_key" and "/etc/k.pem" in str(problem) and "docs/guides/logs.md" in problem.fix


@pytest.mark.parametrize("address", ["10.0.0.5:6514", "0.0.0.0:6514", "*:6514"])
def test_whoever_has_the_port_is_named(address: str) -> None:
    (problem,) = taken(listening(address, "rsyslog.service"), WANTED)
    assert problem.key == "log_shipping_listen" and "rsyslogd listens" in problem.problem


@pytest.mark.parametrize(
    "host",
    [listening("10.0.0.5:6514", "latentum-ops-log-receiver.service"), listening("10.0.0.6:6514", "rsyslog.service"), RecordedHost({})],
)
def test_its_own_and_others_are_none(host: RecordedHost) -> None:
    assert list(taken(host, WANTED)) == []


def test_a_host_that_takes_nothing_needs_no_port() -> None:
    assert list(taken(listening("10.0.0.5:6514", "rsyslog.service"), wanted("log_shipping", certificates={}, listen=""))) == []


@pytest.mark.parametrize("size", [None, "0\n", "25\n"])
def test_a_file_of_a_sink_that_is_not_there_is_named_by_its_key(size: str | None) -> None:
    """Secrets of the store come in the same run."""
    files = {"loki.password_file": "/etc/loki-password", "loki.token_file": "/etc/latentum-ops/secrets/shop/token"}
    host = RecordedHost({} if size is None else {"stat --format=%s /etc/loki-password": size})
    problems = list(sink_files(host, wanted("log_shipping", sink_files=files)))
    assert [problem.key for problem in problems] == ([] if size == "25\n" else ["log_shipping_sinks.loki.password_file"])
