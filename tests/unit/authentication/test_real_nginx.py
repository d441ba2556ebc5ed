# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each kind of authentication by real requests to a real nginx: right, wrong, missing, revoked, forged."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pki
import pytest
from ansible_runs import AnsibleRuns

from ..roles.routes.grpc_service import GrpcService
from .provider import AUDIENCE, ISSUER, Provider
from .real_nginx import NGINX, Decider, Echo, Site, running, serving

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not on this machine")
pytest.importorskip("jwt")
BEHIND = ("web_8080", "authelia_9091")
COOKIE = {"Cookie": "session=good"}
FORGED = {"X-Authenticated-User": "root", "Remote-User": "root", "X-Forwarded-User": "root", "X-Remote-User": "root"}


class KeyServer(Echo):
    """The server of a key set."""

    document = b"{}"

    def do_GET(self) -> None:
        self.answer(200, {"Content-Type": "application/json"}, type(self).document)


@dataclass
class World:
    """What the tests work with."""

    site: Site
    provider: Provider
    good: Path
    expired: Path
    revoked: Path
    foreign: Path


def declared(jwks: str, ca: str, crl: str, outside: int) -> dict[str, Any]:
    """A stack with a route of each kind."""
    to_web, to_rpc = {"service": "web", "port": 8080}, {"service": "rpc", "port": 9000, "protocol": "grpc"}
    tokens = {"jwks": jwks, "audience": [AUDIENCE], "issuer": ISSUER, "leeway": "5s", "headers": {"X-User-Email": "email"}}
    keys = {"keys": {"partner": "partner_key", "other": "other_key"}}
    routes = [
        {
            "domain": "app.example.com",
            **to_web,
            "auth": {"basic": {"users": {"ada": "ada_password"}, "realm": "Members"}, "public": ["/health"]},
        },
        {"domain": "app.example.com", "path": "/ws", **to_web, "websocket": True, "auth": {"basic": {"users": {"ada": "ada_password"}}}},
        {
            "domain": "app.example.com",
            "path": "/counted",
            **to_web,
            "rate_limit": {"requests": 2, "per": "minute", "burst": 1, "by": "user"},
            "auth": {"basic": {"users": {"ada": "ada_password", "bob": "bob_password"}}},
        },
        {"domain": "api.example.com", **to_web, "body_limit": "8m", "auth": {"api_key": keys}},
        {
            "domain": "api.example.com",
            "path": "/limited",
            **to_web,
            "websocket": True,
            "rate_limit": {"requests": 1, "per": "minute", "burst": 1, "by": "key"},
            "auth": {"api_key": keys},
        },
        {
            "domain": "api.example.com",
            "path": "/stripped",
            **to_web,
            "strip_prefix": True,
            "auth": {"api_key": keys, "public": ["/stripped/docs"]},
        },
        {"domain": "open.example.com", **to_web},
        {
            "domain": "outside.example.com",
            **to_web,
            "auth": {"forward": {"url": f"http://127.0.0.1:{outside}/verify?a=b", "host": "auth.example.com"}},
        },
        {"domain": "open.example.com", "path": "/admin", **to_web, "auth": {"api_key": keys}},
        {"domain": "api.example.com", "path": "/bearer", **to_web, "auth": {"api_key": {**keys, "header": "Authorization"}}},
        {"domain": "token.example.com", **to_web, "websocket": True, "auth": {"jwt": tokens}},
        {"domain": "rpc.example.com", **to_rpc, "auth": {"api_key": keys, "public": ["/test.Service/Stream"]}},
        {"domain": "rpc.example.com", "path": "/test.Members", **to_rpc, "auth": {"basic": {"users": {"ada": "ada_password"}}}},
        {
            "domain": "rpc.example.com",
            "path": "/test.Limited",
            **to_rpc,
            "rate_limit": {"requests": 1, "per": "minute", "burst": 0, "by": "key"},
            "auth": {"api_key": keys},
        },
        {"domain": "rpc.example.com", "path": "/test.Machines", **to_rpc, "auth": {"client_ca": {"ca": ca, "crl": crl}}},
        {"domain": "rpc.example.com", "path": "/test.Open", **to_rpc},
        {"domain": "mutual.example.com", **to_web},
        {"domain": "mutual.example.com", "path": "/machines", **to_web, "auth": {"client_ca": {"ca": ca, "crl": crl}}},
        {
            "domain": "sso.example.com",
            **to_web,
            "websocket": True,
            "auth": {
                "forward": {
                    "service": "authelia",
                    "port": 9091,
                    "path": "/api/authz/auth-request?mode=nginx",
                    "login": "https://auth.example.com/?theme=dark",
                    "headers": ["Remote-User", "Remote-Groups"],
                },
                "public": ["/health"],
            },
        },
    ]
    services = {name: {"image": f"{name}:1", "healthcheck": {"test": "true"}} for name in ("web", "authelia", "rpc")}
    secrets = {name: {"kind": "password"} for name in ("ada_password", "bob_password")}
    return {
        "name": "acme",
        "compose": {"services": services},
        "contact": "ops@example.com",
        "routes": routes,
        "secrets": {**secrets, "partner_key": {"kind": "token"}, "other_key": {"kind": "token"}},
    }


