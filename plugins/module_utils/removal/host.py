# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host's own configuration has of a stack: what watches it, backs it up, opens ports and bans for it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..backup.settings import FOLDER as BACKUP
from ..contracts.database_exporters import FOLDER as EXPORTERS_FOLDER
from ..contracts.database_exporters import QUERIES as QUERIES_FOLDER
from ..contracts.job_settings import JobSettings
from ..contracts.monitoring import FOLDER as MONITORING_FOLDER
from ..core import paths
from ..core.atomic_files import read_text
from ..delivery import settings as delivery_settings
from ..firewall import containment, policy
from ..hostconfig import sections, service_units, shares, words
from ..hostconfig.entries import Entry
from ..hostconfig.revert_timer import UNITS
from ..hostconfig.transaction import ConfigSet, apply
from ..jobs import units as job_units
from ..watchdog.settings import FOLDER as WATCHDOG
from .report import Report

WATCHDOG_UNIT = "latentum-ops-watchdog.service"
RULE_UNITS = ("latentum-ops-prometheus.service", "latentum-ops-vmalert.service")  # what evaluates rules; a host has one of them
MONITORING = Path(MONITORING_FOLDER)
EXPORTERS, QUERIES = Path(EXPORTERS_FOLDER), Path(QUERIES_FOLDER)
EXPORTERS_UNIT = "latentum-ops-database-exporters.service"


def watchdog(stack: str, report: Report) -> None:
    """First of all: nobody is to heal, or to be alarmed by, what is being taken away."""
    file = WATCHDOG / f"{stack}.json"
    if not file.exists():
        return
    report.goes("watchdog", str(file))
    activate = [["systemctl", "reload", WATCHDOG_UNIT]]
    entries = [Entry(path=file, state="absent")]
    apply(ConfigSet("watchdog", entries, activate=activate, activate_unit=WATCHDOG_UNIT, journal=True), check_mode=report.check)


def monitoring(stack: str, report: Report) -> None:
    """Its rules. Who is told of it stays in Alertmanager, which is of all stacks, until site.yml runs; without rules it tells nothing."""
    files = [file for kind in ("stack", "slo") if (file := MONITORING / "rules" / f"{kind}-{stack}.yml").exists()]
    if not files:
        return
    for file in files:
        report.goes("monitoring", str(file))
    entries = [Entry(path=file, state="absent") for file in files]
    unit = next((unit for unit in RULE_UNITS if (UNITS / unit).exists()), RULE_UNITS[0])
    apply(
        ConfigSet("monitoring", entries, activate=[["systemctl", "reload", unit]], activate_unit=unit, journal=True),
        check_mode=report.check,
    )


def exporters(stack: str, report: Report) -> None:
    """Exporters of its databases: what starts them ends those that nobody declares, and forgets their passwords."""
    file = EXPORTERS / f"{stack}.json"
    if not file.exists():
        return
    report.goes("exporters", str(file))
    queries = [path for kind in ("yml", "lua") for path in sorted(QUERIES.glob(f"{stack}.*.{kind}"))]
    entries = [Entry(path=path, state="absent") for path in (file, *queries)]
    activate = [["systemctl", "start", "--no-block", EXPORTERS_UNIT]]
    apply(ConfigSet("exporters", entries, activate=activate, journal=True), check_mode=report.check)


def deliveries(stack: str, report: Report) -> None:
    """Who may bring it a release, and what is left of those that came: both daemons read it anew each time."""
    file, folder = delivery_settings.file_of(stack), paths.DELIVERIES / "queue" / stack
    if file.exists():
        report.goes("deliveries", str(file))
        apply(ConfigSet("deploy_hook", [Entry(path=file, state="absent")], journal=True), check_mode=report.check)
    delivered = paths.DELIVERED / f"{stack}.yml"
    for path in (delivered, folder):
        if path.exists():
            report.goes("deliveries", str(path))
            if not report.check:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def backups(stack: str, report: Report) -> None:
    """Timers, receivers of WAL and what they read; repositories, their keys and local copies are no part of the host's configuration."""
    units = service_units.look(_backup_units(stack))
    steps = list(service_units.steps(units.values(), "stopped", enabled=False))
    for step in steps:
        report.goes("unit", str(step))
        if not report.check:
            service_units.take(step)
    folder = BACKUP / stack
    timers = [UNITS / f"latentum-ops-{verb}@{stack}.timer" for verb in ("backup", "push")] + _plan_timers(stack)
    files = [path for path in (*timers, BACKUP / f"{stack}.json", *folder.glob("*.pem")) if path.exists()]
    for path in files:
        report.goes("backup", str(path))
    entries = [Entry(path=path, state="absent") for path in files]
    apply(ConfigSet(f"backup_{stack}", entries, activate=[["systemctl", "daemon-reload"]], journal=True), check_mode=report.check)
    if not report.check:
        shutil.rmtree(folder, ignore_errors=True)


