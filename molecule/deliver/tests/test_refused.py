# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls that are refused: the right status, and nothing changed on the host."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from conftest import LONG, STACK, Forge, Host, eventually

COMMIT = "5ff6c0df" * 5
SETTINGS = f"/etc/latentum-ops/delivery/{STACK}.json"


@pytest.fixture
def host(hosts: tuple[Host, Host]) -> Iterator[Host]:
    """The first one, which must be as it was afterwards. Guesses of a test are not to ban the forge."""
    before = hosts[0].picture()
    yield hosts[0]
    assert hosts[0].picture() == before
    hosts[0].sh("fail2ban-client unban --all")


@pytest.mark.parametrize(
    ("argv", "status"),
    [
        (("--unsigned",), 401),
        (("--secret", "another-secret-of-nobody"), 401),
        (("--age", "400"), 401),
        (("--age", "-400"), 401),
        (("--repository", "evil/shop"), 403),
        (("--repository", "acme/shop; reboot"), 400),
        (("--body", "{"), 400),
        (("--body", "[]"), 400),
        (("--body", json.dumps({"repository": "acme/shop", "ref": "refs/tags/../../etc", "commit": COMMIT})), 400),
    ],
)
def test_a_call_that_may_not_come(host: Host, forge: Forge, argv: tuple[str, ...], status: int) -> None:
    count = len(host.deploys())
    ((answered, text),) = forge.call(host, "refs/tags/v1.3.0", COMMIT, *argv)
    assert answered == status, text
    assert len(host.deploys()) == count


@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/tags/1.3.0"])
def test_a_ref_that_no_rule_lets_come(host: Host, forge: Forge, ref: str) -> None:
    ((status, text),) = forge.call(host, ref, COMMIT)
    assert status == 403 and "no rule" in text


def test_a_call_that_is_said_twice_is_carried_out_once(host: Host, forge: Forge) -> None:
    """By a tag that waits for approval, so that nothing is changed."""
    first, second = forge.call(host, "refs/tags/approved-1", COMMIT, "--times", "2")
    assert first[0] == 202 and second[0] == 409 and json.loads(first[1])["id"] == json.loads(second[1])["id"]
    entry = host.of(COMMIT)
    assert entry["state"] == "waiting for approval"


def test_an_image_that_no_registry_has(host: Host, forge: Forge) -> None:
    commit = "6cf685d4" * 5
    ((status, text),) = forge.call(host, "refs/tags/v9.9.9", commit)
    assert status == 202, text
    entry = host.ended(commit)
    assert entry["state"] == "refused" and "not in its registry" in entry["reason"], entry


@contextmanager
def frozen(host: Host) -> Iterator[None]:
    """A freeze that has begun, in the settings of the host."""
    host.sh(f"cp -p {SETTINGS} /root/delivery.before")
    freeze = "dict(start='*-*-* *:*:00', duration=3600, reason='nobody today')"
    edit = f"import json; d = json.load(open('{SETTINGS}')); d['freezes'] = [{freeze}]; json.dump(d, open('{SETTINGS}', 'w'))"
    try:
        host.sh(f'python3 -c "{edit}"')
        yield
    finally:
        host.sh(f"cp -p /root/delivery.before {SETTINGS}")


def test_a_freeze_refuses_with_its_reason(host: Host, forge: Forge) -> None:
    with frozen(host):
        ((status, text),) = forge.call(host, "refs/tags/v1.3.0", "7a9f3c12" * 5)
    assert status == 409 and "nobody today" in text


def test_whoever_guesses_is_banned(host: Host, forge: Forge) -> None:
    forge.call(host, "refs/tags/v1.3.0", COMMIT, "--secret", "another-secret-of-nobody", "--times", "8")
    address = forge.sh("hostname -I").split()[0]
    eventually(lambda: address in host.sh("fail2ban-client status deploy-hook"), "the jail has it", 60)


def test_the_receiver_can_read_no_other_secret_and_reach_no_engine(host: Host) -> None:
    """As somebody who has taken it over would try, in its own namespaces."""
    pid = host.sh("systemctl show --property MainPID --value latentum-ops-receiver.service")
    assert pid != "0"
    enter = f"nsenter --target {pid} --mount --net setpriv --reuid latentum-delivery --regid latentum-delivery --clear-groups"
    for attempt in (
        "cat /etc/latentum-ops/secrets/*/*",
        "ls /var/lib/latentum-ops/delivery/queue",
        f"ls /var/lib/latentum-ops/stacks/{STACK}",
        "docker ps",
        "systemctl restart nginx",
        "touch /var/lib/latentum-ops/delivery/status/x",
        "touch /etc/latentum-ops/delivery/x",
    ):
        said = host.sh(f"{enter} sh -c '{attempt}' > /dev/null 2>&1; echo $?")
        assert said != "0", attempt


@pytest.mark.matrix
def test_a_flood_of_calls_changes_nothing(host: Host, forge: Forge) -> None:
    answers = forge.call(host, "refs/tags/v1.3.0", COMMIT, "--body", "{", "--times", "500")
    assert {status for status, _text in answers} <= {400, 429}
    eventually(lambda: host.sh("systemctl is-active latentum-ops-receiver.service") == "active", "it is there", LONG)
