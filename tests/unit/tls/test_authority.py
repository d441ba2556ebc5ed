# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The authority of an inventory: what it signs and refuses, and a replacement in which no two hosts ever refuse each other."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.base import ContractError
from ansible_collections.latentum.ops.plugins.module_utils.contracts.host_certificates import AuthorityTerms, CertificateRequest
from ansible_collections.latentum.ops.plugins.module_utils.schema.server_certificate import moment, read_certificates
from ansible_collections.latentum.ops.plugins.module_utils.tls import member
from ansible_collections.latentum.ops.plugins.module_utils.tls.authority import Signed, sign
from ansible_collections.latentum.ops.plugins.module_utils.tls.certificates import DAY, CertificateError

OPENSSL = shutil.which("openssl") or ""
needs_openssl = pytest.mark.skipif(not OPENSSL, reason="no openssl on this machine")
ADDRESSES = {"eye-1": ("10.0.0.5",), "web1": ("10.0.0.11", "2001:db8::11"), "web2": ("10.0.0.12",)}
TERMS = AuthorityTerms()


class Inventory:
    """Hosts with folders of their own, and the authority."""

    def __init__(self, folder: Path, *hosts: str) -> None:
        self.folder, self.hosts = folder, list(hosts or ADDRESSES)
        self.authority = folder / "authority"

    def of(self, host: str) -> Path:
        return self.folder / "hosts" / host

    def asked(self, host: str, now: float | None = None) -> member.Asked:
        return member.ask(self.of(host), host, ADDRESSES[host], now=now)

    def run(self, terms: AuthorityTerms = TERMS, hosts: Sequence[str] = (), now: float | None = None) -> Signed:
        """As the role does: all ask, the authority signs once, all take what they get."""
        limited = list(hosts) or self.hosts
        requests = [self.asked(host, now).request for host in limited]
        signed = sign(self.authority, requests, self.hosts, terms, now=now)
        for host in limited:
            member.install(self.of(host), signed.certificates.get(host, ""), signed.bundle, os.getgid())
        return signed

    def trusts(self, host: str, other: str) -> bool:
        """By openssl, as a client of `other` and as a server for it."""
        verified = [
            subprocess.run(
                [
                    OPENSSL,
                    "verify",
                    "-purpose",
                    purpose,
                    "-CAfile",
                    str(self.of(host) / "authority.pem"),
                    *name,
                    str(self.of(other) / "certificate.pem"),
                ],
                capture_output=True,
                text=True,
                check=False,
            )
            for purpose, name in (("sslserver", ["-verify_hostname", other]), ("sslclient", []))
        ]
        return all(done.returncode == 0 for done in verified)

    def all_know_each_other(self) -> bool:
        return all(self.trusts(host, other) for host in self.hosts for other in self.hosts)


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    return Inventory(tmp_path)


