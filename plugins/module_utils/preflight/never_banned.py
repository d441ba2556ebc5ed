# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses that are never banned: a mistyped one would be found out by being banned."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..firewall.rules import ANY, parse_network
from ..schema.nodes import Problem
from .host import Host

# fail2ban resolves names; sshd compares addresses only.
_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9][A-Za-z0-9-]*(\.[A-Za-z0-9][A-Za-z0-9-]*)+")


def by_fail2ban(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """A problem for each entry of ``fail2ban_ignore`` that is no address, network or name."""
    entries = [str(entry) for entry in wanted["fail2ban"]["ignore"]]
    return _problems("fail2ban_ignore", (entry for entry in entries if not _NAME.fullmatch(entry)))


def by_sshd(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """A problem for each entry of ``ssh_hardening_never_penalised`` that sshd would not take, or take for another."""
    return _problems("ssh_hardening_never_penalised", (str(entry) for entry in wanted["ssh_hardening"]["never_penalised"]))


def _problems(key: str, entries: Iterable[str]) -> Iterator[Problem]:
    for entry in entries:
        try:
            if parse_network(entry) == ANY:
                raise ValueError("it would be everybody: write addresses or networks such as 203.0.113.7 or 2001:db8::/32")
        except ValueError as error:
            reason, _colon, fix = str(error).rpartition(": ")
            yield Problem(key, entry, reason or "is no address", fix)
