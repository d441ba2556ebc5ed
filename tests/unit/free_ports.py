# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports of loopback for programs that are started with one.

A port that was bound and let go is soon somebody else's: of another process of this run, or the near end of any connection. So ports
come from below those that the kernel gives out (ip(7), C(ip_local_port_range), from 32768 on), and each is claimed by a lock until this
process ends.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

RANGE = range(20000, 32000)
_CLAIMED: list[int] = []  # descriptors: their locks end with the process


def free_port() -> int:
    """One that nobody listens at, and that no other test is given."""
    folder = Path(tempfile.gettempdir()) / "ports"
    folder.mkdir(exist_ok=True)
    for port in random.sample(RANGE, 200):
        claim = os.open(folder / str(port), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(type=kind) as probe:
                    probe.bind(("", port))
        except OSError:
            os.close(claim)
            continue
        _CLAIMED.append(claim)
        return port
    raise RuntimeError("200 ports in a row are taken")


def free_ports(*names: str) -> dict[str, int]:
    """Several, by these names."""
    return {name: free_port() for name in names}
