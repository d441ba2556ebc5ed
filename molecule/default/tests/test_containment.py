# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container reaches of its own host and of a cloud's metadata service: what it needs, what is declared, and nothing else."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator

import pytest
from conftest import STACK, Production, eventually, hosts_tool

DECLARED, UNDECLARED = 9977, 9978  # the first in converge.yml, for network backend
TABLE = "inet latentum_ops_containers"
UNIT = "latentum-ops-containers.service"
METADATA = "169.254.169.254"
# Prints `open`, or why not; a refusal comes at once, where silence would cost a container its time limit.
CONNECT = """
import socket, sys, time
since = time.monotonic()
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 8).close()
    print("open")
except OSError as error:
    print("refused" if time.monotonic() - since < 4 else "silence", error)
"""
# A metadata service beyond the host, as a cloud has it, and services of the host that listen on all of its addresses.
BUILD = f"""
ip netns add ops-cloud && ip link add ops-md0 type veth peer name ops-md1 netns ops-cloud
ip address add 169.254.169.1/24 dev ops-md0 && ip link set ops-md0 up
ip -n ops-cloud address add {METADATA}/24 dev ops-md1 && ip -n ops-cloud link set ops-md1 up
ip -n ops-cloud route add default via 169.254.169.1
systemd-run --quiet --unit=ops-cloud ip netns exec ops-cloud python3 -m http.server 80
systemd-run --quiet --unit=ops-declared python3 -m http.server {DECLARED} --bind ::
systemd-run --quiet --unit=ops-undeclared python3 -m http.server {UNDECLARED} --bind ::
ufw allow {UNDECLARED}/tcp
"""
CLEAR = f"""
systemctl stop ops-cloud ops-declared ops-undeclared 2>/dev/null; ip link delete ops-md0 2>/dev/null; ip netns delete ops-cloud 2>/dev/null
ufw delete allow {UNDECLARED}/tcp; docker rm --force ops-foreign 2>/dev/null; docker network rm ops-foreign 2>/dev/null; true
"""


def reaches(production: Production, container: str, address: str, port: int) -> str:
    """From the network of a container, by the host's own Python: an image need not have any."""
    script = shlex.quote(CONNECT)
    command = f"nsenter --net --target $(docker inspect --format '{{{{.State.Pid}}}}' {container}) python3 -c {script} {address} {port}"
    return production.root(command).split()[0]


def gateway(production: Production, network: str) -> str:
    (described,) = json.loads(production.root(f"docker network inspect {network}"))
    return str(described["IPAM"]["Config"][0]["Gateway"])


@pytest.fixture
def surrounded(production: Production) -> Iterator[Production]:
    """A host with a metadata service beyond it, and services that listen everywhere, one of them open to everybody."""
    production.root(CLEAR)
    try:
        production.root(BUILD)
        for port in (DECLARED, UNDECLARED):
            eventually(lambda port=port: production.inside.socket(f"tcp://:::{port}").is_listening, f"{port} listens", 20)
        look = f"python3 -c {shlex.quote(CONNECT)} {METADATA} 80"
        eventually(lambda: production.root(look) == "open", "the metadata service answers the host", 20)
        yield production
    finally:
        production.root(CLEAR)


def held_back(production: Production) -> dict[str, str]:
    """What containers reach, by what it is; one is in both networks, and each of its packets leaves by the one that it is for."""
    backend, edge = gateway(production, f"{STACK}_backend"), gateway(production, f"{STACK}_edge")
    both, inner = f"{STACK}-api-gateway-1", f"{STACK}-worker-1"
    own = production.root("ip -4 -o address show eth0 | awk '{print $4}'").split("/")[0]
    return {
        "sshd at the gateway": reaches(production, both, edge, 22),
        "sshd at the inner gateway": reaches(production, inner, backend, 22),
        "sshd at the host's address": reaches(production, both, own, 22),
        "open to everybody": reaches(production, both, edge, UNDECLARED),
        "declared": reaches(production, inner, backend, DECLARED),
        "declared for the other network": reaches(production, both, edge, DECLARED),
        "the web": reaches(production, both, own, 443),
        "metadata": reaches(production, both, METADATA, 80),
    }


EXPECTED = {
    "sshd at the gateway": "refused",
    "sshd at the inner gateway": "refused",
    "sshd at the host's address": "refused",
    "open to everybody": "refused",
    "declared": "open",
    "declared for the other network": "refused",
    "the web": "open",
    "metadata": "refused",
}


def test_a_container_reaches_what_is_declared_and_nothing_else(surrounded: Production) -> None:
    assert held_back(surrounded) == EXPECTED
    # What is refused is there all the same, and it is this table that refuses it.
    surrounded.root(f"nft delete table {TABLE}")
    try:
        without = held_back(surrounded)
        assert {what for what, answer in without.items() if answer == "open" and EXPECTED[what] == "refused"} >= {
            "sshd at the gateway",
            "open to everybody",
            "metadata",
        }, without
    finally:
        surrounded.root(f"systemctl reload-or-restart {UNIT}")
    assert held_back(surrounded) == EXPECTED


def test_names_are_resolved_and_the_host_reaches_its_containers(production: Production) -> None:
    lookup = "import socket; print(socket.getaddrinfo('client.example.test', 80)[0][4][0])"
    assert production.root(f'docker exec {STACK}-api-gateway-1 python3 -c "{lookup}"')
    assert production.healthy() and production.counters()


