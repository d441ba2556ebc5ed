# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases of the host itself: never touched, and no part of a stack's backups."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from ..finding import Finding, Given, Verdict, spelled
from ..survey.databases import Database
from .reach import declared_rules

DOCKER_NETWORKS = ("172.16.0.0/12", "192.168.0.0/16")


def judge(given: Given) -> Iterator[Finding]:
    """A finding a server; a second one where containers reach it and could not any more."""
    for database in given.survey.databases:
        where = ", ".join(filter(None, [database.unit, f"port {database.port}" if database.port else "", database.data]))
        base = Finding("database", database.kind, where)
        yield base.judged(Verdict.STAYS, "", "is not touched, and not in the backups of a stack") if given.wanted else base
        yield from _from_containers(given, database, base)


def _from_containers(given: Given, database: Database, base: Finding) -> Iterator[Finding]:
    """UFW meets what containers send to the host itself: without a rule a database that listens there is shut to them."""
    wanted = given.role("firewall")
    beyond = [address for address in database.addresses if not ipaddress.ip_address(address).is_loopback]
    if wanted is None or not beyond or not given.survey.containers or given.survey.ufw.enabled or wanted.get("incoming") == "allow":
        return
    if any(str(database.port) in rule.port.split(",") for rule in declared_rules(given) if rule.action == "allow"):
        return
    pools = sorted({subnet for network in given.survey.networks for subnet in network.subnets if ":" not in subnet}) or list(
        DOCKER_NETWORKS
    )
    rule = {"port": database.port, "protocol": "tcp", "from": pools}
    effect = "shuts it to containers that reach it by an address of the host"
    finding = Finding("database for containers", f"{database.kind} {database.port}", base.details)
    yield finding.judged(Verdict.REPORTED, "firewall", effect, "firewall_extra_rules", f"[{spelled(rule)}]")
