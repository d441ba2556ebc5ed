# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that somebody has given UFW: by its command, and by hand in its files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...firewall.description import words
from ...firewall.docker_ports import with_block, written_by_others
from ...firewall.ufw_files import AFTER, ALL, CHAINS, DEFAULTS, POLICIES, PRISTINE, Kept, setting
from ..host import SurveyedHost

BEFORE = {4: Path("/etc/ufw/before.rules"), 6: Path("/etc/ufw/before6.rules")}


@dataclass(frozen=True)
class UfwRule:
    """A rule as UFW keeps it, for one or both IP versions.

    :param stored: the line in user.rules, by IP version.
    """

    words: str
    stored: Mapping[int, str]


@dataclass(frozen=True)
class Addition:
    """A line of before.rules or after.rules that neither the package nor this collection has written."""

    file: str
    line: int
    text: str


@dataclass(frozen=True)
class Ufw:
    """UFW as it is set up.

    :param defaults: ``allow``, ``deny`` or ``reject`` for incoming, outgoing and routed traffic.
    :param docker_block: where its files write to Docker's chain, as ufw-docker does.
    """

    installed: bool = False
    enabled: bool = False
    defaults: Mapping[str, str] = field(default_factory=dict)
    rules: tuple[UfwRule, ...] = ()
    additions: tuple[Addition, ...] = ()
    docker_block: str = ""


def ufw(host: SurveyedHost) -> Ufw:
    """Read from its files: nothing is asked of the command, which takes UFW's lock."""
    kept = Kept({path: host.read(path) or "" for path in ALL})
    if not kept.installed:
        return Ufw()
    names = {value: name for name, value in POLICIES.items()}
    places = [f"{place} of {path}" for path in AFTER.values() if (place := written_by_others(kept.files[path]))]
    return Ufw(
        installed=True,
        enabled=kept.enabled,
        defaults={
            direction: names.get(value := setting(kept.files[DEFAULTS], f"DEFAULT_{chain}_POLICY"), value)
            for direction, chain in CHAINS.items()
        },
        rules=tuple(_rules(kept)),
        additions=tuple(_additions(host, kept)),
        docker_block=places[0] if places else "",
    )


def _rules(kept: Kept) -> Iterator[UfwRule]:
    """One for what both IP versions have in the same words."""
    merged: dict[str, dict[int, str]] = {}
    for family in (4, 6):
        for line in kept.rules(family):
            merged.setdefault(words(line), {})[family] = line
    for text, stored in merged.items():
        yield UfwRule(text, stored)


def _additions(host: SurveyedHost, kept: Kept) -> Iterator[Addition]:
    for path in (*BEFORE.values(), *AFTER.values()):
        pristine = host.read(PRISTINE / path.name)
        if pristine is None:
            continue
        known = {line.strip() for line in pristine.splitlines()}
        content = kept.files.get(path)
        content = (host.read(path) or "") if content is None else with_block(content, None)
        for number, line in enumerate(content.splitlines(), 1):
            text = line.strip()
            if text and not text.startswith("#") and text not in known:
                yield Addition(str(path), number, text)
