# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports that somebody listens on: who needs them now, and whether clients still reach them afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...preflight.web_ports import ANY
from ..finding import Finding, Given, Verdict, spelled
from ..survey.listeners import Listener, by_port
from . import front
from .reach import Reach, openness

OWN_UNITS = ("latentum-ops-",)
# Open by themselves, or answered to clients of this host only, whatever the firewall says.
UNNEEDED = {(68, "udp"), (546, "udp"), (323, "udp")}


def judge(given: Given) -> Iterator[Finding]:
    """A finding for each port beyond loopback."""
    for (port, protocol), listeners in by_port(given.survey.listeners).items():
        if (port, protocol) not in UNNEEDED:
            yield _judged(given, listeners)


def _judged(given: Given, listeners: Sequence[Listener]) -> Finding:
    first = listeners[0]
    addresses = ", ".join(dict.fromkeys(listener.address for listener in listeners))
    details = f"{', '.join(dict.fromkeys(listener.holder for listener in listeners))}, on {addresses}"
    base = Finding("port", first.name, details)
    conflict = _wanted_by_nginx(given, base, listeners) or _wanted_by_stack(given, base, listeners)
    if conflict:
        return conflict
    if _ours(given, listeners):
        return base.judged(Verdict.MANAGED)
    return _reachable(given, base, listeners)


def _ours(given: Given, listeners: Sequence[Listener]) -> bool:
    """SSH, the nginx that role nginx looks after, and what this collection has started."""
    first = listeners[0]
    names = {stack.name for stack in given.survey.engine.stacks}
    if first.program in {"sshd", "systemd"} and first.port in given.survey.sshd.ports:
        return True
    ours_serve = given.host.exists("/etc/nginx/sites.d")
    ports = {port for _address, port in given.nginx_addresses} or front.WEB
    return (
        first.project in names
        or first.unit.startswith(OWN_UNITS)
        or (first.program == "nginx" and not first.container and ours_serve and first.port in ports)
    )


def _wanted_by_nginx(given: Given, base: Finding, listeners: Sequence[Listener]) -> Finding | None:
    if given.role("nginx") is None or listeners[0].protocol != "tcp":
        return None
    for listener in listeners:
        mine = listener.program == "nginx" and not listener.container
        collide = any(
            port == listener.port and (address in ANY or listener.address in {"0.0.0.0", "::", address.strip("[]")})  # noqa: S104 - compared
            for address, port in given.nginx_addresses
        )
        if not collide or mine:
            continue
        effect = "refuses to start: nginx is to listen there"
        if listener.container:
            fix = f"stop it for good (`docker stop {listener.container}`), or take its port {listener.port} away: routes need none"
        elif listener.unit:
            fix = f"`systemctl disable --now {listener.unit}` once its sites are routes or in nginx_extra_sites, or move it to another port"
        else:
            fix = "stop it, or move it to another port"
        if front.may_stay(given, listener):
            key, value = front.lines(given, listener)
            effect = f"{effect}, unless it may stay in front; where it is to go instead: {fix}"
            return base.judged(Verdict.CONFLICT, "nginx", effect, key, value)
        return base.judged(Verdict.CONFLICT, "nginx", effect, "", fix)
    return None


def _wanted_by_stack(given: Given, base: Finding, listeners: Sequence[Listener]) -> Finding | None:
    first = listeners[0]
    for stack in given.stacks:
        service = (stack.ports or {}).get((first.port, first.protocol))
        if service is None or first.project == stack.name:
            continue
        effect = f"cannot start service {service} of {stack.name}, which publishes this port"
        key = f"compose.services.{service}.ports"
        return base.judged(
            Verdict.CONFLICT,
            "stack",
            effect,
            key,
            "another port of the host, or none: routes need none",
        )
    return None


def _reachable(given: Given, base: Finding, listeners: Sequence[Listener]) -> Finding:
    reach = openness(given, listeners)
    if given.role("firewall") is None or reach.before is Reach.NOBODY:
        return base
    if not reach.closes:
        return base.judged(Verdict.STAYS, "firewall", "stays reachable as it is")
    first = listeners[0]
    who = {
        Reach.ALL: "reachable from everywhere now",
        Reach.SOME: "reachable from some networks now",
        Reach.UNKNOWN: "perhaps reachable now: another firewall than UFW decides",
    }[reach.before]
    after = "open to some networks only" if reach.after is Reach.SOME else "closed"
    rule = {"port": first.port, "protocol": first.protocol}
    key = "ops_stack.firewall" if given.stack(first.project) else "firewall_extra_rules"
    effect = f"{who}, {after} afterwards: no rule names it"
    return base.judged(Verdict.REPORTED, "firewall", effect, key, f"[{spelled(rule)}]")
