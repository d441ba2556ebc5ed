# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of authentication on a host: made of the secret store, changed only by what changed, kept for releases that still ask by them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pki
import pytest
from ansible_collections.latentum.ops.plugins.module_utils.authentication import hashes, host_files
from ansible_collections.latentum.ops.plugins.module_utils.authentication.host_files import AuthenticationError, Readers, ensure
from ansible_collections.latentum.ops.plugins.module_utils.authentication.judge import Judge
from ansible_collections.latentum.ops.plugins.module_utils.contracts.base import ContractError
from ansible_collections.latentum.ops.plugins.module_utils.contracts.route_authentication import AuthenticationLimit, RouteAuthentication
from ansible_collections.latentum.ops.plugins.module_utils.core import paths
from ansible_collections.latentum.ops.plugins.module_utils.nginx import site_file
from ansible_collections.latentum.ops.plugins.module_utils.secretstore.store import Store

BASIC = RouteAuthentication(name="app-basic-1", stack="acme", kind="basic", users={"ada": "ada_password", "bob": "bob_password"})
KEYS = RouteAuthentication(name="api-api_key-1", stack="acme", kind="api_key", header="X-API-Key", keys={"partner": "partner_key"})
OWN = Readers(os.getgid(), os.getgid())
SECRETS: dict[str, dict[str, Any]] = {
    "ada_password": {"kind": "password"},
    "bob_password": {"kind": "provided", "value": "correct horse: battery staple"},
    "partner_key": {"kind": "token"},
}


class Host:
    """A host with a secret store, sites and releases."""

    def __init__(self, root: Path) -> None:
        self.root, self.folder = root, root / "authentication"
        self.secrets(SECRETS)

    def secrets(self, wanted: dict[str, dict[str, Any]]) -> None:
        store = Store("acme", self.root / "secrets")
        entries = [{"name": name, "consumers": [], "environment": [], **entry} for name, entry in wanted.items()]
        with store.locked():
            store.ensure(entries)

    def value(self, name: str) -> str:
        value = Store("acme", self.root / "secrets").value(name)
        assert value
        return value

    def ensure(self, *policies: RouteAuthentication, stacks: Sequence[str] = ("acme",), check: bool = False) -> host_files.Outcome:
        return ensure(policies, stacks, OWN, check_mode=check, folder=self.folder, secrets=self.root / "secrets")

    def files(self) -> dict[str, str]:
        return {str(path.relative_to(self.folder)): path.read_text() for path in self.folder.rglob("*") if path.is_file()}

    def users(self) -> dict[str, str]:
        return dict(line.split(":", 1) for line in self.files()["acme/app-basic-1.htpasswd"].splitlines())


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(site_file, "SITES", tmp_path / "sites.d")
    monkeypatch.setattr(paths, "RELEASES", tmp_path / "releases")
    # The owner of files is whoever runs the tests.
    real = host_files.Entry
    monkeypatch.setattr(host_files, "Entry", lambda *given, **more: real(*given, **{"uid": os.getuid(), "gid": os.getgid(), **more}))
    return Host(tmp_path)


def test_users_have_hashes_that_nginx_reads_and_a_second_run_changes_nothing(host: Host) -> None:
    assert host.ensure(BASIC, KEYS).changes and not host.ensure(BASIC, KEYS).changes
    users = host.users()
    assert hashes.matches(host.value("ada_password"), users["ada"], hashes.ROUNDS_GENERATED)
    assert hashes.matches("correct horse: battery staple", users["bob"], hashes.ROUNDS_CHOSEN), "what people chose costs a guess more"
    text = json.dumps(host.files())
    assert all(host.value(name) not in text for name in SECRETS)
    modes = {path.name: path.stat().st_mode & 0o777 for path in host.folder.rglob("*")}
    assert modes == {"acme": 0o755, "policies.json": 0o640, "app-basic-1.htpasswd": 0o640}


def test_check_mode_says_it_and_writes_nothing(host: Host) -> None:
    outcome = host.ensure(BASIC, check=True)
    assert len(outcome.changes) == 4 and not host.folder.exists()
    assert all("$6$" not in str(change.difference()) for change in outcome.changes)


def test_only_the_hash_of_a_password_that_changed_is_another_one(host: Host) -> None:
    host.ensure(BASIC)
    before = host.users()
    host.secrets({**SECRETS, "bob_password": {"kind": "provided", "value": "another one"}})
    assert [change.entry.path.name for change in host.ensure(BASIC).changes] == ["app-basic-1.htpasswd"]
    assert host.users()["ada"] == before["ada"] and host.users()["bob"] != before["bob"]


