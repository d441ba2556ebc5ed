# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators with scopes: what is declared, whether the server lets them in, and whether this run can come back."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..access import public_keys, register, revocation
from ..access.declaration import VARIABLE, Reader, Surroundings, of_base
from ..access.operators import Operator
from ..schema.nodes import Problem
from .host import Host
from .login import admitted
from .ssh_port import listening

Wanted = Mapping[str, Mapping[str, Any]]


def declared(host: Host, wanted: Wanted) -> Iterator[Problem]:
    """All that is wrong with what is written."""
    given = wanted["access"]
    reader = Reader(surroundings(host, wanted))
    reader.read(given.get("operators") or [])
    yield from reader.problems
    for number, text in enumerate(given.get("authorities") or []):
        try:
            public_keys.parse(str(text))
        except public_keys.NoKey as error:
            yield Problem(f"access_user_authorities[{number}]", "", f"the key {error}", public_keys.FORM)
    problems: list[Problem] = []
    revocation.read(given.get("revoked") or [], problems, authority=bool(given.get("authorities")))
    yield from problems


def surroundings(host: Host, wanted: Wanted) -> Surroundings:
    """What a declaration is judged by on this host."""
    given = wanted["access"]
    others = wanted.get("base", {}).get("operators") or given.get("base_operators") or []
    on_host = [file.stem for file in host.files("/etc/latentum-ops/stacks", "*.json")]
    return Surroundings(
        now=time.time(),
        stacks=sorted({*map(str, given.get("stacks") or ()), *on_host}),
        authority=bool(given.get("authorities")),
        others=of_base(others),
        login=host.user if host.connection else "",
    )


def _operators(host: Host, wanted: Wanted) -> list[Operator]:
    around = surroundings(host, wanted)
    return [found for found in Reader(around).read(wanted["access"].get("operators") or []) if found.present(around.now)]


def let_in(host: Host, wanted: Wanted) -> Iterator[Problem]:
    """sshd would refuse an operator whatever the key: AllowUsers, AllowGroups, or a port that the firewall has not opened."""
    operators = _operators(host, wanted)
    effective = host.output(["sshd", "-T"]) or ""
    hardened = wanted.get("ssh_hardening")
    users = list(hardened["allow_users"]) if hardened else _words(effective, "allowusers")
    groups = list(hardened["allow_groups"]) if hardened else _words(effective, "allowgroups")
    variable = "ssh_hardening_allow_users" if hardened else "AllowUsers of sshd"
    for operator in operators:
        if not admitted([operator.name], users):
            problem = f"{operator.name} is not in it, and could not log in"
            yield Problem(variable, ", ".join(users), problem, f"add {operator.name}, or leave it empty: operators are known by their keys")
        if not admitted([operator.name], groups):
            problem = f"{operator.name} is in none of these groups: operators have only a group of their own name"
            fix = f"add {operator.name}, or leave it empty"
            yield Problem(variable.replace("users", "groups").replace("Users", "Groups"), ", ".join(groups), problem, fix)
    yield from _port(host, wanted, effective)


def _words(shown: str, keyword: str) -> list[str]:
    return [line.partition(" ")[2] for line in shown.splitlines() if line.startswith(f"{keyword} ")]


def _port(host: Host, wanted: Wanted, effective: str) -> Iterator[Problem]:
    """The firewall shuts the port of sshd, unless this run is about to open it."""
    if "firewall" in wanted or not wanted["access"].get("operators"):
        return
    status = host.output(["ufw", "status"]) or ""
    opened = {line.split()[0].split("/")[0] for line in status.splitlines() if " ALLOW" in line or " LIMIT" in line}
    if not status.startswith("Status: active") or "OpenSSH" in opened or "Anywhere" in opened:
        return
    for port in sorted(listening(effective)):
        if str(port) not in opened and not any(_holds(text, port) for text in opened):
            problem = f"sshd listens on {port}, which the firewall of this host has not opened, so no operator could log in"
            yield Problem("firewall_ssh_port", str(port), problem, f"run site.yml with --tags firewall, or open it: `ufw allow {port}/tcp`")


def _holds(text: str, port: int) -> bool:
    """Whether a range, or a list, of ports has it."""
    for part in text.split(","):
        first, _colon, last = part.partition(":")
        if first.isdigit() and int(first) <= port <= int(last if last.isdigit() else first):
            return True
    return False


def comes_back(host: Host, wanted: Wanted) -> Iterator[Problem]:
    """This run is connected as an operator, and would not be let in again: another key, another address, or not declared any more."""
    if not host.connection:
        return
    operators = {operator.name: operator for operator in _operators(host, wanted)}
    own = operators.get(host.user)
    if own is None:
        yield from _forgotten(host, wanted)
        return
    used = host.accepted_key
    keys = {key.key.fingerprint: key for key in own.keys if key.valid(time.time())}
    if used and used not in keys and not own.certificates:
        problem = f"the key that this run is connected with ({used}) opens {host.user} no more, and no login has tried the others"
        fix = "keep it beside the new one, connect with the new one, and remove the old one then"
        yield Problem(f"{VARIABLE} ({host.user}).keys", "", problem, fix)
    networks = own.networks_of(keys[used]) if used in keys else own.networks
    if networks and not _inside(host.connection.client, networks):
        problem = f"this run comes from {host.connection.client}, from where {host.user} could not log in any more"
        yield Problem(f"{VARIABLE} ({host.user}).from", ", ".join(networks), problem, "add a network with that address")
    if not own.admin:
        problem = f"this run is connected as {host.user}, and Ansible would lose sudo"
        yield Problem(
            f"{VARIABLE} ({host.user}).scopes", "", problem, "give it scopes: [{level: admin}], or connect as an account of its own"
        )


def _forgotten(host: Host, wanted: Wanted) -> Iterator[Problem]:
    """Who was an operator, and is not declared any more."""
    try:
        known = register.load()
    except ValueError as error:
        yield Problem(str(register.FILE), "", str(error), "remove the file: the run writes it anew")
        return
    names = sorted(operator.name for operator in known.operators)
    written: Sequence[Mapping[str, Any]] = wanted["access"].get("operators") or []
    if host.user in names and host.user not in [entry.get("name") for entry in written]:
        problem = f"{host.user} is not in it any more, and this run is connected as {host.user}"
        yield Problem(VARIABLE, "", problem, "keep it, or connect as another operator first")
    if names and not written:
        problem = f"is empty, and {', '.join(names)} would be shut out"
        yield Problem(VARIABLE, "", problem, "write state: absent for each of them, where that is meant")


def _inside(address: str, networks: Sequence[str]) -> bool:
    try:
        client = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(client, "ipv4_mapped", None) or client
    return any(mapped in ipaddress.ip_network(network) for network in networks)
