# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By what a release was judged, beside its content: a verdict stands as long as that is the same.

A release is known again by its content. Whether it becomes healthy also depends on what is not in it: a secret that the image's user
may not read, a timeout that is too short, a command that has to run before. Once that is mended, a person may try the release again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from ..release.pinning import definition_of
from ..release.store import FAILED, GOOD, ROLLED_BACK, Release, Store, fingerprint
from .plan import secret_files
from .request import Order

SECRETS, POLICIES, PROBES, HOOKS = "secrets or their owners", "policies of updates", "health checks and probes", "commands that run before"
BUDGET = "canaries that an error budget forces"


def judged_by(release: Release, order: Order, forced: Collection[str] = ()) -> dict[str, str]:
    """Each thing beside its content that decides about a release, as a hash. Of secrets owner, mode and time: never the value.

    :param forced: services that go by a canary which they do not declare.
    """
    hashes = {
        SECRETS: fingerprint(
            {str(path): _status(path) for spec in release.project["services"].values() for path in secret_files(release, spec)}
        ),
        POLICIES: fingerprint(release.policies),
        PROBES: fingerprint(release.services),
    }
    if order.before is not None:
        hashes[HOOKS] = fingerprint([[list(argv) for argv in order.before], order.before_timeout])
    if order.slo is not None:
        hashes[BUDGET] = fingerprint(sorted(forced))
    return hashes


def _status(path: Path) -> list[int]:
    try:
        status = path.stat()
    except OSError:
        return []
    return [status.st_uid, status.st_gid, status.st_mode, status.st_mtime_ns]


def changed_since(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What a verdict was given by and is another now; nothing of what one side does not speak of."""
    return [name for name in before if name in now and before[name] != now[name]]


def barred(store: Store, release: Release, known: Release, order: Order, forced: Collection[str] = ()) -> tuple[str, str]:
    """Why a release that failed, or was rolled back, is not deployed again, and what has changed since; the first is empty when it may be.

    :param known: the same release as the store has it.
    """
    what = "failed before" if known.state == FAILED else "was rolled back"
    changed = ", ".join(changed_since(store.judged(release.id), judged_by(release, order, forced)))
    if changed and not order.automatic:
        return "", f"{release.id} {what}; changed since then: {changed}. It is tried again"
    refusal = f"release {release.id} {what} and is not deployed again by itself: {known.reason or 'no reason was given'}"
    if changed:
        return f"{refusal}\nChanged since then: {changed}. A person may deploy it again, by a playbook or `opsctl deploy`", ""
    return f"{refusal}\nChange the declaration, its secrets or how it is judged, or insist: --force, stack_force: true", ""


def never_good(store: Store) -> set[str]:
    """Definitions of releases that failed or did not come to their end. Before a first good one such containers never served."""
    known = store.all()
    good = {
        definition_of(release, name) for release in known if release.state in (GOOD, ROLLED_BACK) for name in release.project["services"]
    }
    return {definition_of(release, name) for release in known for name in release.project["services"]} - good
