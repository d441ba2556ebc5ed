# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory of a container, its limit, and what happened at the limit.

Sources: cgroup-v1/memory and cgroup-v2, `memory`, of the kernel's documentation. What a counter holds of the groups below is counted, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .cgroups import Cgroup
from .families import Sample
from .kernel_files import number, read, table

UNLIMITED = 1 << 62  # from here on a limit is none: the kernel rounds the largest number to pages


def samples(cgroup: Cgroup) -> Iterator[Sample]:
    """Whatever can be read."""
    folder = cgroup.of("memory")
    values = _version_1(folder) if folder else _version_2(cgroup.unified)
    for name, value in values.items():
        if value is not None:
            yield name, "", value


def oom_kills(cgroup: Cgroup) -> int:
    """Processes that the kernel has killed for memory in this life of the container; 0 where it does not say."""
    folder = cgroup.of("memory")
    return table(read(folder, "memory.oom_control") if folder else read(cgroup.unified, "memory.events")).get("oom_kill", 0)


def _version_1(folder: str) -> Mapping[str, int | None]:
    usage, counts = number(read(folder, "memory.usage_in_bytes")), table(read(folder, "memory.stat"))
    return {
        **_usage(usage, counts, "total_rss", "total_cache", "total_inactive_file"),
        # Without accounting of swap there is no such line, and none of the container's memory is swapped for all that is known.
        "container_memory_swap": counts.get("total_swap", 0) if counts else None,
        "container_memory_failcnt": number(read(folder, "memory.failcnt")),
        "container_spec_memory_limit_bytes": _limit(read(folder, "memory.limit_in_bytes")),
    }


def _version_2(folder: str | None) -> Mapping[str, int | None]:
    usage, counts = number(read(folder, "memory.current")), table(read(folder, "memory.stat"))
    return {
        **_usage(usage, counts, "anon", "file", "inactive_file"),
        "container_memory_swap": None if usage is None else number(read(folder, "memory.swap.current")) or 0,
        "container_memory_failcnt": table(read(folder, "memory.events")).get("max"),
        "container_spec_memory_limit_bytes": _limit(read(folder, "memory.max")),
    }


def _usage(usage: int | None, counts: Mapping[str, int], rss: str, cache: str, inactive: str) -> dict[str, int | None]:
    return {
        "container_memory_usage_bytes": usage,
        "container_memory_working_set_bytes": None if usage is None or inactive not in counts else max(0, usage - counts[inactive]),
        "container_memory_rss": counts.get(rss),
        "container_memory_cache": counts.get(cache),
    }


def _limit(text: str) -> int | None:
    """0 for none; None where nothing is said."""
    if text.strip() == "max":
        return 0
    limit = number(text)
    return 0 if limit is not None and limit > UNLIMITED else limit
