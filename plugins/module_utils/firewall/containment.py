# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers held back from their host (`container_rules`): what is in force, and how it comes into force.

    /var/lib/latentum-ops/firewall/containers.json      what UFW is asked about, and the bridges of our stacks' networks
    /var/lib/latentum-ops/firewall/containers.nft       the rules, which a unit loads at boot, before Docker
    /var/lib/latentum-ops/firewall/containers/<stack>   what the stack's live release declares of its networks
    /var/lib/latentum-ops/firewall/egress.json          addresses of the names in it, which a timer asks DNS for

Role firewall knows the policy, and a rollout the networks: each writes what it knows, and renders the rules of both.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..containers.client import DockerUnavailable, Engine
from ..contracts.container_access import NetworkAccess
from ..core.locks import file_lock
from ..core.process import CommandError, run
from ..core.versioned_json import read_state, write_state
from ..hostconfig import shares
from ..hostconfig.entries import Change, Entry, compare, write
from ..hostconfig.sandbox import SANDBOX
from . import egress
from .container_rules import TABLE, Bridge, access_to, admitted, bridges_of, ruleset
from .host import Connection
from .rules import FirewallError, Rule

FOLDER = Path("/var/lib/latentum-ops/firewall")
STATE, RULES = FOLDER / "containers.json", FOLDER / "containers.nft"
ACCESS = FOLDER / "containers"  # one file a stack
ADDRESSES = FOLDER / "egress.json"
NAME = "latentum-ops-containers.service"
EGRESS = "latentum-ops-egress"
UNIT = Path("/etc/systemd/system") / NAME
WANTED = UNIT.parent / "multi-user.target.wants" / NAME
EGRESS_UNIT, EGRESS_TIMER = UNIT.with_name(f"{EGRESS}.service"), UNIT.with_name(f"{EGRESS}.timer")
EGRESS_WANTED = UNIT.parent / "timers.target.wants" / EGRESS_TIMER.name
LISTING = ["nft", "--stateless", "list", "table", *TABLE.split()]
_SET = re.compile(r"\{([^{};]*)\}")
UNIT_TEXT = f"""\
[Unit]
Description=What containers may reach of this host
DefaultDependencies=no
After=local-fs.target
Before=network-pre.target docker.service
Wants=network-pre.target

[Service]
{SANDBOX}
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft --file {RULES}
ExecReload=/usr/sbin/nft --file {RULES}
# Rules of the packet filter.
CapabilityBoundingSet=CAP_NET_ADMIN
RestrictAddressFamilies=AF_NETLINK

[Install]
WantedBy=multi-user.target
"""
EGRESS_TEXT = f"""\
[Unit]
Description=Addresses of what containers may reach
After=network-online.target

[Service]
{SANDBOX}
Type=oneshot
ExecStart=/usr/local/sbin/opsctl egress refresh
# DNS, Docker's socket, and systemd, which loads the rules.
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
ReadWritePaths={FOLDER}
# A file of state is written with its owner.
SystemCallFilter=@chown
TimeoutStartSec=120
"""
EGRESS_TIMER_TEXT = """\
[Unit]
Description=Addresses of what containers may reach, each minute

[Timer]
OnActiveSec=5s
OnUnitActiveSec=60s
AccuracySec=5s

[Install]
WantedBy=timers.target
"""


def keep_access(stack: str, access: Sequence[NetworkAccess] | None) -> None:
    """Remember what a stack's live release says; None for a stack that is taken away. It is in force with the next `refresh`."""
    file = ACCESS / f"{stack}.json"
    if access:
        ACCESS.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_state(file, [item.to_dict() for item in access], 0o600)
    else:
        file.unlink(missing_ok=True)


def lift_egress(stack: str) -> list[str]:
    """Let the networks of a stack reach everything from now on, where nobody asks for the addresses of names any more.

    :returns: those that did not.
    """
    declared = accesses().get(stack, [])
    limited = [access.name for access in declared if access.egress]
    if limited:
        keep_access(stack, [replace(access, egress=()) for access in declared])
        refresh(stack)
    return limited


def accesses() -> dict[str, list[NetworkAccess]]:
    """Of all stacks.

    :raises ValueError: a file is damaged; the message names it.
    """
    return {
        file.stem: [NetworkAccess.from_dict(item, str(file), tolerant=True) for item in read_state(file, [])]
        for file in sorted(ACCESS.glob("*.json"))
    }


