# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running programs, writing files, and the lock of a stack."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core import atomic_files, locks, paths
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError, excerpt, run


def test_a_failure_tells_all_but_the_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "word").write_text("hunter2\n")
    monkeypatch.setattr(paths, "SECRETS", tmp_path)
    with pytest.raises(CommandError) as failed:
        run(["sh", "-c", "echo out; echo the password is hunter2 >&2; exit 4", "sh", "hunter2"])
    error = failed.value
    assert error.rc == 4 and error.stdout == "out\n" and "hunter2" not in f"{error} {error.argv} {error.stderr}"
    assert "the password is ********" in str(error) and "exit status 4" in str(error)


@pytest.mark.parametrize("recorded", sorted((Path(__file__).parent / "recorded/logrotate").glob("*.txt")), ids=lambda file: file.stem)
def test_the_reason_is_not_lost_in_what_a_program_says(recorded: Path) -> None:
    """`logrotate --debug` on a host with one fault in its configuration: 4 kB, and one line of them says why."""
    output = recorded.read_text()
    with pytest.raises(CommandError) as failed:
        run(["sh", "-c", 'cat "$0" >&2; exit 1', str(recorded)])
    message = str(failed.value)
    reasons = [line for line in output.splitlines() if line.startswith("error:")]
    assert reasons and all(reason in message for reason in reasons)
    assert output[:100] in message and output.strip()[-100:] in message and len(message) < 2400 < len(output)
    assert failed.value.stderr == output, "the result has all of it"


def test_an_excerpt_has_an_end() -> None:
    assert excerpt("short") == "short"
    assert len(excerpt("\n".join(f"error {number} " + "x" * 90 for number in range(10_000)))) < 2200
    assert len(excerpt("error " * 10_000)) < 2200


def test_no_shell_reads_the_arguments() -> None:
    assert run(["printf", "%s", "$(id); `id`"]).stdout == "$(id); `id`"


def test_what_is_not_installed_is_named() -> None:
    with pytest.raises(CommandError, match="no-such-program is not installed") as failed:
        run(["no-such-program"])
    assert failed.value.rc == 127


def test_a_deadline_ends_a_program() -> None:
    with pytest.raises(CommandError, match=r"did not end within 0\.2 s"):
        run(["sleep", "5"], timeout=0.2)


def test_input_environment_and_a_status_that_is_no_error() -> None:
    result = run(["sh", "-c", 'cat; printf %s "$MORE$LC_ALL"; exit 1'], input="in ü ", env={"MORE": "m "}, check=False)
    assert (result.rc, result.stdout) == (1, "in ü m C.UTF-8")


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "file"
    target.write_text("old")

    def broken(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="Input/output"):
        atomic_files.write_atomic(target, "new", 0o600, os.getuid(), os.getgid())
    assert target.read_text() == "old" and [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_written_file_is_never_open_to_more_than_its_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    real = Path.replace

    def looked_at(self: Path, target: Path) -> Path:
        seen.append(self.stat().st_mode & 0o777)
        return real(self, target)

    monkeypatch.setattr(Path, "replace", looked_at)
    atomic_files.write_atomic(tmp_path / "file", b"\xff", 0o400, os.getuid(), os.getgid())
    assert seen == [0o400] and (tmp_path / "file").read_bytes() == b"\xff"


def test_text_survives_a_round_trip(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes("ü".encode() + b"\xff")
    text = atomic_files.read_text(tmp_path / "file")
    assert text is not None and text.encode(errors="surrogateescape") == "ü".encode() + b"\xff"
    assert atomic_files.read_text(tmp_path / "no" / "file") is None


HOLDER = """
import sys
from pathlib import Path
from ansible_collections.latentum.ops.plugins.module_utils.core import locks
locks.FOLDER = Path(sys.argv[1])
with locks.stack_lock("shop", "backup", what="nightly"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_holder_at_a_time_who_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "FOLDER", tmp_path)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        told = rf"shop is locked by backup \(nightly, pid {other.pid}, since .*waited 0.2 s"
        with pytest.raises(locks.LockHeld, match=told), locks.stack_lock("shop", "rollout", 0.2):
            pass
        with locks.stack_lock("another", "rollout"):
            pass
        other.kill()  # a killed holder leaves no lock behind
        with locks.stack_lock("shop", "rollout", 5):
            pass
