# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be backed up, where to, and what is promised: the file that role `backup` derives from the declaration."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from ..contracts.backup_settings import PARTS, BackupSettings, Cluster
from ..contracts.base import option
from ..core.atomic_files import read_text

FOLDER = Path("/etc/latentum-ops/backup")
ROOT = Path("/var/lib/latentum-ops/backups")


class BackupError(Exception):
    """Something about a backup or a restore cannot be; one sentence says what, and what to do."""


@dataclass(frozen=True)
class Settings(BackupSettings):
    """The settings of a stack, and what follows from them on this host; of one of its plans they have what it takes, and nothing else."""

    plan: str = option("Of this plan; of the whole stack when empty.", "", sparse=True)

    @property
    def staging(self) -> Path:
        """Where a run puts what cannot be read in place: dumps, copies of paused volumes, and the facts; of each plan elsewhere."""
        return self.planned / self.plan if self.plan else ROOT / self.stack

    @property
    def planned(self) -> Path:
        """The places of all plans."""
        return ROOT / f"{self.stack}.plans"

    @property
    def parts(self) -> tuple[str, ...]:
        """What is backed up: of the plan, or of all plans together; everything where there are none."""
        plans = [plan for plan in self.plans if self.plan in ("", plan.name)]
        return tuple(part for part in PARTS if any(part in plan.takes for plan in plans)) if plans else PARTS

    def of(self, name: str) -> Settings:
        """What one plan takes, and promises.

        :raises BackupError: it is not declared.
        """
        plan = next((plan for plan in self.plans if plan.name == name), None)
        if plan is None:
            known = ", ".join(plan.name for plan in self.plans)
            raise BackupError(
                f"{name!r} is no plan of {self.stack}: write one of {known}" if known else f"the backups of {self.stack} have no plans"
            )
        return replace(
            self,
            plan=name,
            clusters=self.clusters if "databases" in plan.takes else (),
            caches=self.caches if "caches" in plan.takes else (),
            volumes=self.volumes if "volumes" in plan.takes else (),
            paths=self.paths if "paths" in plan.takes else (),
            retention=plan.retention,
            verify=plan.verify,
            stale_after=plan.stale_after,
        )

    def labelled(self, name: str) -> Settings:
        """The same, with the place of a plan, which need not be declared any more."""
        return replace(self, plan=name)

    def server(self, cluster: Cluster) -> str:
        """Barman's name of a cluster."""
        return f"{self.stack}.{cluster.service}"

    def cluster(self, service: str) -> Cluster:
        """:raises BackupError: no PostgreSQL of this stack is backed up under this name."""
        for cluster in self.clusters:
            if service in (cluster.service, *cluster.databases):
                return cluster
        known = ", ".join(sorted({name for cluster in self.clusters for name in (cluster.service, *cluster.databases)})) or "none"
        raise BackupError(f"{service!r} is no database of {self.stack}: write one of {known}")


def stacks() -> list[str]:
    """The stacks of this host that have backups."""
    return sorted(file.stem for file in FOLDER.glob("*.json"))


def load(stack: str = "") -> Settings:
    """The settings of a stack; of the only one when none is named.

    :raises BackupError: there is none, there are several, or the file is damaged.
    """
    known = stacks()
    if not stack and len(known) != 1:
        raise BackupError(f"this host has backups of {', '.join(known)}: say --stack" if known else "this host has no backups declared")
    text = read_text(FOLDER / f"{stack or known[0]}.json")
    if text is None:
        raise BackupError(f"{stack}: no backups are declared for it on this host; there are: {', '.join(known) or 'none'}")
    try:
        return Settings.from_dict(json.loads(text), tolerant=True)
    except ValueError as error:  # no JSON, or of another form
        raise BackupError(f"{FOLDER / f'{stack or known[0]}.json'} is damaged ({error}): run site.yml with --tags backup") from error
