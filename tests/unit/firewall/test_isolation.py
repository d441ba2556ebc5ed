# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An isolated host: who gets through and who does not, in network namespaces with the real packet filter; and how it ends."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core import process
from ansible_collections.latentum.ops.plugins.module_utils.firewall import isolated, isolation
from ansible_collections.latentum.ops.plugins.module_utils.firewall.host import Connection
from ansible_collections.latentum.ops.plugins.module_utils.firewall.isolated import Isolation
from ansible_collections.latentum.ops.plugins.module_utils.firewall.rules import FirewallError
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig import revert_timer

POSSIBLE = (
    os.geteuid() == 0
    and shutil.which("iptables") is not None
    and subprocess.run(["unshare", "-n", "iptables", "-S"], capture_output=True, check=False).returncode == 0
)
SERVER = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
listening, held = socket.create_server((sys.argv[1], int(sys.argv[2])), family=family), []
while True:
    channel, _peer = listening.accept()
    channel.sendall(b"hello")
    held.append(channel)
"""
OUTSIDE = (("operator", "eth0", "198.51.100.1", "198.51.100.2"), ("stranger", "eth1", "203.0.113.1", "203.0.113.2"))
CLIENT = "import socket,sys\nc=socket.create_connection((sys.argv[1],int(sys.argv[2])),timeout=1)\nassert c.recv(5)==b'hello'\n"


class Net:
    """A host with an operator and a stranger outside, and two containers at a bridge of Docker."""

    def __init__(self) -> None:
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.servers: list[subprocess.Popen[bytes]] = []
        for name in ("host", "operator", "stranger", "web", "db"):
            self.processes[name] = subprocess.Popen(["unshare", "-n", "sleep", "600"])
        self.wait()
        for name in self.processes:
            self.run(name, "ip", "link", "set", "lo", "up")
        for name, link, own, other in OUTSIDE:
            self.link(name, link)
            self.script("host", f"ip addr add {own}/24 dev {link}")
            self.script(name, f"ip addr add {other}/24 dev eth0; ip route add default via {own}")
        self.script("host", "ip -6 addr add 2001:db8::1/64 dev eth0 nodad; echo 1 > /proc/sys/net/ipv4/ip_forward")
        self.script("operator", "ip -6 addr add 2001:db8::2/64 dev eth0 nodad")
        self.script("host", "ip link add br-shop type bridge; ip link set br-shop up; ip addr add 172.20.0.1/24 dev br-shop")
        for name, address in (("web", "172.20.0.2"), ("db", "172.20.0.3")):
            self.link(name, f"v{name}")
            self.script("host", f"ip link set v{name} master br-shop")
            self.script(name, f"ip addr add {address}/24 dev eth0; ip route add default via 172.20.0.1")

    def begin(self) -> None:
        """The packet filter as Docker leaves it: its chain first, and what is established before everything else. No server runs."""
        for running in self.servers:
            running.kill()
            running.wait()
        self.servers.clear()
        for tool in ("iptables", "ip6tables"):
            established = "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
            rules = (
                "-F",
                "-X",
                "-t nat -F",
                "-N DOCKER-USER",
                "-A FORWARD -j DOCKER-USER",
                f"-A FORWARD {established}",
                f"-A INPUT {established}",
            )
            self.script("host", "; ".join(f"{tool} {rule}" for rule in rules))

    def script(self, name: str, lines: str) -> None:
        self.run(name, "sh", "-ec", lines)

    def wait(self) -> None:
        own = Path("/proc/self/ns/net").stat().st_ino
        for running in self.processes.values():
            while Path(f"/proc/{running.pid}/ns/net").stat().st_ino == own:
                time.sleep(0.01)

    def link(self, name: str, device: str) -> None:
        other = self.processes[name].pid
        self.run("host", "ip", "link", "add", device, "type", "veth", "peer", "name", "eth0", "netns", str(other))
        self.run("host", "ip", "link", "set", device, "up")
        self.run(name, "ip", "link", "set", "eth0", "up")

    def argv(self, name: str, *argv: str) -> list[str]:
        return ["nsenter", "-t", str(self.processes[name].pid), "-n", *argv]

    def run(self, name: str, *argv: str) -> str:
        return subprocess.run(self.argv(name, *argv), check=True, capture_output=True, text=True).stdout

    def serve(self, name: str, address: str, port: int) -> None:
        self.servers.append(subprocess.Popen(self.argv(name, sys.executable, "-c", SERVER, address, str(port))))
        deadline = time.monotonic() + 5
        while not self.reaches(name, address, port) and time.monotonic() < deadline:
            time.sleep(0.05)

    def reaches(self, name: str, address: str, port: int) -> bool:
        argv = self.argv(name, sys.executable, "-c", CLIENT, address, str(port))
        return subprocess.run(argv, capture_output=True, check=False).returncode == 0

    def hold(self, name: str, address: str, port: int) -> subprocess.Popen[bytes]:
        """A connection that was established, over which more is sent on a line of input; it says what came of it."""
        code = f"{CLIENT}print('on',flush=True)\nsys.stdin.readline()\nc.settimeout(1)\nc.sendall(b'x')\nprint(c.recv(1))"
        running = subprocess.Popen(self.argv(name, sys.executable, "-c", code, address, str(port)), stdin=-1, stdout=-1, stderr=-1)
        assert running.stdout and running.stdout.readline() == b"on\n"
        return running

    def close(self) -> None:
        for running in [*self.servers, *self.processes.values()]:
            running.kill()
            running.wait()


@pytest.fixture(scope="module")
def network() -> Iterator[Net]:
    if not POSSIBLE:
        pytest.skip("needs root, network namespaces and iptables")
    made = Net()
    yield made
    made.close()


@pytest.fixture
def net(network: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Net:
    """The network, with nobody isolated."""

    def run(argv: Any, **how: Any) -> Any:
        own = argv[0].startswith(("iptables", "ip6tables", "ip"))
        return process.run(network.argv("host", *argv) if own else ["true"] if argv[0] == "systemctl" else argv, **how)

    monkeypatch.setattr(isolation, "run", run)
    place(tmp_path, monkeypatch)
    network.begin()
    return network


def place(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files below a folder, and a timer that only writes what it would do."""
    monkeypatch.setattr(isolated, "FILE", root / "isolation.json")
    monkeypatch.setattr(isolation, "UNIT", root / "latentum-ops-isolation.service")
    monkeypatch.setattr(isolation, "WANTED", root / "wants/latentum-ops-isolation.service")
    monkeypatch.setattr(isolation, "SCRIPT", root / "isolation.sh")
    monkeypatch.setattr(revert_timer, "FOLDER", root / "config-sets")
    monkeypatch.setattr(revert_timer, "UNITS", root)
    monkeypatch.setattr(revert_timer, "start_timer", lambda *_given: None)
    monkeypatch.setattr(revert_timer, "run", lambda argv, **how: process.run(["true"] if argv[0] == "systemctl" else argv, **how))


