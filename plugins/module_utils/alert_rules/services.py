# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services that are down, as the watchdog judges them: with its probes, its second look, and without planned work."""

from __future__ import annotations

from collections.abc import Iterator

from ..contracts.monitoring import MonitoredStack
from ..slo.promql import selector
from .names import WATCHDOG, any_of
from .rule import AlertRule

DOWN = "ServiceDown"


def rules(stack: MonitoredStack) -> Iterator[AlertRule]:
    """One rule for each severity that services of the stack have."""
    for severity in dict.fromkeys(stack.services.values()):
        services = [name for name, of_service in stack.services.items() if of_service == severity]
        chosen = selector({"stack": stack.stack, "state": "down"}, any_of("service", services))
        yield AlertRule(
            DOWN,
            f"max by (service, instance) ({WATCHDOG}service_state{chosen}) == 1",
            severity,
            f"{stack.stack}: {{{{ $labels.service }}}} is down on {{{{ $labels.instance }}}}",
            "None of its containers serves, for a minute or longer.",
            patience="1m",
            labels={"stack": stack.stack},
        )
