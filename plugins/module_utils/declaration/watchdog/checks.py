# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the watchdog: what it is to watch can be watched, what it is to do can be done, whom it tells can be told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...compose.model import Service
from ...schema.nodes import Problem, close_to, instead, shown
from ..model import Declaration
from ..secrets.model import Secret
from .freshness import check_freshness
from .model import Watch

_MADE_ELSEWHERE = ("url_secret", "key_secret")  # somebody else gave them out; what the host makes up is of no use


def watch_secrets(declaration: Declaration) -> Iterator[tuple[str, str]]:
    """What the watchdog itself reads: the key that names a secret, and the secret."""
    for name, options in declaration.services.items():
        yield from options.watch.secrets(f"services.{name}.watch")
    yield from declaration.watchdog.secrets("watchdog")


def check_watchdog(declaration: Declaration, problems: list[Problem]) -> None:
    """What holds for the whole stack; none of it needs the Compose file."""
    _check_sites(declaration, problems)
    _check_page(declaration, problems)
    first: dict[str, str] = {}
    for index, alert in enumerate(declaration.watchdog.alerts):
        key = f"watchdog.alerts[{index}]"
        if alert["name"] and first.setdefault(alert["name"], key) != key:
            what = f"is the name of {first[alert['name']]} already"
            problems.append(Problem(f"{key}.name", shown(alert["name"]), what, "give one of the two another name"))
        if not alert["severities"] and not _reported(f"{key}.severities", problems):
            what = "is an empty list, so nothing would ever be told"
            problems.append(Problem(f"{key}.severities", "an empty list", what, "write [critical, warning], or remove the alert"))
        if alert["kind"] == "pagerduty" and "info" in alert["severities"]:
            fix = "remove info: there a success would be an incident that nobody ends; let another alert tell of it"
            problems.append(Problem(f"{key}.severities", shown("info"), "cannot be told by PagerDuty", fix))
        _check_deployments(alert, key, problems)
        if alert["kind"] == "email":
            _check_mail(alert, key, problems)
    for key, name in watch_secrets(declaration):
        check_secret(key, name, declaration.secrets, problems)


def _check_deployments(alert: Mapping[str, Any], key: str, problems: list[Problem]) -> None:
    """Who asks for deployments must be able to hear of them."""
    asked = alert["deployments"]
    if asked == "none" or _reported(f"{key}.severities", problems):
        return
    if alert["kind"] == "pagerduty":
        fix = "remove it: there each would be an incident that nobody ends; let another alert tell of it"
        problems.append(Problem(f"{key}.deployments", shown(asked), "cannot be told by PagerDuty", fix))
        return
    needed = {"failure": ["critical", "warning"], "success": ["critical", "warning", "info"]}[asked]
    if missing := [severity for severity in needed if severity not in alert["severities"]]:
        what = f"would be told with severities that this alert does not have: {', '.join(missing)}"
        problems.append(Problem(f"{key}.deployments", shown(asked), what, f"write severities: [{', '.join(needed)}]"))


def _check_sites(declaration: Declaration, problems: list[Problem]) -> None:
    domains = {route.domain for route in declaration.routes if route.domain}
    sites = declaration.watchdog.sites
    named = [(f"watchdog.sites.paths.{domain}", domain) for domain in sites["paths"]]
    named += [(f"watchdog.sites.skip[{index}]", domain) for index, domain in enumerate(sites["skip"]) if domain]
    for key, domain in named:
        if domain not in domains:
            what = "is not the domain of a route"
            problems.append(Problem(key, shown(domain), what, instead(domain, domains, "route")))
    for domain in sites["paths"]:
        if domain in sites["skip"]:
            what = "is in watchdog.sites.skip as well"
            problems.append(Problem(f"watchdog.sites.paths.{domain}", shown(sites["paths"][domain]), what, "remove one of the two"))


def _check_page(declaration: Declaration, problems: list[Problem]) -> None:
    """Whoever may see it is said, since it tells strangers what is weak; and nothing else stands in its place."""
    page, key = declaration.watchdog.page, "watchdog.status_page"
    if not page.served:
        return
    if not page.allow_from and not _reported(f"{key}.allow_from", problems):
        fix = "write the networks that may see it, such as [203.0.113.0/24]; [0.0.0.0/0, '::/0'] is everybody"
        problems.append(Problem(f"{key}.allow_from", "nothing", "is required for a page that nginx serves", fix))
    if not page.domain and not declaration.routes:
        problems.append(Problem(f"{key}.domain", "nothing", "is required where no route has one", "add domain: status.example.com"))
    domain = page.domain or (declaration.routes[0].domain if declaration.routes else "")
    path = page.path or "/"
    if any(route.domain == domain and route.path.rstrip("/") == path.rstrip("/") for route in declaration.routes):
        what = "is the path of a route of this domain already"
        problems.append(Problem(f"{key}.path", shown(page.path), what, "write another path, such as /status"))