def test_networks_of_others_are_left_alone(surrounded: Production) -> None:
    image = surrounded.root(f"docker inspect --format '{{{{.Image}}}}' {STACK}-worker-1")
    surrounded.root("docker network create ops-foreign")
    surrounded.root(f"docker run --detach --name ops-foreign --network ops-foreign --entrypoint sleep {image} 300")
    there = gateway(surrounded, "ops-foreign")
    assert reaches(surrounded, "ops-foreign", there, 22) == "open"
    assert reaches(surrounded, "ops-foreign", METADATA, 80) == "open"


def test_what_holds_containers_back_outlives_docker_ufw_and_the_host(production: Production) -> None:
    rules = production.root(f"nft --stateless list table {TABLE}")
    assert "br-" in rules and f"tcp dport {DECLARED}" in rules
    production.root("ufw reload")
    assert production.root(f"nft --stateless list table {TABLE}") == rules
    production.root("systemctl restart docker")
    assert production.root(f"nft --stateless list table {TABLE}") == rules
    hosts_tool("restart", production.name)
    eventually(production.healthy, "the host is back", 180)
    assert production.root(f"nft --stateless list table {TABLE}") == rules
    order = production.root(f"systemctl show --property=ActiveEnterTimestampMonotonic --value {UNIT} docker.service").split()
    assert int(order[0]) < int(order[1]), "no container runs before"


def test_the_rules_are_for_each_network_of_the_stack(production: Production) -> None:
    there = production.root(f"docker network ls --no-trunc --quiet --filter label=com.docker.compose.project={STACK}").split()
    listing = json.loads(production.root(f"nft --json list set {TABLE} stacks"))["nftables"]
    (members,) = [item["set"]["elem"] for item in listing if "set" in item]
    assert set(members) == {f"br-{identity[:12]}" for identity in there}


def test_a_service_is_tried_with_less_and_nothing_is_left(production: Production) -> None:
    before = production.root("docker ps --all --no-trunc --quiet; docker volume ls --quiet")
    (tried,) = json.loads(production.root(f"opsctl confinement --stack {STACK} --json worker"))["services"]
    # Its Compose file has a read-only root already.
    assert (tried["state"], tried["confinement"], tried["healthcheck"]) == ("takes", {"capabilities": []}, True), tried
    assert production.root("docker ps --all --no-trunc --quiet; docker volume ls --quiet") == before


def test_the_unit_is_in_a_sandbox(production: Production) -> None:
    exposure = production.root(f"systemd-analyze security --no-pager {UNIT} | tail -1")
    assert float(exposure.split(":")[1].split()[0]) <= 3.0, exposure


@pytest.fixture
def limited(production: Production) -> Iterator[Production]:
    """Network edge says that it reaches one port of one name; as a release that says so would leave it."""
    file = f"/var/lib/latentum-ops/firewall/containers/{STACK}.json"
    before = json.loads(production.root(f"cat {file} 2>/dev/null || echo []"))
    egress = [{"to": "pebble.example.test", "port": 14000, "protocol": "tcp"}]
    access = [*(item for item in before if item["name"] != "edge"), {"name": "edge", "egress": egress}]
    try:
        production.root(f"mkdir -p $(dirname {file}); echo {shlex.quote(json.dumps(access))} >{file}; opsctl egress refresh")
        yield production
    finally:
        production.root(f"echo {shlex.quote(json.dumps(before))} >{file}; opsctl egress refresh")


def test_a_network_reaches_what_it_declares_beyond_the_host(limited: Production) -> None:
    container = f"{STACK}-api-gateway-1"

    def beyond(name: str, port: int) -> str:
        return reaches(limited, container, limited.root(f"getent ahostsv4 {name} | head -n 1").split()[0], port)

    assert beyond("pebble.example.test", 14000) == "open"
    assert beyond("registry.example.test", 5000) == "refused", "another name"
    assert beyond("pebble.example.test", 15000) == "refused", "another port of it"
    limited.root(f"docker exec {container} true")
    assert limited.inside.service("latentum-ops-egress.timer").is_running
    shown = json.loads(limited.root("opsctl egress show --json"))["egress"]
    assert [(row["network"], row["to"], row["port"]) for row in shown] == [("edge", "pebble.example.test", 14000)] and shown[0]["addresses"]
    # A name moves: both addresses are good for a while.
    limited.root("cp /etc/hosts /root/hosts.before && echo 203.0.113.77 pebble.example.test >>/etc/hosts")
    try:
        limited.root("systemctl start latentum-ops-egress.service")
        assert "203.0.113.77" in limited.root(f"nft list table {TABLE}") and beyond("registry.example.test", 5000) == "refused"
    finally:
        limited.root("cat /root/hosts.before >/etc/hosts; rm /root/hosts.before")


def test_a_network_that_says_nothing_reaches_everything(production: Production) -> None:
    assert not production.inside.file("/etc/systemd/system/latentum-ops-egress.timer").exists
    for name, port in (("registry", 5000), ("pebble", 15000)):
        there = production.root(f"getent ahostsv4 {name}.example.test | head -n 1").split()[0]
        assert reaches(production, f"{STACK}-api-gateway-1", there, port) == "open", name
