# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Audit lines in the journal of the host, with fields that `journalctl` can search (systemd.journal-fields(7))."""

from __future__ import annotations

import os
import pwd
import socket
import struct
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..core.caller import caller
from ..core.masking import line

SOCKET = "/run/systemd/journal/socket"
NOTICE = "5"  # syslog(3)
AUTHPRIV = "10"
LONGEST = 500  # characters of a command
_NOBODY = 2**32 - 1  # of a process that no login began (audit, proc(5))


def login() -> int | None:
    """The user who logged in, whatever he has become since; None for what no login began. The kernel keeps it: no variable changes it."""
    try:
        uid = int(Path("/proc/self/loginuid").read_text())
    except (OSError, ValueError):
        return None
    return None if uid == _NOBODY else uid


def note(what: str, **fields: str) -> str:
    """Write a line, and who did it; why it could not be written, empty where it was.

    :param fields: further fields, in upper case.
    """
    uid = login()
    who = caller()
    logged_in = "" if uid is None else f", logged in as uid {uid}"
    everything = {
        "MESSAGE": line(f"{who}{logged_in}: {what}", LONGEST),
        "PRIORITY": NOTICE,
        "SYSLOG_FACILITY": AUTHPRIV,
        "SYSLOG_IDENTIFIER": "opsctl",
        "OPSCTL_WHO": who,
        "OPSCTL_LOGIN_UID": "" if uid is None else str(uid),
        **{name: line(value, LONGEST) for name, value in fields.items()},
    }
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.sendto(_datagram(everything), SOCKET)
    except OSError as error:
        return f"{SOCKET}: {error.strerror or error} (uid {os.getuid()})"
    return ""


def person() -> str:
    """Who asks, by the account that logged in: sudo's word for it, then the kernel's; empty for root itself and for units."""
    for number in (os.environ.get("SUDO_UID", ""), str(login() or "")):
        if number.isdigit() and int(number):
            try:
                return pwd.getpwuid(int(number)).pw_name
            except KeyError:
                return f"uid {number}"
    return ""


@dataclass
class Call:
    """A call of opsctl, as it is recorded.

    :param result: how it ended; an end that nothing else says was an exception.
    """

    person: str
    verb: str
    stack: str
    arguments: str
    result: str = "died"

    def write(self, seconds: float | None) -> str:
        """A line of the journal; why it could not be written, empty where it was."""
        of = f"{self.verb} of {self.stack}" if self.stack else self.verb
        lasted = "" if seconds is None else f" after {seconds:.1f} s"
        fields = {"OPSCTL_PERSON": self.person, "OPSCTL_VERB": self.verb, "OPSCTL_STACK": self.stack, "OPSCTL_RESULT": self.result}
        fields |= {"OPSCTL_ARGUMENTS": self.arguments} | ({} if seconds is None else {"OPSCTL_SECONDS": f"{seconds:.1f}"})
        arguments = f" ({self.arguments})" if self.arguments else ""
        return note(f"{of}{arguments}: {self.result}{lasted}", **fields)


class NotRecorded(OSError):
    """The journal does not take the line without which nothing is done."""


@contextmanager
def recorded(call: Call, *, required: bool) -> Iterator[None]:
    """A line before, which also a call has that is killed, and one with its result.

    :param required: without the first line nothing is done.
    :raises NotRecorded: it could not be written.
    """
    ended, call.result = call.result, "begun"
    problem = call.write(None)
    if problem and required:
        raise NotRecorded(f"{call.verb} was not begun, since the audit log does not take it: {problem}")
    call.result, began = ended, time.monotonic()
    try:
        yield
    finally:
        call.write(time.monotonic() - began)


def _datagram(fields: Mapping[str, str]) -> bytes:
    """The native protocol of the journal: the length stands before a value, so that no value can begin a field of its own."""
    packed = b""
    for name, value in fields.items():
        raw = value.encode(errors="replace")
        packed += name.encode() + b"\n" + struct.pack("<Q", len(raw)) + raw + b"\n"
    return packed
