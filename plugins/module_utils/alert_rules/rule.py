# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One alert rule: its name, its expression, how bad it is, and what it says. Its runbook is that of its name (C(contracts/alerts))."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..contracts.alerts import RUNBOOKS
from .links import dashboard_link

CRITICAL, WARNING, NONE = "critical", "warning", "none"
PAGE, TICKET = "page", "ticket"


@dataclass(frozen=True)
class AlertRule:
    """An alert.

    :param name: label C(alertname).
    :param expression: of PromQL; each series that it gives is an alert.
    :param severity: critical or warning; none for one that nobody is told.
    :param summary: one line, in the templates of Prometheus.
    :param description: a sentence more.
    :param patience: for how long it must hold, as Prometheus writes durations; empty for not at all.
    :param labels: further ones.
    """

    name: str
    expression: str
    severity: str
    summary: str
    description: str = ""
    patience: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    def as_rule(self, address: str = "", dashboards: str = "") -> dict[str, Any]:
        """As a rule file of Prometheus has it.

        :param address: of a page of the operator's own, in which C({runbook}) and C({service}) are replaced.
        :param dashboards: address of Grafana; empty without one.
        """
        labels = dict(self.labels)
        # An alert that nobody is told may have the severity of what it stands for.
        if self.severity != NONE:
            labels |= {"severity": self.severity, "reaction": PAGE if self.severity == CRITICAL else TICKET}
        annotations = {"summary": self.summary}
        if self.description:
            annotations["description"] = self.description
        if page := RUNBOOKS.get(self.name):
            annotations["runbook"] = f"opsctl runbook {page}"
            if address:
                annotations["runbook_url"] = address.replace("{runbook}", page).replace("{service}", "{{ $labels.service }}")
        annotations |= dashboard_link(dashboards, self.name)
        waits = {"for": self.patience} if self.patience else {}
        return {"alert": self.name, "expr": self.expression, **waits, "labels": labels, "annotations": annotations}
