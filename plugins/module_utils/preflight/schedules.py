# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schedules of jobs, judged by the systemd that is to follow them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..schema.nodes import Problem, shown
from .host import Host


def understood(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """Every systemd reads the expressions; a time zone may be missing on a host, where a package of its own has the old names."""
    if host.output(["systemd-analyze", "calendar", "daily"]) is None:
        return  # no systemd is asked here: an image that is built
    for job in wanted["jobs"]["config"].get("jobs") or ():
        schedule = str(job.get("schedule") or "")
        if schedule and host.output(["systemd-analyze", "calendar", schedule]) is None:
            what = "is not understood by systemd on this host"
            fix = "write a time zone that the host has: `timedatectl list-timezones` (the package tzdata-legacy has the old names), or UTC"
            yield Problem(f"jobs.{job['name']}.schedule", shown(schedule), what, fix)
