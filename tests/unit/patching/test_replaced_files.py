# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes on replaced files, their units, and what becomes of those; maps and control groups as kernels have written them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError, Result
from ansible_collections.latentum.ops.plugins.module_utils.patching import replaced_files
from ansible_collections.latentum.ops.plugins.module_utils.patching.replaced_files import Restarts, Use

MAPS = """\
5581e4c00000-5581e4c2b000 r--p 00000000 fe:00 393301                     /usr/sbin/nginx
7f1ac2a00000-7f1ac2a28000 r--p 00000000 fe:00 131190                     /usr/lib/x86_64-linux-gnu/libssl.so.3 (deleted)
7f1ac2a28000-7f1ac2b80000 r-xp 00028000 fe:00 131190                     /usr/lib/x86_64-linux-gnu/libssl.so.3 (deleted)
7f1ac3000000-7f1ac3100000 rw-s 00000000 00:01 1042                       /dev/zero (deleted)
7f1ac3200000-7f1ac3201000 r-xs 00000000 00:01 33                         /memfd:pcre2 (deleted)
7f1ac3300000-7f1ac3301000 r-xp 00000000 00:2d 77                         /tmp/.opcache (deleted)
7f1ac3400000-7f1ac3401000 rw-p 00000000 fe:00 131999                     /var/lib/app/data.mdb (deleted)
7ffd0a5d9000-7ffd0a5fa000 rw-p 00000000 00:00 0                          [stack]
"""
V2, V1 = "0::/system.slice/nginx.service\n", "12:pids:/system.slice/nginx.service\n1:name=systemd:/system.slice/nginx.service\n0::/\n"
INSTANCE = "0::/system.slice/system-postgresql.slice/postgresql@17-main.service\n"
DELEGATED = "0::/system.slice/docker.service/init\n"
CONTAINER = f"0::/system.slice/docker-{'ab12' * 16}.scope\n"
CONTAINER_V1 = f"4:memory:/docker/{'ab12' * 16}\n1:name=systemd:/docker/{'ab12' * 16}/system.slice/nginx.service\n"
LOGIN = "0::/user.slice/user-1000.slice/session-3.scope\n"


def test_programs_and_libraries_that_were_replaced() -> None:
    assert replaced_files.replaced(MAPS) == {"/usr/lib/x86_64-linux-gnu/libssl.so.3"}
    assert replaced_files.replaced("") == set()


@pytest.mark.parametrize(
    ("pid", "cgroups", "unit"),
    [
        ("7", V2, "nginx.service"),
        ("7", V1, "nginx.service"),
        ("7", INSTANCE, "postgresql@17-main.service"),
        ("7", DELEGATED, "docker.service"),
        ("1", "0::/init.scope\n", "init.scope"),
        ("7", CONTAINER, ""),  # its files are its image's
        ("7", CONTAINER_V1, ""),
        ("7", LOGIN, ""),
        ("7", "", ""),
    ],
)
def test_the_unit_of_a_process(pid: str, cgroups: str, unit: str) -> None:
    assert replaced_files.unit_of(pid, cgroups) == unit


def test_units_with_their_files_and_processes_that_are_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shim = (tmp_path / "16", MAPS.replace("libssl.so.3", "shim"), "0::/system.slice/containerd.service\n")
    shim[0].mkdir()
    for name, text in (("maps", shim[1]), ("cgroup", shim[2]), ("comm", "containerd-shim\n")):
        (shim[0] / name).write_text(text)
    for pid, maps, cgroup in (("11", MAPS, V2), ("12", MAPS.replace("libssl", "libcrypto"), V2), ("13", MAPS, CONTAINER), ("14", "", V2)):
        (tmp_path / pid).mkdir()
        (tmp_path / pid / "maps").write_text(maps)
        (tmp_path / pid / "cgroup").write_text(cgroup)
    (tmp_path / "15").mkdir()
    monkeypatch.setattr(replaced_files, "PROC", tmp_path)
    libraries = "/usr/lib/x86_64-linux-gnu/libcrypto.so.3", "/usr/lib/x86_64-linux-gnu/libssl.so.3"
    assert replaced_files.in_use() == [Use("nginx.service", libraries)]


