# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read on a host: containers' json-file logs, nginx, auditd, the journal; each hands out texts with their time and place."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .records import ACCESS, APPLICATION, AUDIT, HOST_STACK, SYSTEM, Place, safe
from .rotated import LONGEST, RotatedFile

UNENDED = 60.0  # seconds after which a line without an end is taken as it is
NGINX_LINGER = 5.0  # seconds; nginx gathers for one (access_log … flush=1s), and logrotate tells it after the new file is there
PROJECT, SERVICE = "com.docker.compose.project", "com.docker.compose.service"
JOURNAL_BYTES = 1 << 20  # of one look
JOURNAL_PAUSE = 10.0  # seconds before journalctl is started again
_AUDITED = ("sudo", "su", "sshd", "sshd-session", "login", "opsctl", "polkitd", "useradd", "usermod", "userdel", "passwd", "groupadd")
_NGINX_TIME = re.compile(r"(\d{4})/(\d\d)/(\d\d) (\d\d):(\d\d):(\d\d) ")
_AUDIT_TIME = re.compile(r"\baudit\((\d{1,12})\.(\d{3}):\d+\)")


@dataclass(frozen=True)
class Text:
    """What was written.

    :param at: RFC 3339, UTC.
    """

    place: Place
    at: str
    stream: str
    text: str


def utc(at: float) -> str:
    """A time as records have it."""
    return f"{datetime.fromtimestamp(at, timezone.utc):%Y-%m-%dT%H:%M:%S.%f}Z"


class ContainerLog:
    """The json-file log of a container; a line of more than 16 KiB, which Docker writes in parts, is joined again."""

    def __init__(self, folder: Path, place: Place, name: str, state: dict[str, Any]) -> None:
        self.place, self.key = place, f"{name}@{folder.name[:12]}"
        self.file = RotatedFile(folder / f"{folder.name}-json.log", state.get("position"), history=True)
        self._parts: dict[str, list[str]] = {stream: [part["at"], part["text"]] for stream, part in state.get("parts", {}).items()}
        self._since = time.monotonic()

    def state(self) -> dict[str, Any]:
        """Where it goes on."""
        parts = {stream: {"at": at, "text": text} for stream, (at, text) in self._parts.items()}
        return {"position": self.file.position(), "parts": parts}

    def read(self) -> Iterator[Text]:
        """What was written since."""
        for line in self.file.lines():
            yield from self._text(line)
        if self._parts and time.monotonic() - self._since > UNENDED:
            for stream, (at, text) in self._parts.items():
                yield Text(self.place, at, stream, text)
            self._parts.clear()

    def _text(self, line: bytes) -> Iterator[Text]:
        record = _object(line)
        log, stream, at = record.get("log"), str(record.get("stream", "")), record.get("time")
        if not isinstance(log, str) or not isinstance(at, str):
            if line.strip(b"\0\r "):  # a crash leaves zeros, and half a record
                yield Text(self.place, utc(time.time()), "", line.strip(b"\0").decode(errors="backslashreplace"))
            return
        pending = self._parts.pop(stream, None)
        if pending:
            at, log = pending[0], pending[1] + log
        if log.endswith("\n"):
            yield Text(self.place, at, stream, log[:-1].removesuffix("\r"))
        elif len(log) >= LONGEST:
            yield Text(self.place, at, stream, log)
        else:
            self._parts[stream] = [at, log]
            self._since = time.monotonic()

    def gaps(self) -> int:
        """How often something may have been lost before it was read."""
        return self.file.gaps

    def close(self) -> None:
        """Let go."""
        self.file.close()


def container(host: str, folder: Path, state: dict[str, Any]) -> ContainerLog | None:
    """The log of the container that Docker keeps in this folder; None where there is none. One with another driver has no file, and waits.

    The labels come from the engine's own file beside the log: they are there before the first line, and asking for them needs no rights
    over the engine.
    """
    try:
        config = _object((folder / "config.v2.json").read_bytes())
    except OSError:
        return None
    about = config.get("Config")
    labels = (about if isinstance(about, dict) else {}).get("Labels") or {}
    name = str(config.get("Name", "")).lstrip("/") or folder.name[:12]
    place = Place(host, safe(str(labels.get(PROJECT) or HOST_STACK)), safe(str(labels.get(SERVICE) or name)), APPLICATION)
    return ContainerLog(folder, place, safe(name), state)


