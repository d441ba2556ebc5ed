# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens and key sets: what attackers and providers really send."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.authentication import key_sets
from ansible_collections.latentum.ops.plugins.module_utils.authentication.answers import Accepted, NotAccepted, Reason
from ansible_collections.latentum.ops.plugins.module_utils.authentication.judge import Judge
from ansible_collections.latentum.ops.plugins.module_utils.authentication.key_sets import KeySet, NotYet, declared, keys_of
from ansible_collections.latentum.ops.plugins.module_utils.contracts.route_authentication import RouteAuthentication
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .provider import AUDIENCE, ISSUER, Provider, encoded

pytest.importorskip("jwt")
URL = "https://auth.example.com/jwks.json"
POLICY = RouteAuthentication(
    name="api-jwt",
    stack="acme",
    kind="jwt",
    realm="api.example.com",
    jwks=URL,
    algorithms=("RS256", "ES256", "EdDSA"),
    issuer=ISSUER,
    audience=(AUDIENCE, "other"),
    leeway=5,
    claims={"X-Groups": "groups", "X-User-Email": "email"},
)


class Server:
    """The server of a key set, which may change, be down, or answer rubbish."""

    def __init__(self, provider: Provider) -> None:
        self.document: bytes | Exception = json.dumps(provider.key_set()).encode()
        self.asked = 0

    def __call__(self, _url: str) -> bytes:
        self.asked += 1
        if isinstance(self.document, Exception):
            raise self.document
        return self.document


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def provider() -> Provider:
    return Provider()


@pytest.fixture
def server(provider: Provider) -> Server:
    return Server(provider)


@pytest.fixture
def ask(tmp_path: Path, server: Server) -> Callable[..., Accepted | Reason]:
    """Who a credential is of, or the reason why that is not known."""
    judge = Judge(tmp_path / "policies", tmp_path, get=server)

    def asked(token: str, policy: RouteAuthentication = POLICY, scheme: str = "Bearer ") -> Accepted | Reason:
        write(tmp_path / "policies", policy)
        return answer(judge, policy.reference, scheme + token)

    return asked


def answer(judge: Judge, reference: str, credential: str) -> Accepted | Reason:
    for _attempt in range(3):
        try:
            return judge.check(reference, credential)
        except NotAccepted as error:
            return error.reason
        except NotYet as missing:
            missing.key_set.fetch()
    raise AssertionError("the keys never came")


def write(folder: Path, *policies: RouteAuthentication) -> None:
    file = folder / "acme/policies.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps({"policies": [policy.to_dict() for policy in policies]})
    if not file.exists() or file.read_text() != content:
        file.write_text(content)


Ask = Callable[..., Any]


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_good_token_of_each_algorithm(ask: Ask, provider: Provider, algorithm: str) -> None:
    token = provider.token(algorithm, email="ada@example.com", groups=["admins", "a,b"])
    assert ask(token) == Accepted("ada", {"X-Groups": "admins,a%2Cb", "X-User-Email": "ada@example.com"})
    assert ask(token) == Accepted("ada", {"X-Groups": "admins,a%2Cb", "X-User-Email": "ada@example.com"}), "from what was verified before"


