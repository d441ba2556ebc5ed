# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A log host and its senders by certificates of the inventory's authority, with a real rsyslogd (GnuTLS)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.host_certificates import AuthorityTerms
from ansible_collections.latentum.ops.plugins.module_utils.logs.relp import Connection
from ansible_collections.latentum.ops.plugins.module_utils.logs.settings import Target
from ansible_collections.latentum.ops.plugins.module_utils.tls import member
from ansible_collections.latentum.ops.plugins.module_utils.tls.authority import sign
from ansible_runs import AnsibleRuns

from .receiver import CONFIG, ON, RECEIVES, SETTINGS, Receiver, Rendered, needs_rsyslogd, render

GIVEN = {"host_certificates_enabled": True}
VARIANTS = {
    "receives": {**RECEIVES, **GIVEN, "log_shipping_senders": ["web1", "10.0.0.12"]},
    "sends": {**ON, **GIVEN, "log_shipping_to": "10.0.0.5:6514", "log_shipping_to_name": "logs"},
    "own": {**RECEIVES, **GIVEN, **{f"log_shipping_{name}": f"/etc/ssl/{name}.pem" for name in ("authority", "certificate", "key")}},
    "before": RECEIVES,
}
HOSTS = ("logs", "web1", "web2", "10.0.0.12")
MADE = "/etc/latentum-ops/host-certificate"


@pytest.fixture(scope="module")
def given(ansible: AnsibleRuns, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rendered]:
    return render(VARIANTS, ansible, tmp_path_factory.mktemp("given"))


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Files by host, as role host_certificates has them; a replacement of the authority is under way, so each trusts two."""
    folder = tmp_path_factory.mktemp("hosts")
    for terms in (AuthorityTerms(), AuthorityTerms(generation=2)):
        for host in HOSTS:
            names = ("127.0.0.1",) if host == "logs" else ()
            signed = sign(folder / "authority", [member.ask(folder / host, host, names).request], HOSTS, terms)
            member.install(folder / host, signed.certificates.get(host, ""), signed.bundle, 0)
    return {host: {name: f"{folder}/{host}/{name}.pem" for name in ("authority", "certificate", "key")} for host in HOSTS}


@pytest.fixture(scope="module")
def receiver(
    given: Mapping[str, Rendered], hosts: Mapping[str, dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Receiver]:
    config = given["receives"].files[CONFIG].replace(MADE, "/etc/latentum-ops/logs")
    host = Receiver(tmp_path_factory.mktemp("loghost"), config, hosts["logs"])
    host.start()
    yield host
    host.stop()


def test_both_sides_take_the_certificates_of_the_inventory(given: Mapping[str, Rendered]) -> None:
    assert all(f'"{MADE}/{name}.pem"' in given["receives"].files[CONFIG] for name in ("authority", "certificate", "key"))
    target = json.loads(given["sends"].files[SETTINGS])["target"]
    assert target["key"] == f"{MADE}/key.pem" and target["name"] == "logs"
    for variant, unit in (("receives", "receiver"), ("sends", "forwarder")):
        groups = given[variant].unit(f"latentum-ops-log-{unit}.service")["SupplementaryGroups"]
        assert groups == ["adm latentum-certificates"], "which may read the key"


def test_certificates_that_somebody_brings_stay(given: Mapping[str, Rendered]) -> None:
    assert '"/etc/ssl/key.pem"' in given["own"].files[CONFIG]
    assert given["own"].unit("latentum-ops-log-receiver.service")["SupplementaryGroups"] == ["adm"]
    assert '"/etc/latentum-ops/logs/key.pem"' in given["before"].files[CONFIG]
    assert given["before"].unit("latentum-ops-log-receiver.service")["SupplementaryGroups"] == ["adm"]


def message(text: str) -> bytes:
    return f"<14>1 2026-11-29T10:00:00.000000Z web1 api shop application - {json.dumps({'number': 1, 'text': text})}".encode()


@needs_rsyslogd
@pytest.mark.parametrize("host", ["web1", "10.0.0.12"])
def test_a_host_of_the_inventory_sends(receiver: Receiver, hosts: Mapping[str, dict[str, str]], host: str) -> None:
    """Also one whose name in the inventory is its address. What is sent is confirmed."""
    connection = Connection(Target(host="127.0.0.1", port=receiver.port, name="logs", **hosts[host]))
    connection.send([message("hello")])


@needs_rsyslogd
def test_a_host_that_may_not_send_is_refused(receiver: Receiver, hosts: Mapping[str, dict[str, str]]) -> None:
    with pytest.raises(OSError):
        Connection(Target(host="127.0.0.1", port=receiver.port, name="logs", **hosts["web2"])).send([message("let me in")])


@needs_rsyslogd
def test_a_sender_refuses_another_host_in_the_place_of_the_log_host(receiver: Receiver, hosts: Mapping[str, dict[str, str]]) -> None:
    with pytest.raises(OSError, match="Hostname mismatch"):
        Connection(Target(host="127.0.0.1", port=receiver.port, name="web2", **hosts["web1"]))
