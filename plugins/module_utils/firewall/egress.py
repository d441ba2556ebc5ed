# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses of the names that networks may reach (`container_rules`), as DNS gives them.

The packet filter knows addresses, and a name has others every few minutes. So the names are asked for each minute, and an address stays
good for an hour after it was last given: a container may have asked a moment earlier than we. Where DNS does not answer, the addresses
stay that were known. A service that gives each who asks another one of very many addresses is not covered by that.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..contracts.container_access import NetworkAccess
from ..core.versioned_json import read_state, write_state

GOOD_FOR = 3600.0  # seconds after an address was last given
Known = dict[str, dict[str, float]]  # addresses by name, each with when it was last given (epoch seconds)
Lookup = Callable[[str], Iterable[str]]


def names(accesses: Mapping[str, Sequence[NetworkAccess]]) -> list[str]:
    """The names of all stacks, sorted."""
    return sorted({there.name for each in accesses.values() for access in each for there in access.egress if there.name})


def known(file: Path) -> Known:
    """What was last known."""
    return {str(name): dict(addresses) for name, addresses in read_state(file, {}, put_aside=True).items()}


def addresses(file: Path) -> dict[str, list[str]]:
    """Addresses by name, sorted."""
    return {name: sorted(there) for name, there in known(file).items()}


def ask(file: Path, wanted: Sequence[str], *, now: float | None = None, lookup: Lookup | None = None) -> list[str]:
    """Ask DNS for these names, keep what it says, and forget all others.

    :returns: the names that DNS gives no address for now.
    """
    at, before = time.time() if now is None else now, known(file)
    with ThreadPoolExecutor(max_workers=8) as pool:
        answers = dict(zip(wanted, pool.map(lambda name: list(_looked_up(name, lookup or of_dns)), wanted), strict=True))
    after: Known = {}
    for name, given in answers.items():
        kept = {address: seen for address, seen in before.get(name, {}).items() if not given or at - seen <= GOOD_FOR}
        after[name] = {**kept, **dict.fromkeys(given, at)}
    if after or before:
        write_state(file, after, 0o600)
    return [name for name, given in answers.items() if not given]


def of_dns(name: str) -> set[str]:
    """The addresses of a name.

    :raises OSError: DNS has none, or does not answer.
    """
    return {str(found[4][0]) for found in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)}


def _looked_up(name: str, lookup: Lookup) -> Iterable[str]:
    try:
        return lookup(name)
    except (OSError, UnicodeError):
        return ()
