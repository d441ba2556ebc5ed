# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Firewall rules as declared: understood, refused when wrong, and said in UFW's own words."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

ACTIONS = ("allow", "limit", "deny", "reject")
PROTOCOLS = ("tcp", "udp", "any")
DIRECTIONS = ("in", "out", "routed")
ANY = "any"
EVERYWHERE = {4: "0.0.0.0/0", 6: "::/0"}
INTERFACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,14}\+?")
MAX_PORTS = 15  # of the multiport match, where a range counts twice (iptables-extensions(8))


class FirewallError(Exception):
    """The policy is refused, or could not be brought about. ``problems`` lists everything that is wrong."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        super().__init__("; ".join(self.problems))


@dataclass(frozen=True)
class Rule:
    """One rule of UFW: one source, one destination. ``port`` is UFW's text: ``22``, ``8000:8010``, ``80,443`` or ``any``."""

    action: str
    port: str = ANY
    protocol: str = ANY
    source: str = ANY
    destination: str = ANY
    direction: str = "in"
    interface: str = ""
    interface_out: str = ""
    comment: str = ""

    @property
    def families(self) -> tuple[int, ...]:
        """The IP versions that the rule speaks of."""
        given = {ipaddress.ip_network(network).version for network in (self.source, self.destination) if network != ANY}
        return tuple(given) or (4, 6)

    def stored(self, family: int) -> str:
        """The line after which UFW keeps the rule in user.rules (4) or user6.rules (6), without its marker."""
        source, destination = (EVERYWHERE[family] if network == ANY else network for network in (self.source, self.destination))
        way = "out" if self.direction == "out" else "in"
        if self.interface and self.interface_out:
            way = f"in_{self.interface}!out_{self.interface_out}"
        elif self.interface_out:
            way = f"out_{self.interface_out}"
        elif self.interface:
            way = f"{way}_{self.interface}"
        action = f"route:{self.action}" if self.direction == "routed" else self.action
        line = f"{action} {self.protocol} {self.port} {destination} any {source} {way}"
        return f"{line} comment={self.comment.encode().hex()}" if self.comment else line

    def argv(self) -> list[str]:
        """What is said to ``ufw`` to add the rule."""
        words = ["route", self.action] if self.direction == "routed" else [self.action, self.direction]
        if self.direction == "routed":
            words += ["in", "on", self.interface] if self.interface else []
            words += ["out", "on", self.interface_out] if self.interface_out else []
        elif self.interface:
            words += ["on", self.interface]
        if self.protocol != ANY:
            words += ["proto", self.protocol]
        words += ["from", self.source, "to", self.destination]
        if self.port != ANY:
            words += ["port", self.port]
        return words + (["comment", self.comment] if self.comment else [])

    def covers(self, other: Rule) -> bool:
        """It says the same about the same traffic, or about more: an opening that is limited is an opening."""
        same = self.action == other.action or {self.action, other.action} <= {"allow", "limit"}
        ends = [(rule.port, rule.direction, rule.interface, rule.interface_out, rule.destination) for rule in (self, other)]
        return same and ends[0] == ends[1] and self.protocol in {ANY, other.protocol} and self.source in {ANY, other.source}

    def admits(self, port: int, client: str | None) -> bool:
        """Whether this is the rule that meets a TCP connection to this port from this address (None: from anywhere)."""
        if self.direction != "in" or self.protocol == "udp" or self.destination != ANY:
            return False
        if self.port != ANY and not any(low <= port <= high for low, high in spans(self.port)):
            return False
        if self.source == ANY:
            return True
        return client is not None and _inside(client, self.source)


def parse_stored(line: str) -> Rule | None:
    """The rule of a line in user.rules or user6.rules, without its marker; None for one that no declared rule can say (a source port)."""
    text, _sign, comment = line.partition(" comment=")
    words = text.split()
    if len(words) == 9:  # of an application profile: its names stand before the direction
        words = [*words[:6], words[8]]
    if len(words) != 7 or words[4] != ANY:
        return None
    action, protocol, port, destination, _from_port, source, way = words
    direction, interface, interface_out = "routed" if action.startswith("route:") else way[:3].strip("_"), "", ""
    for part in way.split("!"):
        side, _underscore, name = part.partition("_")
        if side == "out" and direction == "routed":
            interface_out = name
        else:
            interface = interface or name
    networks = [ANY if network in EVERYWHERE.values() else network for network in (source, destination)]
    return Rule(
        action=action.removeprefix("route:"),
        port=port,
        protocol=protocol,
        source=networks[0],
        destination=networks[1],
        direction="out" if direction == "out" else "routed" if direction == "routed" else "in",
        interface=interface,
        interface_out=interface_out,
        comment=bytes.fromhex(comment).decode(errors="replace") if comment else "",
    )


def spans(port: str) -> list[tuple[int, int]]:
    """Each port or range in UFW's text as (first, last)."""
    pairs = [part.split(":") for part in port.split(",")]
    return [(int(pair[0]), int(pair[-1])) for pair in pairs]


def _inside(address: str, network: str) -> bool:
    try:
        ip = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    return ip in ipaddress.ip_network(network)


