# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Silences that somebody has made in Alertmanager: the watchdog does not tell of what they cover. It heals it, writes it down and shows it.

What is known outlives a restart of the watchdog, or that would tell of everything. An Alertmanager that does not answer ends nothing at
once, since it may just be started again; but when nobody has confirmed a silence for long, it holds no longer: an alarm too many is
better than a watchdog that says nothing.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.versioned_json import read_state, write_state
from ..monitoring.silences import Silence, SilencesError, covering, read, silence_from
from .failures import Failures
from .incidents import Incident
from .looks import Observation, Token

TOKEN: Token = ("silences",)
EVERY = 10.0  # seconds between two looks
REFRESHED = 60.0  # seconds after which it is written down again that they still hold
PATIENCE = 600.0  # seconds for which silences hold that Alertmanager was not there to confirm
ASKING, SAVING = "asking Alertmanager for its silences", "saving the silences"
# Alertmanager knows an incident by this name (alert_rules/incidents), and what means the very same by these.
INCIDENT = "WatchdogIncident"
_SERVICE, _SUBJECTS = "ServiceDown", {"reboot": "RebootDue", "clock": "ClockOff"}
_PATTERNS = {
    "CertificateEnds": re.compile(r"certificate:.*"),
    "BackupTooOld": re.compile(r"backup (\S+)(?: plan \S+)?"),
    "SecretTooOld": re.compile(r"secret (\S+) \S+"),
}


@dataclass(frozen=True)
class Answer:
    """What Alertmanager has said, or why it has not."""

    silences: tuple[Silence, ...] = ()
    error: str = ""
    ok: bool = True  # the next round is soon enough for it (inbox)


class Silencing:
    """The silences of one host; outlives the settings.

    :param file: where they are kept.
    :param begin: runs a look beside the loop; its result comes back through `take`.
    :param failures: tolerate an Alertmanager that does not answer, and a file that cannot be written.
    """

    def __init__(self, file: Path, begin: Callable[[Token, Callable[[], Any]], None], failures: Failures) -> None:
        self.file = file
        self.begin = begin
        self.failures = failures
        self.address = ""
        self.host = ""
        self._due = float("-inf")
        self._running = False
        self.asked = False
        self._silences: tuple[Silence, ...] = ()
        self._until = float("-inf")
        self._written: list[dict[str, Any]] = []
        self._written_at = float("-inf")
        with failures.tolerate("reading the silences"):
            self._restore()

    def use(self, address: str, host: str) -> None:
        """What the settings say from here on.

        :param address: of Alertmanager; empty for none, and then nothing is silenced.
        :param host: as messages and label C(instance) call this host.
        """
        if address != self.address:
            self._due = float("-inf")
        if not address:
            self._silences = ()
        self.address, self.host = address, host

    @property
    def settled(self) -> bool:
        """What is silenced is known, or nobody will say it."""
        return self.asked or not self.address

    def look(self, now: float) -> None:
        """Begin a look that is due; one that hangs holds up nothing but the next."""
        if not self.address or self._running or now < self._due:
            return
        self._running, self._due = True, now + EVERY
        address = self.address
        self.begin(TOKEN, lambda: _ask(address))

    def take(self, observation: Observation, now: float) -> None:
        """What a look has brought; of one that broke nothing."""
        self._running, self.asked = False, True
        answer = observation.value
        if not isinstance(answer, Answer) or not self.address:
            return
        with self.failures.tolerate(ASKING):
            if answer.error:
                # Only here: a host that stood still for an hour has asked nobody in it.
                self._silences = self._silences if now < self._until else ()
                raise OSError(answer.error)
            self._silences, self._until = answer.silences, now + PATIENCE
            self._save(now)

    def active(self, now: float) -> list[Silence]:
        """Those that hold now. While Alertmanager answers, it alone says which they are: its clock is that of this host."""
        confirmed = self._until - now > PATIENCE - 3 * EVERY
        return [silence for silence in self._silences if confirmed or silence.until > time.time()]

    def of(self, incident: Incident, now: float) -> Silence | None:
        """The silence of an incident."""
        silences = self.active(now)
        return covering(silences, labels_of(incident, self.host), names_of(incident)) if silences else None

    def _restore(self) -> None:
        """Where the watchdog was away, its own time has passed, too."""
        try:
            raw = read_state(self.file, {}, put_aside=True)
            self._silences = tuple(silence_from(silence) for silence in raw.get("silences", []))
            away = max(0.0, time.time() - float(raw.get("at", 0)))
        except (ValueError, KeyError, TypeError, AttributeError):
            return
        self._silences = self._silences if away < PATIENCE else ()
        self._until = time.monotonic() + PATIENCE - away
        self._written = [silence.to_dict() for silence in self._silences]

    def _save(self, now: float) -> None:
        silences = [silence.to_dict() for silence in self._silences]
        if silences == self._written and (not silences or now - self._written_at < REFRESHED):
            return
        write_state(self.file, {"at": time.time(), "silences": silences}, 0o640, os.getuid(), os.getgid())
        self._written, self._written_at = silences, now


def labels_of(incident: Incident, host: str) -> dict[str, str]:
    """The labels of its alert in Alertmanager: what somebody sees there, and silences."""
    kind, colon, name = incident.subject.partition(":")
    labels = {"subject": incident.subject, "severity": incident.severity, "instance": host, "stack": incident.stack}
    if incident.stack and not colon:
        labels["service"] = incident.subject
    if kind in ("site", "certificate") and colon:
        labels["domain"] = name
    for name in ("BackupTooOld", "SecretTooOld"):
        if found := _PATTERNS[name].fullmatch(incident.subject):
            labels["stack"] = found[1]
    return labels


def names_of(incident: Incident) -> Sequence[str]:
    """The names under which Alertmanager may know it. What is only like it, such as errors of a service, is something else."""
    if incident.stack and ":" not in incident.subject:
        return (INCIDENT, _SERVICE)
    alike = [name for name, pattern in _PATTERNS.items() if pattern.fullmatch(incident.subject)]
    return (INCIDENT, *alike, *([_SUBJECTS[incident.subject]] if incident.subject in _SUBJECTS else []))


def _ask(address: str) -> Answer:
    try:
        return Answer(tuple(read(address)))
    except SilencesError as error:
        return Answer(error=str(error))
