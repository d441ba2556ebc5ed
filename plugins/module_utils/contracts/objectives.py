# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objectives of a stack (filter slo_objectives): what is measured, how much of it must be good, and who is told when it is not."""

from __future__ import annotations

from dataclasses import dataclass

from .base import Contract, option

DAY = 86400
SUBJECTS = ("route", "service", "job", "probe", "data")
INDICATORS = ("availability", "latency", "freshness", "success")
SEVERITIES = ("critical", "warning", "info", "none")
EVENTS = "events"  # each request or run is good or bad
MINUTES = "minutes"  # each minute is


@dataclass(frozen=True)
class Objective(Contract):
    """One objective. Times in seconds."""

    stack: str = option("The stack.")
    name: str = option("Its name: label C(slo) of its series and alerts.")
    subject: str = option("What it is about.", choices=SUBJECTS)
    target: str = option("Which one: a route as domain and path, or the name of a service, job, probe or freshness watch.")
    indicator: str = option("What is measured of it.", choices=INDICATORS)
    percent: float = option("How much must be good, in percent.", least=1, most=99.9999999)
    window: float = option("Over how many seconds.", 30 * DAY, least=DAY, most=366 * DAY)
    service: str = option("The service behind it: label C(service). Empty where there is none.", "")
    unit: str = option("What is counted: V(events) or V(minutes).", EVENTS, choices=(EVENTS, MINUTES))
    below: float = option("Of V(latency): seconds that a response may take.", 0, least=0, most=3600)
    newest: float = option("Of V(freshness): seconds of age; V(0) is what the watch says.", 0, least=0, most=3660 * DAY)
    page: str = option(
        "Severity of a budget that burns fast, and of a total failure; V(none) is no such alert.", "critical", choices=SEVERITIES
    )
    ticket: str = option(
        "Severity of a budget that burns slowly or is spent, and of missing data; V(none) is no such alert.", "warning", choices=SEVERITIES
    )
    min_events: int = option(
        "So many events (of a probe and of freshness: minutes with data) in the longer window of an alert, or it stays silent.",
        50,
        least=1,
        most=10**9,
    )
    min_failed: int = option("So many of them must have failed, or the alert stays silent.", 5, least=1, most=10**9)
    floor: int = option(
        "So many failures in a row, without one success between them, page however few requests there are; V(0) is never.",
        5,
        least=0,
        most=10**6,
    )
    no_data: float = option("Seconds without any data after which it is told.", 600, least=60, most=DAY)
    burn_in: bool = option("Measure only: nothing alerts, and no budget decides.", False)
    burn_in_until: float = option("The same until then, in seconds since the epoch; V(0) is never.", 0, least=0, most=10**11, sparse=True)
    scrape_interval: float = option("Seconds between two scrapes of one target.", 15, least=1, most=60)
    runbook: str = option("Address of a page, in which C({runbook}) and C({service}) are replaced; empty without one.", "")

    @property
    def budget(self) -> float:
        """The share that may be bad."""
        return round((100 - self.percent) / 100, 12)

    def burns_in(self, now: float) -> bool:
        """Whether it is only measured.

        :param now: seconds since the epoch.
        """
        return self.burn_in or now < self.burn_in_until