def parse_port(value: Any, protocol: str) -> str:
    """UFW's text for a port (``443``), a range (``8000-8010`` or ``8000:8010``) or a list (``80,443``); empty for any.

    :raises ValueError: what to write instead.
    """
    text = str("" if value is None else value).replace(" ", "").replace("-", ":")
    if text in {"", ANY}:
        return ANY
    parts = []
    slots = 0
    for part in text.split(","):
        match = re.fullmatch(r"(\d{1,5})(?::(\d{1,5}))?", part)
        if match is None:
            raise ValueError("write a number such as 443, a range such as 8000-8010, or a list such as 80,443")
        first, last = int(match[1]), int(match[2] or match[1])
        if not 1 <= first <= last <= 65535:
            raise ValueError("ports lie between 1 and 65535, and a range begins with the lower one")
        slots += 1 if first == last else 2
        parts.append(str(first) if first == last else f"{first}:{last}")
    if (len(parts) > 1 or ":" in parts[0]) and protocol == ANY:
        raise ValueError("a range or a list needs protocol: tcp or protocol: udp, as two rules where both are meant")
    if slots > MAX_PORTS:
        raise ValueError(f"at most {MAX_PORTS} ports fit in one rule (a range counts twice): write several rules")
    return ",".join(parts)


def parse_network(value: Any) -> str:
    """An address or network as UFW keeps it: a single host without its prefix length.

    :raises ValueError: what to write instead.
    """
    text = str(value).strip()
    if text.lower() in {ANY, "anywhere"}:
        return ANY
    try:
        if "%" in text:
            raise ValueError("a zone")
        network = ipaddress.ip_network(text)
    except ValueError:
        try:
            loose = ipaddress.ip_interface(text.replace("%", "/%"))
        except ValueError:
            raise ValueError("write an address or a network such as 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32") from None
        raise ValueError(f"it has host bits set: write the network {loose.network} or the host {loose.ip}") from None
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _template(raw: Mapping[str, Any], where: str, problems: list[str]) -> Rule:
    """A declared rule but for its source and destination; what is wrong is added to ``problems``."""

    def choice(key: str, default: str, choices: Sequence[str]) -> str:
        value = str(raw.get(key) or default)
        if value not in choices:
            problems.append(f"{where}.{key}: {value!r} is not known: write one of {', '.join(choices)}")
        return value

    rule = Rule(
        action=choice("action", "allow", ACTIONS),
        protocol=choice("protocol", ANY, PROTOCOLS),
        direction=choice("direction", "in", DIRECTIONS),
        interface=str(raw.get("interface") or ""),
        interface_out=str(raw.get("interface_out") or ""),
        comment=" ".join(str(raw.get("comment") or "").split()),
    )
    try:
        rule = replace(rule, port=parse_port(raw.get("port"), rule.protocol))
    except ValueError as error:
        problems.append(f"{where}.port: {raw.get('port')!r}: {error}")
    for key, name in (("interface", rule.interface), ("interface_out", rule.interface_out)):
        if name and not INTERFACE.fullmatch(name):
            problems.append(f"{where}.{key}: {name!r} is not an interface's name: write one such as eth0 or wg+")
    if rule.interface_out and rule.direction != "routed":
        problems.append(f"{where}.interface_out: only forwarded traffic has one: write direction: routed, or use interface")
    if "'" in rule.comment or len(rule.comment) > 120 or not rule.comment.isprintable():
        problems.append(f"{where}.comment: UFW takes at most 120 printable characters without an apostrophe: write it shorter or without")
    return rule


def _networks(raw: Mapping[str, Any], where: str, key: str, problems: list[str]) -> list[str]:
    """The networks of `from` or `to`; what is wrong is added to ``problems``."""
    networks = []
    given = raw.get(key) or []
    for value in [given] if isinstance(given, str) else given:
        try:
            networks.append(parse_network(value))
        except ValueError as error:
            problems.append(f"{where}.{key}: {value!r}: {error}")
    return [ANY] if not networks or ANY in networks else networks


def _expand(raw: Mapping[str, Any], where: str, problems: list[str]) -> list[Rule]:
    """The rules of one declared rule, one for each source and destination of one IP version; what is wrong is added to ``problems``."""
    before = len(problems)
    rule = _template(raw, where, problems)
    ends = product(_networks(raw, where, "from", problems), _networks(raw, where, "to", problems))
    made = [
        replace(rule, source=source, destination=destination)
        for source, destination in ends
        if len({ipaddress.ip_network(end).version for end in (source, destination) if end != ANY}) < 2
    ]
    if not made and len(problems) == before:
        problems.append(f"{where}: from and to are of different IP versions: write networks of the same version in both")
    return made if len(problems) == before else []


def parse_rules(raws: Iterable[Mapping[str, Any]], name: str = "rules") -> list[Rule]:
    """All rules in their order; what says the same twice is kept once.

    :raises FirewallError: every problem in every rule.
    """
    problems: list[str] = []
    kept: dict[Rule, Rule] = {}
    for number, raw in enumerate(raws):
        for rule in _expand(raw, f"{name}[{number}]", problems):
            traffic = replace(rule, action="allow", comment="")
            if traffic not in kept:
                kept[traffic] = rule
            elif kept[traffic].action != rule.action:
                problems.append(
                    f"{name}[{number}]: says {rule.action} to what an earlier rule says {kept[traffic].action} to "
                    f"({' '.join(rule.argv())}): keep one of them"
                )
    if problems:
        raise FirewallError(problems)
    return list(kept.values())


def admission(rules: Iterable[Rule], port: int, client: str | None) -> Rule | None:
    """The first rule that decides on a TCP connection; None leaves it to the default policy."""
    return next((rule for rule in rules if rule.admits(port, client)), None)
