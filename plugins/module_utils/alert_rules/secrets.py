# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that are older than they are declared to be."""

from __future__ import annotations

from collections.abc import Iterator

from ..contracts.monitoring import MonitoredStack
from ..core.units import spell_duration
from ..slo.promql import number, selector
from .names import AGES
from .rule import WARNING, AlertRule

OLD = "SecretTooOld"


def rules(stack: MonitoredStack) -> Iterator[AlertRule]:
    """A rule for each secret that is declared to be replaced in time."""
    for name, age in stack.secret_ages.items():
        about = {"stack": stack.stack, "secret": name}
        yield AlertRule(
            OLD,
            f"time() - max by (instance) ({AGES}timestamp_seconds{selector(about)}) > {number(age)}",
            WARNING,
            f"{stack.stack}: the secret {name} is older than {spell_duration(age)}",
            "Whoever has got hold of it can use it for as long.",
            "1h",
            {**about, "subject": f"secret {stack.stack} {name}"},
        )
