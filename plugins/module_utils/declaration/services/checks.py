# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the services: they exist, their replicas can stand beside each other, their goals can be reached."""

from __future__ import annotations

from ...compose.model import Service
from ...compose.paths import is_relative
from ...schema.nodes import Problem, instead, shown
from ..model import Declaration
from .confinement import said_twice


def check_services(declaration: Declaration, problems: list[Problem]) -> None:
    services = declaration.compose.services
    for name in declaration.services:
        if name not in services and name not in declaration.compose.profiles.off:
            what = "is not a service of the Compose file"
            problems.append(Problem(f"services.{name}", shown(name), what, instead(name, services, "service")))
    for service in services.values():
        if declaration.replicas(service) > 1:
            _check_replicas(declaration, service, problems)
        _check_expectation(declaration, service, problems)
        _check_env_files(declaration, service, problems)
        _check_confinement(declaration, service, problems)


def _check_replicas(declaration: Declaration, service: Service, problems: list[Problem]) -> None:
    count = declaration.replicas(service)
    declared = declaration.options(service.name).replicas is not None
    key = f"services.{service.name}.replicas" if declared else f"compose.services.{service.name}.deploy.replicas"
    value = shown(count)
    if service.container_name:
        what = f"cannot be: the Compose file fixes container_name {service.container_name}, and a name exists once"
        fix = f"remove container_name from {service.name} in the Compose file, or write replicas: 1"
        problems.append(Problem(key, value, what, fix))
    for port in service.ports:
        if port.published is not None and (port.published[1] - port.published[0] + 1) // port.count < count:
            what = f"cannot be: the Compose file publishes {port}, and a host port exists once"
            fix = f"remove ports: from {service.name} and add a route, or write replicas: 1"
            problems.append(Problem(key, value, what, fix))
    for address in service.fixed_addresses:
        what = f"cannot be: the Compose file fixes {address}, and an address exists once"
        problems.append(Problem(key, value, what, f"remove it from {service.name} in the Compose file, or write replicas: 1"))
    if any(database.service == service.name for database in declaration.databases):
        what = "cannot be: two servers on the files of one database destroy it"
        problems.append(Problem(key, value, what, "write replicas: 1"))


def _check_env_files(declaration: Declaration, service: Service, problems: list[Problem]) -> None:
    """C(.env) is known here; other files must be on the host already, and only an absolute path says that somebody puts them there."""
    key = f"compose.services.{service.name}.env_file"
    own = [declaration.own_env_file(file) for file in service.env_files]
    for index, file in enumerate(service.env_files):
        place = f"{key}[{index}]" if len(own) > 1 else key
        if own[index] and not all(own[index:]):
            what = "comes before another file, which could not win over it: its variables are written into the Compose file"
            problems.append(Problem(place, shown(file.path), what, "write .env as the last one"))
        elif not own[index] and file.required and not file.path.startswith("/"):
            what = "is a file beside the Compose file, which nothing brings to the host"
            fix = (
                "add compose_folder: to ops_stack, from which it is read; or write its lines under environment:, what is secret in"
                f" ops_stack.secrets with environment: {{{service.name}: NAME}}; or the absolute path of a file that is on the host"
            )
            problems.append(Problem(place, shown(file.path), what, fix))
    labels = declaration.compose.resolved["services"][service.name].get("label_file") or ()
    for path in [labels] if isinstance(labels, str) else labels:
        if is_relative(path):
            what = "is a file beside the Compose file, which nothing brings to the host"
            fix = "add compose_folder: to ops_stack, from which it is read; or write its lines under labels:"
            problems.append(Problem(f"compose.services.{service.name}.label_file", shown(path), what, fix))


def _check_expectation(declaration: Declaration, service: Service, problems: list[Problem]) -> None:
    expect = declaration.expect(service)
    key = f"services.{service.name}.expect"
    waiting = [
        other.name
        for other in declaration.compose.services.values()
        if other.depends_on.get(service.name) == "service_completed_successfully"
    ]
    if waiting and expect != "completed":
        what = f"contradicts {waiting[0]}, which waits until {service.name} has completed"
        fix = f"add services: {{{service.name}: {{expect: completed}}}}"
        problems.append(Problem(key, shown(expect), what, fix))
    if expect == "completed" and service.restart in ("always", "unless-stopped"):
        what = f"contradicts restart: {service.restart} in the Compose file, with which it never ends"
        problems.append(Problem(key, shown(expect), what, f"remove restart: from {service.name} in the Compose file"))
    if expect == "completed" and declaration.options(service.name).probe is not None:
        what = "has a probe beside it: a service that ends cannot answer one"
        problems.append(Problem(key, shown(expect), what, "remove the probe, or write expect: running"))


def _check_confinement(declaration: Declaration, service: Service, problems: list[Problem]) -> None:
    """The Compose file's own word counts, so what is declared beside it would do nothing."""
    options, judged = declaration.options(service.name), declaration.compose.resolved["services"][service.name]
    for declared, written in said_twice(judged, options.limits, options.confinement):
        what = f"is said by the Compose file itself: compose.services.{service.name}.{written}"
        problems.append(Problem(f"services.{service.name}.{declared}", "", what, "keep one of them"))
    if options.confinement.tmpfs and not options.confinement.read_only and not judged.get("read_only"):
        what = "is for a root that cannot be written, and this one can"
        fix = "add read_only: true, or write tmpfs: into the Compose file"
        problems.append(Problem(f"services.{service.name}.confinement.tmpfs", "", what, fix))
