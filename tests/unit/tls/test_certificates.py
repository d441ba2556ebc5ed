# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates: placeholders, links, what has to be asked for, how, and what a failure leaves behind."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core.process import Result
from ansible_collections.latentum.ops.plugins.module_utils.tls import issue as issuing
from ansible_collections.latentum.ops.plugins.module_utils.tls.certificates import (
    CertificateError,
    Layout,
    Wanted,
    complete,
    in_service,
    inspect_certificate,
    wanted_from,
)
from ansible_collections.latentum.ops.plugins.module_utils.tls.issue import Authority, Dns, argv, issue, needed, reason
from ansible_collections.latentum.ops.plugins.module_utils.tls.placeholder import ensure_placeholders

from .host import DIRECTORY, Host, put

SHOP = Wanted("shop", ("shop.example.com", "www.shop.example.com"))
BLOG = Wanted("blog", ("blog.example.com",))
AUTHORITY = Authority(contact="ops@example.com", directory_url=DIRECTORY)


def test_entries_of_one_name_are_one_certificate() -> None:
    raws = [{"name": "a", "domains": ["A.example.com", "b.example.com."]}, {"name": "a", "domains": ["b.example.com", "c.example.com"]}]
    assert wanted_from(raws) == [Wanted("a", ("a.example.com", "b.example.com", "c.example.com"))]


@pytest.mark.parametrize(
    "raw",
    [
        {"name": "../a", "domains": ["a.example.com"]},
        {"name": "", "domains": ["a.example.com"]},
        {"name": ".placeholder", "domains": ["a.example.com"]},
        {"name": "a", "domains": ["a b"]},
        {"name": "a", "domains": ["--flag"]},
        {"name": "a", "domains": ["*.*.example.com"]},
        {"name": "a", "domains": ["https://a.example.com"]},
    ],
)
def test_what_is_no_name_is_refused(raw: dict[str, Any]) -> None:
    with pytest.raises(CertificateError, match="write "):
        wanted_from([raw])


def test_a_placeholder_names_its_domains_and_says_what_it_is(layout: Layout) -> None:
    ensure_placeholders([SHOP], layout)
    state = inspect_certificate(layout.link("shop") / "fullchain.pem")
    assert (state.name, state.domains, state.key_type, state.placeholder) == ("shop", SHOP.domains, "ecdsa", True)
    assert "placeholder" in state.issuer
    assert state.days_left > 3000


def test_a_long_domain_has_a_placeholder_too(layout: Layout) -> None:
    domain = f"{'a' * 63}.{'b' * 63}.example.com"
    ensure_placeholders([Wanted("long", (domain,))], layout)
    assert inspect_certificate(layout.link("long") / "fullchain.pem").domains == (domain,)


def test_the_key_of_a_placeholder_is_nobody_elses_and_in_no_diff(layout: Layout) -> None:
    changes = ensure_placeholders([SHOP], layout)
    folder = layout.placeholder("shop")
    assert (folder / "privkey.pem").stat().st_mode & 0o777 == 0o600
    assert folder.parent.stat().st_mode & 0o777 == 0o700
    assert "BEGIN" not in str([change.difference() for change in changes])


def test_placeholders_are_made_once(layout: Layout) -> None:
    assert ensure_placeholders([SHOP, BLOG], layout)
    before = (layout.link("shop") / "fullchain.pem").read_bytes()
    assert ensure_placeholders([SHOP, BLOG], layout) == []
    assert (layout.link("shop") / "fullchain.pem").read_bytes() == before


def test_a_check_makes_nothing(layout: Layout) -> None:
    assert ensure_placeholders([SHOP], layout, check_mode=True)
    assert not layout.tls.exists()


def test_an_issued_certificate_is_never_hidden_by_a_placeholder(layout: Layout) -> None:
    put(layout, SHOP)
    ensure_placeholders([SHOP], layout)
    assert layout.link("shop").readlink() == layout.live("shop")
    assert not layout.placeholder("shop").exists()


def test_a_link_to_a_certificate_that_is_gone_gets_a_placeholder(layout: Layout) -> None:
    put(layout, SHOP)
    ensure_placeholders([SHOP], layout)
    (layout.live("shop") / "fullchain.pem").unlink()
    ensure_placeholders([SHOP], layout)
    assert complete(layout.link("shop"))
    assert inspect_certificate(layout.link("shop") / "fullchain.pem").placeholder


