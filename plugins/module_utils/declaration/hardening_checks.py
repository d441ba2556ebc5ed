# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What production refuses unless C(services.<name>.allow) waives it by name.

A waiver that waives nothing is refused too: it would hide the day on which the service begins to do it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..compose.model import Service
from ..contracts.update_safety import SHARED_VOLUME
from ..schema.nodes import HIDDEN, Problem, shown
from .model import Declaration
from .network.checks import RESERVED

_SECRET_NAME = re.compile(
    r"(?:PASSWORD|PASSWD|PASSPHRASE)$|_PWD$|(?:^|_)(?:SECRET|TOKEN|CREDENTIALS?|(?:API|PRIVATE|SECRET|ACCESS|ENCRYPTION|SIGNING|MASTER|AUTH)_?KEY)$",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@"  # a password in an address
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|glpat-[A-Za-z0-9_-]{20}|xox[abprs]-[A-Za-z0-9-]{10,}|sk_live_[A-Za-z0-9]{16,})"
)
_HARMLESS = re.compile(r"true|false|yes|no|on|off|none|null|file|/run/secrets/.*", re.IGNORECASE)


@dataclass(frozen=True)
class _Finding:
    waiver: str
    key: str
    value: str
    problem: str
    fix: str


def check_refusals(declaration: Declaration, problems: list[Problem]) -> None:
    for service in declaration.compose.services.values():
        allowed = declaration.options(service.name).allow
        used = set()
        if any(mount.single_writer for mount in service.mounts):
            used.add(SHARED_VOLUME)  # looked at by check_updates
        for finding in _findings(declaration, service):
            used.add(finding.waiver)
            if finding.waiver not in allowed:
                waive = f"{finding.fix}; or waive it: services.{service.name}.allow: [{finding.waiver}]"
                problems.append(Problem(finding.key, finding.value, finding.problem, waive))
        for index, waiver in enumerate(allowed):
            if waiver not in used:
                key = f"services.{service.name}.allow[{index}]"
                what = "waives what this service does not do"
                problems.append(Problem(key, shown(waiver), what, "remove it"))


def _findings(declaration: Declaration, service: Service) -> Iterator[_Finding]:
    key = f"compose.services.{service.name}"
    for power in service.host_powers:
        what = "makes the container as strong as root on the host"
        yield _Finding("privileged", f"{key}.{power.split(':')[0]}", power, what, "remove it, or name the one capability")
    if service.network_mode == "host":
        what = "gives the container the network of the host, past the firewall"
        fix = "remove network_mode and name its networks"
        yield _Finding("host_network", f"{key}.network_mode", shown("host"), what, fix)
    for mount in service.mounts:
        if mount.engine_socket:
            what = "lets the container command the container engine, and so the host"
            fix = "remove the mount, or put a filtering socket proxy in between"
            yield _Finding("docker_socket", f"{key}.volumes", shown(mount.source), what, fix)
    if service.image is not None and service.image.moves:
        name = service.image.repository
        found = f"{name}:{service.image.tag}" if service.image.tag else name
        fix = f"write the version, such as {name}:1.4.2, or its @sha256: digest"
        yield _Finding("latest_tag", f"{key}.image", shown(found), "can be another image tomorrow", fix)
    for name, value in service.environment.items():
        if value and looks_secret(name, value):
            what = "looks like a secret in plain text"
            fix = f"declare it in ops_stack.secrets with environment: {{{service.name}: {name}}}, or use {name}_FILE"
            yield _Finding("plain_secret", f"{key}.environment.{name}", HIDDEN, what, fix)
    for port in service.ports:
        if port.everywhere and not any(port.takes(number) for number in RESERVED):  # those are refused anyway
            what = "is published on every address of the host"
            inside = f"{'' if port.published is None else port.published[0]}:{port.target}"
            fix = f'write "127.0.0.1:{inside}", or remove it and add a route'
            yield _Finding("publish_all", f"{key}.ports", shown(str(port)), what, fix)
    yield from _healthcheck(declaration, service)


def looks_secret(name: str, value: str) -> bool:
    """By its name, unless the value is a switch or the path of a secret's file; or by its value."""
    if _SECRET_VALUE.search(value):
        return True
    return bool(_SECRET_NAME.search(name)) and not _HARMLESS.fullmatch(value)


def _healthcheck(declaration: Declaration, service: Service) -> Iterator[_Finding]:
    """Somebody relies on the health of a service that has no healthcheck."""
    if service.has_healthcheck or declaration.options(service.name).expect == "completed":
        return
    relying = [f"a route leads to it ({route.key})" for route in declaration.routes if route.service == service.name]
    relying += [
        f"{other.name} waits until it is healthy"
        for other in declaration.compose.services.values()
        if other.depends_on.get(service.name) == "service_healthy"
    ]
    if declaration.options(service.name).expect == "healthy":
        relying.append(f"services.{service.name}.expect is healthy")
    if relying:
        state = "is disabled" if service.healthcheck == "disabled" else "is missing"
        fix = 'add healthcheck: {test: ["CMD", …], interval: 10s, timeout: 3s, retries: 3} to the service'
        key = f"compose.services.{service.name}.healthcheck"
        yield _Finding("no_healthcheck", key, "", f"{state}, and {relying[0]}", fix)
