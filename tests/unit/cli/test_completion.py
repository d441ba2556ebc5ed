# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Completion, in the shells themselves. zsh and fish are looked for, and left out where they are not installed."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.cli import completion, completion_words, main

from . import host

CASES = {
    "sta": {"status"},
    "": {"status", "deploy", "shell", "logs", "ps", "completion", "backup", "restore", "maintenance"},
    "backup ": {"run", "list", "verify", "push", "escrow", "check", "connect"},
    "backup li": {"list"},
    "completion ": {"bash", "fish", "zsh"},
    "deploy --st": {"--stack"},
    "deploy --stack ": {"shop", "shop2"},
    "deploy --stack shop2 --recreate ": {"api"},
    "deploy --recreate ": {"api", "db", "web"},
    "logs --stack shop ": {"db", "web"},
    "logs --stack shop w": {"web"},
    "logs --colour ": {"always", "auto", "never"},
    "shell --stack shop2 ": {"api"},
    "rollback --stack shop --to ": {"0123456789ab", "ba9876543210"},
    "deploy --confirm ": {"production"},
    "maintenance on --scope ": {"host", "shop", "shop/db", "shop/web", "shop2", "shop2/api"},
}
VALUES = {"scale --stack shop ": {"db=", "web="}, "deploy --stack shop --image w": {"web="}}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A host, and `opsctl` on it."""
    host.declare(tmp_path, "shop", "web", "db")
    host.declare(tmp_path, "shop2", "api")
    host.protect(tmp_path)
    for release in ("0123456789ab", "ba9876543210"):
        (tmp_path / "var/stacks/shop/releases" / release).mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    words = tmp_path / "words.py"
    words.write_text(
        "import sys\nfrom pathlib import Path\n"
        "from ansible_collections.latentum.ops.plugins.module_utils.core import paths\n"
        f"root = Path({str(tmp_path)!r})\npaths.STACKS, paths.RELEASES = root / 'etc/stacks', root / 'var/stacks'\n"
        "from ansible_collections.latentum.ops.plugins.module_utils.cli import completion_words\n"
        "raise SystemExit(completion_words.main(sys.argv[3:]))\n"
    )
    opsctl = tmp_path / "bin/opsctl"
    opsctl.write_text(f'#!/bin/sh\nPYTHONPATH={os.pathsep.join(sys.path)} exec {sys.executable} -B {words} "$@"\n')
    opsctl.chmod(0o755)
    return tmp_path


@pytest.fixture
def script(root: Path) -> Callable[[str], Path]:
    """The script for a shell, which asks this host."""

    def write(shell: str) -> Path:
        written = root / ("_opsctl" if shell == "zsh" else f"opsctl.{shell}")
        written.write_text(completion.script(shell, main.parser()).replace(completion.COMMAND, str(root / "bin/opsctl")))
        return written

    return write


def split(line: str) -> list[str]:
    """Words as readline has them: `=` is one of its own."""
    return [part for word in line.split(" ") for part in (re.split("(=)", word) if "=" in word else [word])]


def bash(script: Path, line: str, cwd: str = "/") -> set[str]:
    program = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _opsctl; printf "%s\\n" "${COMPREPLY[@]}"'
    words = split(f"opsctl {line}")
    done = subprocess.run(
        ["bash", "--norc", "-c", program, "bash", str(script), *words], capture_output=True, text=True, cwd=cwd, check=True
    )
    assert done.stderr == ""
    return set(done.stdout.split())


@pytest.mark.parametrize("line", [*CASES, *VALUES])
def test_bash(script: Callable[[str], Path], line: str) -> None:
    found = bash(script("bash"), line)
    wanted = {**CASES, **VALUES}[line]
    assert found >= wanted if line == "" else found == wanted


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("deploy --stack=", {"shop", "shop2"}),
        ("deploy --stack=shop2 --recreate ", {"api"}),
        ("scale web=", set()),
        ("scale web=2", set()),
        ("shell web ", set()),  # what follows is not ours
        ("shell web --r", set()),
        ("deploy --nonsense ", set()),
        ("nonsense ", {"status", "deploy"}),
        ("logs --lines ", set()),
    ],
)
def test_bash_where_words_stop(script: Callable[[str], Path], line: str, words: set[str]) -> None:
    found = bash(script("bash"), line)
    assert found >= words and (words or not found)


def test_bash_knows_the_folder_one_stands_in(script: Callable[[str], Path], root: Path) -> None:
    assert bash(script("bash"), "logs ", str(root / "opt/shop2")) == {"api"}


def test_bash_on_a_terminal(script: Callable[[str], Path]) -> None:
    """Readline itself: a tab after `sta`, and one after the service of `scale`, which ends in `=` without a space."""
    source = script("bash")
    master, slave = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "TERM": "dumb", "PS1": "> ", "HISTFILE": ""}
    process = subprocess.Popen(
        ["bash", "--norc", "--noprofile", "-i"], stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
    )
    os.close(slave)
    os.write(master, f'source {source}; opsctl() {{ echo "got:<$*>"; }}\n'.encode())
    os.write(master, b"opsctl sta\t--js\t\nopsctl scale --stack shop w\t3\nexit\n")
    output, deadline = b"", time.monotonic() + 900
    while time.monotonic() < deadline:
        if select.select([master], [], [], 0.2)[0]:
            try:
                output += os.read(master, 65536)
            except OSError:
                break
        elif process.poll() is not None:
            break
    os.close(master)
    process.kill()
    process.wait()
    assert b"got:<status --json>" in output and b"got:<scale --stack shop web=3>" in output


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
@pytest.mark.parametrize("line", [*CASES, *VALUES])
def test_fish(script: Callable[[str], Path], line: str, tmp_path: Path) -> None:
    program = 'source "$argv[1]"; complete -C "$argv[2]"'
    done = subprocess.run(
        ["fish", "--no-config", "-c", program, str(script("fish")), f"opsctl {line}"],
        capture_output=True,
        text=True,
        cwd="/",
        env={**os.environ, "HOME": str(tmp_path)},
        check=True,
    )
    assert done.stderr == ""
    found = {row.partition("\t")[0] for row in done.stdout.splitlines()}
    wanted = {**CASES, **VALUES}[line]
    assert found >= wanted if line == "" else {name for name in found if not name.startswith("-") or line.endswith("--st")} == wanted


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh_can_read_it(script: Callable[[str], Path]) -> None:
    """Its syntax alone: what it completes has been tried in no terminal yet."""
    assert subprocess.run(["zsh", "-f", "-n", str(script("zsh"))], capture_output=True, text=True, check=True).stderr == ""


# Names


def test_what_is_damaged_or_not_ours_is_no_word_and_no_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    host.point_to(tmp_path, monkeypatch.setattr)
    monkeypatch.chdir("/")
    host.declare(tmp_path, "shop", "web", "$(touch x)")
    for kind in (*completion_words.KINDS, "nonsense", ""):
        assert completion_words.main([kind]) == 0
    assert "$" not in capsys.readouterr().out
    (tmp_path / "etc/stacks/shop.json").write_text("{")
    assert completion_words.main(["services", "shop"]) == 0
    assert capsys.readouterr() == ("", "")


def test_names_need_little_of_the_engine() -> None:
    """At each press of the tab key: no YAML, no HTTP, no parser of command lines."""
    program = (
        "import sys; from ansible_collections.latentum.ops.plugins.module_utils.cli import completion_words;"
        "completion_words.main(['stacks']); print(sorted(name for name in sys.modules))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True).stdout
    assert not {"'yaml'", "'argparse'", "'http.client'", "'tempfile'"} & set(loaded.strip("[]\n").split(", "))
    assert len(re.findall(r"module_utils\.\w+\.\w+'", loaded)) == 2  # this, and the paths
