# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service without HTTP: it gives back what it gets, over TCP and UDP."""

from __future__ import annotations

import socketserver
import threading


class _Connection(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(line)


class _Datagram(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        data, listener = self.request
        listener.sendto(data, self.client_address)


class _Listening:
    """One server in a thread of its own."""

    def __init__(self, server: socketserver.BaseServer) -> None:
        self.server = server
        self.address = f"127.0.0.1:{server.server_address[1]}"  # type: ignore[index,str-bytes-safe]
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Threading(socketserver.ThreadingTCPServer):
    daemon_threads = True


class Echo(_Listening):
    """Lines over TCP; beside it datagrams."""

    def __init__(self) -> None:
        super().__init__(_Threading(("127.0.0.1", 0), _Connection))
        self.datagrams = _Listening(socketserver.UDPServer(("127.0.0.1", 0), _Datagram))

    def close(self) -> None:
        super().close()
        self.datagrams.close()
