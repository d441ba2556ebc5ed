# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happened in the window of an error budget: marks in its picture."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..core.times import epoch
from ..release.journal import LINES, LIVE, Journal
from ..slo.picture import Mark


def releases(stack: str, *, public: bool = False) -> Iterator[Mark]:
    """Each release that went live, a rollback among them.

    :param public: without its name.
    :raises OSError: the journal cannot be read.
    """
    for entry in Journal(stack).read(2 * LINES):
        if entry.get("step") == LIVE:
            what = str(entry.get("kind")) if public else f"{stack}: {entry.get('kind')} of {entry.get('release')}"
            yield Mark(epoch(str(entry["at"])), what)


def incidents(stack: str, known: Iterable[Mapping[str, Any]], *, public: bool = False) -> Iterator[Mark]:
    """Each incident of a stack, from its first sign to its end or to now.

    :param known: as the watchdog publishes them.
    :param public: without its cause.
    """
    for incident in known:
        if incident.get("stack") == stack:
            began, ended = float(incident["began"]), float(incident.get("ended") or time.time())
            yield Mark(began, str(incident["subject"]) if public else f"{stack}: {incident['subject']}: {incident['cause']}", ended)
