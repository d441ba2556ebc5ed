# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running another program: an argv list, a deadline, and an error that helps and holds no secret."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from .masking import mask


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
        output = (self.stderr.strip() or self.stdout.strip())[-2000:]
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
