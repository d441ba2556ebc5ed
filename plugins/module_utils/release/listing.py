# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The releases of a stack and its journal, as people and as programs read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ..core.format import columns
from .store import Release, Store, is_id


def releases(store: Store) -> str:
    """The releases of a stack; the live one is marked."""
    live, previous = store.live(), store.previous()
    rows, reasons = [["", "release", "created", "state", "images"]], [""]
    for release in reversed(store.all()):
        mark = "live" if live and release.id == live.id else f"-{previous.index(release.id) + 1}" if release.id in previous else ""
        rows.append([mark, release.id, release.created, release.state, images(release)])
        below = [f"models: {held}"] if (held := models(release)) else []
        below += [f"promoted from {origin}"] if (origin := store.origin(release.id)) else []
        below += release.reason.splitlines()[:1]
        reasons.append("\n".join(f"      {line}" for line in below))
    if len(rows) == 1:
        return f"{store.stack}: no release yet"
    lines = [line for pair in zip(columns(rows), reasons, strict=True) for line in pair if line]
    return "\n".join([f"{store.stack} (live, -1 is where a rollback goes)", *lines])


def images(release: Release) -> str:
    """The tags of a release's images, those of one tag together; of an image that came from no registry the beginning of its id."""
    tags: dict[str, list[str]] = {}
    for service, reference in release.images.items():
        tags.setdefault(tag_of(reference), []).append(service)
    return ", ".join(f"{'+'.join(services)} {tag}" for tag, services in tags.items())


def tag_of(reference: str) -> str:
    """The tag of a pinned image; its name where it has none, and the beginning of its id where it came from no registry."""
    name = reference.partition("@")[0].rpartition("/")[2]
    tag = name.rpartition(":")[2] if ":" in name else name
    return tag[:12] if is_id(name) else tag


def changed_images(before: Release | None, after: Release) -> list[str]:
    """What differs between the images of two releases, a service each, by tags; by digests where a tag has moved."""
    there = before.images if before else {}
    changes = []
    for service, reference in after.images.items():
        old = there.get(service)
        if old is None:
            changes.append(f"{service} {tag_of(reference)}" + (" (new)" if before else ""))
        elif tag_of(old) != tag_of(reference):
            changes.append(f"{service} {tag_of(old)} -> {tag_of(reference)}")
        elif old != reference:
            changes.append(f"{service} {tag_of(reference)} (another digest: {_digest(old)} -> {_digest(reference)})")
    return changes + [f"{service} is gone" for service in there if service not in after.images]


def _digest(reference: str) -> str:
    return reference.rpartition("@")[2].removeprefix("sha256:")[:12]


def models(release: Release) -> str:
    """The versions of its models."""
    return ", ".join(f"{entry['name']} {entry.get('version') or 'none'}" for entry in release.models)


def history(entries: Sequence[dict[str, Any]]) -> str:
    """The journal, one line an entry."""
    rows = [["at", "what", "release", "service", "step"]]
    for entry in entries:
        # Before the step, not in a column of its own: the lines that matter most, a failure and its reason, have none and stay short.
        step = ": ".join(filter(None, (str(entry.get("phase", "")), str(entry.get("step", "")))))
        if "done" in entry:
            begun = next((row for row in reversed(rows[1:]) if row[3:] == [entry.get("service", ""), step]), None)
            if begun:
                begun[4] += f" ({entry['done']:g} s)"
            continue
        if reason := entry.get("reason"):
            step += f": {str(reason).splitlines()[0][:120]}"
        if origin := entry.get("promoted_from"):
            step += f", promoted from {origin},"
        if "served" in entry:
            step += f" after {entry.get('seconds')} s, {entry['served']} requests, {entry['failed']} failed"
        rows.append([entry["at"], entry.get("kind", ""), entry.get("release", ""), entry.get("service", ""), step])
    return "\n".join(columns(rows)) if len(rows) > 1 else "nothing yet"


def release_dict(release: Release, *, live: bool, promoted_from: str = "") -> dict[str, Any]:
    """A release as plain data, without its whole project."""
    shown = asdict(release)
    named: dict[str, Any] = {"id": release.id, "live": live, "promoted_from": promoted_from}
    if release.models:
        named["models"] = {entry["name"]: entry.get("version", "") for entry in release.models}
    return named | {key: shown[key] for key in ("created", "state", "reason", "images")}
