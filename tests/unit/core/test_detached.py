# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work in a process of its own: what a look sees while it runs, at its end, and when it was killed."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core import detached, progress


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(progress, "FOLDER", tmp_path)
    return tmp_path


def until_over(process: int, offset: int = 0) -> detached.Look:
    for _attempt in range(200):
        seen = detached.look("shop", "one", process, offset, 0.1)
        if seen.over:
            return seen
    raise AssertionError("it never ended")


def test_quick_work_is_over_at_the_first_look() -> None:
    def work() -> dict[str, Any]:
        progress.Progress("shop", "one").finish("nothing to do")
        return {"changed": False, "process": os.getpid(), "session": os.getsid(0)}

    begun = detached.begin(work, "shop", "one")
    seen = until_over(begun["process"])
    assert seen.result is not None
    assert seen.result["process"] == begun["process"] != os.getpid()
    assert seen.result["session"] != os.getsid(0)
    assert "nothing to do" in "".join(detached.look("shop", "one", begun["process"], 0, 0).lines)


def test_lines_come_once_and_the_result_with_the_last(folder: Path) -> None:
    def work() -> dict[str, Any]:
        told = progress.Progress("shop", "one")
        told.say("first")
        while not (folder / "go").exists():
            time.sleep(0.01)
        told.finish("second")
        return {"changed": True}

    process = detached.start(work, "shop", "one")
    first = detached.look("shop", "one", process, 0, 10)
    assert ([line.partition("] ")[2] for line in first.lines], first.over, first.alive) == (["first"], False, True)
    (folder / "go").touch()
    lines, look = [], first
    while not look.over:
        look = detached.look("shop", "one", process, look.offset, 10)
        lines += look.lines
    assert ([line.partition("] ")[2] for line in lines], look.result) == (["second"], {"changed": True})


def test_killed_work_is_not_taken_for_one_that_goes_on() -> None:
    process = detached.start(lambda: {"changed": time.sleep(60)}, "shop", "one")
    assert detached.look("shop", "one", process, 0, 0.1).alive
    os.kill(process, signal.SIGKILL)
    seen = until_over(process)
    assert (seen.alive, seen.result, seen.silent_for) == (False, None, None)


def test_an_exception_is_a_result_that_says_where() -> None:
    def work() -> dict[str, Any]:
        raise ValueError("the thing is not there")

    seen = until_over(detached.start(work, "shop", "one"))
    assert seen.result is not None
    assert seen.result["failed"]
    assert seen.result["msg"].startswith("ValueError: the thing is not there (test_detached.py, line ")


def test_the_result_of_an_earlier_run_of_the_same_name_is_not_read(folder: Path) -> None:
    detached.result_file("shop", "one").write_text('{"changed": "earlier"}')

    def work() -> dict[str, Any]:
        while not (folder / "seen").exists():
            time.sleep(0.01)
        return {"changed": "this one"}

    process = detached.start(work, "shop", "one")
    assert detached.look("shop", "one", process, 0, 0).result is None
    (folder / "seen").touch()
    assert until_over(process).result == {"changed": "this one"}
    assert detached.result_file("shop", "one").stat().st_mode & 0o777 == 0o600


def test_nothing_of_the_module_is_kept(folder: Path) -> None:
    class Mitogen:
        """An importer that would wait for ever."""

        def find_spec(self, name: str, path: object = None, target: object = None) -> None:
            if name == "colorsys":
                time.sleep(3600)

    Mitogen.__module__ = "mitogen.core"
    held = os.open(folder / "held", os.O_CREAT | os.O_RDWR)
    importer = Mitogen()
    sys.meta_path.insert(0, importer)

    def work() -> dict[str, Any]:
        sys.modules.pop("colorsys", None)
        import colorsys

        return {"imported": colorsys.__name__, "descriptors": [_open(number) for number in (0, 1, 2, held)]}

    try:
        seen = until_over(detached.start(work, "shop", "one"))
    finally:
        sys.meta_path.remove(importer)
        os.close(held)
    assert seen.result == {"imported": "colorsys", "descriptors": [*[os.devnull] * 3, ""]}


def _open(descriptor: int) -> str:
    """The file behind a descriptor of this process; empty when it is closed."""
    try:
        return str(Path(f"/proc/self/fd/{descriptor}").readlink())
    except OSError:
        return ""


class Left(Exception):
    """How a module ends, by the way and the result."""


class Module:
    """An AnsibleModule as far as `leave` needs one."""

    def __init__(self, *, detach: bool) -> None:
        self.params = {"stack": "shop", "attempt": "one", "detach": detach}

    def exit_json(self, **result: Any) -> None:
        raise Left("exit_json", result)

    def fail_json(self, **result: Any) -> None:
        raise Left("fail_json", result)


def test_a_module_leaves_by_the_result_of_its_work(folder: Path) -> None:
    for result, way in (({"changed": True}, "exit_json"), ({"failed": True, "msg": "no"}, "fail_json")):
        with pytest.raises(Left) as left:
            detached.leave(Module(detach=False), lambda given, result=result: {**result, "stack": given["stack"]})  # type: ignore[misc]
        assert left.value.args == (way, {**result, "stack": "shop"})


def test_a_module_that_is_told_to_detach_leaves_before_its_work_is_done(folder: Path) -> None:
    def work(_given: object) -> dict[str, Any]:
        deadline = time.monotonic() + 20  # carried out here, nobody would write the file
        while not (folder / "seen").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        return {"changed": True}

    with pytest.raises(Left) as left:
        detached.leave(Module(detach=True), work)
    way, begun = left.value.args
    (folder / "seen").touch()
    assert way == "exit_json" and until_over(begun["process"]).result == {"changed": True}
