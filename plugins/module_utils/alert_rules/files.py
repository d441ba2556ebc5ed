# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rule files of Prometheus: one of the host, and one of each stack."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..compose.yaml_writer import dump
from ..contracts.database_exporters import DatabaseExporter
from ..contracts.monitoring import PROMETHEUS, HostLimits, MonitoredStack
from . import backups, certificates, containers, databases, host, incidents, logs, maintenance, monitoring, requests, secrets, services
from .backends import Backend, backend
from .rule import AlertRule

_HEAD = "# Alerts of {what}, by latentum.ops; do not edit. Role monitoring writes it.\n"
_OF_STACK = (services, requests, containers, certificates, backups, secrets)


def stack_file(stack: MonitoredStack, measured: Sequence[DatabaseExporter] = (), dashboards: str = "") -> str:
    """The content of the rule file of a stack.

    :param measured: the databases that exporters measure here.
    :param dashboards: address of Grafana, for links; empty without one.
    """
    groups = [(part.__name__.rpartition(".")[2], list(part.rules(stack))) for part in _OF_STACK]
    groups.append(("databases", list(databases.rules(stack, measured))))
    groups.append(("incidents", list(incidents.of_sites(stack))))
    return _file(f"stack {stack.stack}", f"alerts/{stack.stack}", groups, stack.limits.disabled, (stack.runbook, dashboards))


def host_file(limits: HostLimits, runbook: str = "", dashboards: str = "", measured_by: Backend | None = None) -> str:
    """The content of the rule file of the host, and of what measures it.

    :param measured_by: what keeps its numbers; Prometheus without it.
    """
    own = measured_by or backend(PROMETHEUS, "")
    groups = [("host", list(host.rules(limits))), ("monitoring", list(monitoring.rules(own)))]
    groups += [("logs", list(logs.rules())), ("incidents", list(incidents.rules())), ("maintenance", list(maintenance.rules()))]
    return _file("the host", "alerts/host", groups, limits.disabled, (runbook, dashboards))


def _file(what: str, name: str, groups: Iterable[tuple[str, list[AlertRule]]], disabled: Iterable[str], pages: tuple[str, str]) -> str:
    left_out = set(disabled)
    return _HEAD.format(what=what) + dump({"groups": list(_groups(name, groups, left_out, pages))})


def _groups(
    name: str, groups: Iterable[tuple[str, list[AlertRule]]], disabled: set[str], pages: tuple[str, str]
) -> Iterator[dict[str, Any]]:
    for part, rules in groups:
        if wanted := [rule.as_rule(*pages) for rule in rules if rule.name not in disabled]:
            yield {"name": f"{name}/{part}", "rules": wanted}