@dataclass(frozen=True)
class Kept:
    """What was in force last, for whoever knows Docker's networks and no policy, or a policy and no Docker."""

    admitted: tuple[str, ...] = ()
    log: bool = True
    bridges: tuple[Bridge, ...] = ()


def kept() -> Kept | None:
    """None where containers are not held back."""
    raw = read_state(STATE, None)
    return None if raw is None else Kept(tuple(raw["admitted"]), raw["log"], tuple(Bridge(*item) for item in raw["bridges"]))


def entries(wanted: Kept | None) -> list[Entry]:
    """Files of the host; none of them where containers are not held back."""
    if wanted is None:
        return [Entry(path=path, state="absent") for path in (WANTED, UNIT, RULES, STATE, EGRESS_WANTED, EGRESS_TIMER, EGRESS_UNIT)]
    state = {"admitted": list(wanted.admitted), "log": wanted.log, "bridges": [_plain(bridge) for bridge in wanted.bridges]}
    rules = rendered(wanted)
    return [
        Entry(path=FOLDER, state="directory", mode=0o700),
        Entry(path=STATE, content=_json(state), mode=0o600),
        Entry(path=RULES, content=rules.encode(), mode=0o600),
        Entry(path=UNIT, content=UNIT_TEXT.encode()),
        Entry(path=WANTED, state="link", target=str(UNIT)),
        *_of_names(),
    ]


def rendered(wanted: Kept) -> str:
    """The rules, with what stacks declare and the addresses that are known."""
    return ruleset(wanted.bridges, accesses(), wanted.admitted, egress.addresses(ADDRESSES), log=wanted.log)


def _of_names() -> list[Entry]:
    """What keeps addresses true, where a network may reach a name."""
    if not egress.names(accesses()):
        return [Entry(path=path, state="absent") for path in (EGRESS_WANTED, EGRESS_TIMER, EGRESS_UNIT)]
    return [
        Entry(path=EGRESS_UNIT, content=EGRESS_TEXT.encode()),
        Entry(path=EGRESS_TIMER, content=EGRESS_TIMER_TEXT.encode()),
        Entry(path=EGRESS_WANTED, state="link", target=str(EGRESS_TIMER)),
    ]


def _plain(bridge: Bridge) -> list[str]:
    return [bridge.interface, bridge.stack, bridge.network]


def _json(data: Mapping[str, Any]) -> bytes:
    return (json.dumps(data, indent=1, sort_keys=True) + "\n").encode()


def networks() -> list[dict[str, Any]] | None:
    """Networks of all Compose projects; None where Docker does not answer."""
    try:
        return Engine().compose_networks()
    except (DockerUnavailable, OSError):
        return None


def bridges(stack: str = "") -> tuple[Bridge, ...]:
    """Those of our stacks now; as they were last where Docker does not answer, since its networks outlive it.

    :param stack: one of ours that nothing on the host says yet.
    """
    there = networks()
    if there is None:
        before = kept()
        return before.bridges if before else ()
    return tuple(bridges_of(there, shares.on_host() | {stack}))


def refresh(stack: str = "") -> list[str]:
    """Networks of a stack have come or gone, its release says something else of them, or names may have other addresses.

    :returns: names that DNS gives no address for now.
    :raises CommandError: the kernel refuses the rules, or systemd does not load them.
    :raises OSError: they cannot be written.
    """
    if not STATE.exists():
        return []
    with file_lock(FOLDER / "containers.lock"):
        before = kept()
        if before is None:
            return []
        silent = egress.ask(ADDRESSES, egress.names(accesses()))
        changes = [change for entry in entries(replace(before, bridges=bridges(stack))) if (change := compare(entry))]
        _write(changes)
        if changes:
            load()
    return silent


def _write(changes: Sequence[Change]) -> None:
    """Write them, and let systemd know of units among them. A timer ends before its files do: it would fail for want of its service."""
    running = booted()
    if running and any(change.entry.path == EGRESS_TIMER and change.entry.state == "absent" for change in changes):
        run(["systemctl", "stop", EGRESS_TIMER.name], check=False)
    for change in changes:
        write(change.entry)
    if running and any(change.entry.path.suffix in {".service", ".timer"} for change in changes):
        run(["systemctl", "daemon-reload"])
        if EGRESS_TIMER.exists():
            run(["systemctl", "start", EGRESS_TIMER.name])


