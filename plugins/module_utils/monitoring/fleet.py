# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of one inventory that ask each other: who scrapes whom, who sends logs to whom, and what the firewall of each lets in for that.

All of it comes of the inventory's variables, never of facts: a run with C(--limit) knows nothing of hosts that it does not reach, and must
not shut them out. Each host names the one that scrapes it (C(ops_monitoring_host)), so that no two can.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..schema.nodes import Problem, instead, shown

# What is read of each host; nothing else is rendered.
KEYS = (
    "ops_monitoring_host",
    "ops_address",
    "ops_source_addresses",
    "ansible_host",
    "host_certificates_enabled",
    "monitoring_enabled",
    "monitoring_scrape_certificate",
    "exporters_enabled",
    "exporters_front_listen",
    "exporters_front_certificate",
    "log_shipping_enabled",
    "log_shipping_listen",
    "log_shipping_to",
    "log_shipping_to_name",
    "log_shipping_certificate",
    "log_shipping_key",
)
LISTEN = "0.0.0.0:9943"  # of the front of a host's exporters
Inventory = Mapping[str, Mapping[str, Any]]


def monitor_of(name: str, inventory: Inventory) -> str:
    """The host elsewhere that scrapes this one; empty where none does."""
    given = inventory[name].get("ops_monitoring_host") or ""
    return "" if not isinstance(given, str) or given == name else given


def scraped_by(name: str, inventory: Inventory) -> list[str]:
    """Hosts elsewhere that this one scrapes, in the order of the inventory."""
    return [other for other in inventory if other != name and monitor_of(other, inventory) == name]


def reached_at(name: str, inventory: Inventory) -> str:
    """Address or name by which other hosts reach this one."""
    variables = inventory[name]
    return str(variables.get("ops_address") or variables.get("ansible_host") or name)


def names_of(name: str, inventory: Inventory) -> list[str]:
    """Further names and addresses for its certificate: whatever others may reach it by, but for what every host calls itself."""
    variables = inventory[name]
    given = [variables.get("ops_address"), variables.get("ansible_host")]
    texts = [str(text) for text in given if text and not _itself(str(text))]
    return [text for text in dict.fromkeys(texts) if text != name]


def sources_of(name: str, inventory: Inventory) -> list[str]:
    """Addresses that connections of this host come from, as the firewall of another one sees them; none where they are not known."""
    given = inventory[name].get("ops_source_addresses")
    texts = [reached_at(name, inventory)] if given is None else given
    return [str(text) for text in ([texts] if isinstance(texts, str) else texts) if _network(str(text)) and not _itself(str(text))]


def port_of(listen: str) -> int:
    """The port of C(ADDRESS:PORT); 0 where there is none."""
    _address, _colon, port = listen.rpartition(":")
    return int(port) if port.isascii() and port.isdigit() and 0 < int(port) < 65536 else 0


def front_of(name: str, inventory: Inventory) -> str:
    """Where the front of its exporters listens."""
    return str(inventory[name].get("exporters_front_listen") or LISTEN)


def target_of(name: str, inventory: Inventory) -> str:
    """Where the front of its exporters is asked, as Prometheus has it."""
    address = reached_at(name, inventory)
    return f"{f'[{address}]' if ':' in address else address}:{port_of(front_of(name, inventory))}"


def log_host_of(name: str, inventory: Inventory) -> str:
    """The host of the inventory that this one sends its logs to; empty where it is none of them."""
    variables = inventory[name]
    host = str(variables.get("log_shipping_to") or "").rpartition(":")[0].strip("[]")
    if not host or not variables.get("log_shipping_enabled"):
        return ""
    called = {host, str(variables.get("log_shipping_to_name") or host)}
    for other in inventory:
        if other != name and called & {other, reached_at(other, inventory), *names_of(other, inventory)}:
            return other
    return ""


def senders_to(name: str, inventory: Inventory) -> list[str]:
    """Hosts that send their logs to this one."""
    if not inventory[name].get("log_shipping_enabled") or not inventory[name].get("log_shipping_listen"):
        return []
    return [other for other in inventory if other != name and log_host_of(other, inventory) == name]


def openings(name: str, inventory: Inventory) -> list[dict[str, Any]]:
    """Rules of the firewall: the front for the monitoring host, and the port of the log host for those that send."""
    rules = []
    if monitor := monitor_of(name, inventory):
        rules.append(_rule(front_of(name, inventory), sources_of(monitor, inventory), "metrics"))
    if inventory[name].get("host_certificates_enabled") and (senders := senders_to(name, inventory)):
        sources = [address for sender in senders for address in sources_of(sender, inventory)]
        rules.append(_rule(str(inventory[name]["log_shipping_listen"]), sources, "logs"))
    return rules


def _rule(listen: str, sources: Iterable[str], comment: str) -> dict[str, Any]:
    return {
        "action": "allow",
        "port": str(port_of(listen)),
        "protocol": "tcp",
        "from": list(dict.fromkeys(sources)),
        "comment": comment,
    }


def problems(name: str, inventory: Inventory) -> list[Problem]:
    """What stands against this host scraping others, being scraped, and taking logs; each names the host, if it is another one."""
    found = [*_scraped(name, inventory), *_sending(name, inventory), *_taking(name, inventory)]
    for other in scraped_by(name, inventory):
        found += _scraped(other, inventory, f"{other}: ")
    found += _shared(name, inventory)
    return list(dict.fromkeys(found))


