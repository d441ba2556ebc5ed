# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of apt and dpkg: its own words, recorded; locks that real programs hold; disks."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError, Result
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig import apt
from ansible_collections.latentum.ops.plugins.module_utils.patching import condition
from ansible_collections.latentum.ops.plugins.module_utils.patching.obstacle import Kind
from ansible_collections.latentum.ops.plugins.module_utils.patching.upgrades import Plan, Upgrade

# Each as apt 2.6 has written it of a repository that was so.
NOT_YET = (
    "E: Release file for http://a.example/debian/dists/trixie/InRelease is not valid yet (invalid for another 1d 11h 31min 20s)."
    " Updates for this repository will not be applied.\n"
)
EXPIRED = (
    "E: Release file for http://s.example/debian-security/dists/trixie-security/InRelease is expired (invalid since 21d 12h 28min"
    " 28s). Updates for this repository will not be applied.\n"
)
KEY_EXPIRED = (
    "W: An error occurred during the signature verification. The repository is not updated and the previous index files will be used."
    " GPG error: https://download.docker.com/linux/debian trixie InRelease: The following signatures were invalid: EXPKEYSIG"
    " 03EB4CF67833ECE8 Old\n"
    "E: Failed to fetch https://download.docker.com/linux/debian/dists/trixie/InRelease  The following signatures were invalid: EXPKEYSIG"
    " 03EB4CF67833ECE8 Old\n"
    "E: Some index files failed to download. They have been ignored, or old ones used instead.\n"
)
NO_KEY = (
    "E: Failed to fetch https://nginx.org/packages/debian/dists/trixie/InRelease  The following signatures couldn't be verified because the"
    " public key is not available: NO_PUBKEY ABF5BD827BD9BF62\n"
)
UNREACHABLE = (
    "E: Failed to fetch http://127.0.0.1:9/./InRelease  Could not connect to 127.0.0.1:9 (127.0.0.1). - connect (111: Connection refused)\n"
)
UNRESOLVED = "E: Failed to fetch http://nowhere.invalid/./InRelease  Could not resolve 'nowhere.invalid'\n"
NO_SUITE = "E: The repository 'http://a.example/debian nosuchsuite Release' does not have a Release file.\n"
BETWEEN = "E: Failed to fetch http://mirror.example.com/dists/noble/main/binary-amd64/Packages.gz  Hash Sum mismatch\n"


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (NOT_YET, "this host's clock is behind by 1d 11h 31min 20s or more"),
        (EXPIRED, "its mirror is not updated any more, or the clock is ahead: expired since 21d 12h 28min 28s"),
        (KEY_EXPIRED, "the key 03EB4CF67833ECE8 that signs it has expired"),
        (NO_KEY, "signed by the key ABF5BD827BD9BF62, which is not here"),
        (UNREACHABLE, "look at the address and the network"),
        (UNRESOLVED, "its name nowhere.invalid cannot be resolved"),
        (NO_SUITE, "the address has no such suite"),
        (BETWEEN, "the mirror is being updated: try again"),
    ],
)
def test_lists_that_cannot_be_used_are_told_with_what_it_means(monkeypatch: pytest.MonkeyPatch, output: str, said: str) -> None:
    def fails(**_options: Any) -> None:
        raise CommandError(Result(("apt-get", "update"), 100, "", output), "failed with exit status 100")

    monkeypatch.setattr(apt, "fetch_lists", fails)
    (obstacle,) = condition.fetch(0)
    assert obstacle.kind is Kind.LISTS and said in obstacle.text and output.splitlines()[0].partition(": ")[2][:60] in obstacle.text


