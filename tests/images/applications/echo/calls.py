# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls of gRPC from another host: `calls.py ADDRESS AUTHORITY SERVICE [NAME=VALUE …]`; what each did, as JSON. Metadata is NAME=VALUE.

A stream sends its next message only when the one before is answered, so nothing may be held back on the way.
"""

from __future__ import annotations

import json
import queue
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc

MESSAGES = 50


def outcome(call: Callable[[], Any]) -> Any:
    """What it answers, or the status that it ends with."""
    try:
        return call()
    except grpc.RpcError as error:
        return {"status": error.code().name, "details": error.details()}


def streamed(channel: Any, service: str, metadata: list[tuple[str, str]]) -> dict[str, Any]:
    """A conversation: how many answers, by how many containers."""
    said: queue.Queue[bytes | None] = queue.Queue()
    answers = channel.stream_stream(f"/{service}/Stream")(iter(said.get, None), metadata=metadata, timeout=60)
    names, right = set(), 0
    for number in range(MESSAGES):
        said.put(str(number).encode())
        name, _space, text = next(answers).decode().partition(" ")
        names.add(name)
        right += text == str(number)
    said.put(None)
    return {"answers": right, "containers": len(names)}


def main(address: str, authority: str, service: str, *words: str) -> None:
    """One call of each kind, over one connection."""
    metadata = [(name, value) for name, _equals, value in (word.partition("=") for word in words)]
    credentials = grpc.ssl_channel_credentials(Path(authority).read_bytes())
    with grpc.secure_channel(address, credentials, [("grpc.enable_retries", 0)]) as channel:

        def unary(method: str) -> Any:
            return channel.unary_unary(f"/{service}/{method}")(b"hello", metadata=metadata, timeout=20)

        said = {
            "unary": outcome(lambda: json.loads(unary("Unary"))),
            "refuse": outcome(lambda: unary("Refuse")),
            "unknown": outcome(lambda: unary("Unknown")),
            "stream": outcome(lambda: streamed(channel, service, metadata)),
        }
    print(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
