# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks of a preflight look at on a host: each thing once, and nothing is changed by looking."""

from __future__ import annotations

import grp
import os
import pwd
import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from ..containers.client import DockerUnavailable, Engine
from ..core.process import CommandError, run
from ..firewall.host import Connection, ancestors, connection, listens

# What sshd says of each login, at LogLevel INFO and above (auth.c, auth_log).
_ACCEPTED = re.compile(r"^Accepted publickey for .*(SHA256:[A-Za-z0-9+/]{43})", re.MULTILINE)
TIMEOUT = 20  # seconds for a program that only looks


def accepted(log: str) -> str | None:
    """The fingerprint in the log of one process of sshd."""
    fingerprints = _ACCEPTED.findall(log)
    return fingerprints[-1] if fingerprints else None


class Host:
    """This host; the tests have another one, of recorded outputs."""

    @cached_property
    def connection(self) -> Connection | None:
        """The SSH connection that the run came through; None for a run without one."""
        return connection()

    @cached_property
    def engine(self) -> Engine | None:
        """The Docker engine; None where none answers, as on a bare host."""
        try:
            return Engine(TIMEOUT)
        except DockerUnavailable:
            return None

    @cached_property
    def user(self) -> str:
        """Who logged in: under sudo, SUDO_USER, however the inventory names it."""
        return os.environ.get("SUDO_USER") or pwd.getpwuid(os.getuid()).pw_name

    @cached_property
    def accepted_key(self) -> str | None:
        """Fingerprint of the key that opened this connection (``SHA256:…``), from sshd's own log; None where that does not say."""
        processes = [f"_PID={pid}" for pid in ancestors()]
        log = self.output(["journalctl", "--quiet", "--no-pager", "--boot", "--output=cat", *processes]) or ""
        return accepted(log)

    def listens(self, port: int) -> bool:
        """Somebody listens on this TCP port."""
        return listens(port)

    def groups(self, user: str) -> list[str]:
        """The names of a user's groups; none for a user that is not there."""
        try:
            account = pwd.getpwnam(user)
        except KeyError:
            return []
        names = []
        for number in os.getgrouplist(user, account.pw_gid):
            try:
                names.append(grp.getgrgid(number).gr_name)
            except KeyError:
                continue  # a number without a name
        return names

    def home(self, user: str) -> Path | None:
        """The home of a user; None for one that is not there."""
        try:
            return Path(pwd.getpwnam(user).pw_dir)
        except KeyError:
            return None

    def output(self, argv: Sequence[str]) -> str | None:
        """What a program says; None where it is not installed, or refuses."""
        try:
            done = run(argv, check=False, timeout=TIMEOUT)
        except CommandError:
            return None
        return done.stdout if done.rc == 0 else None

    def said(self, argv: Sequence[str]) -> str | None:
        """What a program says on both of its outputs; None where it is not installed."""
        try:
            done = run(argv, check=False, timeout=TIMEOUT)
        except CommandError:
            return None
        return done.stdout + done.stderr

    def read(self, path: str | Path) -> str | None:
        """The content of a file; None where it cannot be read."""
        try:
            return Path(path).read_text(errors="replace")
        except OSError:
            return None

    def files(self, folder: str, pattern: str) -> list[Path]:
        """Files of a folder by a pattern, sorted as programs read them."""
        return sorted(Path(folder).glob(pattern))
