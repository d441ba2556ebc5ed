# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change that nobody confirms takes itself back, without the engine and without a controller."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig import revert_timer
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.transaction import ConfigSet, ConfigSetError, apply, confirm

from .conftest import Systemd, a_set, raw, tree


@pytest.fixture
def etc(tmp_path: Path, systemd: Systemd) -> Path:
    """What is there before the change."""
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "it's a file").write_bytes(b"old \xff\n")
    (folder / "it's a file").chmod(0o640)
    (folder / "link").symlink_to("it's a file")
    (folder / "gone").write_text("gone\n")
    return folder


def change(etc: Path, content: str = "new\n", seconds: int = 60) -> ConfigSet:
    """A guarded change; activating it is noted in a log."""
    return a_set(
        raw(etc / "it's a file", content=content),
        raw(etc / "link", state="link", target="elsewhere"),
        raw(etc / "gone", state="absent"),
        raw(etc / "new" / "deep", content="x"),
        parents=True,
        activate=[["sh", "-c", f"echo activated >> {etc.parent / 'log'}"]],
        revert_after=seconds,
    )


def fire() -> int:
    """What the timer does: only a shell and the script."""
    script = revert_timer.FOLDER / "trial" / "revert.sh"
    return subprocess.run(["/bin/sh", str(script)], env={"PATH": os.defpath}, check=False).returncode


def test_the_timer_brings_everything_back_and_activates_it(etc: Path, systemd: Systemd) -> None:
    before = tree(etc)
    assert apply(change(etc)).armed
    assert tree(etc) != before
    timer = next(call for call in systemd.calls if call[0] == "systemd-run")
    assert "--on-active=60s" in timer and timer[-2:] == ["/bin/sh", str(revert_timer.FOLDER / "trial" / "revert.sh")]
    assert fire() == 0
    assert tree(etc) == before
    assert (etc.parent / "log").read_text() == "activated\n" * 2
    assert not any(revert_timer.FOLDER.iterdir()) and not any(path.is_file() for path in revert_timer.UNITS.rglob("*"))


def touching(etc: Path, then: str = "true") -> ConfigSet:
    """Activating writes a file more, at each time another line, and one that was not there."""
    (etc / "made").write_text("as it was\n")
    script = f"echo again >> {etc / 'made'}; touch {etc / 'fresh'}; {then}"
    return ConfigSet(**{**vars(change(etc)), "activate": [["sh", "-c", script]], "touched": [etc / "made", etc / "fresh"]})


def test_what_activating_writes_is_brought_back_last(etc: Path, systemd: Systemd) -> None:
    wanted = touching(etc)
    before = tree(etc)
    assert apply(wanted).armed
    assert (etc / "made").read_text() == "as it was\nagain\n" and (etc / "fresh").exists()
    assert fire() == 0
    assert tree(etc) == before


def test_what_a_failed_activation_has_written_is_brought_back(etc: Path, systemd: Systemd) -> None:
    wanted = touching(etc, "false")
    before = tree(etc)
    with pytest.raises(ConfigSetError, match="could not be activated, and the old files are back"):
        apply(wanted)
    assert tree(etc) == before and not systemd.timer


def test_it_is_armed_before_it_is_activated(etc: Path, systemd: Systemd) -> None:
    wanted = change(etc)
    seen = etc.parent / "seen"
    apply(ConfigSet(**{**vars(wanted), "activate": [["cp", str(revert_timer.FOLDER / "trial" / "revert.sh"), str(seen)]]}))
    assert seen.exists() and systemd.timer


def test_a_confirmed_change_stays(etc: Path, systemd: Systemd) -> None:
    apply(change(etc))
    new = tree(etc)
    assert confirm("trial", check_mode=True) and systemd.timer
    assert confirm("trial")
    assert not systemd.timer and not any(revert_timer.FOLDER.iterdir())
    assert fire() != 0, "a timer that comes too late finds nothing to run"
    assert tree(etc) == new
    assert not confirm("trial"), "there is nothing left to confirm"


