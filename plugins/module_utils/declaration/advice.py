# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Advice on a faultless declaration: what it will do that its author may not expect, with the lines to add.

Nothing here is an error. Each is silent once its author has written the answer down: C(internal: true), a strategy, C(init), an absolute
path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date

from ..compose.model import Service
from ..compose.paths import is_relative
from ..contracts.update_safety import Unsafe, unsafe
from ..schema.nodes import Problem
from .jobs.daylight import skipped
from .jobs.derive import jobs_config
from .model import Declaration

# Images whose own init (s6-overlay) must be process 1, as their documentation says.
_OWN_INIT = re.compile(
    r"(?:^|/)(?:linuxserver|hotio|imagegenius|crazymax|serversideup|organizr)/"
    r"|(?:^|/)(?:home-?assistant/home-assistant|jc21/nginx-proxy-manager|paperless-ngx/paperless-ngx|blakeblackshear/frigate)$"
)


def advice(declaration: Declaration) -> list[Problem]:
    """One item a cause, with all services that it concerns."""
    return [item for look in (_way_out, _first_change, _own_init, _paths_of_the_host, _hours_of_jobs) for item in look(declaration)]


def report(items: list[Problem]) -> list[str]:
    """The advice as lines to read; empty for none."""
    lines = []
    for number, item in enumerate(items, 1):
        lines += [f"{number}. {item.key}: {item.problem}", f"   -> {item.fix}"]
    return lines


def _staying(declaration: Declaration) -> list[Service]:
    return [service for service in declaration.compose.services.values() if declaration.stays(service)]


def _way_out(declaration: Declaration) -> Iterator[Problem]:
    """No network leads out, and nobody wrote that it should be so."""
    compose = declaration.compose
    services = _staying(declaration)
    networks = {network for service in services for network in service.networks}
    written = compose.raw.get("networks") or {}
    meant = any(isinstance(written.get(name), Mapping) and "internal" in written[name] for name in networks)
    if not services or meant or not networks <= compose.internal_networks or any(service.network_mode for service in services):
        return
    what = "no network has a way out, so no service can send mail, call an address outside or download anything"
    fix = (
        "for the services that must, add networks: {egress: {internal: false}} in the Compose file, and to the service"
        " networks: [default, egress]; write internal: true at a network when it is meant so"
    )
    yield Problem("compose.networks", "", what, fix)


def _first_change(declaration: Declaration) -> Iterator[Problem]:
    """An implied strategy is judged on the host, when its service changes: here it can still be chosen in peace."""
    reasons: dict[str, Unsafe] = {}
    for service in _staying(declaration):
        options = declaration.options(service.name)
        reasons_against = unsafe(service, options.update.strategy, options.allow)  # a written strategy has passed the check
        if reasons_against:
            reasons[service.name] = reasons_against[0]
    if not reasons:
        return
    causes = "; ".join(f"{name} ({reason.problem})" for name, reason in reasons.items())
    what = f"the first change will be refused, because rolling is implied and cannot be: {causes}"
    lines = ", ".join(f"{name}: {{update: {{strategy: recreate}}}}" for name in reasons)
    yield Problem("services", "", what, f"add services: {{{lines}}}, with the time that each is down, or remove the cause")


def own_init(repository: str) -> bool:
    """Whether an image is known to have an init that must be process 1."""
    return bool(_OWN_INIT.search(repository))


def _own_init(declaration: Declaration) -> Iterator[Problem]:
    names = []
    for service in declaration.compose.services.values():
        raw = declaration.compose.raw["services"][service.name]
        if service.image is not None and own_init(service.image.repository) and raw.get("init") is None:
            names.append(service.name)
    if names:
        what = f"the image of {', '.join(names)} has an init of its own (s6), which refuses to start beside the implied init: true"
        yield Problem("compose.services", "", what, f"add init: false to {', '.join(names)} in the Compose file")


def _paths_of_the_host(declaration: Declaration) -> Iterator[Problem]:
    """What is looked for on the host alone, at a place that the Compose file does not say."""
    by_service: dict[str, list[str]] = {}
    for service in declaration.compose.services.values():
        mounts = [mount.source for mount in service.mounts if mount.kind == "bind" and mount.source.startswith("~")]
        files = [file.path for file in service.env_files if is_relative(file.path) and not declaration.own_env_file(file)]
        if mounts or files:
            by_service[service.name] = list(dict.fromkeys([*mounts, *files]))
    if by_service:
        places = "; ".join(f"{name}: {', '.join(paths)}" for name, paths in by_service.items())
        what = f"these are looked for on the host, in {declaration.directory} or at home of root, and nothing brings them there ({places})"
        yield Problem("compose.services", "", what, "write absolute paths, or bring them by compose_folder: and files: of ops_stack")


def _hours_of_jobs(declaration: Declaration) -> Iterator[Problem]:
    """A local time that daylight saving leaves out."""
    for job in jobs_config(declaration).get("jobs", ()):
        if job["schedule"] and (day := skipped(job["schedule"], date.today())):
            what = f"does not run on {day:%Y-%m-%d}, which has no such time in its zone ({job['schedule']}), and is not made good"
            yield Problem(f"jobs.{job['name']}.schedule", "", what, "write an hour that every day has, or time_zone: UTC")
