# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon of the unit C(latentum-ops-socket-proxy): holds Docker's socket for the watchdog, and lets through what its settings need.

It ends by SIGTERM. What root hands over (preparing.py) is read again once it is another.
"""

from __future__ import annotations

import os
import pwd
import signal
import socket
import sys

from ..core.masking import clean
from ..core.published_secrets import PublishedMasker
from ..core.systemd import notify
from .operations import Operations
from .policy import PolicyFile
from .server import Server

PEER = "latentum-watchdog"  # the user who may ask
_FIRST_DESCRIPTOR = 3  # sd_listen_fds(3)


def inherited() -> socket.socket:
    """The socket that systemd listens on for us; it outlives us, so nobody is refused while we start.

    :raises ValueError: there is none.
    """
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS") != "1":
        raise ValueError("no socket was handed over: systemctl start latentum-ops-socket-proxy.socket")
    return socket.socket(fileno=_FIRST_DESCRIPTOR)


def run() -> None:
    """Until SIGTERM.

    :raises OSError, ValueError: there is no policy, or no socket.
    :raises KeyError: there is no user who may ask.
    """
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # for all threads: they are waited for below
    Server(inherited(), Operations(PolicyFile().current, PublishedMasker().mask), pwd.getpwnam(PEER).pw_uid).start()
    notify("READY=1")
    signal.sigwait(signals)
    notify("STOPPING=1")


def main() -> int:
    """The exit status."""
    try:
        run()
    except (OSError, ValueError, KeyError) as error:
        sys.stderr.write(f"socket proxy: {clean(error)}\n")
        return 2
    return 0