def rotations(stack: str, report: Report) -> None:
    """The timer that ends values from before of rotated secrets; its files are of all stacks."""
    timer = f"latentum-ops-rotation@{stack}.timer"
    if not (UNITS / "timers.target.wants" / timer).exists():
        return
    for step in service_units.steps(service_units.look([timer]).values(), "stopped", enabled=False):
        report.goes("unit", str(step))
        if not report.check:
            service_units.take(step)


def jobs(stack: str, report: Report) -> None:
    """Their timers first: nothing is to begin in what is being taken away. A run that is under way loses its container with all others."""
    gone = job_units.bring(JobSettings(stack, ""), check_mode=report.check)
    for step in gone.steps:
        report.goes("unit", str(step))
    for path in gone.paths:
        report.goes("job", path)


def _backup_units(stack: str) -> list[str]:
    """Those of this stack that systemd may know; the receivers are named after the services of databases."""
    wanted = UNITS / "multi-user.target.wants"
    receivers = [path.name for path in wanted.glob(f"latentum-ops-wal@{stack}.*.service")]
    plans = [f"{timer.stem}.{kind}" for timer in _plan_timers(stack) for kind in ("timer", "service")]
    return [f"latentum-ops-{verb}@{stack}.{kind}" for verb in ("backup", "push") for kind in ("timer", "service")] + plans + receivers


def _plan_timers(stack: str) -> list[Path]:
    return sorted(UNITS.glob(f"latentum-ops-backup@{stack}.*.timer"))


def firewall(stack: str, report: Report) -> None:
    """Rules that no other stack and nobody of the host wants."""
    if not report.check:
        containment.keep_access(stack, None)
    if not shares.path_of(stack, policy.NAME).exists():
        return
    recorded = policy.of_host()
    if recorded is None:
        report.stays("firewall rules", "nobody has recorded the host's own ones: the next run of role firewall closes them")
        return
    outcome = policy.apply(recorded, check_mode=report.check, without=stack)
    for line in sorted(set(outcome.before.splitlines()) - set(outcome.after.splitlines())):
        report.goes("firewall rule", line.strip())


def bans(stack: str, report: Report) -> None:
    """Jails that no other stack needs."""
    entries, recorded, names = sections.without("fail2ban", stack)
    test, load = ["fail2ban-client", "-t"], ["fail2ban-client", "reload"]
    _give_back("fail2ban", "fail2ban.service", entries, recorded, report, goes=("jail", names), test=test, load=load)


def forwarding(stack: str, report: Report) -> None:
    """Ports on loopback that sshd forwards to for no other stack; those who are logged in keep what they have."""
    entries, recorded, ports = words.without("sshd", stack)
    test, load = ["sshd", "-t"], ["systemctl", "reload", "ssh.service"]
    _give_back("sshd", "ssh.service", entries, recorded, report, goes=("forwarding", ports), test=test, load=load)


def _give_back(
    name: str,
    unit: str,
    entries: Sequence[Entry],
    recorded: Sequence[Entry],
    report: Report,
    *,
    goes: tuple[str, Sequence[str]],
    test: list[str],
    load: list[str],
) -> None:
    """Write a configuration that several stacks share without the part of one, and its record with it.

    :param goes: what the report calls the things that go, and their names.
    """
    kind, names = goes
    for thing in names:
        report.goes(kind, thing)
    wanted = ConfigSet(
        name=name,
        entries=entries,
        validate=[test] if entries else [],
        activate=[load],
        activate_unit=unit,
        journal=True,
        recorded=recorded,
    )
    apply(wanted, check_mode=report.check)


def files(stack: str, directory: str, report: Report, *, described: Path, states: Mapping[str, Path], others: list[Path]) -> None:
    """The stack's folder and its state, of which some has folders of its own; what somebody else put into its folder stays."""
    folder = Path(directory)
    for path in (folder / "compose.yaml", folder / ".env", described, *others):
        if path.is_file() and (path.parent != folder or _ours(path)):
            report.goes("file", str(path))
            if not report.check:
                path.unlink(missing_ok=True)
    for what, state in states.items():
        if state.exists():
            report.goes(what, str(state))
            if not report.check:
                shutil.rmtree(state)
    if folder.is_dir() and not report.check:
        if any(folder.iterdir()):
            report.stays("folder", f"{folder}: it holds files of others")
        else:
            folder.rmdir()
            report.goes("folder", str(folder))


def _ours(path: Path) -> bool:
    return (read_text(path) or "").startswith("# Written by latentum.ops")
