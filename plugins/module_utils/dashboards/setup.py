# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All files of role grafana from what is declared and what the role is told, or everything that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from ..contracts.base import ContractError
from ..contracts.dashboards import FOLDER, DashboardsSettings
from ..contracts.monitoring import MonitoredStack
from ..core.loopback import is_loopback, is_loopback_endpoint
from ..schema.nodes import Problem, shown
from . import provisioning
from .catalogue import dashboards
from .grafana_ini import KEY, PASSWORD, grafana_ini
from .render import render
from .scope import Scope

_PREFIX = "grafana_"
# In an INI file the rest of a line after one of these, or what stands in %( ), would be something else.
_URL = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9/_.~-]*)?")
_LEAST_REFRESH = 30  # seconds; a panel that asks more often than Prometheus does sees nothing new


@dataclass(frozen=True)
class Setup:
    """What role grafana writes; nothing of it where there are problems.

    :param problems: a line each, with the key, the value, and what to write instead.
    :param files: content by path on the host.
    :param credentials: files that systemd hands to Grafana, by their names there.
    :param url: as people reach it; empty where only loopback is known.
    """

    problems: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    credentials: Mapping[str, str] = field(default_factory=dict)
    url: str = ""


def setup(raw_stacks: Sequence[Mapping[str, Any]], raw: Mapping[str, Any]) -> Setup:
    """All files of the role.

    :param raw_stacks: what filter C(monitoring_config) gives.
    :param raw: a DashboardsSettings.
    """
    try:
        stacks = tuple(MonitoredStack.from_dict(stack, "monitoring_config") for stack in raw_stacks)
        settings = DashboardsSettings.from_dict(raw)
    except ContractError as error:
        message = str(error)
        return Setup((message if message.startswith("monitoring_") else f"{_PREFIX}{message}",))
    if problems := [*_problems(stacks, settings)]:
        return Setup(tuple(map(str, problems)))
    settings = replace(settings, url=settings.url or next((stack.dashboards.url for stack in stacks if stack.dashboards), ""))
    interval = min((stack.scrape_interval for stack in stacks), default=MonitoredStack("").scrape_interval)
    refresh = f"{max(_LEAST_REFRESH, round(interval))}s"
    files = {
        "provisioning/datasources/latentum-ops.yml": provisioning.sources(settings, interval),
        "provisioning/dashboards/latentum-ops.yml": provisioning.provider(),
        **{f"dashboards/{made.name}.json": render(made, refresh) for made in dashboards(Scope(stacks, settings))},
    }
    credentials = {}
    if settings.server:
        files["grafana.ini"] = grafana_ini(settings)
        credentials = {PASSWORD: settings.password_file, KEY: settings.key_file}
    return Setup((), {f"{FOLDER}/{name}": content for name, content in files.items()}, credentials, settings.url.rstrip("/"))


def _problems(stacks: Sequence[MonitoredStack], settings: DashboardsSettings) -> Iterator[Problem]:
    if not is_loopback_endpoint(settings.address):
        what = "is no address of loopback with a port: nginx stands before Grafana, and asks who somebody is"
        yield Problem(f"{_PREFIX}address", shown(settings.address), what, "write one such as 127.0.0.1:3000")
    yield from _urls(settings)
    addresses = list(dict.fromkeys(stack.dashboards.url for stack in stacks if stack.dashboards))
    if len(addresses) > 1 and not settings.url:
        what = "differ between the stacks of this host, and it has one Grafana"
        yield Problem("monitoring.dashboards", ", ".join(addresses), what, f"declare it in one of them, or write {_PREFIX}url")
    if not settings.server:
        return
    for name, file in (("password_file", settings.password_file), ("key_file", settings.key_file)):
        if not re.fullmatch(r"/[^\s:%\"'\\]+", file):
            fix = "declare monitoring.dashboards in ops_stack, which makes both secrets, or write the path of a file on the host"
            what = "names no file: without it Grafana would begin with a password or a key that everybody knows"
            yield Problem(f"{_PREFIX}{name}", shown(file), what, fix)


def _urls(settings: DashboardsSettings) -> Iterator[Problem]:
    if settings.url and not _URL.fullmatch(settings.url):
        fix = "write it with its scheme and without a query, such as https://grafana.example.com or https://example.com/grafana"
        yield Problem(f"{_PREFIX}url", _harmless(settings.url), "is no address of a site", fix)
    for key in ("prometheus_url", "alertmanager_url"):
        value = getattr(settings, key)
        if not value and key == "alertmanager_url":
            continue
        if not _URL.fullmatch(value):
            yield Problem(f"{_PREFIX}{key}", _harmless(value), "is no address of a service", "write one such as http://127.0.0.1:9090")
        elif urlsplit(value).scheme == "http" and not is_loopback(urlsplit(value).hostname or ""):
            fix = "write an address of loopback (a tunnel leads elsewhere), or https://"
            yield Problem(f"{_PREFIX}{key}", shown(value), "is reached over the network without TLS", fix)


def _harmless(address: str) -> str:
    """As messages show it: what may hold a password stands in none."""
    return "an address with a login in it" if "@" in address else shown(address)
