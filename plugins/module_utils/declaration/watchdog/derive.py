# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the watchdog needs to know, derived from the declaration: the content of its configuration file of one stack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...compose.model import Service
from ...contracts.watchdog_settings import Alert, DeadmanSpec, ProbeSpec, ServiceSpec, SiteSpec, StackSpec, StatusPageSpec
from ..compose_project import secret_file
from ..model import Declaration
from ..routes.model import Route
from .freshness import freshness
from .model import ALERT_SECRETS

_MAIL_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_DATABASE_TIMEOUT = 10


def watchdog_config(declaration: Declaration) -> dict[str, Any]:
    """All durations in seconds. Of secrets only the paths of their files on the host, never a value."""
    watchdog = declaration.watchdog
    deadman = watchdog.deadman
    watched = {service.name: service for service in declaration.compose.services.values() if declaration.stays(service)}
    return StackSpec(
        name=declaration.name,
        services=tuple(_service(declaration, service, watched) for service in watched.values()),
        sites=_sites(declaration),
        interval=watchdog.interval,
        confirm=watchdog.confirm,
        recover=watchdog.recover,
        runbook=watchdog.runbook,
        alerts=tuple(_alert(declaration, alert) for alert in watchdog.alerts),
        deadman=DeadmanSpec(secret_file(declaration, deadman["url_secret"]), deadman["interval"]) if deadman else None,
        backup_max_age=watchdog.backup_max_age or declaration.fact("backup_max_age", 0),
        backup_plans=declaration.fact("backup_plans", {}),
        status_page=StatusPageSpec(watchdog.page.title or declaration.name),
        freshness=tuple(freshness(declaration, name, item) for name, item in watchdog.freshness.items()),
    ).to_dict()


def _service(declaration: Declaration, service: Service, watched: Mapping[str, Service]) -> ServiceSpec:
    watch = declaration.options(service.name).watch
    return ServiceSpec(
        service=service.name,
        replicas=declaration.replicas(service),
        expect=declaration.expect(service),
        needs=tuple(sorted(_needs(declaration, service) & set(watched))),
        routed=any(route.service == service.name for route in declaration.routes),
        severity=watch.severity,
        heal=watch.heal,
        escalate=watch.escalate,
        max_heals=watch.max_heals,
        heal_window=watch.heal_window,
        start_period=watch.start_period,
        probes=tuple(ProbeSpec.from_dict(probe) for probe in _distinct(_probes(declaration, service))),
    )


def _needs(declaration: Declaration, service: Service) -> set[str]:
    """What it depends on, directly or through others, without itself."""
    needed: set[str] = set()
    waiting = list(service.depends_on)
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += declaration.compose.services[name].depends_on
    return needed - {service.name}


def _probes(declaration: Declaration, service: Service) -> list[dict[str, Any]]:
    """What is declared, and what follows from C(probe) and C(databases). A C(watch.http) of the same path and port replaces C(probe)."""
    options, watchdog = declaration.options(service.name), declaration.watchdog
    watch, probe = options.watch, options.probe

    def timing(kind: str, entry: Mapping[str, Any]) -> dict[str, Any]:
        return {"timeout": entry["timeout"], "interval": watchdog.pace(watch, kind, entry.get("interval"))}

    http = [dict(entry) for entry in watch.http]
    if probe and (probe.path, probe.port) not in [(entry["path"], entry["port"]) for entry in http]:
        own = {"path": probe.path, "port": probe.port, "status": probe.status, "timeout": probe.timeout}
        http.insert(0, {**own, "match": "", "max_latency": 0})
    probes = [{"kind": "http", "name": f"http {entry['path']}", **entry, **timing("http", entry)} for entry in http]
    probes += [{"kind": "tcp", "name": f"tcp {entry['port']}", "port": entry["port"], **timing("tcp", entry)} for entry in watch.tcp]
    for number, entry in enumerate(watch.commands, 1):
        probes.append({"kind": "command", "name": f"command {number}", "argv": list(entry["run"]), **timing("commands", entry)})
    for entry in watch.queues:
        queue = {
            "port": entry["port"],
            "list": entry["list"],
            "max": entry["max"],
            "password_file": secret_file(declaration, entry["password_secret"]),
        }
        probes.append({"kind": "redis_queue", "name": f"queue {entry['list']}", **queue, **timing("queues", entry)})
    for database in declaration.databases:
        if database.service == service.name:
            limits = {"max_connections_percent": watchdog.max_connections, "max_lag": watchdog.max_replication_lag}
            who = {"database": database.name, "user": database.user}
            pace = timing("databases", {"timeout": _DATABASE_TIMEOUT})
            probes.append({"kind": database.engine, "name": f"{database.engine} {database.name}", **who, **limits, **pace})
    return probes


def probe_names(declaration: Declaration, service: Service) -> list[str]:
    """What messages and metrics call the probes of a service."""
    return [str(probe["name"]) for probe in _distinct(_probes(declaration, service))]


def _distinct(probes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same, with the port in the names that stand twice."""
    names = [probe["name"] for probe in probes]
    return [{**probe, "name": f"{probe['name']} at port {probe['port']}"} if names.count(probe["name"]) > 1 else probe for probe in probes]


def _sites(declaration: Declaration) -> tuple[SiteSpec, ...]:
    """One entry a domain, in the order of the routes."""
    domains: dict[str, list[Route]] = {}
    for route in declaration.routes:
        domains.setdefault(route.domain, []).append(route)
    sites = declaration.watchdog.sites
    paths = {domain: sites["paths"].get(domain) or _path(declaration, routes) for domain, routes in domains.items()}
    timing = {name: sites[name] for name in ("timeout", "interval", "certificate_days")}
    return tuple(
        SiteSpec(domain, paths[domain], tuple(_behind(paths[domain], routes)), **timing)
        for domain, routes in domains.items()
        if domain not in sites["skip"]
    )


def _path(declaration: Declaration, routes: list[Route]) -> str:
    """A path that the domain answers: of the widest route that is open to the host, its service's probe where that leads to it."""
    route = min(routes, key=lambda candidate: (bool(candidate.allow_from), candidate.websocket, len(candidate.path)))
    probe = declaration.options(route.service).probe
    if probe is None or probe.port != route.port:
        return route.path
    path = f"{route.path.rstrip('/')}{probe.path}" if route.strip_prefix else probe.path
    return path if _widest(path, routes) is route else route.path


def _widest(path: str, routes: list[Route]) -> Route | None:
    """The route that nginx takes: the longest prefix."""
    fitting = [route for route in routes if f"{path}/".startswith(f"{route.path.rstrip('/')}/")]
    return max(fitting, key=lambda candidate: len(candidate.path), default=None)


def _behind(path: str, routes: list[Route]) -> list[str]:
    """The service that answers the path; all of the domain when no route leads there."""
    route = _widest(path, routes)
    return [route.service] if route else sorted({candidate.service for candidate in routes})


def _alert(declaration: Declaration, alert: Mapping[str, Any]) -> Alert:
    settings = {name: value for name, value in alert.items() if name not in ALERT_SECRETS}
    for option in ALERT_SECRETS:
        if option in alert:
            settings[option.replace("_secret", "_file")] = secret_file(declaration, alert[option])
    settings["severities"] = list(dict.fromkeys(alert["severities"]))
    if alert["kind"] == "email":
        settings |= {"port": alert["port"] or _MAIL_PORTS[alert["tls"]], "to": list(dict.fromkeys(alert["to"]))}
    return Alert.from_dict(settings)
