# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between two releases, in the words that people are told: whoever tells them of a deployment may not read releases."""

from __future__ import annotations

from ..models import versions
from ..release.listing import changed_images
from ..release.store import Release, ReleaseError, Store

MOST = 12  # that are named of each


def changes(release: Release | None, before: Release | None) -> list[tuple[str, str]]:
    """Images and models that differ: what, and how."""
    if release is None:
        return []
    named = (("Images", changed_images(before, release)), ("Models", versions.sentences(before, release)))
    return [(name, "; ".join(_shown(changed))) for name, changed in named if changed]


def of_stored(store: Store, release: str, before: str) -> list[tuple[str, str]]:
    """The same of releases by their ids; of those that are forgotten, damaged, or not to be read, nothing."""
    return changes(_stored(store, release), _stored(store, before))


def _stored(store: Store, release: str) -> Release | None:
    try:
        return store.load(release) if release else None
    except (ReleaseError, ValueError, OSError):
        return None


def _shown(changed: list[str]) -> list[str]:
    return changed if len(changed) <= MOST else [*changed[:MOST], f"{len(changed) - MOST} more"]