@pytest.fixture(scope="module")
def world(ansible: AnsibleRuns, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("site")
    folder.chmod(0o755)
    servers, clients = pki.Authority("servers", folder), pki.Authority("clients", folder)
    good, (expired, _one), (revoked, certificate) = clients.client("robot"), clients.client("old", expired=True), clients.client("gone")
    foreign, _other = pki.Authority("strangers", folder).client("robot")
    provider = Provider()
    KeyServer.document = json.dumps(provider.key_set()).encode()
    Decider.asked = []
    with ExitStack() as stack:
        ports = {f"acme_{name}": stack.enter_context(serving(kind)) for name, kind in zip(BEHIND, (Echo, Decider), strict=True)}
        rpc = GrpcService()
        stack.callback(rpc.close)
        ports["acme_rpc_9000"] = int(rpc.address.rpartition(":")[2])
        jwks = f"http://127.0.0.1:{stack.enter_context(serving(KeyServer))}/jwks.json"
        wanted = declared(jwks, clients.pem, clients.revoked([certificate]), ports["acme_authelia_9091"])
        site = stack.enter_context(running(wanted, ansible, folder, servers, ports))
        yield World(site, provider, good[0], expired, revoked, foreign)


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


class TestBasic:
    """Users with passwords, which nginx checks itself."""

    def test_the_right_password_opens_and_the_service_learns_who(self, world: World) -> None:
        answer = world.site.ask("app.example.com", "/page", {**basic("ada", world.site.secret("ada_password")), **FORGED})
        assert answer.status == 200
        assert answer.seen["headers"]["x-authenticated-user"] == "ada"
        assert "authorization" not in answer.seen["headers"], "the service has no use for the password"
        assert "root" not in json.dumps(answer.seen), "names that clients claim for themselves"

    def test_missing_and_wrong_passwords_are_asked_for(self, world: World) -> None:
        for given in ({}, basic("ada", "wrong"), basic("nobody", "wrong"), {"Authorization": "Basic"}, {"Authorization": "Bearer x"}):
            answer = world.site.ask("app.example.com", "/page", given)
            assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Basic realm="Members"'), given

    def test_a_new_password_holds_at_once_without_a_reload(self, world: World) -> None:
        workers, old = world.site.workers(), world.site.secret("ada_password")
        changed = json.loads(json.dumps(world.site.stack))
        changed["secrets"]["ada_password"] = {"kind": "provided", "value": "another one, chosen by hand"}
        assert world.site.write_files(changed).changes
        assert world.site.ask("app.example.com", "/page", basic("ada", old)).status == 401
        assert world.site.ask("app.example.com", "/page", basic("ada", "another one, chosen by hand")).status == 200
        assert world.site.workers() == workers

    def test_public_paths_need_none_and_name_nobody(self, world: World) -> None:
        for path in ("/health", "/health/", "/health/deep?x=/../y;"):
            answer = world.site.ask("app.example.com", path, FORGED)
            assert answer.status == 200 and answer.seen["path"] == path
            assert "root" not in json.dumps(answer.seen)
        assert world.site.ask("app.example.com", "/healthy").status == 401

    @pytest.mark.parametrize(
        "path",
        [
            "/health/../page",
            "/health/%2e%2e/page",
            "/health/..;/page",
            "/health/..%2fpage",
            "/health/%252e%252e%252fpage",
            "/health/..\\page",
            "/health/.%2e/page",
            "/health;jsessionid=1/../page",
            "/health/x%5c..%5cpage",
        ],
    )
    def test_no_spelling_of_a_public_path_leads_to_another_one(self, world: World, path: str) -> None:
        assert world.site.ask("app.example.com", path).status in (400, 401, 403)

    def test_websockets_need_it_as_well(self, world: World) -> None:
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
        assert world.site.ask("app.example.com", "/ws/live", upgrade).status == 401
        changed = json.loads(json.dumps(world.site.stack))
        world.site.write_files(changed)
        password = world.site.secret("ada_password")
        answer = world.site.ask("app.example.com", "/ws/live", {**upgrade, **basic("ada", password)})
        assert (answer.status, json.loads(answer.body)) == (101, {"user": "ada"})

    def test_the_log_names_only_who_was_recognized(self, world: World) -> None:
        world.site.ask("app.example.com", "/logged-in", basic("ada", world.site.secret("ada_password")))
        world.site.ask("app.example.com", "/guessed", basic("ada", "wrong"))
        world.site.ask("app.example.com", "/asked")
        world.site.ask("app.example.com", "/health/logged", basic("mallory", "x"))
        shown = {path: world.site.log(path) for path in ("/logged-in", "/guessed", "/asked", "/health/logged")}
        assert [(line["user"], line["refused"]) for line in shown.values()] == [
            ("ada", ""),
            ("", "refused: unknown"),
            ("", "missing"),
            ("", ""),
        ]

    def test_a_limit_by_user_is_each_users_own_however_it_is_written(self, world: World) -> None:
        def ask(user: str, scheme: str = "Basic ", end: str = "") -> int:
            credentials = basic(user, world.site.secret(f"{user}_password"))["Authorization"].removeprefix("Basic ").rstrip("=")
            padding = "=" * (-len(credentials) % 4)
            return world.site.ask("app.example.com", "/counted", {"Authorization": f"{scheme}{credentials}{padding}{end}"}).status

        assert [ask("ada"), ask("ada"), ask("ada"), ask("ada", "bAsIc   ")] == [200, 200, 429, 429]
        assert ask("bob") == 200


class TestGrpc:
    """Refusals are errors of gRPC, and nobody says himself who he is."""

    def call(self, world: World, method: str, *metadata: tuple[str, str]) -> tuple[str, bytes]:
        """The status of a call and its answer."""
        grpc = pytest.importorskip("grpc")
        credentials = grpc.ssl_channel_credentials(world.site.authority.file.read_bytes())
        options = [("grpc.ssl_target_name_override", "rpc.example.com"), ("grpc.enable_retries", 0)]
        with grpc.secure_channel(f"127.0.0.1:{world.site.port}", credentials, options) as channel:
            try:
                return "OK", channel.unary_unary(method)(b"hello", timeout=20, metadata=metadata)
            except grpc.RpcError as error:
                return error.code().name, error.details().encode()

    def test_a_key_opens_and_the_service_learns_who(self, world: World) -> None:
        forged = [(name.lower(), value) for name, value in FORGED.items()]
        status, answer = self.call(world, "/test.Service/Unary", ("x-api-key", world.site.secret("partner_key")), *forged)
        assert status == "OK" and b"x-authenticated-user=partner" in answer and b"root" not in answer
        assert world.site.secret("partner_key").encode() not in answer

    def test_without_one_nobody_comes_in(self, world: World) -> None:
        for metadata in ((), (("x-api-key", "x" * 40),)):
            assert self.call(world, "/test.Service/Guessed", *metadata) == ("UNAUTHENTICATED", b"who calls is not known")
        line = world.site.log("/test.Service/Guessed")
        assert (line["status"], line["user"]) == (401, "") and line["refused"], "fail2ban reads it"

    def test_passwords(self, world: World) -> None:
        world.site.write_files()
        password = world.site.secret("ada_password")
        right = ("authorization", basic("ada", password)["Authorization"])
        wrong = ("authorization", basic("ada", "wrong")["Authorization"])
        status, answer = self.call(world, "/test.Members/Unary", right)
        assert status == "OK" and b"x-authenticated-user=ada" in answer
        assert self.call(world, "/test.Members/Guessed", wrong)[0] == "UNAUTHENTICATED"
        line = world.site.log("/test.Members/Guessed")
        assert (line["status"], line["user"], line["refused"]) == (401, "", "refused: unknown"), "nobody is named who was not recognized"

    def test_beyond_a_limit_and_without_a_certificate(self, world: World) -> None:
        key = ("x-api-key", world.site.secret("other_key"))
        assert [self.call(world, "/test.Limited/Unary", key)[0] for _again in range(2)] == ["OK", "RESOURCE_EXHAUSTED"]
        assert self.call(world, "/test.Machines/Unary")[0] == "PERMISSION_DENIED"

    def test_a_route_without_it_beside_them_names_nobody(self, world: World) -> None:
        status, answer = self.call(world, "/test.Open/Unary", *((name.lower(), value) for name, value in FORGED.items()))
        assert status == "OK" and b"root" not in answer


class TestApiKey:
    """Keys in a header."""

    def test_a_key_opens_with_the_name_of_its_caller(self, world: World) -> None:
        key = world.site.secret("partner_key")
        answer = world.site.ask("api.example.com", "/v1?a=1", {"X-API-Key": key, **FORGED})
        assert answer.status == 200 and answer.seen["path"] == "/v1?a=1"
        assert answer.seen["headers"]["x-authenticated-user"] == "partner"
        assert "root" not in json.dumps(answer.seen) and key not in json.dumps(answer.seen), "neither forged names nor the key"

    @pytest.mark.parametrize(
        "given", [{}, {"X-API-Key": ""}, {"X-API-Key": "x" * 40}, {"X-API-Key": "y" * 15000}, {"Authorization": "Bearer z"}]
    )
    def test_without_a_known_key_nobody_comes_in(self, world: World, given: dict[str, str]) -> None:
        answer = world.site.ask("api.example.com", "/v1", given)
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'ApiKey realm="api.example.com", header="X-API-Key"')

    def test_a_key_in_the_query_is_none(self, world: World) -> None:
        assert world.site.ask("api.example.com", f"/v1?X-API-Key={world.site.secret('partner_key')}").status == 401

    def test_a_revoked_key_is_refused_from_the_next_request_on(self, world: World) -> None:
        key, workers = world.site.secret("partner_key"), world.site.workers()
        assert world.site.ask("api.example.com", "/v1", {"X-API-Key": key}).status == 200
        without = json.loads(json.dumps(world.site.stack))
        for route in without["routes"]:
            route.get("auth", {}).get("api_key", {}).get("keys", {}).pop("partner", None)
        del without["secrets"]["partner_key"]
        world.site.write_files(without)
        assert world.site.ask("api.example.com", "/v1", {"X-API-Key": key}).status == 401
        assert world.site.ask("api.example.com", "/v1", {"X-API-Key": world.site.secret("other_key")}).status == 200
        world.site.write_files()
        assert world.site.workers() == workers, "no reload"

    def test_the_log_has_the_name_and_never_the_key(self, world: World) -> None:
        key = world.site.secret("other_key")
        world.site.ask("api.example.com", "/named", {"X-API-Key": key})
        world.site.ask("api.example.com", "/unknown", {"X-API-Key": "k" * 32})
        assert (world.site.log("/named")["user"], world.site.log("/named")["refused"]) == ("other", "")
        assert (world.site.log("/unknown")["user"], world.site.log("/unknown")["refused"]) == ("", "refused: unknown")
        assert all(key not in file.read_text() for file in (world.site.folder / "log").iterdir())

    def test_a_limit_by_key_counts_each_caller_alone_and_answers_429(self, world: World) -> None:
        world.site.write_files()
        partner, other = world.site.secret("partner_key"), world.site.secret("other_key")
        statuses = [world.site.ask("api.example.com", "/limited", {"X-API-Key": partner}).status for _number in range(3)]
        assert statuses == [200, 200, 429]
        refused = world.site.ask("api.example.com", "/limited", {"X-API-Key": partner, "Accept": "application/json"})
        assert refused.status == 429 and refused.headers["Retry-After"]
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "X-API-Key": partner}
        assert world.site.ask("api.example.com", "/limited", upgrade).status == 429
        assert world.site.ask("api.example.com", "/limited", {"X-API-Key": other}).status == 200
        assert world.site.ask("api.example.com", "/limited", {"X-API-Key": "k" * 32}).status == 401
        assert world.site.log("/limited")["refused"] in ("limited", "refused: unknown", "")

    def test_large_bodies_pass_and_are_not_shown_to_the_service_of_keys(self, world: World) -> None:
        answer = world.site.ask(
            "api.example.com", "/v1", {"X-API-Key": world.site.secret("other_key")}, method="POST", body=b"x" * 3_000_000
        )
        assert (answer.status, answer.seen["received"], answer.seen["method"]) == (200, 3_000_000, "POST")

    def test_paths_are_stripped_where_they_are_public_as_well(self, world: World) -> None:
        assert world.site.ask("api.example.com", "/stripped/docs/a").seen["path"] == "/docs/a"
        assert world.site.ask("api.example.com", "/stripped/a").status == 401
        answer = world.site.ask("api.example.com", "/stripped/a", {"X-API-Key": world.site.secret("other_key")})
        assert (answer.seen["path"], answer.seen["headers"]["x-forwarded-prefix"]) == ("/a", "/stripped")

    def test_a_key_may_stand_in_authorization(self, world: World) -> None:
        key = world.site.secret("other_key")
        answer = world.site.ask("api.example.com", "/bearer", {"Authorization": f"Bearer {key}"})
        assert answer.status == 200 and key not in json.dumps(answer.seen)
        assert world.site.ask("api.example.com", "/bearer", {"Authorization": f"Basic {key}"}).status == 401
        assert world.site.ask("api.example.com", "/bearer").headers["WWW-Authenticate"] == 'Bearer realm="api.example.com"'

    def test_what_nginx_asks_cannot_be_asked_from_outside(self, world: World) -> None:
        for path in ("/.latentum-ops-auth/0", "/.latentum-ops-auth/1", "/%2elatentum-ops-auth/0"):
            assert world.site.ask("api.example.com", path, {"X-API-Key": world.site.secret("other_key")}).status in (200, 404)
            assert not world.site.ask("api.example.com", path).headers.get("X-Ops-User")

    def test_headers_by_which_nginx_asks_are_not_taken_from_clients(self, world: World) -> None:
        forged = {"X-Ops-Policy": "acme/other", "X-Ops-Credential": world.site.secret("other_key"), "X-Ops-User": "root"}
        assert world.site.ask("api.example.com", "/v1", forged).status == 401


