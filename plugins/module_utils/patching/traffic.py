# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a host behind a load balancer gets traffic again: asked through the load balancer, read in its access log.

It runs on the load balancer. Its sites that lead to the member's upstreams are asked by loopback until the member itself has answered; the
answers that clients get meanwhile count as well.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from ..contracts.watchdog_settings import FrontSpec, SiteSpec
from ..core.atomic_files import read_text
from ..nginx import site_file
from ..nginx import sync as upstreams
from ..nginx.access_log import ACCESS_LOG, FLUSHED, Tail, attempts
from ..watchdog.probes import sites

ANSWERS = 3  # good ones in a row that are enough
ASKED = 4  # requests to each site in a round, as least_conn may give the first ones to others
PAUSE = FLUSHED  # seconds until an answer is in the log


class TrafficError(Exception):
    """Nothing can be asked; the message says why."""


@dataclass(frozen=True)
class Traffic:
    """What came of it.

    :param answered: good answers of the member.
    :param failed: answers of 500 and above, or none.
    :param asked: sites that were asked.
    """

    ok: bool
    answered: int
    failed: int
    asked: tuple[str, ...]


def wait(name: str, timeout: float, *, once: bool = False) -> Traffic:
    """Wait until a member has answered through this load balancer.

    :param timeout: seconds.
    :param once: look at one round only.
    :raises TrafficError: no upstream or no site leads to it.
    """
    servers = {member.server for upstream in upstreams.load() for member in upstream.members if member.name == name}
    if not servers:
        known = sorted({member.name for upstream in upstreams.load() for member in upstream.members})
        raise TrafficError(f"no upstream on this host has the member {name!r}: write one of {', '.join(known) or '(there are none)'}")
    wanted = {upstream.name for upstream in upstreams.load() if any(member.name == name for member in upstream.members)}
    places = list(_places(wanted))
    tail, deadline = Tail(ACCESS_LOG), time.monotonic() + timeout
    answered = failed = row = 0
    while True:
        for place, front in places:
            for _request in range(ASKED):
                sites.read(place, front)
        time.sleep(PAUSE)
        for record in tail.read():
            for server, bad, _seconds in attempts(record):
                if server in servers:
                    answered, failed, row = answered + (not bad), failed + bad, 0 if bad else row + 1
        if row >= ANSWERS or once or time.monotonic() >= deadline:
            return Traffic(row >= ANSWERS, answered, failed, tuple(f"{place.domain}{place.path}" for place, _front in places))


def _places(wanted: set[str]) -> Iterator[tuple[SiteSpec, FrontSpec]]:
    """Where the sites of this host lead to these upstreams."""
    for path in site_file.every():
        content = read_text(path) or ""
        site = site_file.read(content)
        for match, upstream in site.locations.items():
            if site.names and upstream in wanted and match.startswith("/"):
                front = FrontSpec() if site.certificate or "ssl_certificate" in content else FrontSpec(port=80, tls=False)
                yield SiteSpec(site.names[0], match), front
