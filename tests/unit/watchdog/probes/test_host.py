# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host itself is asked: units, nginx's files, disks, memory, the clock, a reboot, backups."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.access import break_glass
from ansible_collections.latentum.ops.plugins.module_utils.contracts.watchdog_settings import HostSpec, StackSpec
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError, Result
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.held_updates import HeldUpdate
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes import host as host_checks
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes.host import (
    CLOCK_EVERY,
    Check,
    ClockOffset,
    NginxConfiguration,
    Units,
)
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.settings import Settings

from .. import samples
from ..samples import HOUR, Clock, throw

clock = samples.clock

SPEC = HostSpec(recover=30)


def short(checks: Iterable[Check]) -> list[tuple[str, str, str]]:
    return [(one.name, one.state, one.reason) for one in checks]


class Programs:
    """What programs of the host say, in the order of the questions; the last one again and again."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, of: object = host_checks) -> None:
        self.says: list[str | Result | CommandError] = [""]
        self.asked: list[list[str]] = []
        monkeypatch.setattr(of, "run", self.run)

    def run(self, argv: list[str], **_how: object) -> Result:
        self.asked.append(list(argv))
        said: str | Result | CommandError = self.says.pop(0) if len(self.says) > 1 else self.says[0]
        if isinstance(said, CommandError):
            throw(said)
        return said if isinstance(said, Result) else Result(tuple(argv), 0, said, "")


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> Programs:
    return Programs(monkeypatch)


@pytest.fixture
def timesync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a time service that runs."""
    monkeypatch.setattr(host_checks, "TIMESYNC", tmp_path / "timesync")
    host_checks.TIMESYNC.mkdir()
    return host_checks.TIMESYNC


def gone(name: str) -> CommandError:
    return CommandError(Result((name,), 127, "", ""), "is not installed")


# Units


def unit(name: str, state: str = "active", restarts: int = 0, result: str = "success") -> str:
    return f"Id={name}.service\nActiveState={state}\nNRestarts={restarts}\nResult={result}\n"


def shown(docker: str = "", nginx: str = "") -> str:
    return "\n".join([docker or unit("docker"), nginx or unit("nginx")])


def test_units_that_run(programs: Programs) -> None:
    programs.says = [shown(nginx=unit("nginx", "reloading"))]
    assert short(Units().checks(SPEC, 0)) == [("docker", "ok", ""), ("nginx", "ok", "")]
    assert programs.asked[0][-2:] == ["docker.service", "nginx.service"]


@pytest.mark.parametrize("state", ["failed", "inactive", "activating", "deactivating"])
def test_a_unit_that_does_not(state: str, programs: Programs) -> None:
    programs.says = [shown(nginx=unit("nginx", state, result="exit-code"))]
    assert short(Units().checks(SPEC, 0))[1] == ("nginx", "critical", f"nginx.service is {state} (exit-code)")


def test_a_restart_by_systemd_is_seen_although_it_took_a_moment(programs: Programs) -> None:
    units, again = Units(), shown(nginx=unit("nginx", restarts=4))
    programs.says = [shown(nginx=unit("nginx", restarts=3)), again]
    assert short(units.checks(SPEC, 0))[1] == ("nginx", "ok", "")  # those of before are not held against it
    told = ("nginx", "critical", "nginx.service died and was started again by systemd")
    assert [short(units.checks(SPEC, now))[1] for now in (10, 20, 39.9)] == [told] * 3
    assert [short(units.checks(SPEC, now)) for now in (40, 50)] == [[("docker", "ok", ""), ("nginx", "ok", "")]] * 2


def test_a_second_restart_begins_the_time_anew(programs: Programs) -> None:
    units = Units()
    programs.says = [shown(nginx=unit("nginx", restarts=count)) for count in (0, 1, 2)]
    found = [short(units.checks(SPEC, now))[1][1] for now in (0, 10, 39, 68, 69)]
    assert found == ["ok", "critical", "critical", "critical", "ok"]


def test_a_counter_that_begins_anew_is_no_restart(programs: Programs) -> None:
    units = Units()
    programs.says = [shown(nginx=unit("nginx", restarts=count)) for count in (5, 0, 1)]
    assert [short(units.checks(SPEC, now))[1][1] for now in (0, 10, 20)] == ["ok", "ok", "critical"]


