# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a monitoring host has to know of the hosts that it scrapes: which jobs each has, its stacks, and secrets by which people are told.

Declarations of other hosts are rendered here, in their own variables, also of those that a run with C(--limit) does not reach.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils.alert_rules.names import BLACKBOX, CONTAINERS, NGINX, NODE, REQUESTS, WATCH
from ..module_utils.core.paths import SECRETS
from ..module_utils.declaration.loader import InvalidDeclaration
from ..module_utils.declaration.together.given import ONE, ONLY, SEVERAL
from ..module_utils.schema.nodes import plain
from .declared import REMEMBERED, declared, derived, remember, written

ELSEWHERE = "/etc/latentum-ops/monitoring-secrets"  # on the monitoring host: copies of what Alertmanager reads, and of nothing else
HostVars = Mapping[str, Mapping[str, Any]]


def of_hosts(names: Iterable[str], hostvars: HostVars, own: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """See the filter's own documentation."""
    hosts, problems = {}, []
    stacks: dict[str, tuple[str, Mapping[str, Any]]] = {stack["stack"]: ("this host", stack) for stack in plain(own)}
    known = set(stacks)
    places: dict[str, list[str]] = {name: [""] for name in known}
    for name in names:
        variables = hostvars[name]
        try:
            source = _source(variables)
            given = plain(variables.get("monitoring_config")) or declared("monitoring_config", source)
            hosts[name] = _jobs(variables, bool(declared("nginx_sites", source)))
        except (InvalidDeclaration, AnsibleFilterError) as error:
            problems.append(f"{name}: its declaration has errors, and its alerts would be lost: {error}")
            continue
        provided = {(stack, str(entry["name"])) for stack, entries in _entries(variables).items() for entry in entries if _has_value(entry)}
        for stack in given:
            places.setdefault(stack["stack"], []).append(name)
            where, other = stacks.setdefault(stack["stack"], (name, stack))
            if other != stack:
                problems.append(
                    f"{name}: stack {stack['stack']} is declared otherwise than on {where}, and one Prometheus has one set of rules for it:"
                    " give one of the two another name, or another monitoring host (ops_monitoring_host)"
                )
            if stack["stack"] not in known:
                problems += [
                    f"{name}: stack {stack['stack']}: secrets.{secret}: Alertmanager on the monitoring host tells by it, and it is made on"
                    " the hosts of the stack: give its value (kind: provided, value: from a vault)"
                    for secret in _secrets(stack)
                    if (stack["stack"], secret) not in provided
                ]
    others = [_elsewhere(stack) for name, (_where, stack) in stacks.items() if name not in known]
    return {"jobs": hosts, "stacks": others, "places": places, "problems": problems}


def secrets_of(names: Iterable[str], hostvars: HostVars, stacks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """See the filter's own documentation."""
    wanted = {path: path.removeprefix(f"{ELSEWHERE}/").split("/") for stack in stacks for path in _files(stack)}
    values: dict[tuple[str, str], str] = {}
    if wanted:
        for name in names:
            for stack, entries in _entries(hostvars[name]).items():
                for entry in entries:
                    if _has_value(entry):
                        values.setdefault((stack, str(entry["name"])), str(entry["value"]))
    files = []
    for path, (stack, secret) in sorted(wanted.items()):
        if (stack, secret) not in values:
            raise AnsibleFilterError(
                f"{stack}: secrets.{secret}: Alertmanager on the monitoring host tells by it, and it is made on the hosts of {stack}:"
                " give its value (kind: provided, value: from a vault)"
            )
        files.append({"path": path, "content": values[stack, secret], "mode": "0600", "sensitive": True})
    return files


def _source(variables: Mapping[str, Any]) -> Any:
    """What a play remembers of a host, or what it declares."""
    remembered = variables.get("ops_declared")
    if isinstance(remembered, Mapping) and REMEMBERED in remembered:
        return remembered
    return remember(_written(variables))


def _written(variables: Mapping[str, Any]) -> Any:
    return written(*(variables.get(name) for name in (ONE, SEVERAL, ONLY)))


def _entries(variables: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Secrets of each stack, values included: nothing remembers them."""
    return {name: derived("secret_entries")(stack) for name, stack in _written(variables).stacks.items()}


def _has_value(entry: Mapping[str, Any]) -> bool:
    return entry.get("value") is not None


def _secrets(stack: Mapping[str, Any]) -> list[str]:
    """Names of the secrets of a stack's own store by which people are told."""
    store = f"{SECRETS}/{stack['stack']}/"
    paths = [path for holder in _holders(stack) for key, path in holder.items() if key.endswith("_file") and isinstance(path, str)]
    return [path.removeprefix(store) for path in dict.fromkeys(paths) if path.startswith(store)]


def _jobs(variables: Mapping[str, Any], sites: bool) -> list[str]:
    """The jobs of a host, as its roles have them by default (roles/exporters, roles/watchdog)."""
    watched = bool(variables.get("watchdog_enabled", True)) and bool(variables.get("watchdog_metrics_address", True))
    there = {
        NODE: variables.get("exporters_node", True),
        REQUESTS: variables.get("exporters_requests", sites),
        NGINX: variables.get("exporters_nginx", sites),
        BLACKBOX: variables.get("exporters_blackbox", False),
        WATCH: watched,
        CONTAINERS: watched and variables.get("watchdog_container_metrics", True),
    }
    return [job for job, wanted in there.items() if wanted] + [str(job) for job in variables.get("exporters_front_more") or {}]


def _elsewhere(stack: Mapping[str, Any]) -> dict[str, Any]:
    """The same stack with its files where the monitoring host has its copies."""
    moved = copy.deepcopy(dict(stack))
    for holder in _holders(moved):
        for key, path in list(holder.items()):
            if key.endswith("_file") and isinstance(path, str) and path.startswith(f"{SECRETS}/"):
                holder[key] = ELSEWHERE + path.removeprefix(str(SECRETS))
    return moved


def _files(stack: Mapping[str, Any]) -> Iterator[str]:
    for holder in _holders(stack):
        for key, path in holder.items():
            if key.endswith("_file") and isinstance(path, str) and path.startswith(f"{ELSEWHERE}/"):
                yield path


def _holders(stack: Mapping[str, Any]) -> list[Any]:
    """What of a stack names files of secrets. Of a way that Alertmanager has not, none is read."""
    alerts = [alert for alert in stack.get("alerts") or () if alert.get("kind") != "apprise"]
    return [*alerts, *([stack["deadman"]] if stack.get("deadman") else [])]