def test_a_file_that_somebody_damaged_is_put_right(host: Host) -> None:
    host.ensure(BASIC)
    (host.folder / "acme/app-basic-1.htpasswd").write_text("ada:plain\nmallory:$6$x$y\n")
    host.ensure(BASIC)
    assert set(host.users()) == {"ada", "bob"}


def test_keys_are_kept_as_digests_by_the_name_of_their_caller(host: Host) -> None:
    host.ensure(KEYS)
    (policy,) = json.loads(host.files()["acme/policies.json"])["policies"]
    assert policy["callers"] == {hashes.digest(host.value("partner_key")): "partner"}
    assert Judge(host.folder).check("acme/api-api_key-1", host.value("partner_key")).user == "partner"


@pytest.mark.parametrize(
    ("secret", "message"),
    [
        ({"kind": "provided", "value": "short"}, "at least 16 characters"),
        ({"kind": "provided", "value": "with a space in its middle"}, "printable ASCII"),
        ({"kind": "provided", "value": "schlüssel-mit-umlauten"}, "printable ASCII"),
    ],
)
def test_a_key_that_nobody_could_send_or_anybody_guess_is_refused(host: Host, secret: dict[str, Any], message: str) -> None:
    host.secrets({**SECRETS, "partner_key": secret})
    with pytest.raises(AuthenticationError, match=message) as refused:
        host.ensure(BASIC, KEYS)
    assert secret["value"] not in str(refused.value) and "partner_key" in str(refused.value)
    assert not host.folder.exists(), "nothing was changed"


@pytest.mark.parametrize("value", ["two\nlines", "x" * 300])
def test_a_password_that_nobody_could_type_is_refused(host: Host, value: str) -> None:
    host.secrets({**SECRETS, "ada_password": {"kind": "provided", "value": value}})
    with pytest.raises(AuthenticationError, match="1 to 256 printable characters"):
        host.ensure(BASIC)


def test_two_callers_with_one_key_could_not_be_told_apart(host: Host) -> None:
    same = {"kind": "provided", "value": "the-same-key-for-both"}
    host.secrets({**SECRETS, "partner_key": same, "other_key": same})
    with pytest.raises(AuthenticationError, match="have the same key"):
        host.ensure(replace(KEYS, keys={"partner": "partner_key", "other": "other_key"}))


def test_a_secret_that_is_not_there_is_named_with_what_to_do(host: Host) -> None:
    with pytest.raises(AuthenticationError, match="the secret nowhere of ada is not in the store of acme: declare it"):
        host.ensure(replace(BASIC, users={"ada": "nowhere"}))


def test_whom_nobody_declares_any_more_opens_nothing(host: Host) -> None:
    host.ensure(KEYS)
    key = host.value("partner_key")
    host.secrets({name: entry for name, entry in SECRETS.items() if name != "partner_key"})
    with pytest.raises(AuthenticationError, match="not in the store"):
        host.ensure(KEYS)  # declared by the policy, and not in secrets:
    (host.root / "secrets/acme/partner_key").write_text(key)  # a file that somebody left there is no secret of the stack
    with pytest.raises(AuthenticationError, match="not in the store"):
        host.ensure(KEYS)


def test_what_no_site_and_no_release_names_goes(host: Host) -> None:
    host.ensure(BASIC, KEYS)
    host.ensure(KEYS)
    assert set(host.files()) == {"acme/policies.json"} and "app-basic-1" not in host.files()["acme/policies.json"]
    host.ensure()
    assert not (host.folder / "acme").exists()


@pytest.mark.parametrize("where", ["sites.d/app.example.com.conf", "releases/acme/releases/4f2a/routes.json"])
def test_what_a_site_or_a_release_still_asks_by_stays_without_those_who_were_shut_out(host: Host, where: str) -> None:
    host.ensure(BASIC, KEYS)
    file = host.root / where
    file.parent.mkdir(parents=True)
    file.write_text("auth_basic_user_file /etc/latentum-ops/authentication/acme/app-basic-1.htpasswd; X-Ops-Policy acme/api-api_key-1;")
    outcome = host.ensure()
    assert outcome.kept == ["acme/app-basic-1", "acme/api-api_key-1"] and not outcome.changes
    host.secrets({"ada_password": SECRETS["ada_password"]})
    host.ensure()
    assert list(host.users()) == ["ada"], "a password that is declared no more opens no old release"
    with pytest.raises(Exception, match="refused: unknown"):
        Judge(host.folder).check("acme/api-api_key-1", "x" * 32)
    file.unlink()
    assert host.ensure().kept == [] and not (host.folder / "acme").exists()


