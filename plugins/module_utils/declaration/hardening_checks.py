# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What production refuses unless C(services.<name>.allow) waives it by name.

A waiver that waives nothing is refused too: it would hide the day on which the service begins to do it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..compose.model import Service
from ..compose.plain_secrets import looks_secret, secret_in, way_out
from ..contracts.update_safety import SHARED_VOLUME, unsafe
from ..schema.nodes import HIDDEN, Problem, shown
from .files.checks import uses
from .files.model import entry_for
from .model import Declaration
from .network.checks import RESERVED

IN_PLAIN_TEXT = "plain_secret"


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
        used |= {reason.waiver for reason in unsafe(service, declaration.options(service.name).update.strategy, ())}
        if plain_variables(declaration, service):
            used.add(IN_PLAIN_TEXT)  # looked at by check_environment
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
        image = f"{name}:{service.image.tag}" if service.image.tag else name
        fix = f"write the version, such as {name}:1.4.2, or its @sha256: digest"
        yield _Finding("latest_tag", f"{key}.image", shown(image), "can be another image tomorrow", fix)
    if service.core_limit:
        limit = "any size" if service.core_limit < 0 else f"{service.core_limit} bytes"
        what = "lets a crash write the memory of the service, with its passwords, to where it works, which may be a volume"
        yield _Finding("core_dumps", f"{key}.ulimits.core", limit, what, "remove it: the engine's limit is 0")
    yield from _plain_secrets(declaration, service)
    yield from _carried_secrets(declaration, service)
    for port in service.ports:
        if port.everywhere and not any(port.takes(number) for number in RESERVED):  # those are refused anyway
            what = "is published on every address of the host"
            fix = f'write "{replace(port, host_ip="127.0.0.1")}", or remove it and add a route'
            yield _Finding("publish_all", f"{key}.ports", shown(str(port)), what, fix)
    yield from _healthcheck(declaration, service)


def _plain_secrets(declaration: Declaration, service: Service) -> Iterator[_Finding]:
    """One finding a cause: what a variable of C(ops_stack.environment) brings in is reported there."""
    key = f"compose.services.{service.name}"
    elsewhere = plain_variables(declaration, service)
    values = {declaration.environment[name] for name in elsewhere}
    for name, value in service.environment.items():
        if value and looks_secret(name, value) and value not in values:
            place = f"{key}.environment.{name}"
            yield _Finding(IN_PLAIN_TEXT, place, HIDDEN, "looks like a secret in plain text", way_out(place, name))
    for name, command in service.commands.items():
        option = secret_in(command)
        text = command if isinstance(command, str) else " ".join(map(str, command)) if isinstance(command, list) else ""
        if option and not any(value and value in text for value in values):
            place, variable = f"{key}.{name}", f"{re.sub('[^A-Z0-9]+', '_', service.name.upper())}_{option}"
            what = "holds what looks like a secret in plain text, which every list of processes shows"
            yield _Finding(IN_PLAIN_TEXT, place, HIDDEN, what, way_out(place, variable))


def _carried_secrets(declaration: Declaration, service: Service) -> Iterator[_Finding]:
    """Files that a release brings for a service lie on the controller, and in each release on the host."""
    for use in uses(declaration.compose):
        entry = entry_for(declaration.files, use.path)
        if entry is None or entry.carried is None or service.name not in use.services:
            continue
        if any(looks_secret("", file.data.decode(errors="replace")) for file in entry.carried.files):
            what = f"holds what looks like a secret in plain text, and {service.name} gets it"
            fix = "declare a secret of kind template with this text, and mount that by secrets: with target:"
            yield _Finding(IN_PLAIN_TEXT, entry.key, HIDDEN, what, fix)


def refusals(declaration: Declaration, service: Service) -> Iterator[tuple[str, str]]:
    """All that a service would have to be allowed, whether it is or not: the waiver, and what the service does."""
    for finding in _findings(declaration, service):
        yield finding.waiver, f"{finding.value or finding.key} {finding.problem}"


def plain_variables(declaration: Declaration, service: Service) -> list[str]:
    """Variables of C(ops_stack.environment) that look like secrets and reach this service."""
    prefix = f"compose.services.{service.name}."
    all_of_them = declaration.takes_environment(service)
    return [
        name
        for name, value in declaration.environment.items()
        if looks_secret(name, value)
        and (
            all_of_them
            or (name in service.environment and service.environment[name] is None)
            or any(key.startswith(prefix) for key in declaration.compose.variables.get(name, ()))
        )
    ]


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