WRONG: list[tuple[str, Callable[[Provider], str], Reason]] = [
    ("alg none", lambda p: p.token("none"), Reason.ALGORITHM),
    ("alg None in another case", lambda p: p.token("nOnE"), Reason.ALGORITHM),
    ("no alg at all", lambda p: p.token(header={"alg": None}), Reason.ALGORITHM),
    ("a signature taken off", lambda p: p.token().rpartition(".")[0] + ".", Reason.SIGNATURE),
    ("HS256 with the public key as the secret", lambda p: p.token("HS256"), Reason.ALGORITHM),
    ("an algorithm that is not accepted here", lambda p: p.token("PS256"), Reason.ALGORITHM),
    ("RS256 signed, ES256 said", lambda p: p.token("RS256", {"alg": "ES256"}), Reason.KEY),
    ("the kid of a key of another kind", lambda p: p.token("RS256", {"kid": "first-ec"}), Reason.KEY),
    ("a kid that nobody has", lambda p: p.token("RS256", {"kid": "second-rsa"}), Reason.KEY),
    ("a kid that is no text", lambda p: p.token("RS256", {"kid": ["first-rsa"]}), Reason.MALFORMED),
    ("a kid that is a path", lambda p: p.token("RS256", {"kid": "../../../../dev/null"}), Reason.KEY),
    ("its own key beside it", lambda _p: Provider().token("RS256", {"jwk": Provider().key_set()["keys"][0]}), Reason.SIGNATURE),
    ("a key of somebody else", lambda _p: Provider().token("RS256"), Reason.SIGNATURE),
    ("a critical extension", lambda p: p.token(header={"crit": ["exp2"], "exp2": 1}), Reason.MALFORMED),
    ("a token of another type", lambda p: p.token(header={"typ": "dpop+jwt"}), Reason.MALFORMED),
    ("expired", lambda p: p.token(exp=int(time.time()) - 10), Reason.EXPIRED),
    ("without an end", lambda p: p.token(exp=None), Reason.CLAIMS),
    ("an end that is no time", lambda p: p.token(exp="tomorrow"), Reason.MALFORMED),
    ("an end beyond all numbers", lambda p: p.token(exp=float("inf")), Reason.MALFORMED),
    ("not yet valid", lambda p: p.token(nbf=int(time.time()) + 60), Reason.EARLY),
    ("for another service", lambda p: p.token(aud="https://other.example.com"), Reason.AUDIENCE),
    ("for nobody", lambda p: p.token(aud=None), Reason.AUDIENCE),
    ("for a part of the name", lambda p: p.token(aud="https://api.example"), Reason.AUDIENCE),
    ("of another issuer", lambda p: p.token(iss="https://evil.example/"), Reason.ISSUER),
    ("of no issuer", lambda p: p.token(iss=None), Reason.ISSUER),
    ("of an issuer without its slash", lambda p: p.token(iss=ISSUER.rstrip("/")), Reason.ISSUER),
    ("of nobody", lambda p: p.token(sub=None), Reason.CLAIMS),
    ("of an empty name", lambda p: p.token(sub=""), Reason.CLAIMS),
    ("a claim that no header holds", lambda p: p.token(email="x" * 3000), Reason.CLAIMS),
    ("a huge token", lambda p: p.token(junk="x" * 20000), Reason.MALFORMED),
    ("nested beyond reason", lambda _p: f"{encoded(b'[' * 5000)}.e30.x", Reason.MALFORMED),
    ("two parts", lambda p: p.token().rpartition(".")[0], Reason.MALFORMED),
    ("five parts, encrypted", lambda _p: "a.b.c.d.e", Reason.MALFORMED),
    ("no base64", lambda _p: "?.?.?", Reason.MALFORMED),
    ("nothing", lambda _p: "", Reason.MISSING),
]