class TestOpenRoute:
    """A route without authentication to a service that has one with it."""

    def test_nobody_names_himself_there_either(self, world: World) -> None:
        answer = world.site.ask("open.example.com", "/page;".rstrip(";"), FORGED)
        assert answer.status == 200 and "root" not in json.dumps(answer.seen)

    @pytest.mark.parametrize(
        "path",
        [
            "/admin/x",
            "//admin/x",
            "/%2fadmin/x",
            "/a/../admin/x",
            "/a/..%2fadmin/x",
            "/%61dmin/x",
            "/ADMIN/x",
            "/Admin",
            "/;/admin/x",
            "/admin;a=b/x",
            "/a/..;/admin/x",
            "/a\\..\\admin/x",
            "/a/%252e%252e/admin/x",
        ],
    )
    def test_no_spelling_leads_to_the_path_that_is_guarded(self, world: World, path: str) -> None:
        assert world.site.ask("open.example.com", path).status in (400, 401, 403, 404)

    def test_what_is_no_such_spelling_passes(self, world: World) -> None:
        for path in ("/administration", "/files/a%2Fb", "/a//b", "/a%20b", "/search?q=;..%5c%252e"):
            assert world.site.ask("open.example.com", path).seen.get("path") == path


class TestJwt:
    """Tokens of an identity provider."""

    def test_a_token_opens_with_its_name_and_claims(self, world: World) -> None:
        token = world.provider.token(email="ada@example.com")
        answer = world.site.ask(
            "token.example.com", "/", {"Authorization": f"Bearer {token}", "X-User-Email": "root@example.com", **FORGED}
        )
        assert answer.status == 200
        assert answer.seen["headers"]["x-authenticated-user"] == "ada"
        assert answer.seen["headers"]["x-user-email"] == "ada@example.com"
        assert "root" not in json.dumps([pair for pair in answer.seen["pairs"] if pair[0] != "authorization"])

    def test_a_claim_that_is_not_there_is_no_header(self, world: World) -> None:
        answer = world.site.ask(
            "token.example.com", "/", {"Authorization": f"Bearer {world.provider.token()}", "X-User-Email": "root@example.com"}
        )
        assert answer.status == 200 and "x-user-email" not in answer.seen["headers"]

    def test_wrong_tokens_are_refused_with_what_to_do(self, world: World) -> None:
        for token in (
            world.provider.token(exp=int(time.time()) - 60),
            world.provider.token("HS256"),
            world.provider.token("none"),
            "a.b.c",
        ):
            answer = world.site.ask("token.example.com", "/", {"Authorization": f"Bearer {token}"})
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"] == 'Bearer realm="token.example.com", error="invalid_token"'
        assert world.site.ask("token.example.com", "/").headers["WWW-Authenticate"] == 'Bearer realm="token.example.com"'

    def test_the_log_says_why(self, world: World) -> None:
        for path, token in {
            "/expired": world.provider.token(exp=1),
            "/forged": world.provider.token("HS256"),
            "/fine": world.provider.token(),
        }.items():
            world.site.ask("token.example.com", path, {"Authorization": f"Bearer {token}"})
        lines = [world.site.log(path) for path in ("/expired", "/forged", "/fine")]
        assert [(line["user"], line["refused"]) for line in lines] == [("", "expired"), ("", "refused: algorithm"), ("ada", "")]

    def test_websockets_need_one(self, world: World) -> None:
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
        assert world.site.ask("token.example.com", "/live", upgrade).status == 401
        answer = world.site.ask("token.example.com", "/live", {**upgrade, "Authorization": f"Bearer {world.provider.token()}"})
        assert (answer.status, json.loads(answer.body)) == (101, {"user": "ada"})

    def test_a_name_that_is_no_header_is_made_one(self, world: World) -> None:
        token = world.provider.token(sub="ädä\r\nX-Injected: 1")
        answer = world.site.ask("token.example.com", "/", {"Authorization": f"Bearer {token}"})
        assert answer.status == 200 and "x-injected" not in answer.seen["headers"]
        assert answer.seen["headers"]["x-authenticated-user"] == "%C3%A4d%C3%A4%0D%0AX-Injected: 1"


