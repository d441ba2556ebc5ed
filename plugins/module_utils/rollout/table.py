# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deployment did, as a table that an operator reads in a terminal or in the log of a job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.format import columns
from ..release.store import Release, Store
from .request import Outcome


def digest(text: str) -> str:
    """The first letters of a digest."""
    return text.removeprefix("sha256:")[:12] or "-"


def table(outcome: Outcome) -> str:
    """Release, digests, batches, requests, and the time of each part."""
    if not outcome.plans:
        return "\n".join([*([outcome.found] if outcome.found else []), f"release {outcome.release}: nothing to do"])
    came = f", before it {outcome.previous}" if outcome.previous and outcome.previous != outcome.release else ""
    lines = [f"release {outcome.release}{came}"]
    if outcome.found:
        lines.append(outcome.found)
    rows = [["service", "what", "digest before", "digest now"]]
    for plan, (_service, before, after) in zip(outcome.plans, outcome.digests, strict=True):
        rows.append([plan.service, plan.sentence().partition(": ")[2], digest(before), digest(after)])
    lines += columns(rows)
    if outcome.served:
        lines.append(f"requests during the rollout: {outcome.served} answered, {outcome.failed} with a status from 500 on (access log)")
    if outcome.timings:
        lines.append("seconds: " + ", ".join(f"{what} {seconds:.1f}" for what, seconds in outcome.timings))
    return "\n".join(lines)


def releases(store: Store) -> str:
    """The releases of a stack; the live one is marked."""
    live, previous = store.live(), store.previous()
    rows = [["", "release", "created", "state", "images", "reason"]]
    for one in reversed(store.all()):
        mark = "live" if live and one.id == live.id else f"-{previous.index(one.id) + 1}" if one.id in previous else ""
        rows.append([mark, one.id, one.created, one.state, images(one), one.reason[:80]])
    if len(rows) == 1:
        return f"{store.stack}: no release yet"
    return "\n".join([f"{store.stack} (live, -1 is where a rollback goes)", *columns(rows)])


def images(release: Release) -> str:
    """The tags of a release's images, those of one tag together."""
    tags: dict[str, list[str]] = {}
    for service, reference in release.images.items():
        name = reference.partition("@")[0].rpartition("/")[2]
        tags.setdefault(name.rpartition(":")[2] if ":" in name else name, []).append(service)
    return ", ".join(f"{'+'.join(services)} {tag}" for tag, services in tags.items())


def history(entries: Sequence[dict[str, Any]]) -> str:
    """The journal, one line an entry."""
    rows = [["at", "what", "release", "service", "step"]]
    for one in entries:
        step = str(one.get("step", ""))
        if "done" in one:
            begun = next((row for row in reversed(rows[1:]) if row[3:] == [one.get("service", ""), step]), None)
            if begun:
                begun[4] += f" ({one['done']:g} s)"
            continue
        if reason := one.get("reason"):
            step += f": {str(reason).splitlines()[0][:120]}"
        if "served" in one:
            step += f" after {one.get('seconds')} s, {one['served']} requests, {one['failed']} failed"
        rows.append([one["at"], one.get("kind", ""), one.get("release", ""), one.get("service", ""), step])
    return "\n".join(columns(rows)) if len(rows) > 1 else "nothing yet"