@pytest.mark.parametrize(("made", "reason"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_a_wrong_token_is_refused_for_what_is_wrong_with_it(
    ask: Ask, provider: Provider, made: Callable[[Provider], str], reason: Reason
) -> None:
    assert ask(made(provider)) is reason


def test_changed_claims_are_noticed(ask: Ask, provider: Provider) -> None:
    head, body, signature = provider.token().split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    assert ask(f"{head}.{encoded(json.dumps({**claims, 'sub': 'root'}).encode())}.{signature}") is Reason.SIGNATURE


def test_clocks_may_differ_by_the_leeway(ask: Ask, provider: Provider) -> None:
    assert ask(provider.token(exp=int(time.time()) - 2)) == Accepted("ada")
    assert ask(provider.token(nbf=int(time.time()) + 3, iat=int(time.time()) + 3600)) == Accepted("ada")


def test_only_bearer_tokens_count(ask: Ask, provider: Provider) -> None:
    assert ask(provider.token(), scheme="Basic ") is Reason.MISSING
    assert ask(provider.token(), scheme="bearer   ") == Accepted("ada")


def test_claims_that_are_no_text(ask: Ask, provider: Provider) -> None:
    policy = replace(POLICY, claims={"X-A": "a", "X-B": "b", "X-C": "c", "X-D": "d"}, user_claim="https://example.com/id")
    token = provider.token(a=True, b=12.5, c={"x": "é"}, d=[], **{"https://example.com/id": 4711})
    assert ask(token, policy) == Accepted("4711", {"X-A": "true", "X-B": "12.5", "X-C": '{"x":"\\u00e9"}'})


def test_a_verified_token_is_not_believed_beyond_its_end(tmp_path: Path, server: Server, provider: Provider) -> None:
    moment = Clock()
    moment.now = time.time()
    judge = Judge(tmp_path, get=server, clock=moment)
    write(tmp_path, POLICY)
    token = provider.token(exp=int(moment.now) + 1)
    assert answer(judge, POLICY.reference, f"Bearer {token}") == Accepted("ada")
    moment.now += 1 + POLICY.leeway + 0.5
    (until, *_rest) = next(iter(judge._verified.values()))
    assert until < moment.now


def test_a_policy_that_changes_holds_for_tokens_that_were_verified(ask: Ask, provider: Provider) -> None:
    token = provider.token()
    assert ask(token) == Accepted("ada")
    assert ask(token, replace(POLICY, audience=("other",))) is Reason.AUDIENCE


def test_a_new_key_is_fetched_for_the_first_token_that_names_it(ask: Ask, server: Server) -> None:
    rotated = Provider("second")
    assert ask(rotated.token()) is Reason.KEY
    server.document = json.dumps(rotated.key_set()).encode()
    judge_asked = server.asked
    assert ask(rotated.token()) is Reason.KEY, "not asked again at once: anybody can name keys that nobody has"
    assert server.asked == judge_asked


def key_set(server: Server, clock: Clock, cache: Path | None = None) -> KeySet:
    return KeySet(URL, cache, get=server, clock=clock)


def names(keys: list[key_sets.Key]) -> list[str]:
    return [key.name for key in keys]


def fetched(keys: KeySet, name: str, algorithm: str = "RS256") -> list[str]:
    for _attempt in range(2):
        try:
            return names(keys.candidates(name, algorithm))
        except NotYet:
            keys.fetch()
    return []


def test_rotation(server: Server) -> None:
    clock = Clock()
    keys = key_set(server, clock)
    assert fetched(keys, "first-rsa") == ["first-rsa"]
    rotated = Provider("second")
    server.document = json.dumps(rotated.key_set()).encode()
    clock.now += key_sets.PATIENCE
    assert fetched(keys, "second-rsa") == ["second-rsa"] and keys.generation == 2
    assert fetched(keys, "first-rsa") == [], "the withdrawn one is out of use"
    for _guess in range(50):
        fetched(keys, "guessed")
    assert server.asked == 2


@pytest.mark.parametrize(
    "trouble", [OSError("refused"), TimeoutError("late"), b"<html>", b"{}", b'{"keys": []}', b'{"keys": {"a": 1}}', b"[]", b"\xff"]
)
def test_the_last_good_set_goes_on_whatever_the_server_answers(server: Server, trouble: bytes | Exception) -> None:
    clock = Clock()
    keys = key_set(server, clock)
    assert fetched(keys, "first-rsa")
    server.document = trouble
    clock.now += key_sets.REFRESH + 1
    keys.fetch()
    assert fetched(keys, "first-rsa") == ["first-rsa"]


def test_a_service_that_starts_while_the_server_is_down_has_the_last_good_set(server: Server, tmp_path: Path) -> None:
    assert fetched(key_set(server, Clock(), tmp_path), "first-rsa")
    server.document = OSError("down")
    assert fetched(key_set(server, Clock(), tmp_path), "first-rsa") == ["first-rsa"]
    for file in tmp_path.glob("*.json"):
        assert file.stat().st_mode & 0o777 == 0o600
        file.write_text("half of i")
    assert fetched(key_set(server, Clock(), tmp_path), "first-rsa") == [], "a damaged file is none"


def test_without_any_keys_nobody_comes_in_and_the_log_says_so(ask: Ask, server: Server, provider: Provider) -> None:
    server.document = OSError("down")
    assert ask(provider.token()) is Reason.NO_KEYS


def test_an_old_set_is_fetched_beside_everything_else(server: Server) -> None:
    clock = Clock()
    keys = key_set(server, clock)
    assert fetched(keys, "first-rsa")
    blocked, entered = threading.Event(), threading.Event()
    original = keys.get

    def slow(url: str) -> bytes:
        entered.set()
        blocked.wait(10)
        return original(url)

    keys.get = slow
    clock.now += key_sets.REFRESH + 1
    assert names(keys.candidates("first-rsa", "RS256")) == ["first-rsa"] and entered.wait(10), (
        "the answer came while the server is being asked"
    )
    blocked.set()


def test_what_a_key_is_for_decides_what_it_verifies(provider: Provider) -> None:
    of_rsa, of_ec, of_ed = provider.key_set()["keys"]
    small = rsa.generate_private_key(65537, 1024).public_key().public_numbers()  # noqa: S505  # what is refused
    unusable = [
        {"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"},
        {**of_rsa, "use": "enc"},
        {**of_rsa, "alg": "RSA-OAEP"},
        {**of_rsa, "key_ops": ["encrypt"]},
        {**of_ec, "crv": "secp256k1"},
        {**of_ec, "x": "AAAA"},
        {**of_rsa, "n": 5},
        {"kty": "RSA", "n": encoded(small.n.to_bytes(128, "big")), "e": "AQAB"},
        {"kty": ["RSA"]},
        "rubbish",
    ]
    keys = keys_of(json.dumps({"keys": [*unusable, of_rsa, of_ec, of_ed]}))
    assert [(key.name, key.algorithms) for key in keys] == [
        ("first-rsa", ("RS256",)),
        ("first-ec", ("ES256",)),
        ("first-ed", ("EdDSA",)),
    ]
    with pytest.raises(ValueError, match="no key that verifies"):
        keys_of(json.dumps({"keys": unusable}))


def test_a_set_that_shows_a_private_key_does_not_make_us_hold_it(provider: Provider) -> None:
    item = {**provider.key_set()["keys"][1], "d": encoded(provider.ec.private_numbers().private_value.to_bytes(32, "big"))}
    (key,) = keys_of(json.dumps({"keys": [item]}))
    assert isinstance(key.public, ec.EllipticCurvePublicKey)


def test_keys_without_names(provider: Provider) -> None:
    """A provider with one key need not name it."""
    items = [{name: value for name, value in item.items() if name != "kid"} for item in provider.key_set()["keys"]]
    server = Server(provider)
    server.document = json.dumps({"keys": items}).encode()
    assert fetched(key_set(server, Clock()), "anything", "ES256") == [""]


def test_declared_keys(ask: Ask, provider: Provider) -> None:
    policy = replace(POLICY, jwks="", public_keys=(provider.public_pem(),))
    assert ask(provider.token(header={"kid": None}), policy) == Accepted("ada")
    assert ask(provider.token("HS256"), policy) is Reason.ALGORITHM
    assert ask(provider.token("ES256"), policy) is Reason.KEY
    assert ask(Provider().token(), policy) is Reason.SIGNATURE


@pytest.mark.parametrize("make", [partial(rsa.generate_private_key, 65537, 1024), partial(ec.generate_private_key, ec.SECP256K1())])
def test_declared_keys_that_are_too_weak_or_of_no_use(make: Callable[[], Any]) -> None:
    pem = make().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with pytest.raises(ValueError, match=r"bits|verifies none"):
        declared([pem])


@pytest.mark.parametrize("status", [301, 302, 307])
def test_keys_come_from_where_they_were_declared_to_be(status: int) -> None:
    from .real_nginx import Echo, serving

    class Elsewhere(Echo):
        def do_GET(self) -> None:
            self.answer(status, {"Location": "http://127.0.0.1:1/keys"})

    with serving(Elsewhere) as port, pytest.raises(OSError, match=str(status)):
        key_sets.fetch(f"http://127.0.0.1:{port}/jwks.json")


def test_an_endless_key_set_is_not_read() -> None:
    from .real_nginx import Echo, serving

    class Endless(Echo):
        def do_GET(self) -> None:
            self.answer(200, {}, b"x" * (key_sets.LARGEST + 10))

    with serving(Endless) as port, pytest.raises(OSError, match="more than"):
        key_sets.fetch(f"http://127.0.0.1:{port}/jwks.json")