def test_down_is_worse_than_restarted(programs: Programs) -> None:
    units = Units()
    programs.says = [shown(), shown(nginx=unit("nginx", "failed", 5, "start-limit-hit"))]
    list(units.checks(SPEC, 0))
    assert short(units.checks(SPEC, 10))[1][2] == "nginx.service is failed (start-limit-hit)"


# nginx's files


@pytest.fixture
def nginx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """/etc/nginx with a site and an upstream."""
    folder = tmp_path / "nginx"
    for name in ("nginx.conf", "sites-enabled/shop.conf", "upstreams.d/shop_api.conf"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
        os.utime(folder / name, (1000, 1000))
    monkeypatch.setattr(host_checks, "NGINX", folder)
    return folder


class Accepts:
    """nginx, which says this against its files, and counts how often it is asked."""

    def __init__(self) -> None:
        self.says, self.asked = "", 0

    def __call__(self) -> str:
        self.asked += 1
        return self.says


def touched(path: Path, at: float) -> None:
    path.write_text("")
    os.utime(path, (at, at))


def test_nginx_is_asked_only_when_its_files_change(nginx: Path) -> None:
    says = Accepts()
    look = NginxConfiguration(says)
    assert short(look.checks()) == short(look.checks()) == [("nginx configuration", "ok", "")] and says.asked == 1
    touched(nginx / "sites-enabled" / "shop.conf", 2000)
    assert short(look.checks()) == short(look.checks()) == [("nginx configuration", "ok", "")] and says.asked == 2
    touched(nginx / "sites-enabled" / "blog.conf", 500)
    list(look.checks())
    (nginx / "sites-enabled" / "blog.conf").unlink()
    list(look.checks())
    assert says.asked == 4


def test_what_the_watchdog_itself_writes_there_is_no_change(nginx: Path) -> None:
    says = Accepts()
    look = NginxConfiguration(says)
    list(look.checks())
    touched(nginx / "upstreams.d" / "shop_api.conf", 2000)
    touched(nginx / "upstreams.d" / "shop_web.conf", 2000)
    list(look.checks())
    assert says.asked == 1


def test_files_that_nginx_refuses_are_asked_about_until_it_takes_them(nginx: Path) -> None:
    says = Accepts()
    look, says.says = NginxConfiguration(says), "unknown directive"
    assert short(look.checks()) == short(look.checks()) == [("nginx configuration", "critical", "unknown directive")]
    assert says.asked == 2
    says.says = ""  # a file that is not below /etc/nginx, such as a certificate, may have been the cause
    assert short(look.checks()) == [("nginx configuration", "ok", "")]
    list(look.checks())
    assert says.asked == 3


def test_a_host_without_nginx_has_no_such_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_checks, "NGINX", tmp_path / "none")
    assert list(NginxConfiguration(Accepts()).checks()) == []


# Disks and memory


@pytest.mark.parametrize(
    ("blocks", "inodes", "state", "reason"),
    [
        (84, 10, "ok", ""),
        (85, 10, "warning", "85 % of the space of / are used"),
        (94, 10, "warning", "94 % of the space"),
        (95, 10, "critical", "95 % of the space"),
        (10, 84, "ok", ""),
        (10, 90, "warning", "90 % of the inodes of / are used"),
        (90, 99, "critical", "99 % of the inodes"),
    ],
)
def test_a_disk_that_fills_up(blocks: int, inodes: int, state: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_checks, "disks", lambda: [{"mount": "/", "percent": blocks, "inodes_percent": inodes}])
    (found,) = host_checks.disk_checks(HostSpec())
    assert (found.key, found.state, found.value) == ("host/disk /", state, f"{blocks} %")
    assert found.reason.startswith(reason) and bool(found.reason) == bool(reason)


def test_each_disk_has_its_own_check_and_limits_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [{"mount": mount, "percent": 60, "inodes_percent": 1} for mount in ("/", "/var")]
    monkeypatch.setattr(host_checks, "disks", lambda: found)
    states = [(one.name, one.state) for one in host_checks.disk_checks(HostSpec(disk_warning=50, disk_critical=60))]
    assert states == [("disk /", "critical"), ("disk /var", "critical")]


