# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which release of a stack is live, and since when, for Prometheus: a line in a graph for each release."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ..core.times import epoch
from ..release.journal import Journal
from ..release.store import Store

if TYPE_CHECKING:
    from prometheus_client import Metric

NAME = "latentum_ops_watchdog_release_live_timestamp_seconds"
_HELP = "When the release went live that is live now."
Written = tuple[int, int]  # of a journal: when it was changed, in nanoseconds, and its size


class Releases:
    """What is known of the live releases. A journal is read again only where somebody has written into it."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Written, str, float]] = {}

    def families(self, stacks: Iterable[str]) -> Iterator[Metric]:
        """The metric; nothing of a stack whose history does not say since when."""
        from prometheus_client.core import GaugeMetricFamily

        family = GaugeMetricFamily(NAME, _HELP, labels=("stack", "release"))
        for stack in dict.fromkeys(stacks):
            release, since = self._live(stack)
            if release and since:
                family.add_metric([stack, release], since)
        yield family

    def _live(self, stack: str) -> tuple[str, float]:
        journal = Journal(stack)
        try:
            state = journal.lines.stat()
            written = (state.st_mtime_ns, state.st_size)
            known = self._known.get(stack)
            if known is None or known[0] != written:
                release = Store(stack).live_id()
                since = journal.live_since(release) if release else ""
                known = self._known[stack] = (written, release, epoch(since) if since else 0.0)
        except (OSError, ValueError):
            return "", 0.0
        return known[1:]