@needs_openssl
def test_hosts_know_each_other_by_name_and_address(inventory: Inventory) -> None:
    signed = inventory.run()
    assert set(signed.certificates) == set(ADDRESSES) and signed.steps[0] == "make an authority, generation 1"
    assert inventory.all_know_each_other()
    shown = subprocess.run(
        [OPENSSL, "x509", "-in", str(inventory.of("web1") / "certificate.pem"), "-noout", "-text"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for part in ("DNS:web1", "IP Address:10.0.0.11", "IP Address:2001:DB8:0:0:0:0:0:11", "CA:FALSE", "TLS Web Client", "TLS Web Server"):
        assert part in shown, part
    assert "pathlen:0" in subprocess.run(
        [OPENSSL, "x509", "-in", str(inventory.authority / "1.pem"), "-noout", "-text"], capture_output=True, text=True, check=True
    ).stdout  # fmt: skip


def test_keys_stay_where_they_are_made_and_nobody_else_reads_them(inventory: Inventory) -> None:
    inventory.run()
    assert stat.S_IMODE(inventory.authority.stat().st_mode) == 0o700
    assert stat.S_IMODE((inventory.authority / "1.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((inventory.of("web1") / "key.pem").stat().st_mode) == 0o640
    assert not (inventory.of("web1") / "next.key").exists()
    assert "PRIVATE" not in (inventory.authority / "authority.json").read_text()


def test_a_second_run_changes_nothing(inventory: Inventory) -> None:
    inventory.run()
    inventory.run()  # writes down what hosts have now, which is no change
    before = {path: path.read_bytes() for path in inventory.folder.rglob("*") if path.is_file()}
    signed = inventory.run()
    assert signed.steps == [] and signed.certificates == {} and signed.waiting == []
    assert {path: path.read_bytes() for path in inventory.folder.rglob("*") if path.is_file()} == before


def test_check_mode_writes_nothing_and_says_what_would_be(inventory: Inventory) -> None:
    asked = member.ask(inventory.of("web1"), "web1", (), check_mode=True)
    assert asked.reason == "there is none yet" and asked.request.csr == "" and not inventory.folder.joinpath("hosts").exists()
    signed = sign(inventory.authority, [asked.request], ["web1"], TERMS, check_mode=True)
    assert signed.steps == ["make an authority, generation 1", "sign for web1"] and not inventory.authority.exists()
    inventory.run()
    asked = member.ask(inventory.of("web1"), "web1", ("10.0.0.99",), check_mode=True)
    assert asked.reason.startswith("it is for ") and not (inventory.of("web1") / "next.key").exists()


def test_a_certificate_is_renewed_with_a_new_key_when_less_than_a_third_is_left(inventory: Inventory) -> None:
    inventory.run()
    later, due = time.time() + 240 * DAY, time.time() + 250 * DAY
    assert inventory.asked("web1", later).reason == ""
    key = (inventory.of("web1") / "key.pem").read_bytes()
    asked = inventory.asked("web1", due)
    assert asked.reason == "less than a third of its days is left"
    assert (inventory.of("web1") / "key.pem").read_bytes() == key, "the old pair serves until the new one is there"
    signed = sign(inventory.authority, [asked.request], inventory.hosts, TERMS, now=due)
    # The certificate of a later day is not valid here yet, by the clock of this machine: nothing is replaced by it.
    with pytest.raises(CertificateError, match="correct the clock"):
        member.install(inventory.of("web1"), signed.certificates["web1"], signed.bundle, os.getgid())
    assert (inventory.of("web1") / "key.pem").read_bytes() == key


def test_a_run_that_died_between_asking_and_taking_is_taken_up(inventory: Inventory) -> None:
    first = inventory.asked("web1").request
    waiting = (inventory.of("web1") / "next.key").read_bytes()
    sign(inventory.authority, [first], ["web1"], TERMS)
    inventory.hosts = ["web1"]
    inventory.run()
    assert (inventory.of("web1") / "key.pem").read_bytes() == waiting


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (lambda folder: (folder / "key.pem").unlink(), "its key is gone"),
        (lambda folder: (folder / "certificate.pem").write_text("half"), "there is none yet"),
        (lambda folder: (folder / "authority.pem").unlink(), "it is of an authority that this host does not trust"),
    ],
)
def test_what_is_damaged_on_a_host_is_made_anew(inventory: Inventory, broken: object, reason: str) -> None:
    inventory.run()
    broken(inventory.of("web1"))  # type: ignore[operator]
    assert inventory.asked("web1").reason == reason
    assert "sign for web1" in inventory.run().steps and inventory.asked("web1").reason == ""


@needs_openssl
def test_an_authority_is_replaced_and_no_two_hosts_refuse_each_other_meanwhile(inventory: Inventory) -> None:
    inventory.run()
    wanted = AuthorityTerms(generation=2)
    steps = []
    for _number in range(4):
        # Each host by itself, as with --limit and serial: at no moment does one of them refuse another.
        for host in inventory.hosts:
            steps += inventory.run(wanted, [host]).steps
            assert inventory.all_know_each_other(), steps
    assert [step for step in steps if "sign for" not in step] == [
        "make an authority, generation 2, that hosts trust before it signs",
        "sign by generation 2 from now on, which every host trusts",
        "have generation 1 trusted no more, by which no host has a certificate",
    ]
    assert inventory.run(wanted).steps == []
    assert sorted(path.name for path in inventory.authority.iterdir()) == ["2.key", "2.pem", "authority.json"]
    assert len(read_certificates((inventory.of("web2") / "authority.pem").read_bytes())) == 1


def test_a_host_that_runs_do_not_reach_holds_the_next_step_up_until_it_leaves_the_inventory(inventory: Inventory) -> None:
    inventory.run()
    wanted, reached = AuthorityTerms(generation=2), ["eye-1", "web1"]
    for _number in range(3):
        signed = inventory.run(wanted, reached)
    assert signed.waiting == ["web2"] and signed.generation == 1
    assert (inventory.authority / "1.key").exists()
    inventory.hosts = reached
    assert "sign by generation 2 from now on, which every host trusts" in inventory.run(wanted, reached).steps
    assert not (inventory.authority / "1.key").exists(), "what signs no more is only to be stolen"


def test_an_authority_that_grows_old_is_replaced_by_itself(inventory: Inventory) -> None:
    terms = AuthorityTerms(authority_days=900)
    inventory.run(terms)
    requests = [replace(inventory.asked(host).request, clock=0) for host in inventory.hosts]
    assert sign(inventory.authority, requests, inventory.hosts, terms, now=time.time() + 500 * DAY).steps == []
    steps = sign(inventory.authority, requests, inventory.hosts, terms, now=time.time() + 700 * DAY).steps
    assert steps == ["make an authority, generation 2, that hosts trust before it signs"]


def test_no_certificate_outlives_its_authority(inventory: Inventory) -> None:
    terms = AuthorityTerms(authority_days=600, days=365)
    inventory.run(terms)
    request = replace(inventory.asked("web1").request, due=True, clock=0)
    late = time.time() + 390 * DAY
    signed = sign(inventory.authority, [request], inventory.hosts, terms, now=late)
    (made,) = read_certificates(signed.certificates["web1"].encode())
    (issuer,) = read_certificates((inventory.authority / "1.pem").read_bytes())
    assert moment(made, "not_valid_after") == moment(issuer, "not_valid_after")


def test_a_lost_key_is_named_and_a_new_generation_signs_at_once(inventory: Inventory) -> None:
    inventory.run()
    (inventory.authority / "1.key").unlink()
    with pytest.raises(CertificateError, match=r"1\.key is gone: bring the folder back .* larger host_certificates_generation: .*\(2\)"):
        inventory.run()
    signed = inventory.run(AuthorityTerms(generation=2))
    assert signed.generation == 2 and set(signed.certificates) == set(ADDRESSES)
    assert signed.bundle.count("BEGIN CERTIFICATE") == 2, "hosts that this run did not reach are still known"


def test_an_authority_that_is_not_where_it_was_is_not_replaced_in_silence(inventory: Inventory) -> None:
    """The default host is another one after a change of the inventory, or its disk is new: then all hosts would lose each other."""
    inventory.run()
    shutil.rmtree(inventory.authority)
    with pytest.raises(CertificateError, match=r"holds none: name the host that has it, .* host_certificates_generation: 2"):
        inventory.run()
    assert not any(inventory.authority.glob("*.key"))
    assert inventory.run(AuthorityTerms(generation=2)).generation == 2


@pytest.mark.parametrize(("off", "words"), [(2 * 3600, "120 minutes ahead of"), (-400 * DAY, "576000 minutes behind")])
def test_a_clock_that_is_far_off_is_named(inventory: Inventory, off: float, words: str) -> None:
    request = replace(inventory.asked("web1").request, clock=time.time() + off)
    with pytest.raises(CertificateError, match=f"web1: its clock is {words} that of the authority"):
        sign(inventory.authority, [request], inventory.hosts, TERMS)
    assert not any(inventory.authority.iterdir())


def test_clocks_that_differ_by_minutes_are_no_matter(inventory: Inventory) -> None:
    """A certificate begins an hour before it is made."""
    request = replace(inventory.asked("web1").request, clock=time.time() - 1800)
    signed = sign(inventory.authority, [request], inventory.hosts, TERMS)
    (made,) = read_certificates(signed.certificates["web1"].encode())
    assert moment(made, "not_valid_before") < time.time() - 1800


def test_two_names_for_one_address_are_refused(inventory: Inventory) -> None:
    requests = [inventory.asked("web1").request, replace(inventory.asked("web2").request, addresses=("10.0.0.11",))]
    with pytest.raises(CertificateError, match=r"web2: 10\.0\.0\.11 is an address or name of web1 as well: write another ops_address"):
        sign(inventory.authority, requests, inventory.hosts, TERMS)


def test_the_name_in_a_request_is_nothing(inventory: Inventory) -> None:
    """Who it is says the controller, by the connection to the host."""
    request = replace(inventory.asked("web1").request, host="web2", addresses=())
    signed = sign(inventory.authority, [request], inventory.hosts, TERMS)
    assert member.names_of(read_certificates(signed.certificates["web2"].encode())[0]) == {"web2"}


def test_a_request_that_was_changed_on_the_way_is_refused(inventory: Inventory) -> None:
    request = inventory.asked("web1").request
    with pytest.raises(CertificateError, match="web1: its request cannot be read"):
        sign(inventory.authority, [replace(request, csr=request.csr.replace("CERTIFICATE", "SOMETHING"))], inventory.hosts, TERMS)


@needs_openssl
def test_constraints_hold_whoever_has_the_key(inventory: Inventory) -> None:
    """Signed beside this code by the authority's own key, a name outside is refused by openssl."""
    terms = AuthorityTerms(constraints=("example.internal", "10.0.0.0/24"))
    with pytest.raises(CertificateError, match=r"web1 of web1 is in none of example\.internal, 10\.0\.0\.0/24"):
        inventory.run(terms)
    inside = replace(inventory.asked("web1").request, host="web1.example.internal", addresses=("10.0.0.11",))
    signed = sign(inventory.authority, [inside], inventory.hosts, terms)
    outside = replace(inside, host="bank.example.com")
    state = json.loads((inventory.authority / "authority.json").read_text())
    state["generations"][0]["constraints"] = []
    (inventory.authority / "authority.json").write_text(json.dumps(state))
    forged = sign(inventory.authority, [outside], inventory.hosts, AuthorityTerms())
    for name, text, good in (("in", signed.certificates[inside.host], True), ("out", forged.certificates[outside.host], False)):
        path = inventory.folder / f"{name}.pem"
        path.write_text(text)
        done = subprocess.run(
            [OPENSSL, "verify", "-CAfile", str(inventory.authority / "1.pem"), str(path)], capture_output=True, check=False
        )
        assert (done.returncode == 0) is good, done.stderr


def test_constraints_cannot_change_in_silence(inventory: Inventory) -> None:
    inventory.run()
    with pytest.raises(CertificateError, match="generation 1 was made with none: write the same, or host_certificates_generation: 2"):
        inventory.run(AuthorityTerms(constraints=("example.internal",)))


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "is damaged"), ('{"version": 1}', "is damaged"), ('{"version": 9}', "newer version"), (None, r"1\.key is there")],
)
def test_a_damaged_state_is_named(inventory: Inventory, text: str | None, words: str) -> None:
    inventory.run()
    path = inventory.authority / "authority.json"
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    with pytest.raises(CertificateError, match=words):
        inventory.run()


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"days": 400, "authority_days": 500}, "400 days are more than two thirds of the authority's 500"),
        ({"days": 900}, "write a number from 3 to 825"),
        ({"generation": 0}, "write a number from 1"),
        ({"constraints": ["10.0.0.1/8"]}, "10.0.0.1/8' is neither a domain nor a network"),
        ({"constraints": ["*.example.com"]}, "is neither a domain nor a network"),
    ],
)
def test_terms_that_cannot_be_are_refused(raw: dict[str, object], words: str) -> None:
    with pytest.raises(ContractError) as refused:
        AuthorityTerms.from_dict(raw, "terms")
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("host", "words"),
    [("x" * 65, "at most 64"), ("wéb", "cannot stand in a certificate"), ("web1,CN=eye-1", "cannot stand in a certificate")],
)
def test_names_that_cannot_stand_in_a_certificate_are_refused(host: str, words: str) -> None:
    with pytest.raises(ContractError, match=words):
        CertificateRequest.from_dict({"host": host}, "requests[0]")


