# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of restic, watched while it works.

restic tries a request that failed again for up to a quarter of an hour, also where nothing but another password helps. So its words
are read as they come: what only a human can mend ends it within seconds, and a deadline ends it in a way that leaves no lock behind.
"""

from __future__ import annotations

import json
import os
import queue
import re
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any

from ..core.atomic_files import read_text
from ..core.masking import Masker, mask
from .restic_errors import Absent, Denied, Full, Overdue, TargetError, Unreachable, Untrusted, judge, kind_of

RETRIES = "returned error, retrying after"
RECOVERED = "operation successful after"
SKIPPED = " does not exist, skipping"  # restic 0.18 ends with 0 all the same
HOPELESS = (Absent, Denied, Full, Untrusted)  # no later try mends these
TRIES = 2  # one may be a server that is just starting
GRACE = 15.0  # seconds to remove its lock after SIGTERM
# All that restic may know of this process's environment: a shell's leftovers (AWS_PROFILE, RESTIC_REPOSITORY …) must not lead elsewhere.
INHERITED = ("PATH", "TMPDIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
WORDS_KEPT = 300  # lines of stderr: the first tell the cause
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
TRACE = re.compile(r"\n\S+\n\t")  # where a Go stack begins

Item = dict[str, Any]


@dataclass
class Transcript:
    """What one run has said.

    :ivar status: restic's exit status.
    :ivar lines: stdout, without the JSON objects that went to the listener.
    :ivar words: stderr in order, as text, without final.
    :ivar final: the last word of restic's own, when it failed.
    :ivar unread: files that were not read, and why.
    """

    status: int = 0
    lines: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    final: str = ""
    unread: dict[str, str] = field(default_factory=dict)

    def document(self) -> Any:
        """stdout as one JSON document."""
        return json.loads("".join(self.lines) or "null")


class Watch:
    """Follows the retries of a run, and says when waiting has no use."""

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self.count = 0
        self.since = 0.0
        self.last = ""

    def hear(self, line: str) -> bool:
        """Take a line of stderr; True when the run may as well be ended."""
        if RECOVERED in line:
            self.count, self.last = 0, ""
        if RETRIES not in line:
            return False
        now = time.monotonic()
        self.since = now if not self.count else self.since
        self.count += 1
        self.last = line
        return (issubclass(kind_of(line), HOPELESS) and self.count >= TRIES) or now - self.since > self.patience


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of restic; UTC, so that times are what they say."""
    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return {"PATH": os.defpath, **kept, "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8", "TZ": "UTC", **extra}


def run(  # noqa: PLR0913 - each is a decision of its caller, and given by name
    target: str,
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    secrets: Sequence[str],
    deadline: float,
    patience: float = float("inf"),
    listen: Callable[[Item], None] | None = None,
    output: IO[bytes] | None = None,
    allowed: Sequence[int] = (0,),
    grace: float = GRACE,
    log: str = "",
) -> Transcript:
    """Run restic to its end.

    :param target: the name of the target, for errors.
    :param secrets: values that must not be shown, beside those of the secret store: the password in a repository's address.
    :param deadline: seconds, after which it is ended.
    :param patience: seconds of failing requests, one after another, after which it is ended.
    :param listen: gets each JSON object of stdout as it comes; one that raises ends restic.
    :param output: an open file that gets stdout instead.
    :param allowed: exit statuses that are no error.
    :param log: a file in which a program below restic tells why it failed; it may be missing.
    :raises TargetError: and its kinds.
    """

    own = Masker(secrets)

    def masked(text: str) -> str:
        return own.mask(mask(text))

    try:
        process = subprocess.Popen(
            list(argv), env=environment(env), stdin=subprocess.DEVNULL, stdout=output or subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,  # ssh must find no terminal to ask on
        )  # fmt: skip
    except FileNotFoundError as error:
        raise TargetError(target, what=f"cannot be used: {argv[0]} is not installed", reason="", advice="apply role backup") from error
    heard: queue.SimpleQueue[tuple[bool, str | None]] = queue.SimpleQueue()
    open_streams = [(False, process.stdout), (True, process.stderr)] if output is None else [(True, process.stderr)]
    for is_error, stream in open_streams:
        threading.Thread(target=_read, args=(stream, is_error, heard), daemon=True).start()
    transcript, watch, ends = Transcript(), Watch(patience), time.monotonic() + deadline
    try:
        left = len(open_streams)
        while left:
            is_error, line = heard.get(timeout=max(0.0, ends - time.monotonic()))
            if line is None:
                left -= 1
            elif not is_error:
                _take(line, transcript, listen)
            elif watch.hear(text := _word(masked(line), transcript)):
                raise judge(target, 1, _reason(text), transcript.words)
        transcript.status = process.wait(max(0.1, ends - time.monotonic()))
    except (queue.Empty, subprocess.TimeoutExpired):
        words = masked(read_text(log) or "") if log else ""
        raise _late(target, deadline, watch.last or words) from None
    finally:
        _end(process, grace)
    if transcript.status not in allowed:
        transcript.words = [*masked(read_text(log) or "").splitlines(), *transcript.words] if log else transcript.words
        transcript.final = transcript.final or (transcript.words[-1] if transcript.words else f"exit status {transcript.status}")
        raise judge(target, transcript.status, transcript.final, transcript.words)
    return transcript


def _read(stream: IO[bytes], is_error: bool, heard: queue.SimpleQueue[tuple[bool, str | None]]) -> None:
    """Put each line of a stream into the queue, and None at its end. stderr also breaks lines by carriage returns."""
    with stream, suppress(OSError, ValueError):
        for raw in stream:
            for line in raw.decode(errors="replace").splitlines() if is_error else [raw.decode(errors="replace")]:
                heard.put((is_error, line))
    heard.put((is_error, None))


def _take(line: str, transcript: Transcript, listen: Callable[[Item], None] | None) -> None:
    if listen is None:
        transcript.lines.append(line)
        return
    with suppress(ValueError):
        item = json.loads(line)
        if isinstance(item, dict):
            listen(item)


def _word(line: str, transcript: Transcript) -> str:
    """Sort a line of stderr in, and return it as text."""
    text = ANSI.sub("", line).strip()
    item: Any = None
    with suppress(ValueError):
        item = json.loads(text)
    if isinstance(item, dict):
        kind, about = item.get("message_type"), item.get("error")
        text = TRACE.split(str(about.get("message", "") if isinstance(about, dict) else item.get("message", "")))[0].strip()
        if kind == "exit_error":
            transcript.final = text
            return text
        if item.get("during") in {"archival", "scan"}:
            transcript.unread[str(item.get("item", ""))] = text
            return ""
    elif text.endswith(SKIPPED):
        transcript.unread[text.removesuffix(SKIPPED)] = "does not exist"
        return ""
    if text and RETRIES not in text and len(transcript.words) < WORDS_KEPT:
        transcript.words.append(text)
    return text


def _reason(word: str) -> str:
    """Why a request failed, without which and how often."""
    return word.split(": ", 1)[-1]


def _late(target: str, deadline: float, last: str) -> TargetError:
    """The deadline has passed: what was it waiting for?"""
    if last:
        kind = kind_of(last)
        return (Unreachable if kind is TargetError else kind)(target, f"{_reason(last)}; given up after {deadline:.0f} s")
    return Overdue(target, f"ended after {deadline:.0f} s")


def _end(process: subprocess.Popen[bytes], grace: float) -> None:
    """Make sure that it has ended: by asking, so that it removes its lock, and then by force."""
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(grace)
    if process.poll() is None:
        process.kill()
        process.wait()