@pytest.mark.parametrize(("available", "state"), [(110, "ok"), (100, "warning"), (40, "warning"), (30, "critical"), (0, "critical")])
def test_memory_that_nobody_can_get(available: int, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"MemTotal:       1000 kB\nMemFree:           1 kB\nMemAvailable:   {available} kB\n"
    read = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda self, *rest: text if str(self) == "/proc/meminfo" else read(self, *rest))
    (found,) = host_checks.memory_checks(HostSpec())
    assert (found.state, found.value) == (state, f"{100 - available // 10} %") and bool(found.reason) == (state != "ok")


def test_the_real_memory_can_be_read() -> None:
    (found,) = host_checks.memory_checks(HostSpec())
    assert 0 <= int(found.value.removesuffix(" %")) <= 100


# Time


def test_a_reboot_that_waits(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_checks, "REBOOT", tmp_path / "reboot-required")
    assert short(host_checks.reboot_checks(HostSpec())) == [("reboot", "ok", "")]
    (tmp_path / "reboot-required").write_text("")
    for days, state in ((0, "ok"), (7, "ok"), (8, "warning")):
        os.utime(tmp_path / "reboot-required", (clock.wall - days * 86400, clock.wall - days * 86400))
        (found,) = host_checks.reboot_checks(HostSpec())
        assert (found.state, found.value) == (state, "due") and (state == "ok" or "for 8 days" in found.reason)


def test_updates_that_are_held_back_are_told_with_their_command_and_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    held, asked, state = [HeldUpdate("docker.io", "26.1.5", "26.1.6", True, False)], [], [(1.0, 1.0)]
    monkeypatch.setattr(host_checks.held_updates, "state", lambda: state[0])
    monkeypatch.setattr(host_checks.held_updates, "waiting", lambda: asked.append(1) or list(held))
    look = host_checks.HeldUpdates()
    for _again in range(3):
        (found,) = look.checks()
        assert (found.key, found.state, found.value) == ("host/held updates", "warning", "1 waiting")
        assert "`sudo apt-get install --only-upgrade docker.io`" in found.reason and "26.1.5 -> 26.1.6 (security)" in found.reason
    assert len(asked) == 1
    held.clear()
    state[0] = (1.0, 2.0)
    assert short(look.checks()) == [("held updates", "ok", "")] and len(asked) == 2


@pytest.mark.parametrize(
    ("offset", "state", "value"),
    [
        ("+812us", "ok", "0.8 ms"),
        ("-1.634ms", "ok", "1.6 ms"),
        ("+999ms", "ok", "999.0 ms"),
        ("-1.5s", "warning", "1500.0 ms"),
        ("+2min 3.5s", "warning", "123500.0 ms"),
        ("-1h 2min", "warning", "3720000.0 ms"),
        ("+3d 1h", "warning", "262800000.0 ms"),
    ],
)
def test_a_clock_that_is_off(offset: str, state: str, value: str, timesync: Path, programs: Programs) -> None:
    programs.says = [f"       Server: 10.0.0.1\nPoll interval: 2min 8s\n       Offset: {offset}\n        Delay: 5.1ms\n"]
    ((found),) = ClockOffset().checks(HostSpec(), 0)
    assert (found.name, found.state, found.value) == ("clock", state, value)


@pytest.mark.parametrize("said", ["", "Failed to query server", "Offset: n/a", gone("timedatectl")])
def test_a_host_whose_clock_nobody_measures(said: str | CommandError, timesync: Path, programs: Programs) -> None:
    programs.says = [said]
    assert list(ClockOffset().checks(HostSpec(), 0)) == []


def test_a_clock_that_is_right_is_not_asked_for_at_each_look(timesync: Path, programs: Programs) -> None:
    clock, spec = ClockOffset(), HostSpec()

    def look(now: float) -> str:
        return next(clock.checks(spec, now)).state

    programs.says = ["Offset: +1ms", "Offset: +5s", "Offset: +4s", "Offset: +1ms"]
    assert [look(now) for now in (0, 10, CLOCK_EVERY - 1)] == ["ok"] * 3 and len(programs.asked) == 1
    assert [look(CLOCK_EVERY), look(CLOCK_EVERY + 2), look(CLOCK_EVERY + 12)] == ["warning", "warning", "ok"]
    assert look(CLOCK_EVERY + 22) == "ok" and len(programs.asked) == 4


def test_nobody_is_asked_where_no_service_sets_the_clock(timesync: Path, programs: Programs) -> None:
    timesync.rmdir()
    assert list(ClockOffset().checks(HostSpec(), 0)) == [] and programs.asked == []


# Backups


