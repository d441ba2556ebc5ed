# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One update of a host: what is called in which order, what is recorded whatever comes of it, and what stops it."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.advisories import package_lists
from ansible_collections.latentum.ops.plugins.module_utils.advisories.package_lists import Distribution, Package
from ansible_collections.latentum.ops.plugins.module_utils.core import locks
from ansible_collections.latentum.ops.plugins.module_utils.core.locks import LockHeld, file_lock, stack_lock
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError, Result
from ansible_collections.latentum.ops.plugins.module_utils.patching import (
    condition,
    kept_files,
    reboot,
    record,
    replaced_files,
    updating,
    upgrades,
)
from ansible_collections.latentum.ops.plugins.module_utils.patching.obstacle import PatchError
from ansible_collections.latentum.ops.plugins.module_utils.patching.record import Phase
from ansible_collections.latentum.ops.plugins.module_utils.patching.replaced_files import Restarts, Use
from ansible_collections.latentum.ops.plugins.module_utils.patching.request import Settings
from ansible_collections.latentum.ops.plugins.module_utils.patching.upgrades import Plan, Upgrade

OLD = [Package("openssl", "3.5.1-1", "amd64", "openssl", "3.5.1-1"), Package("libssl3", "3.5.1-1", "amd64", "openssl", "3.5.1-1")]
NEW = [Package(one.name, "3.5.4-1", "amd64", "openssl", "3.5.4-1") for one in OLD]
PLAN = Plan(
    (Upgrade("openssl", "3.5.1-1", "3.5.4-1", security=True), Upgrade("libssl3", "3.5.1-1", "3.5.4-1", security=True)),
    (),
    ("openssl", "libssl3"),
)
DATA = "VERSION 1\nCVE-2026-1,,an overflow\n\nopenssl,0,SH F,3.6.0-1,3.5.4-1\n\nopenssl,openssl libssl3\n"
Follow = Callable[..., Result]


