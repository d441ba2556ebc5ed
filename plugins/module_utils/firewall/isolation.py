# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host cut off from everything but SSH of its operators, for hosts and containers, IPv4 and IPv6, also for connections that exist.

Three chains of our own stand first in INPUT, OUTPUT and FORWARD, and in DOCKER-USER, which Docker keeps in front of its own rules. They
look at no state of a connection, so what was established ends with the next packet. UFW's rules stay as they are below them.

    what comes in            loopback; SSH of the operators; answers of containers; what an address needs (DHCP, neighbours)
    what goes out            loopback; SSH to the operators; to containers; the same
    what is forwarded        between containers of one host, as far as Docker lets them; nothing from or to the outside

Before the rules are loaded, a timer is armed that takes them out again (hostconfig/revert_timer). Once confirmed they are loaded at boot,
before the network is there.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from ..core.atomic_files import write_atomic
from ..core.process import CommandError, run
from ..hostconfig import revert_timer
from ..hostconfig.entries import PathState
from ..hostconfig.sandbox import SANDBOX
from . import isolated
from .host import Connection
from .isolated import Isolation
from .rules import FirewallError, parse_network

NAME = "isolation"  # of the revert timer
UNIT = Path("/etc/systemd/system/latentum-ops-isolation.service")
WANTED = UNIT.parent / "multi-user.target.wants" / UNIT.name
SCRIPT = Path("/var/lib/latentum-ops/isolation.sh")
IPV6 = Path("/proc/net/if_inet6")
NETWORKS = Path("/sys/class/net")
BRIDGES = ("docker0", "docker_gwbridge", "br-+")
CHAINS = {"INPUT": "OPS-ISOLATE-IN", "OUTPUT": "OPS-ISOLATE-OUT", "FORWARD": "OPS-ISOLATE-FWD", "DOCKER-USER": "OPS-ISOLATE-FWD"}
OWN = ("OPS-ISOLATE-IN", "OPS-ISOLATE-OUT", "OPS-ISOLATE-FWD")
TOOL = {4: "iptables", 6: "ip6tables"}
# Of the sandbox of units. A host whose rules are not loaded is not isolated, so whatever the tools may do for it they may.
NEEDED = """\
# Rules, the lock of the tools, and modules of the kernel that nobody has loaded yet.
CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW CAP_SYS_MODULE
SystemCallFilter=@module
ProtectKernelModules=no
ReadWritePaths=/run
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
ProcSubset=all
"""
SHORTEST, LONGEST = 60, 86400  # seconds until it ends by itself


def families() -> tuple[int, ...]:
    """The IP versions that the running kernel has."""
    return (4, 6) if IPV6.exists() else (4,)


def ruleset(family: int, operators: Iterable[str], ports: Sequence[int], hooked: Iterable[str]) -> str:
    """The rules of one IP version for ``iptables-restore --noflush``: one transaction, so there is no moment with half of them.

    :param hooked: chains in which ours are to stand first; those that have them already are left out.
    """
    mine = [network for network in operators if ipaddress.ip_network(network, strict=False).version == family]
    lines = ["*filter", *(f":{chain} - [0:0]" for chain in OWN)]
    into, out, forward = OWN
    lines += [f"-A {into} -i lo -j ACCEPT", f"-A {out} -o lo -j ACCEPT"]
    for network in mine:
        for port in ports:
            lines += [f"-A {into} -s {network} -p tcp --dport {port} -j ACCEPT", f"-A {out} -d {network} -p tcp --sport {port} -j ACCEPT"]
    for bridge in BRIDGES:
        # Probes of this host and nginx reach containers; no container begins anything with the host.
        lines += [f"-A {out} -o {bridge} -j RETURN", f"-A {into} -i {bridge} -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN"]
    lines += [f"-A {forward} -i {one} -o {other} -j RETURN" for one in BRIDGES for other in BRIDGES]
    lines += _address(family, into, out)
    lines += [f"-A {chain} -j DROP" for chain in OWN]
    lines += [f"-I {chain} 1 -j {CHAINS[chain]}" for chain in hooked]
    return "\n".join([*lines, "COMMIT"]) + "\n"


