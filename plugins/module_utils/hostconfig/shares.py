# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shares of stacks: what of a configuration that a host has once is there for which stack.

    /var/lib/latentum-ops/shares/<stack>.<part>.json     part: firewall, fail2ban …

A run knows the stacks of its own inventory. What it makes of them replaces their shares; what is recorded of other stacks of the host is
merged in and stays, because another repository, or a run without this one's limit, manages those. A share is written with what it says,
as one transaction, so that a change which takes itself back takes the share back too.

A stack that was deployed before there were shares has none. Whoever merges a part then adopts for it what is there and nobody else wants.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from ..core import paths
from ..core.version import STATE_FORMAT
from ..core.versioned_json import MARK, format_of, read_state, require_known
from .entries import Entry


def path_of(stack: str, part: str) -> Path:
    """The file of a share."""
    return paths.SHARES / f"{stack}.{part}.json"


def on_host() -> set[str]:
    """The names of the stacks of this host: those that were deployed, that nginx leads to, or that have a share."""
    upstreams = {file.name.split(".")[0] for file in paths.UPSTREAMS.glob("*.json")} - {"none"}  # not of a stack (role nginx)
    deployed = {file.name.removesuffix(".json") for file in paths.STACKS.glob("*.json")}
    return upstreams | deployed | {file.name.split(".")[0] for file in paths.SHARES.glob("*.json")}


def recorded(part: str, *, without: Collection[str] = ()) -> dict[str, Any]:
    """The shares of a part by stack, sorted by its name.

    :param without: stacks whose shares this run replaces.
    :raises ValueError: a share is damaged, or of a newer engine; the message names it.
    """
    return {stack: read_state(file, {}) for stack, file in _files(part).items() if stack not in without}


def _files(part: str) -> dict[str, Path]:
    return {file.name.removesuffix(f".{part}.json"): file for file in sorted(paths.SHARES.glob(f"*.{part}.json"))}


def unrecorded(part: str, known: Iterable[str]) -> list[str]:
    """The stacks of this host that have no share of a part, and are not among those of this run, sorted."""
    return sorted(on_host() - set(known) - set(_files(part)))


def entries(part: str, shares: Mapping[str, Any]) -> list[Entry]:
    """The files of shares as they should be, with the mark of their format.

    :raises NewerState: a newer engine wrote those that are there.
    """
    if not shares:
        return []
    require_known(paths.SHARES)
    made = [Entry(path=paths.SHARES, state="directory", mode=0o700)]
    if format_of(paths.SHARES) < STATE_FORMAT:
        made.append(Entry(path=paths.SHARES / MARK, content=f"{STATE_FORMAT}\n".encode()))
    for stack, share in sorted(shares.items()):
        content = json.dumps(share, indent=1, sort_keys=True) + "\n"
        made.append(Entry(path=path_of(stack, part), content=content.encode(), mode=0o600))
    return made