@pytest.fixture
def unattended(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A program that holds dpkg's lock, as unattended-upgrades does by night; the lock, and its process."""
    lock, program = tmp_path / "lock-frontend", tmp_path / "unattended-upgrade"
    lock.touch()
    program.write_text(
        "import fcntl, sys\nfile = open(sys.argv[1], 'a')\nfcntl.lockf(file, fcntl.LOCK_EX)\nprint('held', flush=True)\nsys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, program, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout and holder.stdout.readline() == "held\n"
        yield lock, holder.pid
        holder.communicate()


def test_a_lock_that_another_program_holds_is_waited_for_and_its_holder_named(
    unattended: tuple[Path, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, pid = unattended
    monkeypatch.setattr(condition, "LOCKS", (lock,))
    (obstacle,) = condition.locks(0.1)
    assert obstacle.kind is Kind.LOCK
    assert obstacle.text.startswith(f"{lock} is held by unattended-upgrade (process {pid}); waited 0.1 s: try again when it is done")


def test_a_lock_that_is_free_stands_against_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lock").touch()
    monkeypatch.setattr(condition, "LOCKS", (tmp_path / "lock", tmp_path / "none"))
    assert list(condition.locks(0)) == []
    with (tmp_path / "lock").open("a") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # and it is not kept


AUDIT = """\
The following packages are only half configured, probably due to problems
configuring them the first time.  The configuration should be retried using
dpkg --configure <package> or the configure menu option in dselect:
 openssh-server       secure shell (SSH) server, for secure access from remote machines

The following packages have been triggered, but the trigger processing
has not yet been done.  Trigger processing can be requested using
dselect or dpkg --configure --pending (or dpkg --triggers-only):
 man-db               tools for reading manual pages

The following packages have been unpacked but not yet configured.
They must be configured using dpkg --configure or the configure
menu option in dselect for them to work:
 nginx-common         small, powerful, scalable web/proxy server - common files

The following packages are missing the md5sums control file in the
database, they need to be reinstalled:
 vendor-agent         an agent of a provider

The following packages are in a mess due to serious problems during
installation.  They must be reinstalled for them (and any packages
that depend on them) to function properly:
 libssl3              Secure Sockets Layer toolkit - shared libraries
"""


def test_packages_that_are_half_there_are_named_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(condition, "run", lambda argv, **_options: Result(tuple(argv), 1, AUDIT, ""))
    assert condition.broken() == ["openssh-server", "nginx-common", "libssl3"]


def disks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: dict[str, int]) -> None:
    """Folders, each on a disk of its own, with so many bytes free."""
    places = {"ARCHIVES": tmp_path / "archives", "SYSTEM": tmp_path / "usr", "BOOT": tmp_path / "boot"}
    numbers = {}
    for number, (name, place) in enumerate(places.items()):
        place.mkdir()
        monkeypatch.setattr(condition, name, place)
        numbers[place] = number
    real = Path.stat
    monkeypatch.setattr(
        Path, "stat", lambda self, **options: SimpleNamespace(st_dev=numbers[self]) if self in numbers else real(self, **options)
    )
    monkeypatch.setattr(Path, "is_dir", lambda self: self in numbers or self.exists())
    room = {place: free[name] for name, place in places.items()}
    monkeypatch.setattr(os, "statvfs", lambda place: SimpleNamespace(f_bavail=room[place], f_frsize=1))


MIB = 1 << 20
KERNEL = Upgrade("linux-image-6.12.57+deb13-amd64", "", "6.12.57-1")


def test_a_boot_partition_that_is_too_small_for_another_kernel_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    disks(monkeypatch, tmp_path, {"ARCHIVES": 10**10, "SYSTEM": 10**10, "BOOT": 150 * MIB})
    (tmp_path / "boot/initrd.img-6.12.41").write_bytes(b"")
    os.truncate(tmp_path / "boot/initrd.img-6.12.41", 60 * MIB)
    (obstacle,) = condition.room(Plan(upgrades=(KERNEL,), download=MIB))
    assert obstacle.kind is Kind.DISK and obstacle.text.startswith(f"{tmp_path}/boot: 150.0 MiB are free, and 172.0 MiB are needed")
    assert "autoremove --purge" in obstacle.text
    assert list(condition.room(Plan(upgrades=(Upgrade("bash", "1", "2"),), download=MIB))) == [], "no kernel, no need of /boot"


def test_a_disk_that_is_too_small_for_the_downloads_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    disks(monkeypatch, tmp_path, {"ARCHIVES": 120 * MIB, "SYSTEM": 10**10, "BOOT": 10**10})
    (obstacle,) = condition.room(Plan(upgrades=(Upgrade("bash", "1", "2"),), download=50 * MIB))
    assert obstacle.text.startswith(f"{tmp_path}/archives: 120.0 MiB are free, and 150.0 MiB are needed (50.0 MiB of packages)")


def test_nothing_to_install_needs_no_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    disks(monkeypatch, tmp_path, {"ARCHIVES": 0, "SYSTEM": 0, "BOOT": 0})
    assert list(condition.room(Plan())) == []