@pytest.mark.parametrize(
    ("written", "state", "reason"),
    [
        ({"restorable": 24}, "ok", ""),
        ({"restorable": 25}, "critical", "the last restorable backup of shop is 25 h old"),
        ({"finished": 1}, "critical", "no backup of shop has ever been restored"),
        ({"restorable": None}, "critical", "no backup of shop has ever been restored"),
        ([], "critical", "no backup of shop has ever been restored"),
        (None, "critical", "no backup of shop has ever been restored"),
    ],
)
def test_a_backup_that_is_too_old(
    written: object, state: str, reason: str, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_checks, "BACKUPS", tmp_path)
    if isinstance(written, dict) and isinstance(written.get("restorable"), int):
        written = {"restorable": clock.wall - written["restorable"] * HOUR}
    if written is not None:
        (tmp_path / "shop.json").write_text(json.dumps(written))
    settings = Settings(stacks=(StackSpec("blog"), StackSpec("shop", backup_max_age=24 * HOUR)))
    assert short(host_checks.backup_checks(settings)) == [("backup shop", state, reason)]


@pytest.mark.parametrize(
    ("ago", "more", "state"),
    [
        (1, {}, "ok"),
        (1, {"backup": {"ok": True}}, "ok"),
        (1, {"backup": {"ok": False, "error": "no space"}}, "critical"),
        (1, {"backup": {"ok": True}, "verify": {"ok": False, "error": "empty"}}, "critical"),
        (host_checks.FIRST + 1, {}, "critical"),
        (-60, {}, "critical"),
    ],
)
def test_the_first_backup_may_take_its_time(
    ago: float, more: dict[str, object], state: str, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_checks, "BACKUPS", tmp_path)
    (tmp_path / "shop.json").write_text(json.dumps({"began": clock.wall - ago, **more}))
    settings = Settings(stacks=(StackSpec("shop", backup_max_age=24 * HOUR),))
    assert [check.state for check in host_checks.backup_checks(settings)] == [state]


def test_each_plan_is_asked_for_its_own_age(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Databases that are backed up each night must hide neither files that are late nor a proof that failed."""
    monkeypatch.setattr(host_checks, "BACKUPS", tmp_path)
    noted = {
        "restorable": clock.wall,
        "verify": {"ok": True},
        "plans": {
            "database": {"restorable": clock.wall - HOUR},
            "files": {"restorable": clock.wall - 200 * HOUR},
            "full": {"restorable": clock.wall - HOUR, "verify": {"ok": False, "error": "empty"}},
            "former": {"restorable": 1},
            "new": {"began": clock.wall - 60},
        },
    }
    (tmp_path / "shop.json").write_text(json.dumps(noted))
    plans = {"database": 26 * HOUR, "files": 170 * HOUR, "full": 800 * HOUR, "new": HOUR, "never": HOUR}
    settings = Settings(stacks=(StackSpec("shop", backup_max_age=170 * HOUR, backup_plans=plans),))
    assert short(host_checks.backup_checks(settings)) == [
        ("backup shop plan database", "ok", ""),
        ("backup shop plan files", "critical", "the last restorable backup of shop, plan files, is 200 h old"),
        ("backup shop plan full", "critical", "the last backup of shop, plan full, could not be restored: empty"),
        ("backup shop plan new", "ok", ""),
        ("backup shop plan never", "critical", "no backup of shop, plan never, has ever been restored"),
    ]


def test_half_a_file_is_no_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_checks, "BACKUPS", tmp_path)
    (tmp_path / "shop.json").write_text('{"restor')
    settings = Settings(stacks=(StackSpec("shop", backup_max_age=1),))
    assert [one.state for one in host_checks.backup_checks(settings)] == ["critical"]


def test_the_use_of_an_account_for_emergencies_is_told_until_somebody_has_seen_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(break_glass, "FILE", tmp_path / "break_glass.json")
    look = host_checks.BreakGlass()
    assert list(look.checks()) == []
    break_glass.note({"PAM_USER": "glass", "PAM_RHOST": "192.0.2.1", "PAM_SERVICE": "sshd"}, 0.0)
    (found,) = look.checks()
    assert (found.key, found.state) == ("host/break-glass", "critical")
    assert "glass was used at 1970-01-01 00:00:00 UTC from 192.0.2.1 by sshd" in found.reason
    break_glass.acknowledge()
    assert short(look.checks()) == [("break-glass", "ok", "")]
