# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in the client: requests on four connections that are kept, one after the other on each, until a file is there.

`steady.py URL STOP [CA]`; what it prints at its end: answered requests, the lost ones with their times, and when a kept connection was
closed under a request. Such a request is sent again on a new connection, as every client does (RFC 9110, 9.2.2), and may be lost there.
"""

from __future__ import annotations

import http.client
import json
import ssl
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

PAUSE = 0.02


class Steady:
    """The requests of all connections."""

    def __init__(self, url: str, stop: Path, authority: str | None) -> None:
        self.url, self.stop = urlsplit(url), stop
        self.context = ssl.create_default_context(cafile=authority) if authority else None
        self.answered = 0
        self.lost: list[tuple[float, str]] = []
        self.closed: list[float] = []
        self._lock = threading.Lock()

    def _connection(self) -> http.client.HTTPConnection:
        if self.context:
            return http.client.HTTPSConnection(self.url.netloc, timeout=15, context=self.context)
        return http.client.HTTPConnection(self.url.netloc, timeout=15)

    def ask(self) -> None:
        """One connection after the other; a new one only where the server has said that it closes this one."""
        connection: http.client.HTTPConnection | None = None
        while not self.stop.exists():
            kept, connection = connection is not None, connection or self._connection()
            try:
                connection = self._answered(connection)
            except (OSError, http.client.HTTPException) as error:
                connection = None
                if kept and isinstance(error, (http.client.RemoteDisconnected, ConnectionResetError)):
                    self.closed.append(time.time())
                    continue
                self.lost.append((time.time(), repr(error)))
            time.sleep(PAUSE)

    def _answered(self, connection: http.client.HTTPConnection) -> http.client.HTTPConnection | None:
        """One request; the connection, when the server keeps it."""
        connection.request("GET", self.url.path)
        reply = connection.getresponse()
        reply.read()
        if reply.status != 200:
            raise OSError(f"status {reply.status}")
        with self._lock:
            self.answered += 1
        return None if (reply.getheader("Connection") or "").lower() == "close" else connection

    def run(self) -> dict[str, object]:
        """Until the file is there."""
        threads = [threading.Thread(target=self.ask) for _number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return {"answered": self.answered, "lost": self.lost, "closed": self.closed}


if __name__ == "__main__":
    print(json.dumps(Steady(sys.argv[1], Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None).run()))
