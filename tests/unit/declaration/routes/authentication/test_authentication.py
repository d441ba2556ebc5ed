# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""C(auth) of a route: what is refused, with what to write instead, and what is derived."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import load, problems
from ansible_collections.latentum.ops.plugins.module_utils.declaration.routes.authentication.derive import IDENTITY, route_authentication
from ansible_collections.latentum.ops.plugins.module_utils.declaration.routes.derive import fail2ban_jails, nginx_sites, nginx_upstreams
from ansible_collections.latentum.ops.plugins.module_utils.declaration.services.derive import secret_entries

from ...samples import changed

CA = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
CRL = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----"
PUBLIC = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"
PRIVATE = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"
BASIC = {"basic": {"users": {"ada": "ada_password"}}}
API_KEY = {"api_key": {"keys": {"partner": "partner_key"}}}
JWT = {"jwt": {"jwks": "https://auth.example.com/jwks.json", "audience": ["api"]}}
FORWARD = {"forward": {"service": "worker", "port": 9091}}
SECRETS = {"ada_password": {"kind": "password"}, "partner_key": {"kind": "token"}, "hashed": {"kind": "bcrypt", "of": "ada_password"}}
# The third route is the whole of api.example.com.
KEY = "routes[2].auth"


def declared(auth: Any, *more: tuple[str, Any]) -> dict[str, Any]:
    """With the secrets that it names, or nearly names."""
    written = str((auth, more))
    named = [name for name in SECRETS if name[:7] in written or (name == "ada_password" and "hashed" in written)]
    return changed((KEY, auth), *((f"secrets.{name}", SECRETS[name]) for name in named), *more)


def refused(auth: Any, *more: tuple[str, Any]) -> list[tuple[str, str, str]]:
    """Key, value and fix of each problem; secrets that a wrong key leaves unused are none of ours."""
    found = problems(declared(auth, *more))
    return [(one.key, one.value, f"{one.problem}: {one.fix}") for one in found if not one.key.startswith("secrets.")]


def jwt(**options: Any) -> dict[str, Any]:
    return {"jwt": {**JWT["jwt"], **options}}


def forward(**options: Any) -> dict[str, Any]:
    return {"forward": {**FORWARD["forward"], **options}}