def test_the_switch_is_one_rename(layout: Layout) -> None:
    """Certificate and key change together: the link is one of folders, and its replacement is made beside it."""
    ensure_placeholders([SHOP], layout)
    before = layout.link("shop").lstat().st_ino
    put(layout, SHOP)
    changes = ensure_placeholders([SHOP], layout)
    assert [change.entry.path for change in changes] == [layout.link("shop")]
    assert layout.link("shop").lstat().st_ino != before
    assert not [path for path in layout.tls.iterdir() if path.name.endswith(".link")]


def test_what_is_in_service_is_listed_without_the_unreadable(layout: Layout) -> None:
    ensure_placeholders([SHOP, BLOG], layout)
    broken = layout.tls / "broken"
    broken.mkdir()
    (broken / "fullchain.pem").write_text("no certificate")
    assert [state.name for state in in_service(layout)] == ["blog", "shop"]


def test_a_first_certificate_is_asked_for_without_force() -> None:
    command = argv(SHOP, AUTHORITY, exists=False)
    assert command[:3] == ["certbot", "certonly", "--non-interactive"]
    for pair in (
        ["--email", "ops@example.com"],
        ["--server", DIRECTORY],
        ["--cert-name", "shop"],
        ["--key-type", "ecdsa"],
        ["--elliptic-curve", "secp256r1"],
        ["--authenticator", "webroot"],
        ["--webroot-path", "/var/www/acme"],
    ):
        assert pair[1] == command[command.index(pair[0]) + 1], pair
    assert command[-4:] == ["--domain", "shop.example.com", "--domain", "www.shop.example.com"]
    assert "--force-renewal" not in command


def test_a_certificate_is_replaced_under_its_own_name() -> None:
    command = argv(SHOP, AUTHORITY, exists=True)
    assert {"--force-renewal", "--renew-with-new-domains"} <= set(command)


def test_a_dns_plugin_takes_the_place_of_the_webroot() -> None:
    command = argv(SHOP, Authority("ops@example.com", dns=Dns("rfc2136", "/etc/letsencrypt/rfc2136.ini", 30), key_type="rsa"), exists=False)
    assert "--webroot-path" not in command
    assert "--elliptic-curve" not in command
    assert command[command.index("--authenticator") + 1] == "dns-rfc2136"
    assert command[command.index("--dns-rfc2136-credentials") + 1] == "/etc/letsencrypt/rfc2136.ini"
    assert command[command.index("--dns-rfc2136-propagation-seconds") + 1] == "30"


def test_what_is_right_is_not_asked_for(layout: Layout) -> None:
    put(layout, Wanted("shop", tuple(reversed(SHOP.domains))))
    assert needed(SHOP, AUTHORITY, layout) == ""


@pytest.mark.parametrize(
    ("there", "authority", "renew", "why"),
    [
        (None, AUTHORITY, [], "there is none yet"),
        (("shop.example.com",), AUTHORITY, [], "lacks www.shop.example.com"),
        ((*SHOP.domains, "old.example.com"), AUTHORITY, [], "still has old.example.com"),
        (SHOP.domains, Authority("ops@example.com", DIRECTORY, key_type="rsa"), [], "its key is ecdsa, not rsa"),
        (SHOP.domains, Authority("ops@example.com", "https://other.example.com/dir"), [], f"it comes from {DIRECTORY}"),
        (SHOP.domains, AUTHORITY, ["shop"], "its renewal was asked for"),
        (SHOP.domains, AUTHORITY, ["*"], "its renewal was asked for"),
    ],
)
def test_why_a_certificate_is_asked_for(
    layout: Layout, there: tuple[str, ...] | None, authority: Authority, renew: list[str], why: str
) -> None:
    if there:
        put(layout, Wanted("shop", there))
    assert why in needed(SHOP, authority, layout, renew)