def _address(family: int, into: str, out: str) -> list[str]:
    """What an address needs to stay: a lease that is renewed, neighbours, and the size of packets."""
    if family == 4:
        return [
            f"-A {into} -p udp --sport 67 --dport 68 -j ACCEPT",
            f"-A {out} -p udp --sport 68 --dport 67 -j ACCEPT",
            f"-A {into} -p icmp --icmp-type fragmentation-needed -j ACCEPT",
        ]
    kinds = ("router-solicitation", "router-advertisement", "neighbour-solicitation", "neighbour-advertisement")
    return [
        f"-A {into} -p udp --sport 547 --dport 546 -s fe80::/10 -j ACCEPT",
        f"-A {out} -p udp --sport 546 --dport 547 -j ACCEPT",
        f"-A {into} -p icmpv6 --icmpv6-type packet-too-big -j ACCEPT",
        *(f"-A {chain} -p icmpv6 --icmpv6-type {kind} -j ACCEPT" for chain in (into, out) for kind in kinds),
    ]


def operators_of(at: Connection | None, given: Iterable[str]) -> tuple[str, ...]:
    """The networks that stay admitted: that of the session in use, and those that were given.

    :raises FirewallError: one is no network, all addresses are one, or none is left.
    """
    problems, networks = [], []
    for entry in [*([at.client] if at else []), *given]:
        try:
            network = parse_network(entry.partition("%")[0].removeprefix("::ffff:") if "." in entry else entry.partition("%")[0])
        except ValueError as error:
            problems.append(f"operator {entry!r}: {error}")
            continue
        if network == "any" or ipaddress.ip_network(network, strict=False).prefixlen == 0:
            problems.append(f"operator {entry!r} is every address: write those of the operators, such as 203.0.113.7")
            continue
        networks.append(network)
    if not networks and not problems:
        problems.append(
            "this is no session over SSH, and no operator is named: nobody could come in any more: write --operator ADDRESS, the address"
            " from which you will come"
        )
    if problems:
        raise FirewallError(problems)
    return tuple(dict.fromkeys(networks))


def tunnel(at: Connection | None) -> str:
    """The tunnel through which the session in use comes; empty for none. Its own packets would be dropped, and the session with it."""
    if at is None or ipaddress.ip_address(at.client.partition("%")[0]).is_loopback:
        return ""
    try:
        words = run(["ip", "route", "get", at.client.partition("%")[0]], check=False, timeout=10).stdout.split()
    except CommandError:
        return ""
    device = words[words.index("dev") + 1] if "dev" in words[:-1] else ""
    place = NETWORKS / device
    kind = (place / "uevent").read_text() if device and (place / "uevent").exists() else ""
    return device if "DEVTYPE=wireguard" in kind or (place / "tun_flags").exists() else ""


def begin(isolation: Isolation) -> None:
    """Cut the host off; it comes back by itself unless it is confirmed in time.

    :raises FirewallError: it could not be done completely, and everything is as before.
    """
    with revert_timer.locked(NAME):
        seconds = max(1, round(isolation.until - time.time()))
        revert_timer.arm(NAME, [PathState(isolated.FILE, "absent")], [*undoing(), *forgetting()], seconds)
        try:
            isolated.save(isolation)
            _load(isolation)
        except (CommandError, OSError, FirewallError) as error:
            revert_timer.revert_now(NAME)
            raise FirewallError([f"the host could not be isolated, and everything is as before: {error}"]) from error


def confirm() -> Isolation:
    """It stays, also over a restart, until somebody ends it.

    :raises FirewallError: there is none.
    """
    with revert_timer.locked(NAME):
        isolation = isolated.load()
        if isolation is None:
            raise FirewallError(["this host is not isolated: nothing was confirmed"])
        stays = replace(isolation, until=0.0)
        _at_boot(stays)
        isolated.save(stays)
        revert_timer.disarm(NAME)
        return stays


def end() -> Isolation | None:
    """Everything as before; what has ended, None where there was none.

    :raises FirewallError: rules of it are still there.
    """
    with revert_timer.locked(NAME):
        isolation = isolated.load()
        revert_timer.disarm(NAME)
        for argv in undoing():
            run(argv, check=False)
        if left := [f"IPv{family}: {chain}" for family in families() for chain in _hooked(family)]:
            raise FirewallError([f"rules of the isolation are still in {', '.join(left)}"])
        for path in (isolated.FILE, WANTED, UNIT, SCRIPT):
            path.unlink(missing_ok=True)
        run(["systemctl", "daemon-reload"], check=False)
        return isolation


