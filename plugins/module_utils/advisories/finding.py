# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One vulnerability of one package, whoever has found it, and what was looked at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

# The worst first. Debian says nothing of most, which is not the same as little.
SEVERITIES = ("critical", "high", "medium", "low", "negligible", "unknown")


@dataclass(frozen=True)
class Finding:
    """A vulnerability that an installed package has.

    :param severity: one of `SEVERITIES`.
    :param fixed: the version that has the fix; empty for none, ``yes`` where only that is known.
    """

    name: str
    package: str
    installed: str
    severity: str = "unknown"
    fixed: str = ""


@dataclass(frozen=True)
class Subject:
    """A host, or an image, and what was found in it.

    :param kind: ``host`` or ``image``.
    :param used_by: stack and service of an image.
    :param source: who has judged: Debian's data, Trivy, Grype; empty for nobody.
    :param packages: how many were read; None where a scanner looked itself.
    :param unknown: why nothing is known of it; empty where something is.
    """

    kind: str
    name: str
    system: str = ""
    used_by: tuple[str, ...] = ()
    source: str = ""
    packages: int | None = None
    findings: tuple[Finding, ...] = ()
    unknown: str = ""

    def count(self, severity: str) -> int:
        """How many are of a severity."""
        return sum(finding.severity == severity for finding in self.findings)

    @property
    def fixable(self) -> int:
        """How many have a fix that can be installed."""
        return sum(bool(finding.fixed) for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "fixable": self.fixable, "severities": {name: self.count(name) for name in SEVERITIES}}


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each once, the worst first."""
    return tuple(sorted(set(findings), key=lambda one: (SEVERITIES.index(one.severity), one.package, one.name)))


def severity(word: str) -> str:
    """One of `SEVERITIES` for the word of a scanner."""
    return word.lower() if word.lower() in SEVERITIES else "unknown"
