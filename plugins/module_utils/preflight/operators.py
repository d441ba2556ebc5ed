# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts of operators and their keys: each is a key, and nobody's way in is taken away by a run that came through it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..schema.nodes import Problem
from .host import Host


def present(wanted: Mapping[str, Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The operators that the run makes or keeps."""
    return [entry for entry in wanted.get("base", {}).get("operators") or [] if entry.get("state") in (None, "present")]


def keys(_host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """An operator without a key cannot log in."""
    for entry in present(wanted):
        if not entry.get("ssh_keys"):
            problem = f"{entry['name']} has no ssh_keys, and passwords are not accepted over SSH"
            yield Problem("base_operators", "", problem, "write at least one public key")


def connection_stays(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """The account of this very connection is to be removed."""
    absent = {entry["name"] for entry in wanted["base"].get("operators") or [] if entry.get("state") == "absent"}
    if host.connection and host.user in absent:
        problem = f"{host.user} is to be removed, but this run is connected as it"
        yield Problem("base_operators", "", problem, "connect as another operator first")