def load() -> None:
    """Have the unit load what is written; not while the host is being built."""
    if booted():
        run(["systemctl", "reload-or-restart", NAME])


def booted() -> bool:
    """Whether systemd runs here."""
    return Path("/run/systemd/system").is_dir()


def unload() -> None:
    """Take the table out; it may be gone."""
    run(["systemctl", "stop", NAME], check=False)
    run(["nft", "delete", "table", *TABLE.split()], check=False)


def listed(rules: str) -> str:
    """What nft lists once these rules are loaded: they are, in a network namespace of their own, which ends with it.

    :raises FirewallError: the kernel refuses them.
    """
    try:
        return _settled(run(["unshare", "--net", "sh", "-c", f"nft --file - && {' '.join(LISTING)}"], input=rules).stdout)
    except CommandError as error:
        problem = f"the rules for containers are refused: {error}"
        raise FirewallError([f"{problem}: they need nftables (package nftables, and a kernel with it), or containers: false"]) from error


def in_force(rules: str) -> bool:
    """Whether the kernel has these rules, and nobody has changed them."""
    live = run(LISTING, check=False)
    return live.rc == 0 and _settled(live.stdout) == listed(rules)


def _settled(listing: str) -> str:
    """A listing with the members of each set in an order: nft gives them in that of a hash."""
    return _SET.sub(lambda match: " ".join(sorted(match[1].replace(",", " ").split())), listing)


def through_container(client: str, port: int) -> str:
    """The network of a stack from which a connection to the host comes, as ``stack.network``, if that may not have it; empty otherwise."""
    stacks, known = shares.on_host(), {(stack, access.name): access for stack, each in accesses().items() for access in each}
    for network in networks() or ():
        for bridge in bridges_of([network], stacks):
            pools = [str(pool.get("Subnet", "")) for pool in (network.get("IPAM") or {}).get("Config") or ()]
            may = any((opened.port, opened.protocol) == (port, "tcp") for opened in access_to(bridge, known).host)
            if not may and any(_inside(client, pool) for pool in pools):
                return f"{bridge.stack}.{bridge.network}"
    return ""


def _inside(address: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(address.partition("%")[0]) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


@dataclass(frozen=True)
class Hold:
    """What containers are to be held back by, and its rules."""

    wanted: Kept
    rules: str

    @classmethod
    def of(cls, rules: Sequence[Rule], of_stacks: Collection[Rule], *, log: bool) -> Hold:
        """By a policy of UFW.

        :param rules: all that UFW is to have, in their order; those of stacks are open for containers, too.
        """
        wanted = Kept(tuple(admitted(rules, of_stacks)), log, bridges())
        return cls(wanted, rendered(wanted))

    def refuse(self, at: Connection | None) -> None:
        """:raises FirewallError: the kernel does not take the rules, or the session in use comes from a container that they hold back."""
        listed(self.rules)
        if at and (network := through_container(at.client, at.port)):
            stack, _dot, name = network.partition(".")
            what = f"containers: the SSH connection in use comes from the network {name} of the stack {stack} (from {at.client})"
            fix = f"add networks: {{{name}: {{host: [{{port: {at.port}}}]}}}} to its declaration and deploy it first"
            raise FirewallError([f"{what}, whose containers may not reach it: {fix}, or set containers: false"])


@dataclass(frozen=True)
class Difference:
    """What was, or in check mode would be, changed; both texts are in words."""

    before: str
    after: str
    paths: tuple[str, ...]


def bring(hold: Hold | None, *, check_mode: bool) -> Difference | None:
    """The rules into force, or out of it (None); no session over SSH depends on them, so nothing has to be confirmed.

    :returns: None where all is as it should be.
    """
    changes: list[Change] = [change for entry in entries(hold.wanted if hold else None) if (change := compare(entry))]
    before = kept()
    live = hold is None or not booted() or before is None or in_force(hold.rules)
    if not changes and live:
        return None
    words = "containers to this host and to metadata services: {}\n"
    was = words.format("everything" if before is None else "as declared" if live else "as declared, not in force")
    after = words.format("as declared" if hold else "everything")
    after += "".join(f"  {match}\n" for match in hold.wanted.admitted) if hold else ""
    difference = Difference(was, after, tuple(str(change.entry.path) for change in changes))
    if check_mode:
        return difference
    _write(changes)
    if booted():
        if hold:
            load()
        else:
            unload()
    return difference