def test_confirming_comes_too_late_once_taking_back_has_begun(etc: Path) -> None:
    apply(change(etc))
    (revert_timer.FOLDER / "trial").rename(revert_timer.FOLDER / "trial.reverting")
    assert not confirm("trial")
    assert (revert_timer.FOLDER / "trial.reverting").exists(), "its copies are not taken from under it"


def test_taking_back_goes_on_after_a_power_cut(etc: Path) -> None:
    before = tree(etc)
    apply(change(etc))
    (revert_timer.FOLDER / "trial").rename(revert_timer.FOLDER / "trial.reverting")
    assert subprocess.run(["/bin/sh", str(revert_timer.FOLDER / "trial.reverting" / "revert.sh")], check=False).returncode == 0
    assert tree(etc) == before


def test_a_restart_of_the_host_does_not_confirm(etc: Path) -> None:
    apply(change(etc))
    unit = revert_timer.UNITS / "latentum-ops-revert-trial-at-boot.service"
    assert (revert_timer.UNITS / "multi-user.target.wants" / unit.name).readlink() == unit
    commands = [line.removeprefix("ExecStart=-") for line in unit.read_text().splitlines() if line.startswith("ExecStart=")]
    assert commands == [f"/bin/sh {revert_timer.FOLDER}/trial{suffix}/revert.sh" for suffix in (".reverting", "")]
    confirm("trial")
    assert not unit.exists() and not (revert_timer.UNITS / "multi-user.target.wants" / unit.name).is_symlink()


def test_an_earlier_change_still_unconfirmed_is_taken_back_first(etc: Path, systemd: Systemd) -> None:
    before = tree(etc)
    apply(change(etc, "first\n"))
    outcome = apply(change(etc, "second\n"))
    assert outcome.armed and len(outcome.paths) == 5, "all of it differs again from the last state known to be good"
    fire()
    assert tree(etc) == before, "not the first change, which nobody confirmed either"


def test_the_same_change_again_still_waits(etc: Path, systemd: Systemd) -> None:
    apply(change(etc))
    outcome = apply(change(etc))
    assert outcome.paths == [] and outcome.armed


def test_a_lost_timer_does_not_confirm(etc: Path, systemd: Systemd, tmp_path: Path) -> None:
    apply(change(etc))
    systemd.timer = False
    outcome = apply(change(etc))
    assert len(outcome.paths) == 5 and outcome.armed


def test_nothing_is_changed_when_the_timer_cannot_be_armed(etc: Path, systemd: Systemd) -> None:
    before = tree(etc)
    systemd.refuses = True
    with pytest.raises(ConfigSetError, match="refused, and the old files are back: `systemd-run"):
        apply(change(etc))
    assert tree(etc) == before and not (etc.parent / "log").exists()
    assert not any(revert_timer.FOLDER.iterdir()) and not any(path.is_file() for path in revert_timer.UNITS.rglob("*"))


def test_a_failing_activation_leaves_nothing_armed(etc: Path, systemd: Systemd) -> None:
    before = tree(etc)
    with pytest.raises(ConfigSetError, match="could not be activated"):
        apply(ConfigSet(**{**vars(change(etc)), "activate": [["false"]]}))
    assert tree(etc) == before and not systemd.timer and not any(revert_timer.FOLDER.iterdir())


def test_nothing_waits_when_nothing_was_activated(etc: Path, systemd: Systemd) -> None:
    outcome = apply(ConfigSet(**{**vars(change(etc)), "activate_unit": "ssh.service"}))
    assert outcome.paths and not outcome.armed and not any(revert_timer.FOLDER.iterdir())


def test_what_is_kept_is_for_root_only(etc: Path) -> None:
    apply(change(etc))
    assert (revert_timer.FOLDER / "trial").stat().st_mode & 0o777 == 0o700
