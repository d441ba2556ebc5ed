# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter for playbooks that work on several stacks one after the other, each batch by batch."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

_SHARE = re.compile(r"(\d{1,3})(%?)")


def rollout_turns(hosts: Mapping[str, list[str]], serial: object = 1) -> list[dict[str, Any]]:
    """See the filter's own documentation."""
    if not isinstance(hosts, Mapping):
        raise AnsibleFilterError(f"rollout_turns takes a dictionary of hosts, not {type(hosts).__name__}")
    stacks = list(dict.fromkeys(stack for names in hosts.values() for stack in names))
    turns = []
    for place, stack in enumerate(stacks):
        around = {"before": stacks[:place], "after": stacks[place + 1 :]}
        having = [host for host, names in hosts.items() if stack in names]
        turns += [{"stack": stack, "hosts": batch, **around} for batch in _batches(having, serial)]
    return turns


def _batches(hosts: list[str], serial: object) -> list[list[str]]:
    """As Ansible cuts the hosts of a play by ``serial``: each size once, the last one until nobody is left."""
    sizes = [_size(value, len(hosts)) for value in (serial if isinstance(serial, list) else [serial])] or [len(hosts)]
    batches: list[list[str]] = []
    while hosts:
        size = sizes[min(len(batches), len(sizes) - 1)] or len(hosts)
        batches, hosts = [*batches, hosts[:size]], hosts[size:]
    return batches


def _size(value: object, hosts: int) -> int:
    """How many hosts a size means; 0 for all of them, and never none by a small percentage."""
    written = _SHARE.fullmatch(str(value).strip())
    if isinstance(value, bool) or not written:
        raise AnsibleFilterError(
            f'serial: {value!r} is no size of a batch: write a number of hosts, a share such as "50%", or a list of them'
        )
    number = int(written[1])
    return max(1, hosts * number // 100) if written[2] and number else number


class FilterModule:
    """Documented in a file of its own name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"rollout_turns": rollout_turns}
