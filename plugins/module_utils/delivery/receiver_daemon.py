# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon of the unit C(latentum-ops-receiver): answers calls on the socket that systemd hands over, which outlives it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys

from ..core import paths
from ..core.masking import clean
from ..core.systemd import notify
from .inbox import Inbox
from .receiver import Receiver, Server

_FIRST_DESCRIPTOR = 3  # sd_listen_fds(3)


def inherited() -> socket.socket:
    """The socket that systemd listens on for us.

    :raises ValueError: there is none.
    """
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS") != "1":
        raise ValueError("no socket was handed over: systemctl start latentum-ops-receiver.socket")
    return socket.socket(fileno=_FIRST_DESCRIPTOR)


async def serve(listening: socket.socket) -> None:
    """Until SIGTERM."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = await Server(Receiver(Inbox(paths.DELIVERIES))).listen(listening)
    notify("READY=1")
    await stop.wait()
    notify("STOPPING=1")
    server.close()


def main() -> int:
    """The exit status."""
    try:
        asyncio.run(serve(inherited()))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"delivery receiver: {clean(error)}\n")
        return 2
    return 0
