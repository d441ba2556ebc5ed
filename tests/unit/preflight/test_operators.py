# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators' keys are keys, and the key that a run is connected with stays until another was tried."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.access.public_keys import NoKey, parse
from ansible_collections.latentum.ops.plugins.module_utils.firewall.host import Connection
from ansible_collections.latentum.ops.plugins.module_utils.preflight.host import accepted
from ansible_collections.latentum.ops.plugins.module_utils.preflight.operators import key_in_use_stays, keys

from .hosts import RecordedHost, recorded, wanted

# Name, fingerprint and line of keys as ssh-keygen made and showed them.
KEYS = {
    name: (fingerprint, line) for name, fingerprint, line in (entry.split(" ", 2) for entry in recorded("public_keys.txt").splitlines())
}
ED25519, RSA, ECDSA = (KEYS[name][1] for name in ("ed25519", "rsa3072", "ecdsa384"))
KIND, BLOB = ED25519.split()[:2]


def sk_key() -> str:
    """A key of a hardware token: the application stands behind the point."""
    fields = (b"sk-ssh-ed25519@openssh.com", bytes(32), b"ssh:")
    blob = b"".join(len(field).to_bytes(4, "big") + field for field in fields)
    return f"sk-ssh-ed25519@openssh.com {base64.b64encode(blob).decode()} token"


@pytest.mark.parametrize("name", ["ed25519", "rsa3072", "ecdsa384", "ecdsa256"])
def test_fingerprints_are_those_of_ssh_keygen(name: str) -> None:
    fingerprint, line = KEYS[name]
    assert parse(line).fingerprint == fingerprint


@pytest.mark.parametrize(
    "line",
    [
        ED25519,
        f"  {RSA}  ",
        f"{KIND} {BLOB}",
        sk_key(),
        f'from="192.0.2.0/24,!192.0.2.7",no-agent-forwarding {ED25519}',
        f'command="echo \\"hi, there\\" ssh-rsa",restrict {ECDSA}',
        f"restrict {ED25519}",
    ],
)
def test_what_sshd_takes_is_a_key(line: str) -> None:
    assert parse(line).blob


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ssh-ed25519 AAAA… anna@laptop", "placeholder of the documentation"),
        ("ssh-ed25519 AAAA... anna@laptop", "placeholder of the documentation"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI anna@laptop", "no Base64"),
        (f"ssh-ed25519 {BLOB[:-8]} anna@laptop", "is of another kind, or damaged"),
        (f"ssh-rsa {BLOB} anna@laptop", "is of another kind, or damaged"),
        ("ssh-ed25519", "no key behind its kind"),
        ("anna@laptop", "does not begin with a kind of key"),
        (f"ssh-ed2551 {BLOB}", "does not begin with a kind of key"),
        (BLOB, "does not begin with a kind of key"),
        ("https://github.com/anna.keys", "does not begin with a kind of key"),
        ("SHA256:" + "a" * 43, "does not begin with a kind of key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "is a private key"),
        (KEYS["rsa2048"][1], "RSA key of 2048 bits"),
        ("a" * 100_000, "does not begin with a kind of key"),
        (f"ssh-ed25519 {base64.b64encode((11).to_bytes(4, 'big') + b'ssh-ed25519' + (3).to_bytes(4, 'big') + b'abc').decode()}", "cut off"),
    ],
)
def test_what_sshd_passes_over_is_refused_with_the_reason(line: str, words: str) -> None:
    with pytest.raises(NoKey, match=words):
        parse(line)


def test_each_wrong_key_is_named_by_operator_and_place() -> None:
    operators: list[dict[str, Any]] = [
        {"name": "anna", "ssh_keys": [ED25519, "ssh-ed25519 AAAA… anna@laptop"]},
        {"name": "ben", "ssh_keys": [f"# two keys\n{RSA}\n\n{ECDSA}\n", " \n"]},
        {"name": "carl", "ssh_keys": ["nonsense"], "state": "absent"},
        {"name": "dora"},
    ]
    problems = list(keys(RecordedHost(), wanted("base", operators=operators)))
    assert [problem.key for problem in problems] == [
        "base_operators[0].ssh_keys[1]",
        "base_operators[1].ssh_keys[1]",
        "base_operators[3].ssh_keys",
    ]
    assert "the key of anna is the placeholder" in str(problems[0]) and ".pub" in problems[0].fix


def test_sshd_s_log_says_which_key_opened_the_connection() -> None:
    assert accepted(recorded("sshd.log")) == "SHA256:OrOdatm7zJRSlJ6QtWj1mt/GSuwNfbEhfSEJSalQKhY"
    assert accepted("Accepted password for anna from 192.0.2.7 port 50022 ssh2\n") is None


def connected(used: str | None, *lines: str, user: str = "anna") -> RecordedHost:
    host = RecordedHost(files={f"/home/{user}/.ssh/authorized_keys": "\n".join(lines)}, user=user, connection=Connection("192.0.2.7", 22))
    vars(host)["accepted_key"] = KEYS[used][0] if used else None
    return host


@pytest.mark.parametrize(
    ("used", "there", "declared", "refused"),
    [
        ("ed25519", [ED25519], [ED25519], ""),
        ("ed25519", [ED25519], [ED25519, RSA], ""),
        ("ed25519", [ED25519, RSA], [ED25519], ""),
        ("ed25519", [ED25519], [RSA], "the key that this run is connected with (SHA256:"),
        ("ed25519", [ED25519, RSA], [RSA], "the key that this run is connected with (SHA256:"),
        # An agent's or a certificate's key, which is not in this file.
        ("ecdsa384", [ED25519, RSA], [RSA], ""),
        # sshd's log does not say.
        (None, [ED25519], [RSA], "every key that opens the account now"),
        (None, [ED25519, RSA], [RSA], ""),
        (None, [], [RSA], ""),
    ],
)
def test_the_key_in_use_stays_until_another_was_tried(used: str | None, there: list[str], declared: list[str], refused: str) -> None:
    operators = [{"name": "anna", "ssh_keys": declared}]
    problems = list(key_in_use_stays(connected(used, *there), wanted("base", operators=operators)))
    assert [problem.problem.startswith(refused) for problem in problems] == ([True] if refused else [])


def test_keys_of_others_than_the_user_of_this_connection_may_change() -> None:
    operators = [{"name": "anna", "ssh_keys": [RSA]}]
    assert list(key_in_use_stays(connected("ed25519", ED25519, user="debian"), wanted("base", operators=operators))) == []


def test_a_run_that_removes_no_key_does_not_read_the_log() -> None:
    host = connected(None, ED25519)
    del vars(host)["accepted_key"]
    host.output = lambda argv: pytest.fail(f"asked {argv}")  # type: ignore[method-assign]
    assert list(key_in_use_stays(host, wanted("base", operators=[{"name": "anna", "ssh_keys": [ED25519]}]))) == []
