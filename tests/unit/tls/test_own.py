# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that an operator brings, on a host: put into service, replaced, handed over from certbot and back, taken away."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.base import ContractError
from ansible_collections.latentum.ops.plugins.module_utils.contracts.own_certificate import OwnCertificate
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.transaction import ConfigSetError
from ansible_collections.latentum.ops.plugins.module_utils.preflight import own_certificates as preflight
from ansible_collections.latentum.ops.plugins.module_utils.preflight.host import Host as PreflightHost
from ansible_collections.latentum.ops.plugins.module_utils.removal import web
from ansible_collections.latentum.ops.plugins.module_utils.removal.report import Report
from ansible_collections.latentum.ops.plugins.module_utils.tls import own
from ansible_collections.latentum.ops.plugins.module_utils.tls.certificates import CertificateError, Layout, Wanted, in_service, owners
from ansible_collections.latentum.ops.plugins.module_utils.tls.issue import Authority as Acme
from ansible_collections.latentum.ops.plugins.module_utils.tls.issue import issue
from ansible_collections.latentum.ops.plugins.module_utils.tls.own import Outcome
from ansible_collections.latentum.ops.plugins.module_utils.tls.placeholder import ensure_placeholders

from ..schema.certificate_authority import NAMES, Authority, company
from ..schema.certificate_authority import issue as issued_by
from .host import DIRECTORY, Host, put

NAME = "app.example.com"
ACME = Acme(contact="ops@example.com", directory_url=DIRECTORY)
Ensure = Callable[..., Outcome]


@pytest.fixture(scope="module")
def authority() -> Authority:
    """One company for all tests."""
    return company()


@pytest.fixture
def secrets(authority: Authority) -> dict[str, str]:
    """The store of the stack."""
    return {"app_tls_key": authority.site.key_pem.decode()}


@pytest.fixture
def ensure(layout: Layout, host: Host, secrets: dict[str, str], tmp_path: Path) -> Ensure:
    """The module, without Ansible."""

    def run(
        *certificates: OwnCertificate, named: tuple[str, ...] = (NAME,), stacks: tuple[str, ...] = ("shop",), check: bool = False
    ) -> Outcome:
        return own.ensure(
            certificates,
            stacks,
            lambda certificate: secrets.get(certificate.key_secret),
            lambda name: name in named,
            layout=layout,
            check_mode=check,
            runner=host,
            store=tmp_path / "trusted.pem",
        )

    return run


def declared(authority: Authority, **changed: object) -> OwnCertificate:
    """One by its text and a secret."""
    given = {"name": NAME, "stack": "shop", "domains": list(NAMES), "chain": authority.chain.decode(), "ca": authority.root.pem.decode()}
    return OwnCertificate.from_dict({**given, "key_secret": "app_tls_key", **changed}, "certificates[0]")


def served(layout: Layout) -> bytes:
    """What nginx reads through the link."""
    return (layout.link(NAME) / "fullchain.pem").read_bytes()


