# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody meets who guesses at SSH, or only looks often: sshd's penalties, fail2ban and the firewall together.

The guesser is a network namespace of the host with addresses of its own, behind a router: no test address can have as many.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from conftest import Production, eventually

HOST = {4: "192.0.2.1", 6: "2001:db8:ffff::1"}
NETWORK = """
ip netns add guesser
ip link add guess0 type veth peer name guess1 netns guesser
ip addr add 192.0.2.1/24 dev guess0; ip -6 addr add 2001:db8:ffff::1/64 dev guess0 nodad; ip link set guess0 up
for net in a b c d; do ip -6 route add 2001:db8:$net::/64 via 2001:db8:ffff::2 dev guess0; done
ip netns exec guesser sh -ec '
  ip link set lo up; ip link set guess1 up; ip -6 addr add 2001:db8:ffff::2/64 dev guess1 nodad
  for host in 66 67 68 99; do ip addr add 192.0.2.$host/24 dev guess1; done
  for net in a b c d; do for host in 66 67 68 69 70 71; do ip -6 addr add 2001:db8:$net::$host/128 dev lo nodad; done; done'
ssh-keygen -q -t ed25519 -N '' -f /run/guesser-key
"""
# The client finds no server for a moment after a restart.
READY = "until fail2ban-client ping > /dev/null 2>&1; do sleep 0.2; done"
AWAY = "ip netns del guesser; ip link del guess0 2> /dev/null; rm -f /run/guesser-key*; true"
LOGIN = (
    "ssh -i /run/guesser-key -o IdentitiesOnly=yes -o BatchMode=yes -o ConnectTimeout=1 -o StrictHostKeyChecking=no"
    " -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
)
# Open the port, read who answers, and go: what monitors do.
LOOK = """
import socket, sys, time
host, source, times, pause = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
seen = 0
for _ in range(times):
    try:
        with socket.create_connection((host, 22), timeout=2, source_address=(source, 0)) as one:
            seen += one.recv(20).startswith(b"SSH-2.0")
    except OSError:
        pass
    time.sleep(pause)
print(seen)
"""


@dataclass
class Guesser:
    """Somebody with many addresses and no key."""

    production: Production

    def guess(self, source: str, times: int, user: str = "ops") -> None:
        """So many logins with a key that nobody knows, one right after the other."""
        host = HOST[6 if ":" in source else 4]
        login = f"ip netns exec guesser {LOGIN} -b {source} {user}@{host} true"
        self.production.root(f"for _ in $(seq {times}); do {login} 2> /dev/null || true; done")

    def looks(self, source: str, times: int = 1, pause: float = 0) -> int:
        """How often the server answered."""
        host = HOST[6 if ":" in source else 4]
        return int(self.production.root(f"ip netns exec guesser python3 -c '{LOOK}' {host} {source} {times} {pause}"))

    def banned(self) -> str:
        return self.production.root("fail2ban-client get sshd banip")

    def ban_is_there(self, address: str) -> bool:
        return address in self.banned().split()


@pytest.fixture
def guesser(production: Production) -> Iterator[Guesser]:
    production.root(AWAY)
    production.root(NETWORK)
    # fail2ban remembers the host's own addresses for minutes, and sshd its penalties until it ends.
    fresh = f"systemctl restart fail2ban.service ssh.service; {READY}"
    production.root(fresh)
    try:
        yield Guesser(production)
    finally:
        production.root("fail2ban-client unban --all; " + AWAY)
        production.root(fresh)


@pytest.mark.parametrize(("source", "ban"), [("192.0.2.66", "192.0.2.66"), ("2001:db8:a::66", "2001:db8:a::/64")])
def test_ten_fast_guesses_are_a_ban(guesser: Guesser, source: str, ban: str) -> None:
    """sshd itself lets through four of them; what it drops counts too."""
    guesser.guess(source, 10)
    eventually(lambda: guesser.ban_is_there(ban), f"{ban} is banned", 20)
    assert guesser.looks(source) == 0


