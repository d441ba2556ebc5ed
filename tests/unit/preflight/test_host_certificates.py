# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that an operator brings, and the port of the front: named before a service starts that nobody could ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.preflight.checks import look
from ansible_collections.latentum.ops.plugins.module_utils.preflight.log_host import fitting
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .hosts import RecordedHost, wanted

FILES = {"authority": "/etc/ssl/a.pem", "certificate": "/etc/ssl/c.pem", "key": "/etc/ssl/k.pem"}


@dataclass
class Own:
    """An authority of an operator's, and what it has issued, as files of a host."""

    texts: dict[str, str]

    @classmethod
    def made(
        cls, *, days: int = 10, begins: int = -1, usage: Any = None, names: tuple[str, ...] = ("web1",), authority: Own | None = None
    ) -> Own:
        root, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Company")])
        now = datetime.now(timezone.utc)

        def builder(subject: x509.Name, public: Any) -> x509.CertificateBuilder:
            return (
                x509.CertificateBuilder()
                .subject_name(subject)
                .issuer_name(name)
                .public_key(public)
                .serial_number(x509.random_serial_number())
                .not_valid_before(now + timedelta(days=begins))
                .not_valid_after(now + timedelta(days=days))
            )

        def text(certificate: x509.Certificate) -> str:
            return certificate.public_bytes(serialization.Encoding.PEM).decode()

        leaf = builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "web1")]), key.public_key())
        if names:
            leaf = leaf.add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), critical=False)
        if usage:
            leaf = leaf.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
        top = builder(name, root.public_key()).sign(root, hashes.SHA256())
        return cls(
            {
                FILES["authority"]: authority.texts[FILES["authority"]] if authority else text(top),
                FILES["certificate"]: text(leaf.sign(root, hashes.SHA256())),
                FILES["key"]: private,
            }
        )


def front(**given: Any) -> Any:
    return wanted("exporters", **{"exporters": [], "front": [], "problems": [], "brought": FILES, **given})


GOOD = Own.made()
OTHER = Own.made()
CASES: dict[str, tuple[Callable[[], dict[str, str]], str, str]] = {
    "not there": (lambda: {**GOOD.texts, FILES["key"]: ""}, "key", "is not on the host, or empty"),
    "of another authority": (lambda: Own.made(authority=OTHER).texts, "certificate", "not by the authority"),
    "with the key of another one": (lambda: {**GOOD.texts, FILES["key"]: OTHER.texts[FILES["key"]]}, "key", "does not fit"),
    "ended": (lambda: Own.made(begins=-20, days=-1).texts, "certificate", "has expired"),
    "not valid yet: a clock that is off": (lambda: Own.made(begins=2).texts, "certificate", "look at the clock"),
    "for clients alone": (lambda: Own.made(usage=ExtendedKeyUsageOID.CLIENT_AUTH).texts, "certificate", "issued with serverAuth"),
    "with a common name alone": (lambda: Own.made(names=()).texts, "certificate", "no subjectAltName"),
    "a key in place of a certificate": (lambda: {**GOOD.texts, FILES["authority"]: GOOD.texts[FILES["key"]]}, "authority", "private key"),
    "an encrypted key": (
        lambda: {**GOOD.texts, FILES["key"]: "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n"},
        "key",
        "pass phrase",
    ),
}


def test_one_that_can_be_used_is_none() -> None:
    assert look(front(), RecordedHost(files=GOOD.texts)).problems == []
    chain = GOOD.texts[FILES["certificate"]] + GOOD.texts[FILES["authority"]]
    assert look(front(), RecordedHost(files={**GOOD.texts, FILES["certificate"]: chain})).problems == []


@pytest.mark.parametrize("case", CASES)
def test_what_is_brought_and_cannot_be_used_is_named(case: str) -> None:
    texts, part, words = CASES[case]
    found = look(front(), RecordedHost(files={path: text for path, text in texts().items() if text})).problems
    assert [problem.key for problem in found] == [f"exporters_front_{part}"], found
    assert words in str(found[0]) and found[0].value == FILES[part] and "PRIVATE" not in found[0].value


def test_a_client_needs_one_for_clients() -> None:
    server = Own.made(usage=ExtendedKeyUsageOID.SERVER_AUTH)
    given = wanted("monitoring", programs=[], problems=[], brought=FILES)
    (problem,) = look(given, RecordedHost(files=server.texts)).problems
    assert problem.key == "monitoring_scrape_certificate" and "clientAuth" in problem.fix
    assert look(given, RecordedHost(files=Own.made(usage=ExtendedKeyUsageOID.CLIENT_AUTH, names=()).texts)).problems == []


def test_certificates_for_logs_belong_together() -> None:
    given = wanted("log_shipping", certificates=FILES, listen="", problems=[])
    assert list(fitting(RecordedHost(files=GOOD.texts), given)) == []
    (problem,) = fitting(RecordedHost(files=Own.made(authority=OTHER).texts), given)
    assert problem.key == "log_shipping_certificate" and "not by the authority" in problem.problem


@pytest.mark.parametrize(("unit", "named"), [("nginx.service", True), ("latentum-ops-metrics-front.service", False)])
def test_whoever_has_the_port_is_named(unit: str, named: bool) -> None:
    program = {"address": "0.0.0.0:9943", "variable": "exporters_front_listen", "unit": "latentum-ops-metrics-front.service", "theirs": ""}
    shown = {"ss -Hltnp": 'LISTEN 0 511 0.0.0.0:9943 0.0.0.0:* users:(("nginx",pid=77,fd=3))'}
    host = RecordedHost(shown, {"/proc/77/cgroup": f"0::/system.slice/{unit}\n"})
    found = look(front(front=[program], brought={}), host).problems
    assert [problem.key for problem in found] == (["exporters_front_listen"] if named else [])


def test_what_the_inventory_contradicts_is_said_once() -> None:
    problem = {"key": "web1: ops_address", "value": "", "problem": "is not known", "fix": "write it"}
    given = {
        **front(problems=[problem], brought={}),
        **wanted("monitoring", programs=[], problems=[problem], brought={}),
        **wanted("log_shipping", certificates={}, listen="", problems=[problem]),
    }
    assert [found.key for found in look(given, RecordedHost()).problems] == ["web1: ops_address"]
