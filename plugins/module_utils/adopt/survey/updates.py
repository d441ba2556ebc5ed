# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a host updates itself: apt's configuration as a whole, and the files that make it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..host import SurveyedHost

FOLDER = "/etc/apt/apt.conf.d"
OWN = "52latentum-ops-unattended-upgrades"
PACKAGED = ("20auto-upgrades", "50unattended-upgrades")
_LINE = re.compile(r'^(Unattended-Upgrade|APT::Periodic)::([\w:-]+?)(::)? "(.*)";$', re.MULTILINE)
_NAMED = re.compile(r"^\s*(?:#clear\s+)?(Unattended-Upgrade|APT::Periodic)::([\w-]+)", re.MULTILINE)


@dataclass(frozen=True)
class Updates:
    """Unattended upgrades.

    :param values: single values in force, by key.
    :param lists: lists in force, by key.
    :param later: files of others that are read after ours, with the keys that they set.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    later: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ours: bool = False


def updates(host: SurveyedHost) -> Updates:
    """What ``apt-config dump`` says; nothing where there is no apt."""
    values: dict[str, str] = {}
    lists: dict[str, list[str]] = {}
    for section, key, item, value in _LINE.findall(host.output(["apt-config", "dump"]) or ""):
        if item:
            lists.setdefault(key, []).append(value)
        elif value:
            values[key if section == "Unattended-Upgrade" else f"Periodic::{key}"] = value
    names = [name for name in host.names(FOLDER) if name > OWN and not name.startswith(".")]
    later = {path: _keys(host.read(path) or "") for path in (f"{FOLDER}/{name}" for name in names)}
    return Updates(
        values,
        {key: tuple(items) for key, items in lists.items()},
        {path: keys for path, keys in later.items() if keys},
        ours=host.exists(f"{FOLDER}/{OWN}"),
    )


def _keys(text: str) -> tuple[str, ...]:
    """The keys that a file sets."""
    return tuple(dict.fromkeys(key for _section, key in _NAMED.findall(text)))