WITHOUT_SERVICE = {"service": None, "port": None}
CASES: list[tuple[str, Any, str, str]] = [
    ("no mapping", "basic", "", "must be a mapping"),
    ("nothing in it", {}, "", "exactly one of basic"),
    ("two kinds", {**BASIC, **API_KEY}, "", "exactly one of basic"),
    ("unknown kind", {"oidc": {}}, ".oidc", "use one of"),
    ("unknown option", {"basic": {"user": {}}}, ".basic.user", "did you mean users?"),
    ("nobody", {"basic": {"users": {}}}, ".basic.users", "add a name and its secret"),
    ("users missing", {"basic": {}}, ".basic.users", "is required"),
    ("users as a list", {"basic": {"users": ["ada"]}}, ".basic.users", "write a mapping, such as {ada: ada_password"),
    ("a colon in a name", {"basic": {"users": {"a:b": "ada_password"}}}, ".basic.users.a:b", "write letters, digits"),
    ("a line break in a name", {"basic": {"users": {"a\nb": "ada_password"}}}, ".basic.users.a\nb", "write letters, digits"),
    ("a password instead of a secret", {"basic": {"users": {"ada": "Hunter2!"}}}, ".basic.users.ada", "such as database_password"),
    ("an unknown secret", {"basic": {"users": {"ada": "ada_pasword"}}}, ".basic.users.ada", "did you mean ada_password?"),
    ("a hash as a password", {"basic": {"users": {"ada": "hashed"}}}, ".basic.users.ada", "kind password, token, uuid, provided"),
    ("a quote in the realm", {"basic": {"users": {"ada": "ada_password"}, "realm": 'a"; return 200;'}}, ".basic.realm", "such as Members"),
    ("a variable in the realm", {"basic": {"users": {"ada": "ada_password"}, "realm": "$http_x"}}, ".basic.realm", "such as Members"),
    ("a header with a space", {"api_key": {"header": "X API", "keys": {"a": "partner_key"}}}, ".api_key.header", "such as X-Frame-Options"),
    (
        "a key in the cookie",
        {"api_key": {"header": "Cookie", "keys": {"a": "partner_key"}}},
        ".api_key.header",
        "X-API-Key or Authorization",
    ),
    ("a key in the query", {"api_key": {"query": "key", "keys": {"a": "partner_key"}}}, ".api_key.query", "use one of header, keys"),
    ("one key for two", {"api_key": {"keys": {"a": "partner_key", "b": "partner_key"}}}, ".api_key.keys.b", "a secret of its own"),
    ("no key set", {"jwt": {"audience": ["api"]}}, ".jwt", "either jwks: or public_keys:"),
    ("a key set and keys", jwt(public_keys=[PUBLIC]), ".jwt", "either jwks: or public_keys:"),
    ("a key set without TLS", jwt(jwks="http://auth.example.com/jwks"), ".jwt.jwks", "write https://auth.example.com/jwks"),
    ("a key set in a file", jwt(jwks="/etc/jwks.json"), ".jwt.jwks", "of a file public_keys:"),
    ("a key set with a password", jwt(jwks="https://u:p@auth.example.com/jwks"), ".jwt.jwks", "write https://auth"),
    ("for everybody", {"jwt": {"jwks": "https://auth.example.com/jwks.json"}}, ".jwt.audience", "is required"),
    ("an empty audience", jwt(audience=[]), ".jwt.audience", "such as [https://api.example.com]"),
    ("a shared secret", jwt(algorithms=["HS256"]), ".jwt.algorithms[0]", "write"),
    ("no signature", jwt(algorithms=["none"]), ".jwt.algorithms[0]", "write one of RS256"),
    ("no algorithms", jwt(algorithms=[]), ".jwt.algorithms", "write [RS256]"),
    ("clocks hours apart", jwt(leeway="2h"), ".jwt.leeway", "between 0s and 5m"),
    ("a private key", {"jwt": {"public_keys": [PRIVATE], "audience": ["a"]}}, ".jwt.public_keys[0]", "replace that key"),
    ("a certificate as a key", {"jwt": {"public_keys": [CA], "audience": ["a"]}}, ".jwt.public_keys[0]", "BEGIN PUBLIC KEY"),
    ("a claim into a header of HTTP", jwt(headers={"Host": "email"}), ".jwt.headers", "such as X-User-Email"),
    ("no authority", {"client_ca": {}}, ".client_ca.ca", "is required"),
    ("a path instead of a certificate", {"client_ca": {"ca": "/etc/ca.pem"}}, ".client_ca.ca", "by a lookup of a file"),
    ("the authority's key", {"client_ca": {"ca": CA + "\n" + PRIVATE}}, ".client_ca.ca", "replace that key"),
    ("a certificate as a list", {"client_ca": {"ca": CA, "crl": CA}}, ".client_ca.crl", "BEGIN X509 CRL"),
    ("an endless chain", {"client_ca": {"ca": CA, "depth": 99}}, ".client_ca.depth", "from 1 to 9"),
    ("nobody decides", {"forward": {}}, ".forward", "either service: and port:, or url:"),
    ("two decide", forward(url="http://127.0.0.1:9091/"), ".forward", "either service: and port:, or url:"),
    ("a service without its port", {"forward": {"service": "worker"}}, ".forward.port", "add port: 9091"),
    ("an unknown service", forward(service="authelia"), ".forward.service", "use one of"),
    ("an address with a name", {"forward": {"url": "https://auth.example.com/verify"}}, ".forward.url", "write its address"),
    ("another host without TLS", {"forward": {"url": "http://192.0.2.7/verify"}}, ".forward.url", "write https://192.0.2.7/verify"),
    ("a path with a space", forward(path="/a b"), ".forward.path", "such as /api/authz/auth-request"),
    ("a path with a directive", forward(path="/a; return 200"), ".forward.path", "such as /api/authz/auth-request"),
    ("a login elsewhere without TLS", forward(login="http://auth.example.com/"), ".forward.login", "write https://auth"),
    ("a login of any scheme", forward(login="//evil.example/"), ".forward.login", "write https://auth"),
    ("no name of the caller", forward(headers=[]), ".forward.headers", "write [Remote-User]"),
    ("a name of HTTP", forward(headers=["Connection"]), ".forward.headers", "such as X-User-Email"),
    ("the whole route public", {**BASIC, "public": ["/"]}, ".public[0]", "remove auth:, or name a path below"),
    ("a pattern", {**BASIC, "public": ["/docs/*"]}, ".public[0]", "no patterns"),
    ("a path that is no path", {**BASIC, "public": ["health"]}, ".public[0]", "write /health"),
    ("a header of HTTP for the user", {**BASIC, "user_header": "Host"}, ".user_header", "such as X-User-Email"),
]