def _check_mail(alert: Mapping[str, Any], key: str, problems: list[Problem]) -> None:
    if not alert["to"] and not _reported(f"{key}.to", problems):
        problems.append(Problem(f"{key}.to", "an empty list", "names nobody who would read it", "write [ops@example.com]"))
    for given, other in (("user", "password_secret"), ("password_secret", "user")):
        if alert[given] and not alert[other] and not _reported(f"{key}.{other}", problems):
            what = f"is needed with {given}: a server asks for both or for none"
            problems.append(Problem(f"{key}.{other}", "nothing", what, f"add {other}, or remove {given}"))
    if alert["tls"] == "none" and alert["password_secret"]:
        what = "would send the password in plain text"
        problems.append(Problem(f"{key}.tls", shown("none"), what, "write starttls or tls, or remove user and password_secret"))


def check_secret(key: str, name: str, secrets: Mapping[str, Secret], problems: list[Problem]) -> None:
    """A secret that is read by a program of the host is declared, and one that somebody else gave out is not made up."""
    option = key.rpartition(".")[2]
    if name not in secrets:
        near = close_to(name, secrets)
        kind = "{kind: password}" if key.startswith("services.") else "{kind: provided, value: …}"
        fix = f"did you mean {near}?" if near else f"add secrets: {{{name}: {kind}}}"
        problems.append(Problem(key, shown(name), "names a secret that is not declared", fix))
    elif option in _MADE_ELSEWHERE and secrets[name].value is None and secrets[name].kind not in ("provided", "template"):
        what = f"names a secret that the host makes up ({secrets[name].kind}), and whoever receives the message cannot know it"
        fix = f"write secrets: {{{name}: {{kind: provided, value: …}}}} with what the receiver gave you, from a vault"
        problems.append(Problem(key, shown(name), what, fix))


def check_watch(declaration: Declaration, problems: list[Problem]) -> None:
    """What is said of each service, and of data that must not get old."""
    for name, item in declaration.watchdog.freshness.items():
        check_freshness(declaration, f"watchdog.freshness.{name}", item, problems)
    for service in declaration.compose.services.values():
        watch = declaration.options(service.name).watch
        if not watch.given:
            continue
        key = f"services.{service.name}.watch"
        if declaration.expect(service) == "completed":
            what = "is for services that stay; this one runs to its end"
            problems.append(Problem(key, shown({"": ""}), what, f"remove watch from {service.name}"))
            continue
        _check_healing(declaration, service, watch, key, problems)
        _check_probes(service, watch, key, problems)


def _check_healing(declaration: Declaration, service: Service, watch: Watch, key: str, problems: list[Problem]) -> None:
    if watch.escalate and watch.heal == "none":
        what = "comes after restarts that did not help, and heal: none allows none"
        problems.append(Problem(f"{key}.escalate", shown(watch.escalate), what, "remove it, or write heal: restart"))
    for index, step in enumerate(watch.escalate):
        if step and step in watch.escalate[:index]:
            problems.append(Problem(f"{key}.escalate[{index}]", shown(step), "stands in it twice", "remove one of the two"))
    if "rollback" in watch.escalate and any(database.service == service.name for database in declaration.databases):
        what = "cannot be: an older server may be unable to read what a newer one has written"
        fix = "remove it: the older release of a database is a decision for a human"
        problems.append(Problem(f"{key}.escalate[{watch.escalate.index('rollback')}]", shown("rollback"), what, fix))


def _check_probes(service: Service, watch: Watch, key: str, problems: list[Problem]) -> None:
    for index, command in enumerate(watch.commands):
        place = f"{key}.commands[{index}].run"
        if not command["run"] and not _reported(place, problems):
            fix = "write its words, such as [redis-cli, ping], or remove it"
            problems.append(Problem(place, "an empty list", "is a command without a word", fix))
    for name, alike, last in (("http", ("port", "path"), "path"), ("tcp", ("port",), "port"), ("queues", ("port", "list"), "list")):
        first: dict[tuple[Any, ...], str] = {}
        for index, probe in enumerate(getattr(watch, name)):
            place = f"{key}.{name}[{index}]"
            known = first.setdefault(tuple(probe[field] for field in alike), place)
            if known != place and probe["port"] and probe[last]:
                problems.append(Problem(f"{place}.{last}", shown(probe[last]), f"is looked at by {known} already", "remove one of the two"))
        if first and service.network_mode:
            what = f"needs an address, and a service with network_mode {service.network_mode} has none of its own"
            fix = f"write commands instead, or remove network_mode: from the service {service.name} and name its networks"
            problems.append(Problem(f"{key}.{name}", shown(getattr(watch, name)), what, fix))


def _reported(key: str, problems: list[Problem]) -> bool:
    """Whether the schema refused it already, and left it empty."""
    return any(problem.key.startswith(key) for problem in problems)
