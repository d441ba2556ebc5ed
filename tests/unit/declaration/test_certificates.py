# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that an operator brings, as they are declared: refusals, and what is derived."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.declaration.certificates.derive import own_certificates
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import load, problems
from ansible_collections.latentum.ops.plugins.module_utils.declaration.routes import derive

from ..schema.certificate_authority import company, issue, pem_of
from .samples import REMOVED, changed

COMPANY = company()
OTHER = company()
DOMAIN = "app.example.com"  # with the alias www.example.com
SITE = issue("app", COMPANY.intermediate, names=[DOMAIN, "www.example.com"])
EXPIRED = issue("app", COMPANY.intermediate, names=[DOMAIN, "www.example.com"], days=(-9, -1))
CHAIN = (SITE.pem + COMPANY.intermediate.pem).decode()
ENTRY: dict[str, Any] = {"domains": [DOMAIN], "chain": CHAIN, "ca": COMPANY.root.pem.decode(), "key_secret": "app_tls_key"}
SECRET = ("secrets.app_tls_key", {"kind": "provided", "value": SITE.key_pem.decode()})
STREAM = {"port": 8883, "service": "web", "service_port": 1883, "tls": "mqtt.example.com"}


def declared(*changes: tuple[str, Any], **entry: Any) -> dict[str, Any]:
    """The sample with one entry, whose keys are replaced or left out (None)."""
    merged = {name: value for name, value in {**ENTRY, **entry}.items() if value is not None}
    return changed(("certificates", [merged]), SECRET, *changes)


def said(stack: dict[str, Any]) -> list[str]:
    """All problems as text."""
    return [str(problem) for problem in problems(stack)]


def test_a_good_one_has_nothing_wrong_and_certbot_is_not_asked() -> None:
    stack = declared()
    assert said(stack) == []
    declaration = load(stack)
    assert DOMAIN not in [certificate["name"] for certificate in derive.certificates(declaration)]
    (own,) = own_certificates(declaration)
    assert (own["name"], own["stack"], own["domains"]) == (DOMAIN, "acme", [DOMAIN, "www.example.com"])
    assert (own["key_secret"], own["chain"]) == ("app_tls_key", CHAIN) and "PRIVATE KEY" not in str(own)
    site = next(site for site in derive.nginx_sites(declaration) if site["name"] == DOMAIN)
    before = next(site for site in derive.nginx_sites(load(changed())) if site["name"] == DOMAIN)
    assert site == before, "so that a site goes from one to the other without a release"


def test_a_site_of_its_own_has_no_wildcard() -> None:
    declaration = load(declared(("wildcards", ["example.com"])))
    sites = {site["name"]: site["certificate"] for site in derive.nginx_sites(declaration)}
    assert sites[DOMAIN] == DOMAIN and all(name == DOMAIN or certificate == "_wildcard.example.com" for name, certificate in sites.items())


def test_the_name_of_a_stream_and_of_a_redirect() -> None:
    site = issue("x", COMPANY.intermediate, names=["mqtt.example.com", "old.example.com"])
    stack = changed(
        (
            "certificates",
            [{**ENTRY, "domains": ["mqtt.example.com", "old.example.com"], "chain": (site.pem + COMPANY.intermediate.pem).decode()}],
        ),
        ("secrets.app_tls_key", {"kind": "provided", "value": site.key_pem.decode()}),
        ("streams", [STREAM]),
        ("redirects", [{"domain": "old.example.com", "to": "https://app.example.com"}]),
    )
    assert said(stack) == []
    assert [own["name"] for own in own_certificates(load(stack))] == ["mqtt.example.com", "old.example.com"], "each goes by itself"


def test_files_of_the_host_are_not_looked_at_here() -> None:
    stack = changed(("certificates", [{"domains": [DOMAIN], "chain_file": "/etc/ssl/app.pem", "key_file": "/etc/ssl/private/app.key"}]))
    assert said(stack) == []
    (own,) = own_certificates(load(stack))
    assert own["chain_file"] == "/etc/ssl/app.pem" and own["key_file"] == "/etc/ssl/private/app.key"


