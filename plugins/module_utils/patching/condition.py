# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether apt and dpkg can work on this host: their lists, locks and database, and room on the disks."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..core.atomic_files import read_text
from ..core.format import size
from ..core.locks import await_record_lock, record_holder
from ..core.process import CommandError, run
from ..hostconfig import apt
from .obstacle import Kind, Obstacle
from .upgrades import Plan

LOCKS = (Path("/var/lib/dpkg/lock-frontend"), Path("/var/lib/dpkg/lock"))
LISTS_LOCK = apt.LISTS / "lock"
JOURNAL = Path("/var/lib/dpkg/updates")  # of a dpkg that works, or was stopped while it did
ARCHIVES, SYSTEM, BOOT = Path("/var/cache/apt/archives"), Path("/usr"), Path("/boot")
UNPACKED = 3  # times the size of the packages: they are unpacked beside what they replace
MARGIN = 100 << 20  # bytes that stay free in any case
INITRD = 1.2  # times the largest that is there
# What apt says of a repository, and what it means; each was recorded.
_CAUSES = (
    (re.compile(r"is not valid yet \(invalid for another ([^)]+)\)"), "this host's clock is behind by {0} or more: set it (timedatectl)"),
    (re.compile(r"is expired \(invalid since ([^)]+)\)"), "its mirror is not updated any more, or the clock is ahead: expired since {0}"),
    (re.compile(r"EXPKEYSIG (\S+)"), "the key {0} that signs it has expired: get the new one from whoever runs the repository"),
    (re.compile(r"NO_PUBKEY (\S+)"), "it is signed by the key {0}, which is not here: get it from whoever runs the repository"),
    (re.compile(r"repository '([^']+)' is not signed"), "{0} is not signed: correct or remove its entry in /etc/apt"),
    (re.compile(r"does not have a Release file"), "the address has no such suite: correct or remove its entry in /etc/apt"),
    (re.compile(r"Temporary failure resolving '([^']+)'|Could not resolve '([^']+)'"), "its name {0} cannot be resolved: look at DNS"),
    (re.compile(r"Hash Sum mismatch"), "the mirror is being updated: try again in some minutes"),
    (re.compile(r"No space left on device"), "the disk is full"),
)  # fmt: skip
_HALF = re.compile(r"half configured|half installed|not yet configured|in a mess")
_FAILED = re.compile(r"^(?:E|W|Err:\d+): ?(.*(?:Failed to fetch|Release file|GPG error|repository|signatures).*)$", re.MULTILINE)


def fetch(lock_timeout: float) -> Iterator[Obstacle]:
    """Fetch the lists of packages; what stands against their use."""
    try:
        apt.fetch_lists(strict=True, patience=lock_timeout)
    except CommandError as error:
        if "Could not get lock" in error.stderr:
            yield _locked(LISTS_LOCK, lock_timeout)
        else:
            yield Obstacle(Kind.LISTS, why(f"{error.stdout}\n{error.stderr}") or str(error))


def why(output: str) -> str:
    """What apt says of lists that it could not fetch, with what it means; empty where it says nothing of them."""
    lines = list(dict.fromkeys(match.strip() for match in _FAILED.findall(output)))
    if not lines:
        return ""
    causes = []
    for pattern, meaning in _CAUSES:
        if match := pattern.search(output):
            causes.append(meaning.format(next(filter(None, match.groups()), "")))
    return f"the package lists cannot be fetched: {'; '.join(causes) or 'look at the address and the network'}. apt says: {lines[0][:300]}"


def locks(timeout: float) -> Iterator[Obstacle]:
    """Another program works with packages, and did not end in time."""
    for path in LOCKS:
        if not await_record_lock(path, timeout):
            yield _locked(path, timeout)
            return


def _locked(path: Path, waited: float) -> Obstacle:
    pid = record_holder(path)
    who = f"{holder_name(pid)} (process {pid})" if pid else "another program"
    text = f"{path} is held by {who}; waited {waited:g} s: try again when it is done, or raise patch_lock_timeout"
    return Obstacle(Kind.LOCK, text)


def holder_name(pid: int) -> str:
    """How a process is called; a script by its own name rather than that of its interpreter."""
    words = (read_text(f"/proc/{pid}/cmdline") or "").split("\0")
    if len(words) > 1 and re.match(r"(python|perl)[0-9.]*$", Path(words[0]).name):
        words = [word for word in words[1:] if word and not word.startswith("-")] or words
    return Path(words[0]).name or (read_text(f"/proc/{pid}/comm") or "a program").strip()


def database(*, repair: bool) -> Iterator[Obstacle]:
    """dpkg was interrupted, or packages are half there."""
    interrupted = any(re.fullmatch(r"[0-9]+", file.name) for file in JOURNAL.glob("*")) if JOURNAL.is_dir() else False
    audit = broken()
    if (interrupted or audit) and repair:
        return
    if interrupted:
        text = "dpkg was interrupted before: look why, and run `dpkg --configure -a`, or let this run do it with -e patch_repair=true"
        yield Obstacle(Kind.INTERRUPTED, text)
    if audit:
        text = f"dpkg says of {', '.join(audit)} that they are not whole: look at `dpkg --audit`;"
        yield Obstacle(Kind.DPKG, f"{text} -e patch_repair=true finishes what was interrupted")


def broken() -> list[str]:
    """Packages that ``dpkg --audit`` calls half there. Those that wait for a trigger are finished by the next update, and what it says of
    checksums and architectures stands against none."""
    names, head = [], ""
    for line in run(["dpkg", "--audit"], check=False).stdout.splitlines():
        if line.startswith(" "):
            names += [line.split()[0]] if _HALF.search(head) else []
        else:
            head = f"{head} {line}" if line else ""
    return names


def repair() -> None:
    """Finish an update that was interrupted, and keep configuration files that were changed.

    :raises CommandError: it cannot be finished.
    """
    run(["dpkg", "--configure", "--pending", "--force-confdef", "--force-confold"], env=apt.ENVIRONMENT, timeout=1800)


def room(plan: Plan) -> Iterator[Obstacle]:
    """The disks are large enough for what is fetched, unpacked, and put into /boot."""
    wanted: dict[int, tuple[Path, int, list[str]]] = {}
    for place, count, what in _needs(plan):
        device = place.stat().st_dev
        before = wanted.get(device, (place, MARGIN, []))
        wanted[device] = (before[0], before[1] + count, [*before[2], what])
    for place, count, reasons in wanted.values():
        free = os.statvfs(place)
        have = free.f_bavail * free.f_frsize
        if have < count:
            hint = (
                "`apt-get autoremove --purge` removes old kernels"
                if place == BOOT
                else "`apt-get clean`, `opsctl check` and `journalctl --vacuum-size` help"
            )
            text = f"{place}: {size(have)} are free, and {size(count)} are needed ({', '.join(reasons)}): {hint}"
            yield Obstacle(Kind.DISK, text)


def _needs(plan: Plan) -> Iterator[tuple[Path, int, str]]:
    if plan.upgrades:
        yield ARCHIVES if ARCHIVES.is_dir() else Path("/var"), plan.download, f"{size(plan.download)} of packages"
        yield SYSTEM, plan.download * UNPACKED, "what is in them"
    if plan.kernel and BOOT.is_dir():
        images: Sequence[int] = [file.stat().st_size for file in BOOT.glob("initrd.img-*")]
        kernels: Sequence[int] = [file.stat().st_size for file in BOOT.glob("vmlinuz-*")]
        yield BOOT, int((max(images, default=0) + max(kernels, default=0)) * INITRD), "a kernel with its initrd"