def _scraped(name: str, inventory: Inventory, of: str = "") -> Iterator[Problem]:
    """A host that is scraped from elsewhere."""
    variables = inventory[name]
    given = variables.get("ops_monitoring_host") or ""
    key = f"{of}ops_monitoring_host"
    if not isinstance(given, str):
        yield Problem(key, shown(str(given)), "is not the name of one host", "write one: two would tell everything twice")
        return
    if not (monitor := monitor_of(name, inventory)):
        return
    if monitor not in inventory:
        yield Problem(key, shown(monitor), "is no host of the inventory", instead(monitor, list(inventory), "host"))
        return
    if not inventory[monitor].get("monitoring_enabled"):
        fix = f"write monitoring_enabled: true for {monitor}, or name the host that has it"
        yield Problem(key, shown(monitor), "runs no Prometheus, and nobody would hear of alerts", fix)
    if inventory[monitor].get("ops_monitoring_host") != monitor:
        fix = f"write ops_monitoring_host: {monitor} for {monitor} as well, as in group_vars/all"
        yield Problem(key, shown(monitor), "does not know that it is to scrape: it does not name itself", fix)
    if variables.get("monitoring_enabled"):
        what = (
            f"tells alerts of this host, and so does this host itself (monitoring_enabled): each would be told twice by {monitor} and here"
        )
        yield Problem(key, shown(monitor), what, "remove one of the two")
    if not variables.get("exporters_enabled"):
        what = "has nothing to ask here: nothing measures this host"
        yield Problem(key, shown(monitor), what, "write exporters_enabled: true, whose role brings what it asks through")
    yield from _certified(name, monitor, inventory, key)
    yield from _listening(name, inventory, of)
    if _itself(reached_at(name, inventory)):
        what = f"is not where {monitor} reaches this host"
        fix = "write ops_address for this host: the address that other hosts reach it by"
        yield Problem(f"{of}ansible_host", shown(reached_at(name, inventory)), what, fix)
    yield from _from(monitor, inventory, f"{of}{monitor}: ", "the firewall of a host that it scrapes")


def _certified(name: str, monitor: str, inventory: Inventory, key: str) -> Iterator[Problem]:
    """Both sides have certificates: of the inventory's authority, or of the operator's."""
    for host, own in ((name, "exporters_front_certificate"), (monitor, "monitoring_scrape_certificate")):
        if not inventory[host].get("host_certificates_enabled") and not inventory[host].get(own):
            fix = f"write host_certificates_enabled: true for all hosts, or bring your own ({own})"
            yield Problem(key, shown(monitor), f"asks by mutual TLS, and {host} has no certificate", fix)


def _listening(name: str, inventory: Inventory, of: str) -> Iterator[Problem]:
    listen = front_of(name, inventory)
    key, port = f"{of}exporters_front_listen", port_of(listen)
    host = listen.rpartition(":")[0]
    if port < 1024 or not _network(host.strip("[]")) or (":" in host) is not host.startswith("["):
        what = "is no address of this host with a port from 1024 on"
        yield Problem(key, shown(listen), what, f"write one such as {LISTEN}, or [::]:9943 for both versions")
    elif port == port_of(str(inventory[name].get("log_shipping_listen") or "")):
        yield Problem(key, shown(listen), "is the port of log_shipping_listen, too", "give one of the two another port")


def _sending(name: str, inventory: Inventory) -> Iterator[Problem]:
    """A host that sends its logs by a certificate of the inventory, which is of its names alone."""
    variables = inventory[name]
    given = variables.get("log_shipping_to")
    if not given or not variables.get("log_shipping_enabled") or not variables.get("host_certificates_enabled"):
        return
    if variables.get("log_shipping_key") or variables.get("log_shipping_certificate"):
        return  # of its own
    if not (other := log_host_of(name, inventory)):
        what = "is no address or name of a host of the inventory, so its certificate cannot be of the inventory's authority"
        fix = "write the ops_address of a host of the inventory, or bring certificates (log_shipping_authority and its neighbours)"
        yield Problem("log_shipping_to", shown(str(given)), what, fix)
    elif not inventory[other].get("host_certificates_enabled"):
        fix = f"write host_certificates_enabled: true for {other} as well"
        yield Problem("log_shipping_to", shown(str(given)), f"is {other}, which has no certificate of the inventory's authority", fix)


def _taking(name: str, inventory: Inventory) -> Iterator[Problem]:
    """A log host whose firewall is derived."""
    if inventory[name].get("host_certificates_enabled"):
        for sender in senders_to(name, inventory):
            yield from _from(sender, inventory, f"{sender}: ", f"the firewall of {name}, to which it sends its logs")


def _from(name: str, inventory: Inventory, of: str, who: str) -> Iterator[Problem]:
    """Where connections of a host come from has to be known in numbers."""
    variables = inventory[name]
    given = variables.get("ops_source_addresses") or ()
    wrong = [text for text in map(str, [given] if isinstance(given, str) else given) if not _network(text)]
    for text in wrong:
        fix = "write addresses or networks, such as [203.0.113.7]"
        yield Problem(f"{of}ops_source_addresses", shown(text), "is no address", fix)
    if not wrong and not sources_of(name, inventory):
        what = f"says no address to let in by {who}"
        fix = f"write ops_address (or ops_source_addresses, where its connections come from others) for {name}, such as 203.0.113.7"
        yield Problem(f"{of}ops_address", shown(reached_at(name, inventory)), what, fix)


def _shared(name: str, inventory: Inventory) -> Iterator[Problem]:
    """Two names for one address: its numbers would be there twice, under both."""
    first: dict[str, str] = {}
    for other in scraped_by(name, inventory):
        target = target_of(other, inventory)
        if first.setdefault(target, other) != other:
            what = f"is where {first[target]} is asked, too: its numbers would be there twice"
            fix = "write ops_address of the one that is elsewhere, or keep one name of a machine that has two"
            yield Problem(f"{other}: ops_address", shown(target), what, fix)


def _itself(text: str) -> bool:
    """What every host calls itself."""
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return text in ("localhost", "localhost.localdomain")


def _network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True