def test_an_expired_certificate_is_asked_for(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    put(layout, SHOP)
    now = time.time()
    monkeypatch.setattr(issuing.time, "time", lambda: now + 20 * 365 * 86400)
    assert "expired" in needed(SHOP, AUTHORITY, layout)


def test_an_issued_certificate_comes_into_service(layout: Layout, host: Host) -> None:
    ensure_placeholders([SHOP], layout)
    done = issue([SHOP], AUTHORITY, layout=layout, runner=host)
    assert (done.changed, done.failed, list(done.asked)) == (True, {}, ["shop"])
    assert layout.link("shop").readlink() == layout.live("shop")
    assert host.reloads() == 1


def test_a_second_run_asks_nobody(layout: Layout, host: Host) -> None:
    issue([SHOP], AUTHORITY, layout=layout, runner=host)
    host.calls.clear()
    done = issue([SHOP], AUTHORITY, layout=layout, runner=host)
    assert not done.changed
    assert (host.asked(), host.reloads()) == ([], 0)


def test_a_refused_certificate_stops_no_other(layout: Layout, host: Host) -> None:
    host.refused = ["blog"]
    ensure_placeholders([SHOP, BLOG], layout)
    done = issue([BLOG, SHOP], AUTHORITY, layout=layout, runner=host)
    assert host.asked() == ["blog", "shop"]
    assert list(done.failed) == ["blog"]
    assert "Domain: blog.example.com Type: dns Detail: no such name" in done.failed["blog"]
    assert layout.link("shop").readlink() == layout.live("shop")
    assert layout.link("blog").readlink() == layout.placeholder("blog")
    assert host.reloads() == 1


def test_a_refused_replacement_leaves_the_old_one_in_service(layout: Layout, host: Host) -> None:
    put(layout, Wanted("shop", ("shop.example.com",)))
    ensure_placeholders([SHOP], layout)
    before = (layout.link("shop") / "fullchain.pem").read_bytes()
    host.refused = ["shop"]
    done = issue([SHOP], AUTHORITY, layout=layout, runner=host)
    assert list(done.failed) == ["shop"]
    assert not done.changed
    assert (layout.link("shop") / "fullchain.pem").read_bytes() == before
    assert host.reloads() == 0


def test_a_replacement_behind_the_same_link_is_taken_over(layout: Layout, host: Host) -> None:
    put(layout, Wanted("shop", ("shop.example.com",)))
    ensure_placeholders([SHOP], layout)
    done = issue([SHOP], AUTHORITY, layout=layout, runner=host)
    assert done.links == []
    assert host.reloads() == 1
    assert host.calls.index(["nginx", "-t", "-q"]) < host.calls.index(["systemctl", "reload", "nginx.service"])


def test_links_come_back_when_nginx_refuses(layout: Layout, host: Host) -> None:
    ensure_placeholders([SHOP], layout)
    host.nginx_rc = 1
    with pytest.raises(issuing.ConfigSetError, match="broken"):
        issue([SHOP], AUTHORITY, layout=layout, runner=host)
    assert layout.link("shop").readlink() == layout.placeholder("shop")
    assert host.reloads() == 0


def test_nobody_is_asked_in_a_check(layout: Layout, host: Host) -> None:
    done = issue([SHOP], AUTHORITY, layout=layout, runner=host, check_mode=True)
    assert (done.changed, list(done.asked), host.calls) == (True, ["shop"], [])


def test_no_nginx_is_told_where_none_runs(layout: Layout, host: Host) -> None:
    host.serving = False
    issue([SHOP], AUTHORITY, layout=layout, runner=host)
    assert complete(layout.link("shop"))
    assert host.reloads() == 0


def test_a_private_authority_is_trusted_by_its_bundle(layout: Layout, host: Host, tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("CA")
    issue([SHOP], Authority("ops@example.com", DIRECTORY, ca_bundle=str(bundle)), layout=layout, runner=host)
    assert host.environments == [{"REQUESTS_CA_BUNDLE": str(bundle)}]


@pytest.mark.parametrize(
    ("wanted", "authority", "told"),
    [
        (SHOP, Authority("nobody"), "contact 'nobody' is not a mail address"),
        (SHOP, Authority("ops@example.com", "http://acme.example.com"), "https://"),
        (SHOP, Authority("ops@example.com", ca_bundle="/no/such/file"), "ca_bundle /no/such/file"),
        (Wanted("wild", ("*.example.com",)), AUTHORITY, "can only be proven by DNS"),
    ],
)
def test_what_can_be_known_before_costs_no_question(layout: Layout, host: Host, wanted: Wanted, authority: Authority, told: str) -> None:
    with pytest.raises(CertificateError, match=told.replace("*", r"\*")):
        issue([wanted], authority, layout=layout, runner=host)
    assert host.calls == []


def test_a_renewal_of_something_else_is_refused(layout: Layout, host: Host) -> None:
    with pytest.raises(CertificateError, match="renew: shpo is not among the certificates: write shop"):
        issue([SHOP], AUTHORITY, renew=["shpo"], layout=layout, runner=host)


def test_a_certbot_that_says_nothing_is_not_silent() -> None:
    assert "exit status 7" in reason(Result(("certbot",), 7, "", ""))