def wanted(*operators: str, seconds: float = 1800) -> Isolation:
    return Isolation(time.time(), time.time() + seconds, "ada", "a break-in", operators or ("198.51.100.2",), (22,))


def test_only_the_operator_gets_to_ssh_and_nobody_to_anything_else(net: Net) -> None:
    for port in (22, 443):
        net.serve("host", "0.0.0.0", port)
    assert net.reaches("stranger", "203.0.113.1", 443) and net.reaches("stranger", "203.0.113.1", 22)
    isolation.begin(wanted())
    assert net.reaches("operator", "198.51.100.1", 22)
    assert not net.reaches("operator", "198.51.100.1", 443)
    assert not net.reaches("stranger", "203.0.113.1", 22) and not net.reaches("stranger", "203.0.113.1", 443)
    assert net.reaches("host", "127.0.0.1", 443)


def test_by_ipv6_as_well(net: Net) -> None:
    net.serve("host", "2001:db8::1", 22)
    assert net.reaches("operator", "2001:db8::1", 22)
    isolation.begin(wanted())
    assert not net.reaches("operator", "2001:db8::1", 22)
    isolation.end()
    isolation.begin(wanted("2001:db8::2"))
    net.run("operator", "ip", "-6", "neigh", "flush", "dev", "eth0")  # who comes back must find the host again
    assert net.reaches("operator", "2001:db8::1", 22)


