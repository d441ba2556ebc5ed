# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hardening promises, asked of the programs and the kernel that it is about."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from conftest import HOSTS, Production, eventually, hosts_tool, once

IMAGES = {
    "redis": ("latentum/redis:8", "/data", ""),
    "postgres": ("latentum/postgres:17", "/var/lib/postgresql/data", "-e POSTGRES_PASSWORD=x"),
}


@contextmanager
def crashing(production: Production, service: str, options: str = "") -> Iterator[str]:
    """A database with a volume of its own, ended by a segmentation fault as its kernel saw one; yields the volume's folder."""
    image, folder, variables = IMAGES[service]
    name = f"core-{service}"
    run = f"docker run --detach --init --name {name} --volume {name}:{folder} {variables} {options} registry.example.test:5000/{image}"
    arguments = " redis-server --dir /data" if service == "redis" else ""
    try:
        production.root(run + arguments)
        first = production.root(f"docker inspect --format '{{{{.State.Pid}}}}' {name}")
        # The program itself, in its own folder: init stays above it, and an entrypoint would still be a shell.
        program = f"pgrep --parent {first} --exact {service}.*"
        eventually(lambda: production.inside.run("sudo sh -c %s", f"{program} && ls /proc/$({program})/cwd/").rc == 0, f"{name} runs", 60)
        if service == "postgres":
            eventually(lambda: "ready to accept" in production.root(f"docker logs {name} 2>&1"), "PostgreSQL is ready", 60)
        production.root(f"kill -SEGV $({program})")
        eventually(lambda: production.root(f"docker inspect --format '{{{{.State.ExitCode}}}}' {name}") == "139", f"{name} crashes", 60)
        yield production.root(f"docker volume inspect --format '{{{{.Mountpoint}}}}' {name}")
    finally:
        production.root(f"docker rm --force {name}; docker volume rm --force {name}")


# What a neighbour on the network says to one host: that it is a router now, and that a network is reached through somebody else.
NEIGHBOUR = """
import socket, sys
target, device = sys.argv[1:]
sender = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 255)
sender.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
to = (target, 0, 0, socket.if_nametoindex(device))
address = lambda text: socket.inet_pton(socket.AF_INET6, text)
prefix = bytes([3, 4, 64, 0xC0]) + (7200).to_bytes(4, "big") * 2 + bytes(4) + address("2001:db8:bad::")
sender.sendto(bytes([134, 0, 0, 0, 64, 0]) + (1800).to_bytes(2, "big") + bytes(8) + prefix, to)
sender.sendto(bytes([137, 0, 0, 0]) + bytes(4) + address("fe80::bad") + address("2001:db8:77::1"), to)
"""


HEARD = "awk '/Icmp6InRouterAdvertisements|Icmp6InRedirects/ {print $2}' /proc/net/snmp6"
FORGET = "ip -6 route del default proto ra 2> /dev/null; ip -6 addr flush dev eth0 to 2001:db8:bad::/64"


@once
def test_a_neighbour_on_the_network_changes_no_route(production: Production) -> None:
    """Sent by another host, from the link's own address and with the hop limit that proves it (RFC 4861)."""
    other = next(name for name in HOSTS if name != production.name)
    own = "ip -6 -o addr show dev eth0 scope link | awk '{print $4}' | cut -d/ -f1"
    target, neighbour = production.root(own), hosts_tool("exec", other, "--", "sh", "-c", own)
    # A redirect counts only where the network is reached through whoever sends it. UFW lets none in: here the kernel alone is asked.
    rule = "INPUT --protocol ipv6-icmp --icmpv6-type redirect --jump ACCEPT"
    production.root(f"ip -6 route replace 2001:db8:77::/64 via {neighbour} dev eth0 metric 77 && ip6tables --insert {rule}")
    try:
        before = production.root(HEARD).split()
        hosts_tool("exec", other, "--", "python3", "-c", NEIGHBOUR, target, "eth0")
        eventually(lambda: all(map(str.__ne__, production.root(HEARD).split(), before)), "both have come", 10)
        assert production.root("ip -6 route show default proto ra") == ""
        assert "2001:db8:bad" not in production.root("ip -6 addr")
        assert f"via {neighbour} " in production.root("ip -6 route get 2001:db8:77::1")
    finally:
        production.root(f"ip6tables --delete {rule}; ip -6 route del 2001:db8:77::/64; ip -6 route flush cache; {FORGET}")


@once
def test_no_interface_is_left_as_it_was_and_a_later_one_comes_hardened(production: Production) -> None:
    keys = [f"net/ipv4/conf/*/{what}" for what in ("accept_redirects", "secure_redirects", "send_redirects", "accept_source_route")]
    keys += [f"net/ipv6/conf/*/{what}" for what in ("accept_redirects", "accept_ra", "accept_source_route")]
    heard = "/proc/sys/net/ipv6/conf/later0/accept_ra"
    production.root("ip link add later0 type veth peer name later1")
    try:
        files = " ".join(f"/proc/sys/{key}" for key in keys)
        assert production.root(f"grep --files-without-match '^0$' {files} || true") == ""
        assert "/eth0/" in production.root(f"ls {files}") and "/later0/" in production.root(f"ls {files}")
        # What a boot does with the file, by systemd's own program (udev runs it so for each link that comes) and by procps'.
        only = "grep accept_ra /etc/sysctl.d/90-latentum-ops.conf > /tmp/ra.conf; sysctl --load=/tmp/ra.conf; rm /tmp/ra.conf"
        for program in ("/usr/lib/systemd/systemd-sysctl --prefix=/net/ipv6/conf/later0", only):
            production.root(f"echo 1 > {heard}; {program} > /dev/null 2>&1")
            assert production.root(f"cat {heard}") == "0", program
    finally:
        production.root("ip link del later0")


@once
def test_a_crash_leaves_no_memory_in_a_volume(production: Production) -> None:
    for service in IMAGES:
        with crashing(production, service) as folder:
            assert production.root(f"find {folder} -name 'core*'") == "", service


@pytest.mark.matrix
@once
def test_a_dump_that_somebody_asked_for_is_told_and_not_removed(production: Production) -> None:
    """The kernel is this machine's, and nothing here changes where it writes dumps to: where that is elsewhere, a file stands for one."""
    with crashing(production, "redis", "--ulimit core=-1") as folder:
        there = production.root(f"find {folder} -name 'core*'")
        if not there:
            there = f"{folder}/core.7"
            production.root(rf"printf '\177ELF\002\001\001\000\000\000\000\000\000\000\000\000\004\000' > {there}")
        production.root(f"mkdir {folder}/core; echo 1 > {folder}/core/core.js")
        told = json.loads(production.root("opsctl status --json"))["core_files"]
        assert [(dump["path"], dump["volume"]) for dump in told] == [(there, "core-redis")]
        assert f"!! {there}" in " ".join(production.root("opsctl status").split())
        assert production.root(f"ls {there}") == there


def test_nothing_that_systemd_starts_dumps_its_memory(production: Production) -> None:
    assert production.root("systemctl show --property DefaultLimitCORE --value") == "0"
    for unit in ("docker", "containerd"):
        assert production.root(f"systemctl show --property LimitCORESoft --value {unit}") == "0"
    assert production.root("grep --only-matching 'Max core file size *[0-9a-z]*' /proc/$(pidof dockerd)/limits").endswith(" 0")
    # Of the kernel, which these hosts share with the machine that they run on, and which is not theirs.
    assert "core_pattern" not in production.root("cat /etc/sysctl.d/90-latentum-ops.conf")