class TestClientCertificates:
    """Certificates of clients."""

    def test_a_certificate_of_the_authority_opens_and_names_its_subject(self, world: World) -> None:
        answer = world.site.ask("mutual.example.com", "/machines/a", {"X-Client-Cert-Subject": "CN=root", **FORGED}, certificate=world.good)
        assert answer.status == 200 and answer.seen["headers"]["x-authenticated-user"] == "CN=robot"
        assert answer.seen["headers"]["x-client-cert-subject"] == "CN=robot" and "root" not in json.dumps(answer.seen)
        assert world.site.log("/machines/a")["user"] == "CN=robot"

    def test_without_one_the_route_is_refused_and_the_rest_of_the_domain_is_not(self, world: World) -> None:
        answer = world.site.ask("mutual.example.com", "/machines/b")
        assert answer.status == 403 and b"You may not see this" in answer.body
        assert world.site.log("/machines/b")["refused"] == "NONE"
        assert world.site.ask("mutual.example.com", "/").status == 200

    def test_expired_revoked_and_foreign_ones_are_refused(self, world: World) -> None:
        for certificate in (world.expired, world.revoked, world.foreign):
            assert world.site.ask("mutual.example.com", "/machines", certificate=certificate).status == 403, certificate

    def test_a_revocation_holds_after_the_reload_of_its_list(self, world: World, tmp_path: Path) -> None:
        policy = next(world.site.authentication.glob("acme/mutual*.crl.pem"))
        before = policy.read_text()
        assert world.site.ask("mutual.example.com", "/machines", certificate=world.revoked).status == 403
        empty = pki.Authority("clients", tmp_path)  # of the same name, with another key: nginx finds no list that is the authority's
        policy.write_text(empty.revoked([]))
        world.site.reload()
        assert world.site.ask("mutual.example.com", "/machines", certificate=world.good).status == 403
        policy.write_text(before)
        world.site.reload()
        assert world.site.ask("mutual.example.com", "/machines", certificate=world.good).status == 200