def test_without_an_authority_nobody_is_to_be_written_to() -> None:
    routes = [{"domain": DOMAIN, "service": "web", "port": 8080}]
    site = issue("app", COMPANY.intermediate, names=[DOMAIN])
    more = {"chain": (site.pem + COMPANY.intermediate.pem).decode()}
    secret = ("secrets.app_tls_key", {"kind": "provided", "value": site.key_pem.decode()})
    alone = [("routes", routes), ("contact", REMOVED)]
    assert not [text for text in said(declared(*alone, secret, **more)) if text.startswith("contact")]
    both = [*routes, {"domain": "two.example.com", "service": "web", "port": 8080}]
    assert [text for text in said(declared(*alone, ("routes", both), secret, **more)) if text.startswith("contact")]


def test_an_expired_one_is_the_host_s_to_refuse() -> None:
    """It knows what is served already: a repair must not wait for a certificate."""
    secret = ("secrets.app_tls_key", {"kind": "provided", "value": EXPIRED.key_pem.decode()})
    assert said(declared(secret, chain=(EXPIRED.pem + COMPANY.intermediate.pem).decode())) == []


CASES: list[tuple[str, dict[str, Any], list[tuple[str, Any]], str, str]] = [
    ("no chain", {"chain": None}, [], "certificates[0]", "write one of chain and chain_file"),
    ("two chains", {"chain_file": "/etc/ssl/app.pem"}, [], "certificates[0].chain_file", "remove one of the two"),
    ("no key", {"key_secret": None}, [("secrets.app_tls_key", REMOVED)], "certificates[0]", "write one of key_secret and key_file"),
    ("two keys", {"key_file": "/etc/ssl/app.key"}, [], "certificates[0].key_file", "remove one of the two"),
    ("no domains", {"domains": None}, [], "certificates[0].domains", "add domains:"),
    ("a name of nobody", {"domains": ["ap.example.com"]}, [], "certificates[0].domains[0]", "did you mean app.example.com?"),
    ("an alias", {"domains": ["www.example.com"]}, [], "certificates[0].domains[0]", "write app.example.com"),
    ("twice", {"domains": [DOMAIN, DOMAIN]}, [], "certificates[0].domains[1]", "remove it"),
    ("a wildcard", {"domains": ["*.example.com"]}, [], "certificates[0].domains[0]", ""),
    ("no secret", {"key_secret": "app_tls_kay"}, [], "certificates[0].key_secret", "did you mean app_tls_key?"),
    ("a password", {}, [("secrets.app_tls_key", {"kind": "password"})], "certificates[0].key_secret", "write kind: provided"),
    ("a key made there", {}, [("secrets.app_tls_key", {"kind": "rsa"})], "certificates[0].key_secret", "write kind: provided"),
    ("the key as text", {"key_secret": SITE.key_pem.decode()}, [], "certificates[0].key_secret", "name of a secret"),
    ("a file that is relative", {"chain": None, "chain_file": "tls/app.pem"}, [], "certificates[0].chain_file", "from the root"),
    ("DER", {"chain": "0\udc82\x04\x01" + "0\udc82\x03\x02 x"}, [], "certificates[0].chain", "openssl x509 -inform DER"),
    ("its key in it", {"chain": CHAIN + SITE.key_pem.decode()}, [], "certificates[0].chain", "a new one if it was in an inventory"),
    ("not the root", {"ca": OTHER.root.pem.decode()}, [], "certificates[0].chain", "write the authority of this chain"),
    ("lacks the alias", {}, [("routes[0].aliases", ["www.example.com", "x.example.com"])], "certificates[0].chain", "aliases included"),
    (
        "another key",
        {},
        [("secrets.app_tls_key", {"kind": "provided", "value": OTHER.site.key_pem.decode()})],
        "secrets.app_tls_key",
        "write the key of this certificate",
    ),
    (
        "a key with a pass phrase",
        {},
        [("secrets.app_tls_key", {"kind": "provided", "value": pem_of(SITE.key, password=b"x").decode()})],
        "secrets.app_tls_key",
        "decrypt it",
    ),
]


@pytest.mark.parametrize(("entry", "changes", "key", "fix"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_cannot_stand_is_refused(entry: dict[str, Any], changes: list[tuple[str, Any]], key: str, fix: str) -> None:
    found = problems(declared(*changes, **entry))
    assert any(problem.key == key and fix in f"{problem.problem}{problem.fix}" for problem in found), [str(problem) for problem in found]
    assert "PRIVATE KEY-----\n" not in "".join(map(str, found)), "no key is shown"


def test_two_entries_for_one_site() -> None:
    found = said(changed(("certificates", [ENTRY, ENTRY]), SECRET))
    assert any("has the certificate of certificates[0] already" in text for text in found)