class Host:
    """A host whose apt replaces openssl, and what was called.

    :ivar stops: apt fails in the middle.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.packages = OLD
        self.stops = ""
        self.argv: Sequence[str] = ()
        self.environment: dict[str, str] = {}

    def follow(self, argv: Sequence[str], line: Callable[[str], None], *, env: dict[str, str], timeout: float) -> Result:
        self.calls.append("apt")
        self.argv, self.environment = argv, env
        self.packages = NEW if not self.stops else [NEW[0], OLD[1]]
        line("Setting up openssl (3.5.4-1) ...")
        if self.stops:
            raise CommandError(Result(tuple(argv), 100, self.stops, ""), "failed with exit status 100")
        return Result(tuple(argv), 0, "", "")

    def restart(self, uses: list[Use], never: Sequence[str], *, engine: bool) -> Restarts:
        self.calls.append("restart")
        return Restarts([use.unit for use in uses], {"dbus.service": "only a reboot replaces it"})


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host()
    (tmp_path / "data").mkdir()
    (tmp_path / "data/trixie").write_bytes(zlib.compress(DATA.encode()))
    monkeypatch.setattr(record, "FOLDER", tmp_path / "patches")
    monkeypatch.setattr(locks, "FOLDER", tmp_path / "run")
    monkeypatch.setattr(updating, "LOCK", tmp_path / "lock")
    monkeypatch.setattr(updating, "stacks", lambda: [{"name": "shop", "services": []}])
    monkeypatch.setattr(updating, "follow", made.follow)
    monkeypatch.setattr(updating, "run", lambda argv, **_options: made.calls.append(argv[1]))
    monkeypatch.setattr(package_lists, "of_host", lambda: made.packages)
    monkeypatch.setattr(package_lists, "distribution_of_host", lambda: Distribution("debian", "13", "trixie"))
    monkeypatch.setattr(upgrades, "look", lambda _settings: PLAN if made.packages != NEW else Plan())
    monkeypatch.setattr(kept_files, "beside", lambda: {"/etc/ssl/openssl.cnf.dpkg-dist": 1.0} if made.packages == NEW else {})
    monkeypatch.setattr(condition, "broken", lambda: [] if not made.stops else ["libssl3"])
    monkeypatch.setattr(condition, "database", lambda **_options: iter(()))
    monkeypatch.setattr(condition, "repair", lambda: made.calls.append("repair"))
    monkeypatch.setattr(replaced_files, "active", lambda: {"nginx.service"})
    monkeypatch.setattr(replaced_files, "in_use", lambda: [Use("nginx.service", ("/usr/lib/libssl.so.3",))])
    monkeypatch.setattr(replaced_files, "start_stopped", lambda _services: {})
    monkeypatch.setattr(replaced_files, "restart", made.restart)
    monkeypatch.setattr(reboot, "reasons", lambda: [])
    return made


def settings(tmp_path: Path, **more: Any) -> Settings:
    return Settings(lock_timeout=0, advisories_url=f"file://{tmp_path}/data", **more)


def test_packages_then_services_and_all_of_it_recorded(host: Host, tmp_path: Path) -> None:
    said: list[str] = []
    update = updating.carry_out(settings(tmp_path), said.append, "security fix: CVE-2026-1")
    assert host.calls == ["apt", "daemon-reload", "restart"]
    assert [(one["package"], one["before"], one["after"], one["closes"]) for one in update.changes] == [
        ("libssl3", "3.5.1-1", "3.5.4-1", ["CVE-2026-1"]),
        ("openssl", "3.5.1-1", "3.5.4-1", ["CVE-2026-1"]),
    ]
    assert all(one["security"] for one in update.changes) and update.advisories == "" and update.exemption
    assert update.kept == ("/etc/ssl/openssl.cnf",) and update.restarted == ("nginx.service",)
    assert update.reboot_due == ("dbus.service uses files that were replaced",)
    assert update == record.current() and update.phase == Phase.UPGRADED.value
    assert "Setting up openssl (3.5.4-1) ..." in said and "restarted nginx.service" in said


def test_nothing_may_ask_and_nothing_may_go(host: Host, tmp_path: Path) -> None:
    """Prompts of dpkg, ucf, debconf, apt-listchanges, apt-listbugs and needrestart; a removal; a downgrade."""
    updating.carry_out(settings(tmp_path), str)
    line = " ".join(host.argv)
    for wanted in ("--yes", "--only-upgrade", "--no-remove", "Dpkg::Options::=--force-confold", "APT::Get::allow-downgrades=false"):
        assert wanted in line
    assert host.argv[-2:] == ["openssl", "libssl3"]
    expected = {
        "DEBIAN_FRONTEND": "noninteractive",
        "NEEDRESTART_MODE": "l",
        "APT_LISTCHANGES_FRONTEND": "none",
        "APT_LISTBUGS_FRONTEND": "none",
        "UCF_FORCE_CONFFOLD": "1",
    }
    assert host.environment.items() >= expected.items()


def test_without_debsecan_s_data_the_update_is_made_and_says_so(host: Host, tmp_path: Path) -> None:
    update = updating.carry_out(Settings(lock_timeout=0, advisories_url="http://127.0.0.1:9/"), str)
    assert [one["closes"] for one in update.changes] == [[], []] and "http://127.0.0.1:9/trixie: " in update.advisories


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (
            "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 1719 (unattended-upgr)",
            "another program took apt's lock",
        ),
        ("cannot copy extracted data: failed to write (No space left on device)", "a disk ran full: make room, then run again"),
        ("E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem.", "-e patch_repair=true"),
        ("E: Sub-process /usr/bin/dpkg returned an error code (1)", "look at /var/log/apt/term.log"),
    ],
)
def test_an_update_that_stops_says_why_and_what_it_has_changed(host: Host, tmp_path: Path, output: str, said: str) -> None:
    host.stops = output
    with pytest.raises(PatchError, match=re.escape(said)):
        updating.carry_out(settings(tmp_path), str)
    left = record.current()
    assert left and left.unfinished and [one["package"] for one in left.changes] == ["openssl"]
    assert host.calls == ["apt"], "nothing is restarted on half of it"

    host.stops = ""
    update = updating.carry_out(settings(tmp_path, repair=True), str)
    assert [one["package"] for one in update.changes] == ["libssl3", "openssl"]
    assert {one["before"] for one in update.changes} == {"3.5.1-1"}, "from what there was before the first run"


def test_a_second_run_with_nothing_to_install_still_restarts(host: Host, tmp_path: Path) -> None:
    host.packages = NEW
    said: list[str] = []
    update = updating.carry_out(settings(tmp_path), said.append)
    assert host.calls == ["daemon-reload", "restart"] and update.changes == () and "no package is to be updated" in said


def test_repair_comes_first_and_only_when_it_is_declared(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    states = iter([["libssl3"], []])
    monkeypatch.setattr(condition, "broken", lambda: next(states))
    updating.carry_out(settings(tmp_path, repair=True), str)
    assert host.calls[:2] == ["repair", "apt"]


def test_a_service_that_does_not_run_after_it_stops_the_run(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaced_files, "restart", lambda *_arguments, **_options: Restarts(failed={"nginx.service": "Job for it failed"}))
    with pytest.raises(PatchError, match=r"nginx\.service does not run after the update: Job for it failed"):
        updating.carry_out(settings(tmp_path), str)
    left = record.current()
    assert left and left.phase == Phase.UPGRADED.value and len(left.changes) == 2


def test_somebody_who_works_on_a_stack_is_waited_for_and_named(host: Host, tmp_path: Path) -> None:
    with stack_lock("shop", "backup", what="backup of shop"), pytest.raises(LockHeld, match="locked by backup"):
        updating.carry_out(settings(tmp_path), str)
    assert host.calls == [] and record.current() is None


def test_two_runs_do_not_update_one_host_together(host: Host, tmp_path: Path) -> None:
    with file_lock(updating.LOCK, timeout=0), pytest.raises(PatchError, match="another run updates this host"):
        updating.carry_out(settings(tmp_path), str)


def test_differences_of_package_lists() -> None:
    before = [*OLD, Package("linux-image-6.12.41", "1", "amd64"), Package("libc6", "2", "amd64"), Package("libc6", "2", "i386")]
    after = [*NEW, Package("linux-image-6.12.57", "1", "amd64"), Package("libc6", "3", "amd64"), Package("libc6", "3", "i386")]
    assert list(updating.differences(before, after)) == [
        ("libc6", "2", "3"),
        ("libssl3", "3.5.1-1", "3.5.4-1"),
        ("linux-image-6.12.41", "1", ""),
        ("linux-image-6.12.57", "", "1"),
        ("openssl", "3.5.1-1", "3.5.4-1"),
    ]
