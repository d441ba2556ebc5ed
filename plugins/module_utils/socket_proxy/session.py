# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Session of the proxy with the engine, for one request of a client: ended when the client goes away."""

from __future__ import annotations

import socket
from contextlib import suppress

from ..containers.api import EngineApi, _UnixConnection


class Session(EngineApi):
    """The engine's API, whose requests can be broken off by another thread."""

    def __init__(self, timeout: float, path: str) -> None:
        super().__init__(timeout, path)
        self._channels: list[socket.socket] = []
        self._ended = False

    def _sent(self, connection: _UnixConnection) -> None:
        self._channels.append(connection.sock)
        if self._ended:
            self.end()

    def end(self) -> None:
        """Nobody waits for an answer any more: what is being read ends now."""
        self._ended = True
        for channel in self._channels:
            with suppress(OSError):
                channel.shutdown(socket.SHUT_RDWR)