def test_a_certificate_for_another_key_or_of_another_authority_is_not_installed(inventory: Inventory, tmp_path: Path) -> None:
    inventory.run()
    other = Inventory(tmp_path / "other")
    other.run()
    bundle = (inventory.authority / "1.pem").read_text()
    with pytest.raises(CertificateError, match="of none of the authorities"):
        member.install(inventory.of("web1"), (other.of("web1") / "certificate.pem").read_text(), bundle, os.getgid())
    with pytest.raises(CertificateError, match="its key is not in"):
        member.install(inventory.of("web1"), (inventory.of("web2") / "certificate.pem").read_text(), bundle, os.getgid())


def test_what_a_host_has_is_told_in_a_few_words(inventory: Inventory) -> None:
    assert member.about(inventory.of("web1")) == {}
    inventory.run()
    shown = member.about(inventory.of("web1"))
    assert shown["names"] == ["10.0.0.11", "2001:db8::11", "web1"] and shown["days_left"] == 364 and not shown["late"]
    assert member.about(inventory.of("web1"), time.time() + 280 * DAY)["late"]


def test_no_key_shows_in_a_difference(inventory: Inventory) -> None:
    asked = inventory.asked("web1")
    signed = sign(inventory.authority, [asked.request], ["web1"], TERMS)
    outcome = member.install(inventory.of("web1"), signed.certificates["web1"], signed.bundle, os.getgid(), check_mode=True)
    shown = json.dumps([change.difference() for change in outcome.changes])
    assert "BEGIN CERTIFICATE" in shown and "PRIVATE" not in shown
