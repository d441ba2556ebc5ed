# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup is what has been restored: the newest snapshot of a target, brought back and questioned, beside the production.

Nothing of it touches the network or the data of the real containers. What fails is noted, told by the watchdog, and leaves the age of the
last restorable backup growing.
"""

from __future__ import annotations

import filecmp
import json
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..containers.client import Engine
from ..contracts.backup_settings import Target
from ..core.format import size
from ..core.progress import Progress
from . import container_files, proof, redis, scratch_container, state
from .barman import Barman, can_check
from .proof import Finding
from .restic import Repository, Snapshot
from .running import KIND_BACKUP, TURN, alone, plan_of, repository, tags
from .settings import BackupError, Settings

WORK = Path("/var/lib/latentum-ops/verify")
ROOM = 1.2  # free space wanted, as a share of what is written
SAME, CHANGED, DIFFERS = "same", "changed", "differs"
PARTS = 30  # of the repository's data, one is read back with each verification


@dataclass
class Verdict:
    """What a verification found."""

    target: str
    snapshot: str = ""
    taken: float = 0.0
    seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list)
    takes: tuple[str, ...] = ()  # what the snapshot of a plan holds

    @property
    def ok(self) -> bool:
        """Everything that was looked at is as it should be, and something was."""
        return bool(self.findings) and all(finding.ok for finding in self.findings)

    @property
    def error(self) -> str:
        """What is not; empty for nothing."""
        return "; ".join(f"{finding.name}: {finding.found}" for finding in self.findings if not finding.ok)


def verify(engine: Engine, settings: Settings, progress: Progress, name: str = "", snapshot: str = "") -> Verdict:
    """Bring a snapshot back and question it; the newest of the target that was verified longest ago, unless both are named.

    :raises BackupError: there is nothing to verify, or no room for it.
    """
    with alone(settings.stack, "verification", TURN if settings.plan else 0):
        target = _target(settings, name)
        verdict, began = Verdict(target.name), time.monotonic()
        try:
            _verify(engine, settings, progress, target, verdict, snapshot)
        except Exception as error:  # of the target, of Docker, of a program: whatever it is, nothing has been proven
            verdict.findings.append(Finding("restore", False, str(error) or repr(error)))
        verdict.seconds = time.monotonic() - began
        _note(settings, verdict)
    return verdict


def _target(settings: Settings, name: str) -> Target:
    known = {target.name: target for target in settings.targets}
    if name and name not in known:
        raise BackupError(f"{name!r} is no target of {settings.stack}: write one of {', '.join(known)}")
    if name:
        return known[name]
    noted = {target.name: state.of_target(settings, target.name) for target in settings.targets}
    pushed = [target for target in settings.targets if noted[target.name].get("pushed")]
    if not pushed:
        of = f" --plan {settings.plan}" if settings.plan else ""
        raise BackupError(
            f"{settings.stack} has no backup yet{of and f' of {settings.plan}'}: opsctl backup run{of} --stack {settings.stack}"
        )
    return min(pushed, key=lambda target: float(noted[target.name].get("verified_at", 0.0)))


def _verify(engine: Engine, settings: Settings, progress: Progress, target: Target, verdict: Verdict, wanted: str) -> None:
    repo = repository(target)
    repo.reachable()
    chosen = choose(repo, settings, wanted)
    settings = settings if settings.plan else settings.labelled(plan_of(chosen))
    verdict.snapshot = chosen.id
    progress.say(f"{target.name}: bringing back snapshot {chosen.id[:8]}, {size(chosen.bytes)}")
    with workplace(engine, settings.stack, need=2 * chosen.bytes) as work:
        tree = work / "tree"
        repo.restore(chosen.id, tree, verify=True)
        verdict.findings.append(Finding("files", True, f"{chosen.files} files, {size(chosen.bytes)}, each read back"))
        facts = read_facts(settings, tree)
        verdict.taken = float(facts["at"])
        verdict.takes = tuple(facts.get("takes", ()))
        verdict.findings += _volumes(facts, tree)
        for service, about in facts["clusters"].items():
            progress.say(f"{service}: recovering")
            verdict.findings += [
                Finding(f"{service}: {finding.name}", finding.ok, finding.found)
                for finding in _cluster(engine, settings, work, service, about, facts, progress)
            ]
        for service, about in facts["caches"].items():
            progress.say(f"{service}: loading")
            verdict.findings.append(_cache(engine, settings, work, service, about, tree))
    part = 1 + int(state.read(settings.stack).get("targets", {}).get(target.name, {}).get("part", 0)) % PARTS
    repo.check(part, PARTS)
    state.note(settings.stack, "targets", target.name, part=part)
    verdict.findings.append(Finding("repository", True, f"consistent; part {part} of {PARTS} of its data read"))


def choose(repo: Repository, settings: Settings, wanted: str = "") -> Snapshot:
    """A backup of the stack, or of the plan: the newest, or the one with this id.

    :raises BackupError: there is none.
    """
    snapshots = repo.snapshots(tags=tags(settings, KIND_BACKUP))
    if wanted:
        snapshots = [snapshot for snapshot in snapshots if snapshot.id.startswith(wanted)]
    if not settings.plan:  # what plans left that are not declared any more is looked at by its id alone
        snapshots = [snapshot for snapshot in snapshots if wanted or not plan_of(snapshot)]
    if not snapshots:
        of = f"the plan {settings.plan} of {settings.stack}" if settings.plan else settings.stack
        what = f"no backup {wanted} of {of}" if wanted else f"no backup of {of}"
        raise BackupError(f"{what} is there: opsctl backup list --stack {settings.stack}")
    return max(snapshots, key=lambda snapshot: snapshot.time)


@contextmanager
def workplace(engine: Engine, stack: str, need: float, use: str = "") -> Iterator[Path]:
    """An empty folder with enough room, gone afterwards with all containers that used it.

    :param use: what it is for besides a verification: each use has one place, one lock, and containers of its own.
    :raises BackupError: it is in use, or the disk is too full.
    """
    with alone(stack, use or "verify"), _cleared(engine, stack, need, use) as work:
        yield work


@contextmanager
def _cleared(engine: Engine, stack: str, need: float, use: str) -> Iterator[Path]:
    WORK.mkdir(mode=0o711, parents=True, exist_ok=True)
    work = WORK / f"{stack}.{use or 'verify'}"
    scratch_container.remove_all(engine, stack, use)
    shutil.rmtree(work, ignore_errors=True)
    free = shutil.disk_usage(WORK).free
    if free < ROOM * need:
        raise BackupError(f"{WORK} has {size(free)} free, and {size(int(ROOM * need))} are needed: make room, nothing was changed")
    # Barman's user goes through to what is its own, and sees nothing else; whatever the umask of the unit is.
    for folder in (WORK, work, work / "tree"):
        folder.mkdir(mode=0o711, exist_ok=True)
        folder.chmod(0o711)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def read_facts(settings: Settings, tree: Path) -> dict[str, Any]:
    """What is what in a backup.

    :raises BackupError: it is of another stack, or of a newer version.
    """
    file = tree / str(settings.staging).lstrip("/") / "facts.json"
    try:
        facts: dict[str, Any] = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise BackupError(f"the backup has no readable facts.json: it is of another stack, or damaged ({error})") from error
    stack, form = (facts.get("stack"), facts.get("format")) if isinstance(facts, dict) else (None, None)
    if stack != settings.stack or form != 1:
        raise BackupError(f"the backup is of the stack {stack} in format {form}: this is {settings.stack} and format 1")
    return facts


def copy_of(about: Mapping[str, Any], tree: Path) -> Barman:
    """Barman for what a snapshot holds of a cluster."""
    home = tree / "var/lib/barman"
    for parent in (tree / "var", tree / "var/lib"):
        parent.chmod(0o711)
    barman = Barman(str(about["server"]), home)
    barman.stand_alone(int(about["version"]) // 10000)
    return barman


def _cluster(
    engine: Engine, settings: Settings, work: Path, service: str, about: Mapping[str, Any], facts: Mapping[str, Any], progress: Progress
) -> list[Finding]:
    barman = copy_of(about, work / "tree")
    base = barman.base_for(None)
    raw = container_files.inspect(engine, container_files.running(engine, settings.stack, service))
    if can_check(int(about["version"]) // 10000):
        barman.check(base)
    else:
        proof.checksums(engine, raw, settings.stack, barman.data_of(base), progress.wait)
    data = work / "recovered" / str(about["server"])
    barman.recover(base, data, None)
    container_files.own(data, about["owner"])
    began = time.monotonic()
    with proof.recovered(engine, raw, settings.stack, data, about, progress.wait) as psql:
        findings = [Finding("recovery", True, f"base {base.id} and its WAL, {time.monotonic() - began:.1f} s")]
        progress.say(f"{service}: pg_amcheck, dumps and questions")
        findings.append(proof.amcheck(psql))
        findings += proof.dumps(psql, work / "tree" / str(settings.staging).lstrip("/") / "dumps", about)
        mine = [check for check in settings.checks if check.service == service]
        findings += proof.ask(psql, mine, float(facts["at"]))
    return findings


def _cache(engine: Engine, settings: Settings, work: Path, service: str, about: Mapping[str, Any], tree: Path) -> Finding:
    folder = work / "cache" / service
    folder.mkdir(mode=0o755, parents=True)
    raw = container_files.inspect(engine, container_files.running(engine, settings.stack, service))
    try:
        keys = redis.bring_back(engine, raw, settings.stack, about, redis.place(settings, tree, about), folder)
    except BackupError as error:
        return Finding(service, False, str(error))
    return Finding(service, True, f"{keys} keys loaded, at least {about['keys']} were there")


def _volumes(facts: Mapping[str, Any], tree: Path) -> Iterator[Finding]:
    """Files that nobody has touched since are the same, byte by byte, as those of the production."""
    for name, about in facts["volumes"].items():
        real, copy = Path(about["folder"]), tree / str(about["folder"]).lstrip("/")
        if not copy.is_dir():
            yield Finding(f"volume {name}", False, f"{real} is not in the backup")
            continue
        files = [file for file in copy.rglob("*") if file.is_file() and not file.is_symlink()]
        outcomes = {file: _compared(file, real / file.relative_to(copy)) for file in files}
        wrong = [str(file.relative_to(copy)) for file, outcome in outcomes.items() if outcome == DIFFERS]
        counted = Counter(outcomes.values())
        text = f"{counted[SAME]} files equal to the production's, {counted[CHANGED]} changed since"
        yield Finding(f"volume {name}", not wrong, f"differs: {', '.join(wrong[:5])}" if wrong else text)


def _compared(file: Path, other: Path) -> str:
    """What is written while it is read has changed: it proves nothing against the backup."""
    if not _untouched(file, other):
        return CHANGED
    try:
        if filecmp.cmp(file, other, shallow=False):
            return SAME
    except OSError:  # removed in between
        return CHANGED
    return DIFFERS if _untouched(file, other) else CHANGED


def _untouched(file: Path, other: Path) -> bool:
    try:
        stat, two = file.stat(), other.stat()
    except OSError:
        return False
    return (stat.st_size, stat.st_mtime_ns) == (two.st_size, two.st_mtime_ns)


def _note(settings: Settings, verdict: Verdict) -> None:
    shown = {
        "at": time.time(),
        "ok": verdict.ok,
        "error": verdict.error,
        "seconds": verdict.seconds,
        "target": verdict.target,
        "snapshot": verdict.snapshot,
        "taken": verdict.taken,
        "checks": [finding.as_dict() for finding in verdict.findings],
    }
    if settings.plan:
        shown["plan"] = settings.plan
    state.record(settings, "verify", **shown)
    state.record(settings, "targets", verdict.target, verified_at=time.time())
    if verdict.ok:
        if settings.plans:
            state.update(settings.stack, lambda noted: _proven_part(noted, verdict, settings))
        elif not verdict.takes:  # else of a plan that is declared no more: the stack is more than it holds
            state.update(settings.stack, lambda noted: _proven(noted, verdict))


def _proven_part(noted: dict[str, Any], verdict: Verdict, settings: Settings) -> None:
    """With plans the stack as a whole is as old as the oldest of its parts. What backups of everything had proven before counts on."""
    before, parts = float(noted.get("restorable", 0.0)), noted.setdefault("parts", {})
    every = settings.labelled("").parts
    for part in every:
        proven = verdict.taken if part in (verdict.takes or every) else 0.0
        parts[part] = max(proven, float(parts.get(part, before)))
    _proven(noted, verdict)
    noted["restorable"] = min(parts[part] for part in every)
    if settings.plan:
        _proven(noted.setdefault("plans", {}).setdefault(settings.plan, {}), verdict)


def _proven(noted: dict[str, Any], verdict: Verdict) -> None:
    """The proof of an older backup takes nothing back of what is known of a newer one."""
    noted["restorable"] = max(verdict.taken, float(noted.get("restorable", 0.0)))
    target = noted.setdefault("targets", {}).setdefault(verdict.target, {})
    if verdict.taken >= float(target.get("restorable", 0.0)):
        target |= {"verified": verdict.snapshot, "restorable": verdict.taken}
