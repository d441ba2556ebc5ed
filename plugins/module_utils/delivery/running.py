# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs of a stack: version, commit, digest, since when and by whom; and what differs from what was brought here last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..release import delivered
from ..release.journal import LIVE, Journal
from ..release.store import Store


@dataclass(frozen=True)
class Running:
    """What runs of a stack.

    :param images: by service: tag and digest, each empty where there is none.
    :param ref: of which branch or tag it came, where it came by itself; so are repository and commit.
    :param differing: sentences about images that are others than those that were delivered last.
    """

    stack: str
    release: str = ""
    since: str = ""
    who: str = ""
    repository: str = ""
    ref: str = ""
    commit: str = ""
    images: dict[str, dict[str, str]] = field(default_factory=dict)
    differing: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def of(stack: str) -> Running:
    """What runs of a stack, as its live release and its journal say."""
    release, journal = Store(stack).live(), Journal(stack)
    if release is None:
        return Running(stack)
    ends = [line for line in journal.read(2000) if line.get("step") == LIVE and line.get("release") == release.id]
    try:
        known, damaged = delivered.load(stack), []
    except ValueError as error:
        known, damaged = None, [str(error)]
    own = known if known and known.release == release.id else None
    return Running(
        stack,
        release.id,
        journal.live_since(release.id),
        own.who if own else str(ends[-1].get("who") or "").partition(" (pid")[0] if ends else "",
        own.repository if own else "",
        own.ref if own else "",
        own.commit if own else "",
        {service: _parts(reference) for service, reference in sorted(release.images.items())},
        [*damaged, *(_differing(known, release.images) if known else ())],
    )


def _differing(known: delivered.Delivered, live: Mapping[str, str]) -> Iterator[str]:
    """Also what somebody has rolled back by hand: whoever looks is to know that the last delivery is not what runs."""
    for service, reference in known.images.items():
        if live.get(service) != reference:
            yield f"{service} runs {live.get(service, 'nothing')}, and {reference} was delivered last ({known.at})"


def _parts(reference: str) -> dict[str, str]:
    name, _at, digest = reference.partition("@")
    _name, colon, tag = name.rpartition("/")[2].partition(":")
    return {"reference": reference, "tag": tag if colon else "", "digest": digest}