def test_other_stacks_are_left_alone(host: Host) -> None:
    host.ensure(BASIC)
    other = replace(BASIC, stack="blog", users={})
    host.ensure(other, stacks=["blog"])
    assert {"acme/app-basic-1.htpasswd", "blog/app-basic-1.htpasswd"} <= set(host.files())


def test_authorities_are_looked_at_before_anything_is_written(host: Host) -> None:
    authority, other = pki.Authority("clients", host.root), pki.Authority("other", host.root)
    policy = RouteAuthentication(name="api-client_ca-1", stack="acme", kind="client_ca", ca=authority.pem, crl=authority.revoked([]))
    host.ensure(policy)
    assert set(host.files()) == {"acme/policies.json", "acme/api-client_ca-1.ca.pem", "acme/api-client_ca-1.crl.pem"}
    client = authority.client("robot")[0].read_text().partition("-----BEGIN PRIVATE")[0]
    for wrong, message in (
        (replace(policy, ca=pki.Authority("old", host.root, days=-1).pem, crl=""), "has run out"),
        (replace(policy, ca=client, crl=""), "is no authority"),
        (replace(policy, crl=other.revoked([])), "has no revocation list"),
        (replace(policy, crl=authority.revoked([], expired=True)), "the revocation list of CN=clients has run out"),
        (replace(policy, ca="-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", crl=""), "is no certificate"),
    ):
        with pytest.raises(AuthenticationError, match=message):
            host.ensure(wrong)


def test_another_revocation_list_reloads_nginx_after_a_test(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    real = host_files.apply
    monkeypatch.setattr(
        host_files, "apply", lambda wanted, **more: seen.append(wanted) or real(replace(wanted, validate=(), activate=()), **more)
    )
    authority = pki.Authority("clients", host.root)
    policy = RouteAuthentication(name="api-client_ca-1", stack="acme", kind="client_ca", ca=authority.pem, crl=authority.revoked([]))
    host.ensure(policy)
    assert not seen[-1].activate, "no site names a new one yet"
    host.ensure(replace(policy, crl=authority.revoked([authority.client("gone")[1]])))
    assert seen[-1].validate and seen[-1].activate and seen[-1].activate_unit == "nginx.service"
    host.ensure(replace(policy, crl=seen[-1].entries[-2].content.decode()), BASIC)
    assert not seen[-1].activate, "passwords need no reload"


def test_names_that_would_leave_the_folder_are_refused() -> None:
    for wrong in ({"name": "../x"}, {"stack": "../x"}, {"kind": "oidc"}):
        with pytest.raises((ContractError, AuthenticationError)):
            host_files.policies_from([{"name": "a", "stack": "acme", "kind": "basic", **wrong}])


def test_a_newer_engines_fields_are_passed_over_and_a_damaged_file_lets_nobody_in(host: Host) -> None:
    host.ensure(KEYS)
    file, key = host.folder / "acme/policies.json", host.value("partner_key")
    content = json.loads(file.read_text())
    content["policies"][0]["later"] = {"a": 1}
    file.write_text(json.dumps(content))
    judge = Judge(host.folder)
    assert judge.check("acme/api-api_key-1", key).user == "partner"
    for damaged in ("half of i", "[]", '{"policies": [1]}'):
        file.write_text(damaged)
        with pytest.raises(Exception, match="no-such-policy"):
            judge.check("acme/api-api_key-1", key)
    for reference in ("acme/other", "../acme/api-api_key-1", "acme", "", "/etc/passwd"):
        with pytest.raises(Exception, match="no-such-policy"):
            judge.check(reference, key)


def test_limits_are_those_of_nginx() -> None:
    from ansible_collections.latentum.ops.plugins.module_utils.authentication.limits import Limiter

    moment = [100.0]
    limiter = Limiter(clock=lambda: moment[0])
    limit = AuthenticationLimit(2, "second", 3)
    assert [limiter.allows("p", "ada", limit) for _number in range(6)] == [True] * 4 + [False] * 2
    assert limiter.allows("p", "bob", limit) and limiter.allows("other", "ada", limit)
    moment[0] += 0.5
    assert [limiter.allows("p", "ada", limit) for _number in range(2)] == [True, False]
    moment[0] += 60
    assert [limiter.allows("p", "ada", limit) for _number in range(5)] == [True] * 4 + [False]
