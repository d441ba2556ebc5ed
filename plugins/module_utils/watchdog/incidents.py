# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An incident: what is wrong, since when, why, what it drags along, and what was done about it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..core.versioned_json import known_fields

SEVERITIES = ("info", "warning", "critical")  # rising
_SILENCES = ("silenced", "untold")


@dataclass
class Incident:
    """One failure from its confirmation to its end; told once when it opens and once when it ends.

    :param key: what fails, the same each time: ``latentum/api-gateway``, ``host/disk:/``, ``latentum/site:example.com``.
    :param stack: name of the stack; empty for the host itself.
    :param subject: what fails, within the stack or host: ``api-gateway``, ``disk /``.
    :param cause: one sentence.
    :param opened: epoch seconds of its confirmation; `began` of the first sign.
    :param ended: epoch seconds, None while it lasts.
    :param done: what was done, oldest first: (epoch seconds, sentence).
    :param affected: subjects that fail because of it and are not told on their own.
    :param log: last log lines of what fails, without secrets.
    :param needs_human: healing has given up.
    :param silenced: the silence of Alertmanager that covers it now; empty for none.
    :param untold: C(open) or C(escalate), which people are told of once nothing silences it any more; empty for nothing.
    :param escalated: epoch seconds since which it is worse than when it opened.
    :param flapping: failed again and again, so it ends only after a long quiet time.
    """

    key: str
    stack: str
    subject: str
    severity: str
    cause: str
    began: float
    opened: float
    ended: float | None = None
    done: list[tuple[float, str]] = field(default_factory=list)
    affected: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    needs_human: bool = False
    flapping: bool = False
    escalated: float | None = None
    silenced: str = ""
    untold: str = ""

    @property
    def id(self) -> str:
        """The same in every message about it: key and time of its opening."""
        return f"{self.key}@{int(self.opened)}"

    def duration(self) -> float:
        """Seconds from its first sign to its end, or to now."""
        return (self.ended or time.time()) - self.began

    def did(self, what: str) -> None:
        """Note what was done."""
        self.done.append((time.time(), what))

    def as_dict(self) -> dict[str, Any]:
        """Plain data, with the id. Without what is silenced, which an engine of before would not read."""
        return {name: value for name, value in asdict(self).items() if name not in _SILENCES} | {"id": self.id}


def incident_from(raw: Mapping[str, Any]) -> Incident:
    """From what `as_dict` gave."""
    return known_fields(Incident, {**raw, "done": [(float(at), str(what)) for at, what in raw.get("done", [])]})