class HostLog:
    """A log in a file of the host.

    :param kind: `access` and `error` of nginx, or `audit`.
    """

    def __init__(self, host: str, path: Path, kind: str, state: dict[str, Any]) -> None:
        self.host, self.kind, self.key = host, kind, safe(f"{kind}.{path.name}")
        self.file = RotatedFile(path, state.get("position"), linger=0.0 if kind == AUDIT else NGINX_LINGER)

    def state(self) -> dict[str, Any]:
        """Where it goes on."""
        return {"position": self.file.position()}

    def read(self) -> Iterator[Text]:
        """What was written since."""
        for line in self.file.lines():
            text = line.decode(errors="backslashreplace")
            place, at = {ACCESS: self._access, "error": self._error, AUDIT: self._audit}[self.kind](line, text)
            yield Text(place, at or utc(time.time()), "", text)

    def _access(self, line: bytes, _text: str) -> tuple[Place, str]:
        record = _object(line)
        stack, service = (str(record.get(name) or "") for name in ("stack", "service"))
        at = ""
        with contextlib.suppress(ValueError):
            at = utc(datetime.fromisoformat(str(record.get("time"))).timestamp())
        owned = Place(self.host, safe(stack), safe(service or "nginx"), ACCESS)
        return owned if stack else Place(self.host, HOST_STACK, "nginx", ACCESS), at

    def _error(self, _line: bytes, text: str) -> tuple[Place, str]:
        match = _NGINX_TIME.match(text)
        at = ""
        if match:
            with contextlib.suppress(ValueError, OverflowError):
                at = utc(datetime(*map(int, match.groups())).timestamp())  # type: ignore[arg-type]  # nginx writes the host's local time
        return Place(self.host, HOST_STACK, "nginx", SYSTEM), at

    def _audit(self, _line: bytes, text: str) -> tuple[Place, str]:
        match = _AUDIT_TIME.search(text)
        return Place(self.host, HOST_STACK, "auditd", AUDIT), utc(int(match[1]) + int(match[2]) / 1000) if match else ""

    def gaps(self) -> int:
        """How often something may have been lost before it was read."""
        return self.file.gaps

    def close(self) -> None:
        """Let go."""
        self.file.close()


class Journal:
    """The journal of the host, by journalctl and its cursor; who logged in and what was done as root are of class audit."""

    key = "journal"

    def __init__(self, host: str, state: dict[str, Any], command: str = "journalctl") -> None:
        self.host, self.command = host, command
        self.cursor = str(state.get("cursor") or "")
        self.failures = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._output = -1
        self._rest = b""
        self._again = 0.0  # when it is started anew

    def state(self) -> dict[str, Any]:
        """Where it goes on."""
        return {"cursor": self.cursor}

    def read(self) -> Iterator[Text]:
        """What was written since."""
        output = self._opened()
        if output is None:
            return
        try:
            chunk = os.read(output, JOURNAL_BYTES)
        except BlockingIOError:
            return
        if not chunk:  # it has ended: the cursor is unknown to it, or it was killed
            self.close()
            self.failures += 1
            return
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            record = _object(line)
            if cursor := record.get("__CURSOR"):
                yield self._text(record)
                self.cursor = str(cursor)

    def _opened(self) -> int | None:
        """Where its lines come from; None while there is none."""
        if self._process is None:
            if time.monotonic() < self._again:
                return None
            self._again = time.monotonic() + JOURNAL_PAUSE
            begin = [f"--after-cursor={self.cursor}"] if self.cursor else ["--boot"]
            argv = [self.command, "--quiet", "--all", "--output=json", "--no-pager", "--follow", "--no-tail", *begin]
            self._output, written = os.pipe()
            try:
                self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=written, stderr=subprocess.DEVNULL)
            except OSError:
                os.close(self._output)
                self.failures += 1
                return None
            finally:
                os.close(written)
            os.set_blocking(self._output, False)
        return self._output

    def _text(self, record: dict[str, Any]) -> Text:
        identifier = _field(record, "SYSLOG_IDENTIFIER") or _field(record, "_COMM") or "unknown"
        audited = record.get("SYSLOG_FACILITY") in ("4", "10") or identifier in _AUDITED or record.get("_TRANSPORT") == "audit"
        try:
            at = utc(int(str(record.get("__REALTIME_TIMESTAMP"))) / 1_000_000)
        except (ValueError, OverflowError):
            at = utc(time.time())
        place = Place(self.host, HOST_STACK, "journal", AUDIT if audited else SYSTEM)
        return Text(place, at, safe(identifier), _field(record, "MESSAGE"))

    def gaps(self) -> int:
        """How often it could not be read."""
        return self.failures

    def close(self) -> None:
        """End journalctl."""
        if self._process is not None:
            os.close(self._output)
            self._process.kill()
            self._process.wait()
        self._process, self._rest = None, b""


def _field(record: dict[str, Any], name: str) -> str:
    """A field of the journal: bytes that are no text come as a list of numbers, a field that is there twice as a list of texts."""
    value = record.get(name)
    if isinstance(value, list):
        if all(isinstance(part, int) and 0 <= part < 256 for part in value):
            return bytes(value).decode(errors="backslashreplace")
        return " ".join(map(str, value))
    return "" if value is None else str(value)


def _object(line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line.decode(errors="backslashreplace"))
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def folders(root: Path) -> list[Path]:
    """The folders of Docker's containers."""
    try:
        return [Path(entry.path) for entry in os.scandir(root) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
