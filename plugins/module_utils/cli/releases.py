# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs of opsctl that show releases."""

from __future__ import annotations

import argparse
from typing import Any

from ..core.format import folded
from ..release import listing
from ..release.journal import Journal
from ..release.store import Release, ReleaseError, Store
from .arguments import shared
from .output import Output
from .stack_choice import chosen


def add_parsers(verbs: Any) -> None:
    """The command line of these verbs."""
    verbs.add_parser("releases", parents=[shared()])
    verbs.add_parser("models", parents=[shared()])
    history = verbs.add_parser("history", parents=[shared()])
    history.add_argument("--lines", type=int, default=50, help="how many of the last steps")


def run_verb(options: argparse.Namespace, output: Output) -> int:
    """Carry out one of these verbs.

    :raises ReleaseError: nothing is live whose models could be shown.
    """
    stack = chosen(options.stack, options.argv)
    if options.verb == "releases":
        return _releases(Store(stack), output)
    if options.verb == "models":
        return _models(stack, output)
    entries = Journal(stack).read(options.lines)
    output.result({"stack": stack, "entries": entries}, folded(listing.history(entries)))
    return 0


def _releases(store: Store, output: Output) -> int:
    live = store.live()
    known = [listing.release_dict(release, live=bool(live and live.id == release.id)) for release in reversed(store.all())]
    data = {"stack": store.stack, "live": live.id if live else "", "previous": store.previous(), "releases": known}
    output.result(data, folded(listing.releases(store)))
    return 0


def _models(stack: str, output: Output) -> int:
    from ..containers.client import Engine
    from ..models import listing as model_listing

    models = model_listing.described(live_of(stack), Engine())
    output.result({"stack": stack, "models": models}, folded(model_listing.table(models)))
    return 1 if any(model["error"] for model in models) else 0


def live_of(stack: str) -> Release:
    """The live release.

    :raises ReleaseError: there is none.
    """
    live = Store(stack).live()
    if live is None:
        raise ReleaseError(f"{stack} has no live release yet: run playbooks/site.yml first")
    return live
