# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters for secrets of one stack on several hosts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError


def secrets_leader(stores: Mapping[str, Mapping[str, Any]], chosen: str = "") -> str:
    """See the filter's own documentation."""
    if not stores:
        raise AnsibleFilterError("secrets_leader: there is no host")
    if chosen:
        if chosen not in stores:
            raise AnsibleFilterError(f"secrets_leader: {chosen} is not among the hosts of this run ({', '.join(sorted(stores))})")
        return chosen
    filled = {host: secrets for host, secrets in stores.items() if secrets}
    if not filled:
        return min(stores)
    for name in sorted({name for secrets in filled.values() for name in secrets}):
        marks = {host: secrets[name]["fingerprint"] for host, secrets in filled.items() if name in secrets}
        if len(set(marks.values())) > 1:
            raise AnsibleFilterError(
                f"the hosts {', '.join(sorted(marks))} hold different values of the secret {name}: set secrets_leader to the host whose"
                " secrets are right; the others take them over"
            )
    # The most complete store leads, among equals the one that was filled first.
    return min(filled, key=lambda host: (-len(filled[host]), min(secret["created"] for secret in filled[host].values()), host))


class FilterModule:
    """Each is documented in a file of its own name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {"secrets_leader": secrets_leader}