@pytest.mark.parametrize(("auth", "key", "fix"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_cannot_stay_is_refused_with_what_to_write(auth: Any, key: str, fix: str) -> None:
    found = refused(auth)
    assert [(where, text) for where, _value, text in found if where == KEY + key and fix in text], found


def test_a_value_that_may_be_a_password_is_not_shown() -> None:
    ((_key, value, _text),) = refused({"basic": {"users": {"ada": "Hunter2!"}}})
    assert value == "(hidden)"
    assert all(PRIVATE not in f"{value}{text}" for _key, value, text in refused({"client_ca": {"ca": PRIVATE}}))


def test_paths_below_a_route() -> None:
    outside = refused({**BASIC, "public": ["/health"]}, ("routes[2].path", "/api"))
    assert [key for key, _value, text in outside if "write /api/health, as clients ask for it" in text] == [f"{KEY}.public[0]"]
    first = ("routes[0].auth", {**BASIC, "public": ["/ws"]})
    assert [key for key, _value, text in refused(None, first) if "which says itself" in text] == ["routes[0].auth.public[0]"]


@pytest.mark.parametrize(
    ("auth", "by", "fix"),
    [
        (None, "user", "write address, or add auth"),
        (BASIC, "key", "write user"),
        (API_KEY, "user", "write key"),
        (FORWARD, "user", "write address"),
        (JWT, "key", "write user"),
    ],
)
def test_a_limit_counts_by_what_is_known_of_a_caller(auth: Any, by: str, fix: str) -> None:
    limit = ("routes[2].rate_limit", {"requests": 5, "by": by})
    assert [text for key, _value, text in refused(auth, limit) if key == "routes[2].rate_limit.by" and fix in text]


def test_a_domain_has_one_set_of_authorities() -> None:
    machines = {"domain": "api.example.com", "path": "/m", "service": "web", "port": 8080, "auth": {"client_ca": {"ca": CA, "depth": 2}}}
    found = refused({"client_ca": {"ca": CA, "crl": CRL}}, ("routes[3]", machines))
    assert [key for key, _value, _text in found] == ["routes[3].auth.client_ca.crl", "routes[3].auth.client_ca.depth"]
    assert refused({"client_ca": {"ca": CA, "depth": 2}}, ("routes[3]", machines)) == []
    assert len(route_authentication(load(declared({"client_ca": {"ca": CA, "depth": 2}}, ("routes[3]", machines))))) == 1


def location(auth: Any, *more: tuple[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = nginx_sites(load(declared(auth, *more)))[1]["locations"][0]
    return found


def test_a_route_without_it_derives_what_it_always_did() -> None:
    assert "auth" not in location(None) and "client_ca" not in nginx_sites(load(changed()))[1]
    assert "by" not in nginx_sites(load(changed()))[0]["locations"][0]["rate_limit"]
    assert route_authentication(load(changed())) == [] and "nginx-authentication" not in fail2ban_jails(load(changed()))


def test_what_a_site_and_the_host_get_has_no_secret_but_its_name() -> None:
    stack = declared(API_KEY, ("secrets.partner_key", {"kind": "provided", "value": "a-very-secret-value"}))
    declaration = load(stack)
    assert "a-very-secret-value" not in str([nginx_sites(declaration), route_authentication(declaration)])
    (policy,) = route_authentication(declaration)
    assert policy["keys"] == {"partner": "partner_key"} and policy["stack"] == "acme"
    assert location(API_KEY)["auth"]["policy"] == f"acme/{policy['name']}"
    assert fail2ban_jails(declaration)[-1] == "nginx-authentication"
    (entry,) = [entry for entry in secret_entries(declaration) if entry["name"] == "partner_key"]
    assert entry["consumers"] == [], "no container reads it"


def test_its_secrets_are_used_though_no_container_reads_them() -> None:
    assert problems(declared(BASIC)) == ()
    unused = problems(declared(BASIC, ("secrets.spare", {"kind": "password"})))
    assert [one.key for one in unused] == ["secrets.spare"]


def test_names_of_policies_stay_when_routes_move_and_differ_between_them() -> None:
    one = {"domain": "api.example.com", "service": "web", "port": 8080, "auth": API_KEY}
    other = {**one, "path": "/v1"}
    first = [policy["name"] for policy in route_authentication(load(declared(API_KEY, ("routes[3]", other))))]
    second = [policy["name"] for policy in route_authentication(load(declared(API_KEY, ("routes", [other, one]))))]
    assert len(set(first)) == 2 and set(first) == set(second)
    assert not set(first) & {policy["name"] for policy in route_authentication(load(declared(BASIC)))}, "another kind asks by another name"


def test_nobody_names_himself() -> None:
    removed = location(FORWARD)["auth"]["removed"]
    assert "Remote-User" not in removed, "it is set from the answer of the service"
    assert {"X-Remote-User", "X-Forwarded-User", "X-WebAuth-User"} <= set(removed)
    public = location({**FORWARD, "public": ["/health"]}, ("routes[2].strip_prefix", True))
    assert "prefix" not in public
    exception = nginx_sites(load(declared({**FORWARD, "public": ["/health"]}, ("routes[2].strip_prefix", True))))[1]["locations"][1]
    assert exception["auth"]["kind"] == "public" and set(exception["auth"]["removed"]) == set(IDENTITY)
    assert exception["prefix"] == "/"


def test_a_route_beside_it_to_the_same_service_names_nobody() -> None:
    admin = {"domain": "api.example.com", "path": "/admin", "service": "web", "port": 8080, "auth": BASIC}
    sites = nginx_sites(load(declared(None, ("routes[3]", admin))))
    auth = sites[1]["locations"][0]["auth"]
    assert (auth["kind"], auth["guarded"], auth["shadowed"]) == ("public", True, ["/admin"])
    elsewhere = sites[0]["locations"][0]["auth"]
    assert (elsewhere["guarded"], elsewhere["shadowed"]) == (False, []) and set(elsewhere["removed"]) == set(IDENTITY)


def test_who_decides_is_an_upstream_of_its_own() -> None:
    declaration = load(declared(FORWARD))
    assert {one["name"]: one["port"] for one in nginx_upstreams(declaration)}["acme_worker_9091"] == 9091
    auth = location(FORWARD)["auth"]
    assert (auth["upstream"], auth["path"], auth["login"], auth["name_from"]) == ("acme_worker_9091", "/", False, "Remote-User")
    assert route_authentication(declaration) == [], "without a login the service is not asked"


def test_a_service_outside_is_reached_by_its_address_under_its_name() -> None:
    auth = location({"forward": {"url": "https://192.0.2.7:9443/verify?a=1", "host": "auth.example.com"}})["auth"]
    assert (auth["target"], auth["path"], auth["host"]) == ("https://192.0.2.7:9443", "/verify?a=1", "auth.example.com")
    local = location({"forward": {"url": "http://127.0.0.1:9091/verify"}})["auth"]
    assert (local["host"], local["tls_name"]) == ("", "127.0.0.1")


def test_limits_of_callers_go_to_where_they_are_known() -> None:
    limit = ("routes[2].rate_limit", {"requests": 5, "per": "minute", "by": "key"})
    (policy,) = route_authentication(load(declared(API_KEY, limit)))
    assert policy["limit"] == {"requests": 5, "per": "minute", "burst": 5}
    assert location(API_KEY, limit)["auth"]["limited"] is True
    by_user = ("routes[2].rate_limit", {"requests": 5, "by": "user"})
    assert route_authentication(load(declared(BASIC, by_user)))[0]["limit"] is None
    assert location(BASIC, by_user)["rate_limit"] == {"requests": 5, "per": "second", "burst": 5, "by": "user"}
