# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that end: as clients see them, through nginx, by the watchdog."""

from __future__ import annotations

from collections.abc import Iterator

from ..contracts.monitoring import DAY, MonitoredStack
from ..slo.promql import number, selector
from .names import WATCHDOG, any_of
from .rule import CRITICAL, WARNING, AlertRule

ENDS = "CertificateEnds"
_LAST = 3  # days


def rules(stack: MonitoredStack) -> Iterator[AlertRule]:
    """A warning from the declared day on, and a page in the last days."""
    for days in dict.fromkeys(site.certificate_days for site in stack.sites):
        domains = [site.domain for site in stack.sites if site.certificate_days == days]
        chosen = selector({"stack": stack.stack}, any_of("domain", domains))
        for severity, limit in ((CRITICAL, min(days, _LAST)), (WARNING, days)):
            yield AlertRule(
                ENDS,
                f"min by (domain, instance) ({WATCHDOG}site_certificate_remaining_seconds{chosen}) < {number(limit * DAY)}",
                severity,
                f"{stack.stack}: the certificate of {{{{ $labels.domain }}}} ends in {{{{ $value | humanizeDuration }}}}",
                "It has not been renewed in time: nginx still serves the old one.",
                patience="10m",
                labels={"stack": stack.stack, "subject": "certificate:{{ $labels.domain }}"},
            )
