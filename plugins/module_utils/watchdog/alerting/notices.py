# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alerting: notices go to the spool, and from the spool, by a process of its own, to the receivers."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import build_opener

from ...contracts.watchdog_settings import DeadmanSpec
from ...core.journal import log
from .. import runbooks
from ..credentials import path_of
from ..deployments import Deployment
from ..failures import Failures
from ..incidents import Incident
from ..judgement import Transition
from ..settings import Settings
from .routes import load_alerts, reminders_for
from .spool import Spool

DELIVER = ["/usr/local/sbin/opsctl", "alert", "deliver"]
PATIENCE = 300.0  # seconds for one round of deliveries
REMIND = 10.0  # seconds between two looks for reminders that are due
IDLE = 60.0  # seconds after which the spool is looked at without a reason: a deliverer is half a second of processor time
HOUSEKEEPING = 3600.0  # seconds after which a deliverer runs with nothing to deliver, to clear away what is old


class Alerting:
    """The voice of the watchdog. Deliveries run as short processes: the libraries that speak to receivers are large, and may hang.

    :param settings: of all stacks.
    :param host: name of this host, as messages give it.
    :param failures: tolerate a reminder that cannot be spooled and a deliverer that cannot be started.
    :param before: the voice of the settings before; this one goes on with its deliverer and with what that one said last.
    """

    def __init__(self, settings: Settings, host: str, spool: Spool, failures: Failures, before: Alerting | None = None) -> None:
        self.settings = settings
        self.host = host
        self.spool = spool
        self.failures = failures
        self.alerts = load_alerts()
        self.summary: dict[str, Any] = before.summary if before else {"waiting": 0, "failed": {}, "last_sent": {}}
        self._child: subprocess.Popen[bytes] | None = before._child if before else None
        self._child_since: float = before._child_since if before else float("-inf")
        self._announced: set[str] = before._announced if before else set()
        self._next = self._reminded = 0.0
        self._fresh = before is not None  # a deliverer that runs has read the routes of before

    def tell(self, transition: Transition) -> None:
        """Spool a message to everybody whom it concerns; what they were told before is not told again."""
        try:
            self.spool.tell(self.notice(transition.what, transition.incident), self.alerts.routes)
        except OSError as error:
            log(f"watchdog: {transition.what} of {transition.incident.key} cannot be told: {error}")
        self._next, self._fresh = 0.0, True

    def succeeded(self, successes: Iterable[Incident]) -> None:
        """Spool the success of jobs for whoever wants to hear of it; the spool knows what was told."""
        for success in successes:
            if success.id in self._announced:
                continue
            self._announced.add(success.id)
            self.tell(Transition("success", success))

    def deployed(self, deployment: Deployment) -> None:
        """Spool the notice of a deployment for whoever asked for it; what they were told before is not told again.

        :raises OSError: it cannot be spooled.
        """
        incident = deployment.incident
        notice = {"what": "deployment", "host": self.host, "at": incident.ended, "incident": incident.as_dict(), "runbook": ""}
        if self.spool.tell(notice | {"ending": deployment.ending.value, "facts": deployment.facts}, self.alerts.routes):
            self._next, self._fresh = 0.0, True

    def notice(self, what: str, incident: Incident) -> dict[str, Any]:
        """A message as it is spooled."""
        stack = self.settings.stack(incident.stack)
        runbook = stack.runbook_of(incident.subject, runbooks.of(incident.stack, incident.subject)) if stack else ""
        # The same time each time: a watchdog that was killed between remembering and telling tells it again.
        at = {"open": incident.opened, "escalate": incident.escalated, "end": incident.ended, "success": incident.ended}.get(
            what
        ) or time.time()
        return {"what": what, "host": self.host, "at": at, "incident": incident.as_dict(), "runbook": runbook}

    def remind(self, incidents: Sequence[Incident], quiet: Mapping[str, str], now: float) -> None:
        """Tell again of what is still open, each route by its own interval.

        :param quiet: keys that are not to be told of now.
        """
        if now < self._reminded + REMIND:
            return
        self._reminded = now
        for incident in incidents:
            routes = (
                []
                if incident.key in quiet
                else reminders_for(incident.as_dict(), self.alerts.routes, self.spool.deliveries(incident.id), time.time())
            )
            if routes:
                with self.failures.tolerate("spooling reminders"):
                    self.spool.put(self.notice("reminder", incident), routes)
                self._next, self._fresh = 0.0, True

    def deliver(self, now: float) -> bool:
        """Keep one deliverer running while something is due; returns whether the summary is new."""
        if self._child is None:
            if now >= self._next:
                self._start(now)
            return False
        if self._child.poll() is None:
            if now - self._child_since > PATIENCE:
                self._child.kill()
            return False
        output = self._child.stdout.read() if self._child.stdout else b""
        self._child = None
        self._next = now if self._fresh else now + IDLE  # something was put while it ran
        try:
            self.summary = json.loads(output)
        except ValueError:
            self.summary["failed"] = {"deliverer": "it ended without a result; `opsctl alert deliver`"}
        if self.summary.get("next") is not None and not self._fresh:
            self._next = now + max(0.5, float(self.summary["next"]) - time.time())
        return True

    def _start(self, now: float) -> None:
        """Start a deliverer if there is something to deliver, or nobody has looked for long."""
        self._next = now + IDLE
        if not (self._fresh or self.spool.pending() or now - self._child_since >= HOUSEKEEPING):
            return
        with self.failures.tolerate("starting the deliverer"):
            self._child = subprocess.Popen(
                DELIVER, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=os.environ | {"LC_ALL": "C.UTF-8"}
            )
            self._fresh, self._child_since = False, now
            return
        self._next = now  # with the next round


class Deadman:
    """Tells somebody outside, as long as all is well; silence is the alarm."""

    def __init__(self, specs: Sequence[DeadmanSpec]) -> None:
        self.specs = list({spec.url_file: spec for spec in specs}.values())
        self.due = dict.fromkeys((spec.url_file for spec in self.specs), 0.0)
        self.error = ""

    def pings(self, now: float) -> list[str]:
        """The files of the URLs to ask now."""
        files = []
        for spec in self.specs:
            if now >= self.due[spec.url_file]:
                self.due[spec.url_file] = now + spec.interval
                files.append(spec.url_file)
        return files

    @staticmethod
    def ping(file: str) -> str:
        """One request; returns what went wrong, without the URL, which is a secret."""
        try:
            url = path_of(file).read_text().strip()
            if not url.startswith(("http://", "https://")):
                return "the dead-man's switch has no URL of http or https"
            with build_opener().open(url, timeout=15):
                return ""
        except HTTPError as error:
            return f"the dead-man's switch answered {error.code}"
        except (OSError, ValueError, HTTPException) as error:
            return f"the dead-man's switch could not be asked: {type(error).__name__}"