def test_nothing_leaves_the_host_nor_its_containers(net: Net) -> None:
    net.serve("stranger", "203.0.113.2", 4444)
    net.serve("operator", "198.51.100.2", 22)
    assert net.reaches("host", "203.0.113.2", 4444) and net.reaches("web", "203.0.113.2", 4444)
    isolation.begin(wanted())
    assert not net.reaches("host", "203.0.113.2", 4444) and not net.reaches("web", "203.0.113.2", 4444)
    assert not net.reaches("host", "198.51.100.2", 22)  # answers to the operator, and nothing that the host begins


def test_published_ports_are_cut_off(net: Net) -> None:
    net.serve("web", "172.20.0.2", 80)
    net.run("host", "iptables", "-t", "nat", "-A", "PREROUTING", "-p", "tcp", "--dport", "8080", "-j", "DNAT", "--to", "172.20.0.2:80")
    assert net.reaches("stranger", "203.0.113.1", 8080)
    isolation.begin(wanted())
    assert not net.reaches("stranger", "203.0.113.1", 8080) and not net.reaches("operator", "198.51.100.1", 8080)


def test_containers_go_on_among_themselves_and_answer_probes_of_the_host(net: Net) -> None:
    net.serve("db", "172.20.0.3", 5432)
    isolation.begin(wanted())
    assert net.reaches("web", "172.20.0.3", 5432) and net.reaches("host", "172.20.0.3", 5432)


def test_a_container_begins_nothing_with_the_host(net: Net) -> None:
    net.serve("host", "172.20.0.1", 22)
    assert net.reaches("web", "172.20.0.1", 22)
    isolation.begin(wanted())
    assert not net.reaches("web", "172.20.0.1", 22)


@pytest.mark.parametrize("direction", ["in", "out", "forwarded"])
def test_a_connection_that_was_established_ends(net: Net, direction: str) -> None:
    """A reverse shell is an established connection: rules that let these through first would keep it alive."""
    server, client, address = {
        "in": ("host", "stranger", "203.0.113.1"),
        "out": ("stranger", "host", "203.0.113.2"),
        "forwarded": ("stranger", "web", "203.0.113.2"),
    }[direction]
    net.serve(server, address, 4444)
    running = net.hold(client, address, 4444)
    isolation.begin(wanted())
    _output, errors = running.communicate(b"\n", timeout=10)
    assert running.returncode and b"timed out" in errors


def test_docker_that_puts_its_chain_first_again_does_not_open_it(net: Net) -> None:
    net.serve("stranger", "203.0.113.2", 4444)
    isolation.begin(wanted())
    for position, target in ((1, "ACCEPT"), (1, "DOCKER-USER")):  # as a restart of Docker does
        net.run("host", "iptables", "-I", "FORWARD", str(position), "-j", target)
    assert not net.reaches("web", "203.0.113.2", 4444)
    assert isolation.in_force() == ["IPv4: a rule before OPS-ISOLATE-FWD in FORWARD lets packets through"]


def test_a_ban_that_stands_before_it_is_no_trouble_and_a_flush_is_told(net: Net) -> None:
    isolation.begin(wanted())
    net.run("host", "iptables", "-N", "f2b-sshd")
    net.run("host", "iptables", "-I", "INPUT", "1", "-p", "tcp", "--dport", "22", "-j", "f2b-sshd")
    assert isolation.in_force() == []
    net.run("host", "iptables", "-F", "OUTPUT")  # as a reload of UFW does
    assert isolation.in_force() == ["IPv4: OUTPUT does not lead to OPS-ISOLATE-OUT"]


def test_it_ends_and_leaves_nothing(net: Net) -> None:
    before = [net.run("host", tool, "-S") for tool in ("iptables", "ip6tables")]
    isolation.begin(wanted())
    assert isolated.load() and isolation.in_force() == []
    assert isolation.end() and isolated.load() is None
    assert [net.run("host", tool, "-S") for tool in ("iptables", "ip6tables")] == before
    assert isolation.end() is None  # again


