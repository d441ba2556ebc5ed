# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs of a stack (filter jobs_config): one file a stack in /etc/latentum-ops/jobs, written by module jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .base import Contract, option
from .freshness import Freshness

DAY = 86400
HOSTS = ("one", "all")
SEVERITIES = ("critical", "warning")
NOTIFY = ("failure", "success")
FIRST_START = "before_first_start"


@dataclass(frozen=True)
class Job(Contract):
    """One job. Times in seconds."""

    name: str = option("Its name.")
    service: str = option(
        "The service whose container it runs in: image, secrets, networks, user and limits are those of the live release."
    )
    command: tuple[str, ...] = option("Its words, in place of the command of the service; no shell is between.", ())
    schedule: str = option("When it runs, a calendar expression of systemd with its time zone; empty for by hand alone.", "")
    jitter: float = option("It begins up to so many seconds later.", 0, least=0, most=DAY)
    timeout: float = option("An attempt that takes longer than so many seconds is stopped, and has failed.", 3600, least=1, most=7 * DAY)
    retries: int = option("So often it is tried again after it has failed.", 0, least=0, most=20)
    retry_delay: float = option("Seconds between two attempts.", 60, least=0, most=DAY)
    catch_up: bool = option("A run that the host missed because it was off is made good when it is back.", True)
    lock: bool = option("It holds the lock of the stack while it runs: no deployment, no backup and no restore at the same time.", False)
    hosts: str = option("On which hosts of the stack it runs, V(one) or V(all).", "one", choices=HOSTS)
    host: str = option("Of V(one), which; the first host of the stack where it is empty.", "")
    environment: Mapping[str, str] = option("Variables beside those of the service. Nothing secret.", {})
    memory: str = option("Memory of its container in place of that of the service, as Compose writes sizes.", "")
    cpus: float = option("Processors of its container in place of those of the service.", 0, least=0, most=1024)
    once: str = option(
        "V(before_first_start) runs it once, when the stack is started for the first time; then it is done for good.",
        "",
        choices=("", FIRST_START),
    )
    required_by: tuple[str, ...] = option("Services that are not started for the first time before it has succeeded once.", ())
    deploys: tuple[str, ...] = option(
        "Models that are deployed after a success, with what their alias is then; a version that is taken back is a failure of the job.",
        (),
        sparse=True,
    )
    severity: str = option("What its failure is.", "warning", choices=SEVERITIES)
    notify: str = option(
        "V(failure) tells only of what goes wrong; V(success) also of each success, to alerts with the severity V(info).",
        "failure",
        choices=NOTIFY,
    )
    late_after: float = option(
        "A last success that is older than so many seconds is an incident; V(0) is never.", 0, least=0, most=3660 * DAY
    )
    fresh: tuple[Freshness, ...] = option("What it leaves, and how old that may get.", ())

    @property
    def attempts(self) -> int:
        """How often it is tried at the most."""
        return self.retries + 1

    @property
    def longest(self) -> float:
        """Seconds that all attempts take at the most, without the time to stop."""
        return self.attempts * self.timeout + self.retries * self.retry_delay


@dataclass(frozen=True)
class JobSettings(Contract):
    """The jobs of one stack on one host."""

    stack: str = option("Name of the stack.")
    directory: str = option("The folder of the stack.")
    jobs: tuple[Job, ...] = option("Its jobs.", ())
    host: str = option("This host, as the inventory calls it.", "")
    leader: str = option("The host of the stack that runs what only one host runs, where a job does not name it.", "")

    def here(self, job: Job) -> bool:
        """It runs on this host."""
        return job.hosts == "all" or not self.host or (job.host or self.leader or self.host) == self.host

    def job(self, name: str) -> Job | None:
        """One of them by name."""
        return next((job for job in self.jobs if job.name == name), None)
