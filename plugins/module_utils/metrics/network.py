# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Traffic of a container by interface, as its first process sees it in `/proc/<pid>/net/dev`.

Any user may read that file, unless procfs hides the processes of others. Docker's engine says the same (`stats?one-shot=true`), but
took a second for each container with version 20.10, which no scrape has.

A container in the network of the host shows the host's interfaces without the ends of other containers' (cAdvisor does the same): each such
container shows the same numbers. One in the network of another container shows none, or a sum would count that traffic twice.
"""

from __future__ import annotations

from collections.abc import Iterator

from .exposition import label
from .families import Sample
from .kernel_files import number

IGNORED = ("lo", "veth", "docker", "nerdctl")  # prefixes of names that cAdvisor leaves out, too
MOST_INTERFACES = 32
_NAMES = tuple(
    f"container_network_{way}_{what}_total" for way in ("receive", "transmit") for what in ("bytes", "packets", "errors", "packets_dropped")
)
_COLUMNS = (0, 1, 2, 3, 8, 9, 10, 11)


def own(mode: str) -> bool:
    """Whether a container has numbers of its own in this `network_mode`."""
    return mode != "none" and not mode.startswith("container:")


def samples(text: str) -> Iterator[Sample]:
    """From the text of `net/dev`: two lines of headings, then an interface with sixteen counts a line; others are left out."""
    shown = 0
    for line in text.splitlines()[2:]:
        name, _colon, rest = line.rpartition(":")
        name, counts = name.strip(), rest.split()
        if not name or name.startswith(IGNORED) or len(counts) != 16 or shown == MOST_INTERFACES:
            continue
        shown += 1
        yield from _samples(name, [number(counts[column]) for column in _COLUMNS])


def _samples(interface: str, values: list[int | None]) -> Iterator[Sample]:
    extra = label("interface", interface)
    for name, value in zip(_NAMES, values, strict=True):
        if value is not None:
            yield name, extra, value