class Systemd:
    """What was asked of systemd, and what it says."""

    def __init__(self, shown: dict[str, str] | None = None, broken: Sequence[str] = ()) -> None:
        self.asked: list[list[str]] = []
        self.shown, self.broken = shown or {}, broken

    def __call__(self, argv: Sequence[str], **_options: Any) -> Result:
        self.asked.append(list(argv))
        if argv[-1] in self.broken:
            raise CommandError(Result(tuple(argv), 1, "", "Job for it failed"), "failed with exit status 1")
        return Result(tuple(argv), 0, self.shown.get(argv[-1], ""), "")


def restart(monkeypatch: pytest.MonkeyPatch, units: Sequence[str], *never: str, engine: bool = False, broken: Sequence[str] = ()) -> Any:
    systemd = Systemd(broken=broken)
    monkeypatch.setattr(replaced_files, "run", systemd)
    outcome = replaced_files.restart([Use(unit, ()) for unit in units], never, engine=engine)
    return outcome, systemd.asked


def test_the_engine_comes_last_and_containerd_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome, asked = restart(monkeypatch, ["docker.service", "containerd.service", "nginx.service", "init.scope"], engine=True)
    assert [argv[1:] for argv in asked] == [
        ["daemon-reexec"],
        ["try-restart", "nginx.service"],
        ["try-restart", "containerd.service"],
        ["try-restart", "docker.service"],
    ]
    assert outcome.done[-1] == "docker.service" and not outcome.left and not outcome.failed


def test_what_stays_is_told_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    units = ["docker.service", "dbus.service", "systemd-logind.service", "postgresql@17-main.service", "latentum-ops-watchdog.service"]
    outcome, asked = restart(monkeypatch, units, "postgresql")
    assert outcome.left == {
        "docker.service": "the container engine: patch_engine",
        "dbus.service": "only a reboot replaces it",
        "systemd-logind.service": "only a reboot replaces it",
        "postgresql@17-main.service": "patch_never_restart",
    }
    assert asked == [["systemctl", "try-restart", "latentum-ops-watchdog.service"]]
    assert list(replaced_files.reasons(outcome)) == [
        f"{unit} uses files that were replaced" for unit in ("dbus.service", "systemd-logind.service")
    ]


def test_one_that_does_not_come_back_is_told_and_the_others_are_restarted(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome, _asked = restart(monkeypatch, ["a.service", "nginx.service"], broken=["a.service"])
    assert outcome.done == ["nginx.service"] and "Job for it failed" in outcome.failed["a.service"]
    assert list(replaced_files.reasons(Restarts())) == []


ENABLED = "LoadState=loaded\nType=notify\nUnitFileState=enabled\nActiveState=inactive\nRemainAfterExit=no\nTriggeredBy=\n"


@pytest.mark.parametrize(
    ("shown", "started"),
    [
        (ENABLED, True),
        (ENABLED.replace("inactive", "failed"), True),
        (ENABLED.replace("=enabled", "=disabled"), False),
        (ENABLED.replace("notify", "oneshot"), False),  # it has run to its end
        (ENABLED.replace("loaded", "not-found"), False),  # its package is gone
        (ENABLED.replace("TriggeredBy=", "TriggeredBy=apt-daily.timer"), False),
        (ENABLED.replace("inactive", "activating"), False),
    ],
)
def test_a_service_that_the_update_has_stopped_is_started_again(monkeypatch: pytest.MonkeyPatch, shown: str, started: bool) -> None:
    """An update of containerd takes Docker's engine along, and leaves it stopped."""
    systemd = Systemd({"docker.service": shown})
    monkeypatch.setattr(replaced_files, "run", systemd)
    outcome = replaced_files.start_stopped({"docker.service", "nginx.service"}, {"nginx.service"})
    assert outcome == ({"docker.service": "started again"} if started else {})
    assert (["systemctl", "start", "docker.service"] in systemd.asked) is started
