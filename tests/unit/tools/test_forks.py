# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests in several processes come out as in one: each once, with what it printed, its warnings and its folder; nothing is lost."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import forks
import pytest

TOOLS = Path(forks.__file__).parent
MANY = """
import os, warnings
import pytest

@pytest.fixture(scope="session", autouse=True)
def whole():
    yield
    with open("ended", "a") as file:
        file.write(f"{os.getpid()}\\n")

@pytest.fixture(scope="module")
def place(tmp_path_factory):
    with open("made", "a") as file:
        file.write(f"{os.getpid()}\\n")
    return tmp_path_factory.mktemp("place")

@pytest.mark.parametrize("number", range(60))
def test_number(number, place, tmp_path, monkeypatch):
    with open("ran", "a") as file:
        file.write(f"{number} {os.getpid()} {tmp_path}\\n")
    if number == 59:
        import time
        end = time.monotonic() + 60
        while len(open("ran").read().splitlines()) < 60:  # whoever has the last ones is helped
            assert time.monotonic() < end
            time.sleep(0.01)

def test_that_prints_and_fails():
    print("it was here")
    assert {"one": 1} == {"one": 2}

def test_that_warns():
    warnings.warn("old", DeprecationWarning)

@pytest.mark.skip(reason="not today")
def test_skipped():
    pass

@pytest.mark.xfail
def test_expected():
    assert False

@pytest.fixture
def broken():
    raise RuntimeError("no fixture")

def test_of_a_broken_fixture(broken):
    pass
"""
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """pytest on a file of tests."""

    def command(text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "test_it.py").write_text(text)
        environment = {**os.environ, "PYTHONPATH": str(TOOLS), "COLUMNS": "200"}
        argv = [sys.executable, "-m", "pytest", "-p", "forks", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "-ra", *arguments]
        return subprocess.run([*argv, "test_it.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return command


def counted(shown: str) -> Counter[str]:
    """The numbers of the last line."""
    return Counter({what: int(number) for number, what in re.findall(r"(\d+) (\w+)", shown.splitlines()[-1].partition(" in ")[0])})


def test_it_comes_out_as_in_one_process(run: Run, tmp_path: Path) -> None:
    done = run(MANY, "--forks=3", "--durations=3", "--durations-min=0")
    assert done.returncode == 1, done.stdout + done.stderr
    assert counted(done.stdout) == {"failed": 1, "passed": 61, "skipped": 1, "xfailed": 1, "warning": 1, "error": 1}
    shown = done.stdout
    assert "it was here" in shown and "Differing items" in shown and "RuntimeError: no fixture" in shown
    assert "DeprecationWarning: old" in shown and "SKIPPED [1] test_it.py" in shown and "not today" in shown
    assert len(re.findall(r"^\d+\.\d+s (?:call|setup|teardown) ", shown, re.MULTILINE)) == 3
    ran = [line.split() for line in (tmp_path / "ran").read_text().splitlines()]
    assert sorted(int(number) for number, _pid, _folder in ran) == list(range(60))
    assert len({folder for _number, _pid, folder in ran}) == 60
    # A fixture is made once in a process, and taken down at its end.
    made, ended = (Counter((tmp_path / name).read_text().split()) for name in ("made", "ended"))
    assert len(ended) == 3 and set(ended.values()) == {1} and set(made.values()) == {1} and set(made) == {pid for _n, pid, _f in ran}
    assert str(os.getpid()) not in made


def test_a_process_that_dies_is_a_failure_of_its_tests(run: Run) -> None:
    text = "import os, pytest\n@pytest.mark.parametrize('number', range(20))\ndef test_it(number):\n    if number == 3: os._exit(7)\n"
    done = run(text, "--forks=2")
    assert done.returncode == 1 and "test_it[3]: the process that had taken it ended with 7" in done.stdout, done.stdout
    # The one that it had taken as the next is not passed over in silence, and the others are run by the other process.
    assert counted(done.stdout) == {"failed": 2, "passed": 18}


def test_it_ends_where_it_is_to(run: Run) -> None:
    text = "import pytest\n@pytest.mark.parametrize('number', range(400))\ndef test_it(number):\n    assert number\n"
    done = run(text, "--forks=2", "-x")
    assert done.returncode in (1, 2) and "stopping after 1 failures" in done.stdout, done.stdout
    assert counted(done.stdout)["passed"] < 399


@pytest.mark.parametrize("arguments", [[], ["--forks=1"], ["--forks=2", "--collect-only"]], ids=" ".join)
def test_without_several_it_is_pytest_alone(run: Run, arguments: list[str]) -> None:
    done = run(
        "import os\nfrom pathlib import Path\ndef test_it():\n    Path('pid').write_text(str(os.getpid()))\ndef test_other(): pass\n",
        *arguments,
    )
    assert done.returncode == 0 and ("2 passed" in done.stdout or "2 tests collected" in done.stdout)


def test_stretches_are_shared_out_to_the_last() -> None:
    stretches = forks._Stretches(11, 3)
    assert [stretches.take(0) for _time in range(3)] == [0, 1, 2]
    assert stretches.take(0) == 5, "the second half of the longest"
    taken = {stretches.take(process) for process in (1, 2) * 8}
    assert taken == {3, 4, 6, 7, 8, 9, 10, None} and stretches.take(0) is None
    stretches.drop()
    assert stretches.take(2) is None
