# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sudo: which of our Defaults another file takes back, as ``cvtsudoers`` reads all of them together."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..access.places import SCOPED_PATH
from ..preflight.host import Host
from .deviation import Deviation

ROLE = "base"
FOLDER = "/etc/sudoers.d"
OWN = f"{FOLDER}/latentum-ops-operators"
MAIN = "/etc/sudoers"


def judge(host: Host) -> Iterator[Deviation]:
    """Options that our file sets and that end with another value, for all or for whom a line names."""
    if host.read(OWN) is None:
        return
    wanted = _options(_entries(host, OWN))
    there = _entries(host, MAIN)
    if not there:
        return
    for name, value in wanted.items():
        ended = _options(entry for entry in there if not entry.get("Binding")).get(name)
        if ended != value:
            yield Deviation(ROLE, f"sudo {name}", _shown(value), _shown(ended), _where(host, name, ""))
        for entry in (entry for entry in there if not _scoped(entry)):
            of_some = _options([entry]).get(name, value) if entry.get("Binding") else value
            if of_some != value:
                whom = ", ".join(str(item) for binding in entry["Binding"] for item in binding.values())
                yield Deviation(ROLE, f"sudo {name} ({whom})", _shown(value), _shown(of_some), _where(host, name, whom))


def _scoped(entry: Mapping[str, Any]) -> bool:
    """A rule of role access: who has scopes finds another opsctl first."""
    return _options([entry]).get("secure_path") == SCOPED_PATH


def _entries(host: Host, path: str) -> list[Mapping[str, Any]]:
    shown = json.loads(host.output(["cvtsudoers", "-f", "json", path]) or "{}")
    entries = shown.get("Defaults")
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _options(entries: Any) -> dict[str, Any]:
    """By name, the last value."""
    return {
        name: value for entry in entries for option in entry.get("Options") or () for name, value in option.items() if name != "operation"
    }


def _shown(value: object) -> str:
    return {True: "on", False: "off", None: ""}.get(value, str(value)) if value in (True, False, None) else str(value)


def _where(host: Host, name: str, whom: str) -> str:
    """The last line of another file that names the option, for all or for whom the entry names."""
    found = "another file of sudo says so"
    named = rf"[:>@!].*{re.escape(whom)}.*" if whom else r"\s.*"
    for path in [MAIN, *(str(file) for file in host.files(FOLDER, "*") if "." not in file.name and not file.name.endswith("~"))]:
        for number, line in enumerate((host.read(path) or "").splitlines(), 1):
            if path != OWN and re.match(rf"\s*Defaults{named}\b{re.escape(name)}\b", line) and (path > OWN or whom):
                found = f"{path}:{number}"
    return found