def test_it_is_served_and_only_root_reads_it(layout: Layout, host: Host, ensure: Ensure, authority: Authority) -> None:
    assert ensure(declared(authority)).changed
    assert served(layout) == authority.chain and (layout.link(NAME) / "privkey.pem").read_bytes() == authority.site.key_pem
    assert stat.S_IMODE((layout.link(NAME) / "privkey.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE((layout.tls / ".own").stat().st_mode) == 0o700
    assert host.reloads() == 1 and owners(layout) == ["shop"]
    (state,) = in_service(layout)
    assert (state.name, state.own, state.placeholder, state.days_left) == (NAME, True, False, 89)
    assert not ensure(declared(authority)).changed and host.reloads() == 1, "and nothing is done a second time"
    assert not ensure_placeholders([Wanted(NAME, NAMES)], layout), "a rollout finds it there"


def test_check_mode_changes_nothing(layout: Layout, host: Host, ensure: Ensure, authority: Authority, secrets: dict[str, str]) -> None:
    secrets.clear()  # they come earlier in the same run
    assert ensure(declared(authority), check=True).changed
    assert not layout.tls.exists() and not host.reloads()


def test_no_key_is_shown(ensure: Ensure, authority: Authority) -> None:
    outcome = ensure(declared(authority), check=True)
    shown = str([change.difference() for change in outcome.changes])
    key = authority.site.key_pem.decode().splitlines()[1]
    assert "privkey.pem" in shown and key not in shown and "content not shown" in shown


def test_chain_and_key_change_at_once(layout: Layout, host: Host, ensure: Ensure, authority: Authority, secrets: dict[str, str]) -> None:
    ensure(declared(authority))
    link, before = layout.link(NAME).readlink(), layout.own(NAME).readlink()
    fresh = issued_by("app.example.com", authority.intermediate, names=NAMES)
    secrets["app_tls_key"] = fresh.key_pem.decode()
    ensure(declared(authority, chain=(fresh.pem + authority.intermediate.pem).decode()))
    assert layout.link(NAME).readlink() == link and layout.own(NAME).readlink() != before, "one rename for the two files"
    assert served(layout).startswith(fresh.pem) and host.reloads() == 2
    assert not (layout.own(NAME).parent / before).exists(), "the former key is not kept"


def test_nginx_refuses_and_the_old_one_is_back(
    layout: Layout, host: Host, ensure: Ensure, authority: Authority, secrets: dict[str, str]
) -> None:
    ensure(declared(authority))
    before = layout.own(NAME).readlink()
    host.nginx_rc = 1
    fresh = issued_by("app.example.com", authority.intermediate, names=NAMES)
    secrets["app_tls_key"] = fresh.key_pem.decode()
    with pytest.raises(ConfigSetError):
        ensure(declared(authority, chain=(fresh.pem + authority.intermediate.pem).decode()))
    assert served(layout) == authority.chain and layout.own(NAME).readlink() == before


def test_nothing_is_changed_unless_all_can_be_used(layout: Layout, host: Host, ensure: Ensure, authority: Authority) -> None:
    other = company()
    wrong = declared(authority, name="b.example.com", domains=["b.example.com"])
    strange = declared(authority, name="c.example.com", chain=other.chain.decode(), ca=other.root.pem.decode())
    with pytest.raises(CertificateError) as refused:
        ensure(declared(authority), wrong, strange)
    text = str(refused.value)
    assert "certificates: b.example.com: chain: is not for b.example.com" in text
    assert "certificates: c.example.com: key_secret app_tls_key: does not fit" in text, "all errors together"
    assert not layout.tls.exists() and not host.reloads()


def test_a_key_that_is_not_in_the_store(ensure: Ensure, authority: Authority, secrets: dict[str, str]) -> None:
    secrets.clear()
    with pytest.raises(CertificateError, match="key_secret app_tls_key: is not in the store of shop"):
        ensure(declared(authority))


def test_files_of_the_host(layout: Layout, ensure: Ensure, authority: Authority, tmp_path: Path) -> None:
    chain, key = tmp_path / "app.pem", tmp_path / "app.key"
    chain.write_bytes(authority.chain)
    key.write_bytes(authority.site.key_pem)
    key.chmod(0o644)
    from_files = declared(authority, chain="", key_secret="", chain_file=str(chain), key_file=str(key))
    with pytest.raises(CertificateError, match=f"{key}: can be read by every user(?s:.*)chmod 0600 {key}"):
        ensure(from_files)
    key.chmod(0o600)
    assert ensure(from_files).changed and served(layout) == authority.chain
    key.write_bytes(b"0\x82\x01\x02\x02\x01\x000\x10")
    with pytest.raises(CertificateError, match=f"is DER(?s:.*)openssl pkey -inform DER -in {key} -out {key}.pem"):
        ensure(from_files)
    key.unlink()
    with pytest.raises(CertificateError, match=r"app\.key: cannot be read on this host: No such file"):
        ensure(from_files)


def test_one_that_is_served_is_not_refused_for_its_age(
    layout: Layout, ensure: Ensure, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would stop every other change of the host, when there is something else to repair."""
    ensure(declared(authority))
    in_a_year = own.problems_of  # the clock of the host, later
    monkeypatch.setattr(own, "problems_of", lambda pair, dates: in_a_year(pair, in_service(layout)[0].not_after + 86400.0, dates=dates))
    assert not ensure(declared(authority)).changed
    with pytest.raises(CertificateError, match="has expired"):
        ensure(declared(authority, name="b.example.com", domains=list(NAMES)))


def test_whom_the_host_trusts(ensure: Ensure, authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "trusted.pem").write_bytes(company().root.pem)
    with pytest.raises(CertificateError, match="neither in it nor trusted by this host"):
        ensure(declared(authority, ca=""))
    (tmp_path / "trusted.pem").write_bytes(company().root.pem + authority.root.pem)
    assert ensure(declared(authority, ca="")).changed


def test_certbot_forgets_what_it_had(layout: Layout, host: Host, ensure: Ensure, authority: Authority) -> None:
    put(layout, Wanted(NAME, NAMES))
    ensure_placeholders([Wanted(NAME, NAMES)], layout)
    assert layout.link(NAME).readlink() == layout.live(NAME)
    outcome = ensure(declared(authority), check=True)
    assert outcome.forgotten == [NAME] and layout.renewal(NAME).exists()
    assert ensure(declared(authority)).forgotten == [NAME] and not layout.renewal(NAME).exists()
    assert served(layout) == authority.chain
    order = [call[0] for call in host.calls if call[0] in ("certbot", "systemctl") and call[1] in ("delete", "reload")]
    assert order == ["systemctl", "certbot"], "nginx serves the new one before the old one goes"
    assert not ensure(declared(authority)).changed


def test_what_a_mail_server_has_of_it_stays(layout: Layout, host: Host, ensure: Ensure, authority: Authority) -> None:
    put(layout, Wanted(NAME, NAMES))
    host.users = ["/etc/postfix/main.cf"]
    outcome = ensure(declared(authority))
    assert outcome.in_use == {NAME: ["/etc/postfix/main.cf"]} and not outcome.forgotten and layout.renewal(NAME).exists()
    assert served(layout) == authority.chain


def test_back_to_certbot_without_a_placeholder_in_between(layout: Layout, host: Host, ensure: Ensure, authority: Authority) -> None:
    ensure(declared(authority))
    outcome = ensure()
    assert (outcome.kept, outcome.changed) == ([NAME], False) and served(layout) == authority.chain, "a site names it"
    ensure_placeholders([Wanted(NAME, NAMES)], layout)
    assert served(layout) == authority.chain
    host.refused = [NAME]
    assert issue([Wanted(NAME, NAMES)], ACME, layout=layout, runner=host).failed and served(layout) == authority.chain
    host.refused = []
    done = issue([Wanted(NAME, NAMES)], ACME, layout=layout, runner=host, check_mode=True)
    assert done.asked == {NAME: "there is none yet"} and served(layout) == authority.chain
    done = issue([Wanted(NAME, NAMES)], ACME, layout=layout, runner=host)
    assert not done.failed and layout.link(NAME).readlink() == layout.live(NAME) and owners(layout) == []
    assert not issue([Wanted(NAME, NAMES)], ACME, layout=layout, runner=host).changed


def test_what_no_site_names_is_taken_away_with_its_key(layout: Layout, ensure: Ensure, authority: Authority) -> None:
    ensure(declared(authority))
    assert not ensure(stacks=("blog",), named=()).changed, "of another stack"
    assert ensure(named=(), check=True).changed and layout.link(NAME).exists()
    assert ensure(named=()).changed
    assert not layout.link(NAME).is_symlink() and not layout.own(NAME).parent.exists()
    assert not ensure(named=()).changed


def test_a_stack_is_removed_with_it(layout: Layout, ensure: Ensure, authority: Authority) -> None:
    ensure(declared(authority))
    web.certificates([NAME], Report(check=False), layout)
    assert not layout.link(NAME).is_symlink() and not (layout.tls / ".own" / NAME).exists()


def test_a_host_where_nginx_does_not_run(layout: Layout, host: Host, ensure: Ensure, authority: Authority) -> None:
    host.serving = False
    assert ensure(declared(authority)).changed and not host.reloads() and served(layout) == authority.chain


def test_an_old_grep_or_none(layout: Layout, host: Host, ensure: Ensure, authority: Authority) -> None:
    """What cannot be looked at is not taken away."""
    put(layout, Wanted(NAME, NAMES))
    plain = host.__call__

    def refused(command: list[str], **more: object) -> object:
        if command[0] == "grep":
            raise CommandError(plain(["true"]), "no grep")
        return plain(command, **more)  # type: ignore[arg-type]  # as the module calls it

    outcome = own.ensure(
        [declared(authority)], ["shop"], lambda _c: authority.site.key_pem.decode(), lambda _n: True, layout=layout, runner=refused
    )  # type: ignore[arg-type]  # the same
    assert outcome.in_use and layout.renewal(NAME).exists()


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"name": "../x"}, "write the domain of the site"),
        ({"stack": "Shop"}, "write the name of the stack"),
        ({"domains": []}, "write the names of the site"),
        ({"chain_file": "/etc/x.pem"}, "write one of chain and chain_file"),
        ({"key_secret": ""}, "one of key_secret and key_file"),
        ({"key_secret": "", "key_file": "app.key"}, "write an absolute path"),
    ],
)
def test_a_hand_over_that_cannot_be(authority: Authority, changed: dict[str, object], text: str) -> None:
    with pytest.raises(ContractError, match=text):
        declared(authority, **changed)


def test_a_preflight_says_it_before_anything_changes(authority: Authority, tmp_path: Path) -> None:
    key = tmp_path / "app.key"
    key.write_bytes(company().site.key_pem)
    key.chmod(0o600)
    wrong = declared(authority, key_secret="", key_file=str(key)).to_dict()
    certificates = [{"name": NAME, "domains": [NAME]}, {"name": "b.example.com", "domains": ["b.example.com"]}]
    wanted = {"nginx": {"own_certificates": [wrong], "certificates": certificates}}
    (problem,) = preflight.usable(PreflightHost(), wanted)
    assert str(key) in problem.key and "does not fit" in problem.problem
    (twice,) = preflight.twice(PreflightHost(), wanted)
    assert (twice.key, twice.value) == ("certbot_certificates", NAME)
    good = declared(authority).to_dict()
    assert not list(preflight.usable(PreflightHost(), {"nginx": {"own_certificates": [good]}})), "of the store nothing is said yet"