class TestForward:
    """Another service decides."""

    def test_whom_it_lets_in_is_named_by_its_headers(self, world: World) -> None:
        answer = world.site.ask("sso.example.com", "/app?x=1", {**COOKIE, **FORGED, "Remote-Groups": "root"})
        assert answer.status == 200
        assert {name: answer.seen["headers"].get(name) for name in ("remote-user", "remote-groups", "x-authenticated-user")} == {
            "remote-user": "ada",
            "remote-groups": "admins",
            "x-authenticated-user": "ada",
        }
        assert "root" not in json.dumps(answer.seen)
        assert answer.headers["Set-Cookie"] == "session=good; Path=/; refreshed"
        assert world.site.log("/app")["user"] == "ada"

    def test_it_gets_the_request_without_its_body_and_without_forged_names(self, world: World) -> None:
        Decider.asked.clear()
        answer = world.site.ask("sso.example.com", "/form?x=1", {**COOKIE, **FORGED}, method="POST", body=b"y" * 900_000)
        assert (answer.status, answer.seen["received"]) == (200, 900_000)
        asked = Decider.asked[-1]
        assert (asked["path"], asked["x-original-method"]) == ("/api/authz/auth-request?mode=nginx", "POST")
        assert asked["x-original-url"] == "https://sso.example.com/form?x=1" and asked["x-forwarded-uri"] == "/form?x=1"
        assert "content-length" not in asked and "root" not in json.dumps(asked)

    def test_a_browser_is_sent_to_the_login_with_where_it_wanted_to_go(self, world: World) -> None:
        answer = world.site.ask("sso.example.com", "/a b".replace(" ", "%20") + "?x=1&y=2#", {"Accept": "text/html,*/*"})
        assert answer.status == 302 and answer.headers["Set-Cookie"] == "asked=1; Path=/"
        assert answer.headers["Location"].startswith(
            "https://auth.example.com/?theme=dark&rd=https%3A%2F%2Fsso.example.com%2Fa%2520b%3Fx%3D1%26y%3D2"
        )

    def test_a_program_gets_401(self, world: World) -> None:
        assert world.site.ask("sso.example.com", "/", {"Accept": "application/json"}).status == 401
        assert world.site.ask("sso.example.com", "/", {"Accept": "text/html"}, method="POST", body=b"x").status == 401

    def test_the_way_back_never_leads_elsewhere(self, world: World) -> None:
        for path in ("//evil.example/", "/\\evil.example", "/?rd=https://evil.example/"):
            answer = world.site.ask("sso.example.com", path, {"Accept": "text/html", "X-Forwarded-Host": "evil.example"})
            assert answer.status == 302
            assert answer.headers["Location"].startswith("https://auth.example.com/?theme=dark&rd=https%3A%2F%2Fsso.example.com%2F")

    def test_a_service_outside_the_stack_is_asked_by_its_own_name(self, world: World) -> None:
        assert world.site.ask("outside.example.com", "/x").status == 401
        answer = world.site.ask("outside.example.com", "/x?y=1", {**COOKIE, **FORGED})
        assert (answer.status, answer.seen["headers"]["x-authenticated-user"]) == (200, "ada")
        asked = Decider.asked[-1]
        assert (asked["path"], asked["host"], asked["x-forwarded-host"]) == ("/verify?a=b", "auth.example.com", "outside.example.com")

    def test_large_groups_and_bodies_in_pieces_pass(self, world: World) -> None:
        answer = world.site.ask("sso.example.com", "/", {"Cookie": "session=good; large"})
        assert (answer.status, len(answer.seen["headers"]["remote-groups"])) == (200, 9000)
        pieces = b"".join(b"1000\r\n" + b"x" * 4096 + b"\r\n" for _number in range(20)) + b"0\r\n\r\n"
        answer = world.site.ask("sso.example.com", "/", {**COOKIE, "Transfer-Encoding": "chunked"}, method="PUT", pieces=pieces)
        assert (answer.status, answer.seen["received"]) == (200, 81920)

    def test_who_is_known_and_may_not_gets_403(self, world: World) -> None:
        assert world.site.ask("sso.example.com", "/", {"Cookie": "session=denied", "Accept": "text/html"}).status == 403

    def test_websockets_and_public_paths(self, world: World) -> None:
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
        assert world.site.ask("sso.example.com", "/live", upgrade).status == 401
        answer = world.site.ask("sso.example.com", "/live", {**upgrade, **COOKIE})
        assert (answer.status, json.loads(answer.body)) == (101, {"user": "ada"})
        assert "root" not in json.dumps(world.site.ask("sso.example.com", "/health", FORGED).seen)
