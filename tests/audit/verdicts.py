# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What judges print, as numbers; and the exceptions, which are data and end. Pure functions."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

PREFIX = "xccdf_org.ssgproject.content_rule_"


@dataclass(frozen=True)
class Verdict:
    """One profile's rules on one host, without those that do not apply there.

    :param failed: rules that failed or could not be judged: neither is a pass.
    """

    passed: frozenset[str]
    failed: frozenset[str]

    @property
    def share(self) -> float:
        """Percent that passed, exceptions counted as failed."""
        judged = len(self.passed) + len(self.failed)
        return 100 * len(self.passed) / judged if judged else 0.0


def of_openscap(text: str) -> Verdict:
    """The results that ``oscap xccdf eval`` prints.

    :raises ValueError: it judged nothing.
    """
    results = dict(re.findall(rf"^Rule\s+{PREFIX}(\S+)\n(?:.*\n)*?^Result\s+(\S+)$", text, re.MULTILINE))
    verdict = Verdict(
        frozenset(rule for rule, result in results.items() if result == "pass"),
        frozenset(rule for rule, result in results.items() if result in ("fail", "error", "unknown")),
    )
    if not verdict.passed:
        raise ValueError(f"no rule was passed: {text[-400:]}")
    return verdict


def of_lynis(report: str) -> tuple[int, list[str]]:
    """The hardening index of Lynis' report file, and what it suggests, by its tests.

    :raises ValueError: there is no index.
    """
    index = re.search(r"^hardening_index=(\d+)$", report, re.MULTILINE)
    if not index:
        raise ValueError(f"Lynis gave no index: {report[-400:]}")
    return int(index[1]), sorted(set(re.findall(r"^(?:suggestion|warning)\[\]=([A-Z]+-\d+)", report, re.MULTILINE)))


@dataclass(frozen=True)
class Exemption:
    """A rule that may fail.

    :param rule: its name, or a pattern; :param profiles: patterns of the profiles that have it; :param until: the last day.
    """

    rule: str
    reason: str
    who: str
    until: date
    profiles: tuple[str, ...] = ("*",)

    def covers(self, profile: str, rule: str) -> bool:
        """Whether this failure may be."""
        return fnmatch.fnmatchcase(rule, self.rule) and any(fnmatch.fnmatchcase(profile, pattern) for pattern in self.profiles)


def exemptions(document: Sequence[Mapping[str, object]]) -> list[Exemption]:
    """The data file's entries.

    :raises ValueError: an entry lacks something, or has what none has.
    """
    listed = []
    for entry in document:
        wrong = set(entry) ^ {"rule", "reason", "who", "until"} - {"profiles"}
        if wrong - {"profiles"}:
            raise ValueError(f"{entry.get('rule')}: {', '.join(sorted(wrong))} is missing, or is no key of an exception")
        until = entry["until"]
        if not isinstance(until, date):
            raise ValueError(f"{entry['rule']}: until: {until} is no date: write 2027-11-30")
        profiles = entry.get("profiles", ["*"])
        assert isinstance(profiles, list)
        listed.append(Exemption(str(entry["rule"]), str(entry["reason"]), str(entry["who"]), until, tuple(profiles)))
    return listed


def complaints(verdicts: Mapping[str, Iterable[str]], listed: Sequence[Exemption], *, today: date) -> list[str]:
    """What is wrong with failures and exceptions together.

    :param verdicts: profile to the rules that failed, over all hosts that were judged.
    """
    wrong = []
    for profile, failed in sorted(verdicts.items()):
        wrong += [
            f"{profile}: {rule} failed, and no exception says why"
            for rule in sorted(failed)
            if not any(exemption.covers(profile, rule) for exemption in listed)
        ]
    for exemption in listed:
        if exemption.until < today:
            wrong.append(f"the exception of {exemption.rule} ended on {exemption.until}: mend it, or give a new reason and day")
        if not any(exemption.covers(profile, rule) for profile, failed in verdicts.items() for rule in failed):
            wrong.append(f"the exception of {exemption.rule} is not needed: no judge failed it")
    return wrong


def below(found: Mapping[str, float], floors: Mapping[str, float]) -> list[str]:
    """Scores that are lower than they must be, and those that nobody measured."""
    return [
        f"{name}: {'not measured' if name not in found else format(found[name], '.1f')}, and at least {floor} is asked"
        for name, floor in sorted(floors.items())
        if found.get(name, -1.0) < floor
    ]
