# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hardening promises, asked of the programs and the kernel that it is about."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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


# What providers, packages and colleagues leave on hosts, and which settings of ours that overrules: role and key, with the line that wins.
LEFT_BY_OTHERS: dict[str, tuple[str, dict[str, str]]] = {
    # sshd takes the first value: what comes after ours by its name changes nothing.
    "/etc/ssh/sshd_config.d/50-cloud-init.conf": ("PasswordAuthentication yes\n", {}),
    "/etc/ssh/sshd_config.d/01-permitrootlogin.conf": ("# installer\nPermitRootLogin yes\n", {"ssh_hardening: PermitRootLogin": ":2"}),
    "/etc/ssh/sshd_config.d/90-backup.conf": (
        "Match User backup Address 192.0.2.0/24\n  PasswordAuthentication yes\n  AuthenticationMethods any\n",
        {
            "ssh_hardening: PasswordAuthentication (Match User backup Address 192.0.2.0/24)": ":2",
            "ssh_hardening: AuthenticationMethods (Match User backup Address 192.0.2.0/24)": ":3",
        },
    ),
    "/etc/ssh/sshd_config.d/95-sftp.conf": ("Match Group nogroup\n  ForceCommand internal-sftp\n  AllowTcpForwarding no\n", {}),
    "/etc/sysctl.d/99-tuning.conf": ("# guide\nnet.ipv4.tcp_syncookies=0\n", {"os_hardening: net.ipv4.tcp_syncookies": ":2"}),
    # A key of one interface wins over a star, and an earlier file over none.
    "/etc/sysctl.d/10-cloud.conf": (
        "net.ipv6.conf.eth0.accept_ra = 2\nnet.ipv4.tcp_rfc1337 = 0\n",
        {"os_hardening: net.ipv6.conf.eth0.accept_ra": ":1"},
    ),
    "/etc/apt/apt.conf.d/99-provider": (
        'Unattended-Upgrade {\n  // at once\n  Automatic-Reboot "true";\n};\n#clear Unattended-Upgrade::Package-Blacklist;\n',
        {
            "auto_updates: Unattended-Upgrade::Automatic-Reboot": ":3",
            "auto_updates: Unattended-Upgrade::Package-Blacklist": ":5",
        },
    ),
    "/etc/apt/apt.conf.d/30periodic": ('APT::Periodic::Unattended-Upgrade "0";\n', {}),
    "/etc/needrestart/conf.d/zz-local.conf": ("$nrconf{restart} = 'i';\n", {"auto_updates: needrestart restart": ":1"}),
    "/etc/systemd/system/apt-daily-upgrade.timer.d/override.conf": (
        "[Timer]\nOnCalendar=Sun 02:00\n",
        {"auto_updates: apt-daily-upgrade.timer OnCalendar": ":2"},
    ),
    "/etc/systemd/coredump.conf.d/zz-debug.conf": (
        "[Coredump]\nStorage=external\n",
        {"os_hardening: systemd/coredump.conf Storage": ":2"},
    ),
    "/etc/security/limits.d/10-oracle.conf": ("oracle hard core unlimited\n", {"os_hardening: limits core oracle": ":1"}),
    "/etc/sudoers.d/zz-legacy": (
        "Defaults !use_pty\nDefaults:backup !use_pty\n",
        {"base: sudo use_pty": ":1", "base: sudo use_pty (backup)": ":2"},
    ),
    "/etc/sudoers.d/90-cloud-init-users": ("ubuntu ALL=(ALL) NOPASSWD:ALL\n", {}),
}


def judged(production: Production) -> dict[str, Any]:
    """What `opsctl status` shows of it, without all else that it looks at."""
    look = "import json; from latentum_ops.effective.judgement import judge; print(json.dumps(judge().as_dict()))"
    found: dict[str, Any] = json.loads(production.root(f"PYTHONPATH=/usr/lib/latentum-ops python3 -B -c '{look}'"))
    return found


@once
def test_what_others_leave_on_a_host_is_judged_by_the_programs_themselves(production: Production) -> None:
    assert judged(production) == {"deviations": [], "allowed": [], "unused": [], "unseen": []}
    write = "import json, os, sys; [os.write(os.open(path, 0o101, 0o440), text.encode()) for path, text in json.load(sys.stdin).items()]"
    files = json.dumps({path: text for path, (text, _overruled) in LEFT_BY_OTHERS.items()})
    production.root(f"cat > /tmp/others.json <<'END'\n{files}\nEND\n")
    since = "/proc/sys/net/ipv4/conf/default/send_redirects"
    try:
        production.root(f'python3 -c "{write}" < /tmp/others.json && systemctl daemon-reload && echo 1 > {since}')
        overruled = judged(production)
        found = {f"{one['role']}: {one['key']}": one["where"].removeprefix("after a boot ") for one in overruled["deviations"]}
        expected = {key: f"{path}{line}" for path, (_text, overruled) in LEFT_BY_OTHERS.items() for key, line in overruled.items()}
        expected["os_hardening: net.ipv4.conf.default.send_redirects"] = "no file says so, a program has set it since"
        assert found == expected
        assert overruled["unseen"] == []
        assert "!! ssh_hardening: PermitRootLogin is yes, and no was written: /etc/ssh" in production.root("opsctl status")
    finally:
        production.root(f"rm -f /tmp/others.json {' '.join(LEFT_BY_OTHERS)}; systemctl daemon-reload; echo 0 > {since}")