@pytest.mark.matrix
def test_unknown_users_are_guesses(guesser: Guesser) -> None:
    guesser.guess("192.0.2.67", 10, user="nobody-here")
    eventually(lambda: guesser.ban_is_there("192.0.2.67"), "the address is banned", 20)


def test_an_address_for_each_guess_is_one_guesser_and_the_next_network_another(guesser: Guesser) -> None:
    for host in range(66, 72):
        guesser.guess(f"2001:db8:b::{host}", 1)
    eventually(lambda: guesser.ban_is_there("2001:db8:b::/64"), "the network is banned", 20)
    assert guesser.looks("2001:db8:b::71") == 0
    assert guesser.looks("2001:db8:a::71") == 1, "another network is another customer"
    guesser.production.root(f"systemctl restart fail2ban.service; {READY}")
    eventually(lambda: guesser.ban_is_there("2001:db8:b::/64"), "the ban is remembered", 30)
    eventually(lambda: guesser.looks("2001:db8:b::71") == 0, "the ban is in force again", 30)


@pytest.mark.parametrize("source", ["192.0.2.99", "2001:db8:c::66"])
def test_those_who_are_never_banned_can_still_come(guesser: Guesser, source: str) -> None:
    """Neither by fail2ban nor by sshd, nor with the network around them."""
    guesser.guess(source, 12)
    if ":" in source:
        guesser.guess("2001:db8:c::67", 10)
        eventually(lambda: guesser.ban_is_there("2001:db8:c::67"), "the address beside it is banned alone", 20)
    assert guesser.looks(source) == 1
    assert source not in guesser.banned().split() and "2001:db8:c::/64" not in guesser.banned()


@pytest.mark.matrix
def test_sitting_on_unfinished_logins_keeps_nobody_out_and_ends_in_a_ban(guesser: Guesser) -> None:
    sit = (
        "import socket, time\n"
        'held = [socket.create_connection(("192.0.2.1", 22), source_address=("192.0.2.68", 0)) for _ in range(40)]\n'
        "time.sleep(60)"
    )
    guesser.production.root(f"systemd-run --quiet --collect --unit=sitting ip netns exec guesser python3 -c '{sit}'")
    try:
        assert guesser.looks("2001:db8:d::66", times=10, pause=0.3) == 10, "MaxStartups was reached by one source"
        eventually(lambda: guesser.ban_is_there("192.0.2.68"), "unfinished logins are counted", 60)
    finally:
        guesser.production.root("systemctl stop sitting.service || true")


def test_who_only_looks_is_not_banned_however_often(guesser: Guesser) -> None:
    """UFW's `limit` counted each look, refused ones too: a monitor of every second saw six answers, and then never one again."""
    assert guesser.looks("192.0.2.66", times=20, pause=1) == 20
    assert guesser.banned() == ""


def test_who_keeps_asking_while_banned_is_back_when_the_ban_is_over(guesser: Guesser) -> None:
    short = ("bantime 8", "bantime.increment false", "bantime.rndtime 0")
    guesser.production.root("; ".join(f"fail2ban-client set sshd {setting}" for setting in short))
    guesser.guess("192.0.2.66", 10)
    eventually(lambda: guesser.ban_is_there("192.0.2.66"), "the address is banned", 20)
    assert guesser.looks("192.0.2.66") == 0
    # Each look is a new connection: neither the ban nor sshd's penalty grows by it.
    eventually(lambda: guesser.looks("192.0.2.66") == 1, "the address is let in again", 60)


def test_firewall_and_server_agree_on_who_a_source_is(production: Production) -> None:
    shown = (line.split(" ", 1) for line in production.root("sshd -T").splitlines() if " " in line)
    settings = {name.lower(): value for name, value in shown}  # OpenSSH 10.6 prints keywords as they are documented
    assert settings["persourcenetblocksize"] == "32:64"
    assert settings["persourcemaxstartups"] == "8"
    assert settings["persourcepenaltyexemptlist"].split(",") == ["192.0.2.99", "2001:db8:c::66"]
    assert "-m recent" not in production.root("iptables -S ufw-user-input; ip6tables -S ufw6-user-input")
