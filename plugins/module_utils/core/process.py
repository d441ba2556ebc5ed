# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running another program: an argv list, a deadline, and an error that helps and holds no secret."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from .masking import mask

KEPT_LINES = 400  # of what a program writes while it works
LONGEST = 2000  # characters of a program's output in a message
END = 500  # of them at its beginning, and at its end; the rest is for its errors
_ERROR = re.compile(
    r"(?i)(?<![a-z])(?:error|err|e|fatal|critical|crit|emerg|alert|panic|exception|failed|failure|cannot|denied|refused|refusing)(?![a-z])"
)


def excerpt(output: str) -> str:
    """What a program said, in about `LONGEST` characters: its beginning, the lines with its errors, and its end.

    One that tells all that it does (``logrotate --debug``) has its reason anywhere in between.
    """
    if len(output) <= LONGEST:
        return output
    # Whole lines, unless one is longer than all of the room.
    begin = output.rfind("\n", 0, END) + 1 or END
    end = output.find("\n", len(output) - END) + 1 or len(output) - END
    errors: list[str] = []
    room = LONGEST - 2 * END
    for line in dict.fromkeys(line.strip() for line in output[begin:end].splitlines() if _ERROR.search(line)):
        errors.append(line[:room])
        room -= len(line) + 1
        if room <= 0:
            break
    return "\n".join([output[:begin].rstrip("\n"), "[…]", *errors, "[…]", output[end:]])


@dataclass(frozen=True)
class Result:
    """What a program did: its argv, exit status, and both outputs as text, for the engine to read: what goes on to people is masked."""

    argv: tuple[str, ...]
    rc: int
    stdout: str
    stderr: str

    def shown(self, limit: int) -> str:
        """The end of both outputs as people may read it: without secrets, at most so many characters."""
        return mask(f"{self.stdout}{self.stderr}").strip()[-limit:]


class CommandError(Exception):
    """A program failed, was not found, or ran out of time. Carries argv, rc, stdout and stderr without any secret of this host."""

    def __init__(self, result: Result, reason: str) -> None:
        self.argv, self.rc = tuple(map(mask, result.argv)), result.rc
        self.stdout, self.stderr = mask(result.stdout), mask(result.stderr)
        output = excerpt(self.stderr.strip() or self.stdout.strip())
        super().__init__(f"`{' '.join(self.argv)}` {reason}" + (f": {output}" if output else ""))


def run(
    argv: Sequence[str],
    *,
    input: str | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float | None = 60,
    check: bool = True,
    cwd: str | None = None,
    output: IO[bytes] | None = None,
    stdin: IO[bytes] | None = None,
) -> Result:
    """Run one program to its end; never a shell.

    :param env: variables added to this process's environment; the locale is always C so that output can be parsed.
    :param timeout: seconds, None for no deadline.
    :param check: raise on a non-zero exit status.
    :param output: an open file that gets the standard output, which the result then lacks: a dump is larger than the memory.
    :param stdin: an open file that is its standard input.
    :raises CommandError: not found, out of time, or (with check) a non-zero exit status.
    """
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8", **(env or {})}
    try:
        done = subprocess.run(
            list(argv),
            input=input,
            stdin=(stdin or subprocess.DEVNULL) if input is None else None,
            stdout=output or subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=environment,
            timeout=timeout,
            cwd=cwd,
            check=False,
        )
    except FileNotFoundError as error:
        raise CommandError(Result(tuple(argv), 127, "", ""), f"cannot be run: {error.filename or argv[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise CommandError(Result(tuple(argv), 124, "", ""), f"did not end within {timeout:g} s") from error
    result = Result(tuple(argv), done.returncode, done.stdout or "", done.stderr)
    if check and result.rc != 0:
        raise CommandError(result, f"failed with exit status {result.rc}")
    return result


def follow(
    argv: Sequence[str],
    line: Callable[[str], None],
    *,
    env: Mapping[str, str] | None = None,
    timeout: float,
    cwd: str | None = None,
) -> Result:
    """Run one program to its end, and hand on each line that it writes, to either output, while it works.

    :param line: called with each line, without its end.
    :param timeout: seconds; then it is ended, with all that it has started.
    :return: the last `KEPT_LINES` lines as its standard output.
    :raises CommandError: not found, out of time, or a non-zero exit status.
    """
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8", **(env or {})}
    kept: deque[str] = deque(maxlen=KEPT_LINES)
    late = threading.Event()
    try:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
            cwd=cwd,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise CommandError(Result(tuple(argv), 127, "", ""), f"cannot be run: {error.filename or argv[0]} is not installed") from error

    def end() -> None:
        late.set()
        _end_group(process.pid)

    clock = threading.Timer(timeout, end)
    clock.start()
    try:
        for written in process.stdout or ():
            kept.append(written.rstrip("\r\n"))
            line(kept[-1])
        process.wait()
    finally:
        clock.cancel()
        if process.poll() is None:
            _end_group(process.pid)
            process.wait()
    result = Result(tuple(argv), process.returncode, "\n".join(kept), "")
    if late.is_set():
        raise CommandError(Result(result.argv, 124, result.stdout, ""), f"did not end within {timeout:g} s")
    if result.rc != 0:
        raise CommandError(result, f"failed with exit status {result.rc}")
    return result


def _end_group(leader: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