def undoing() -> list[Sequence[str]]:
    """Commands that take the rules out, whether they are there or not."""
    commands: list[Sequence[str]] = []
    for family in families():
        tool = TOOL[family]
        commands += [(tool, "-w", "-D", chain, "-j", own) for chain, own in CHAINS.items()]
        commands += [(tool, "-w", how, chain) for how in ("-F", "-X") for chain in OWN]
    return commands


def forgetting() -> list[Sequence[str]]:
    """Commands that forget what would load them at boot."""
    return [("rm", "-f", "--", str(WANTED), str(UNIT), str(SCRIPT))]


def in_force() -> list[str]:
    """What the kernel lacks of the isolation; empty while it is whole. Others may stand before it as long as they let nothing through."""
    problems = []
    for family in families():
        listing = _listing(family)
        for chain, own in CHAINS.items():
            rules = [line for line in listing if line.startswith(f"-A {chain} ")]
            hook = f"-A {chain} -j {own}"
            if hook not in rules and chain in _chains(listing):
                problems.append(f"IPv{family}: {chain} does not lead to {own}")
            elif hook in rules and any(rule.endswith("-j ACCEPT") for rule in rules[: rules.index(hook)]):
                problems.append(f"IPv{family}: a rule before {own} in {chain} lets packets through")
    return problems


def _load(isolation: Isolation) -> None:
    for family in families():
        listing = _listing(family)
        missing = [chain for chain in CHAINS if chain in _chains(listing) and _first(listing, chain) != CHAINS[chain]]
        for chain in [chain for chain in missing if f"-A {chain} -j {CHAINS[chain]}" in listing]:  # it is there, and not first any more
            run([TOOL[family], "-w", "-D", chain, "-j", CHAINS[chain]], check=False)
        run([f"{TOOL[family]}-restore", "-w", "--noflush"], input=ruleset(family, isolation.operators, isolation.ports, missing))
    if problems := in_force():
        raise FirewallError(problems)


def _listing(family: int) -> list[str]:
    return run([TOOL[family], "-w", "-S"]).stdout.splitlines()


def _chains(listing: Sequence[str]) -> set[str]:
    """The chains of ours and of others that there are."""
    return {line.split()[1] for line in listing if line.startswith(("-P ", "-N "))}


def _first(listing: Sequence[str], chain: str) -> str:
    """Where the first rule of a chain leads, if it is nothing but that."""
    first = next((line for line in listing if line.startswith(f"-A {chain} ")), "")
    return first.removeprefix(f"-A {chain} -j ") if first.startswith(f"-A {chain} -j ") else ""


def _hooked(family: int) -> list[str]:
    listing = _listing(family)
    return [chain for chain, own in CHAINS.items() if f"-A {chain} -j {own}" in listing]


def _at_boot(isolation: Isolation) -> None:
    """The same rules, before there is a network; Docker makes its chain later, and finds ours in it."""
    lines = ["#!/bin/sh", "# Loads the isolation of this host at boot; `opsctl isolate --undo` removes it."]
    for family in families():
        tool = TOOL[family]
        lines.append(f"{tool} -w -N DOCKER-USER 2>/dev/null")
        lines += [f"{tool} -w -D {chain} -j {own} 2>/dev/null" for chain, own in CHAINS.items()]
        rules = ruleset(family, isolation.operators, isolation.ports, CHAINS)
        lines.append(f"{tool}-restore -w --noflush <<'RULES'\n{rules}RULES")
    write_atomic(SCRIPT, "\n".join(lines) + "\n", 0o700, 0, 0)
    text = (
        "[Unit]\nDescription=Isolation of this host\nDefaultDependencies=no\nAfter=local-fs.target ufw.service\n"
        "Before=network-pre.target docker.service\nWants=network-pre.target\n\n"
        f"[Service]\n{SANDBOX}\nType=oneshot\nRemainAfterExit=true\nExecStart={SCRIPT}\n{NEEDED}\n[Install]\nWantedBy=multi-user.target\n"
    )
    write_atomic(UNIT, text, 0o644, 0, 0)
    WANTED.parent.mkdir(parents=True, exist_ok=True)
    WANTED.unlink(missing_ok=True)
    WANTED.symlink_to(UNIT)
    run(["systemctl", "daemon-reload"], check=False)