def test_the_timer_takes_it_back_without_this_engine(net: Net) -> None:
    before = net.run("host", "iptables", "-S")
    isolation.begin(wanted())
    script = (revert_timer.FOLDER / "isolation/revert.sh").read_text().replace("logger", "true #")
    (revert_timer.FOLDER / "isolation/revert.sh").write_text(script)
    net.run("host", "sh", str(revert_timer.FOLDER / "isolation/revert.sh"))
    assert net.run("host", "iptables", "-S") == before and isolated.load() is None


def test_once_confirmed_it_is_loaded_at_boot_before_the_network(net: Net) -> None:
    isolation.begin(wanted())
    stays = isolation.confirm()
    assert stays.confirmed and not revert_timer.kept("isolation") and "Before=network-pre.target" in isolation.UNIT.read_text()
    assert isolation.WANTED.is_symlink() and isolation.SCRIPT.stat().st_mode & 0o777 == 0o700
    for tool in ("iptables", "ip6tables"):  # a restart: nothing is there, Docker's chain neither
        net.run("host", tool, "-F")
        net.run("host", tool, "-X")
    net.run("host", "sh", str(isolation.SCRIPT))
    assert isolation.in_force() == []
    isolation.end()
    assert not isolation.UNIT.exists() and not isolation.WANTED.is_symlink() and not isolation.SCRIPT.exists()


def test_begun_twice_it_stands_once(net: Net) -> None:
    isolation.begin(wanted())
    isolation.begin(wanted("198.51.100.0/24"))
    assert net.run("host", "iptables", "-S", "INPUT").count("OPS-ISOLATE-IN") == 1
    assert "-s 198.51.100.0/24" in net.run("host", "iptables", "-S", "OPS-ISOLATE-IN")


def test_rules_that_cannot_be_loaded_leave_everything_as_it_was(net: Net) -> None:
    before = net.run("host", "iptables", "-S")
    with pytest.raises(FirewallError, match="everything is as before"):
        isolation.begin(Isolation(time.time(), time.time() + 60, "ada", "", ("198.51.100.2",), (99999,)))
    assert isolated.load() is None
    rest = net.run("host", "iptables", "-S")
    assert rest == before


def test_whoever_calls_it_stays_admitted() -> None:
    at = Connection("198.51.100.2", 22)
    assert isolation.operators_of(at, []) == ("198.51.100.2",)
    assert isolation.operators_of(at, ["203.0.113.0/24", "198.51.100.2"]) == ("198.51.100.2", "203.0.113.0/24")
    assert isolation.operators_of(Connection("fe80::1%eth0", 22), []) == ("fe80::1",)
    assert isolation.operators_of(Connection("::ffff:198.51.100.2", 22), []) == ("198.51.100.2",)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "write --operator"),
        (["0.0.0.0/0"], "every address"),
        (["::/0"], "every address"),
        (["any"], "every address"),
        (["203.0.113.7/24"], "host bits"),
        (["ada"], "write an address"),
    ],
)
def test_nobody_is_locked_out_and_not_everybody_admitted(given: list[str], message: str) -> None:
    with pytest.raises(FirewallError, match=message):
        isolation.operators_of(None, given)


def test_a_session_through_a_tunnel_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """WireGuard's own packets come from elsewhere: they would be dropped, and the session with them."""
    monkeypatch.setattr(isolation, "NETWORKS", tmp_path)
    answer = "10.8.0.2 dev wg0 src 10.8.0.1 uid 0"
    monkeypatch.setattr(isolation, "run", lambda argv, **_how: process.Result(tuple(argv), 0, answer, ""))
    (tmp_path / "wg0").mkdir()
    (tmp_path / "wg0/uevent").write_text("DEVTYPE=wireguard\nINTERFACE=wg0\n")
    assert isolation.tunnel(Connection("10.8.0.2", 22)) == "wg0"
    (tmp_path / "wg0/uevent").write_text("INTERFACE=eth0\n")
    assert isolation.tunnel(Connection("10.8.0.2", 22)) == "" and isolation.tunnel(None) == ""


def test_a_damaged_record_counts_as_an_isolation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "FILE", tmp_path / "isolation.json")
    assert isolated.load() is None
    isolated.FILE.write_text("{")
    assert isolated.load() is not None


def test_nothing_is_confirmed_where_nothing_is_isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place(tmp_path, monkeypatch)
    with pytest.raises(FirewallError, match="is not isolated"):
        isolation.confirm()
