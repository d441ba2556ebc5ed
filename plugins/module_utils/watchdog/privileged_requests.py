# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the watchdog asks root for, by the socket of the gate: it writes no file that root reads."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..nginx import out_of_rotation

RUN = Path("/run/latentum-ops-watchdog")
STATUS = RUN / "status.json"
SOCKET = Path("/run/latentum-ops-gate/socket")
# Root's alone; the watchdog sees that there is an answer, and gets it from the gate.
HELPER = Path("/run/latentum-ops-steward")
REQUESTS, ANSWERS = HELPER / "requests", HELPER / "answers"
PATIENCE = 30.0  # seconds: nginx tests its files and takes them over meanwhile
LARGEST = 1 << 18  # bytes of a question or an answer
REMEDIES = {
    "replace": "the missing containers",
    "recreate": "a new container in place of each",
    "rollback": "a rollback to the last good release",
}


class Refused(OSError):
    """The gate does not do it; the message says why."""


def call(question: Mapping[str, Any], patience: float = PATIENCE) -> dict[str, Any]:
    """One question: a line of JSON each way.

    :raises Refused: it is not allowed.
    :raises OSError: the gate does not answer.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
            channel.settimeout(patience)
            channel.connect(str(SOCKET))
            channel.sendall(json.dumps(question).encode() + b"\n")
            with channel.makefile("rb") as lines:
                answer = json.loads(lines.readline(LARGEST))
    except ValueError:
        raise OSError("the gate has said nothing: look at `systemctl status latentum-ops-upstreams`") from None
    if not answer.get("ok"):
        raise Refused(str(answer.get("error") or "the gate refuses"))
    return dict(answer)


def ask(stack: str, service: str, remedy: str) -> None:
    """Ask for a remedy of a whole service; asking twice is asking once.

    :raises OSError: nobody takes it.
    """
    call({"remedy": {"stack": stack, "service": service, "remedy": remedy}})


def answers() -> Iterator[tuple[str, str]]:
    """Key of the service and what was done; each is given once.

    :raises OSError: the gate does not answer.
    """
    try:
        waiting = any(name.endswith(".json") for name in (path.name for path in ANSWERS.iterdir()))
    except FileNotFoundError:
        return
    if waiting:
        for answer in call({"answers": {}})["answers"]:
            yield f"{answer['stack']}/{answer['service']}", str(answer["said"])


def put_out(stack: str, entries: Mapping[str, str]) -> bool:
    """Have these containers get no traffic, and all others of the stack; whether that changes anything. nginx has it on return.

    :raises OSError: it could not be done.
    """
    if out_of_rotation.load(stack) == dict(entries):
        return False
    call({"rotation": {"stack": stack, "out": dict(entries)}})
    return True


def synchronise() -> None:
    """Have nginx's upstreams made true now: other settings may name others.

    :raises OSError: the gate does not answer. The follower does it within a minute all the same.
    """
    call({"sync": {}})


def nginx_accepts() -> str:
    """What `nginx -t` says against the files on disk; empty when nothing. Its keys are root's.

    :raises OSError: the gate does not answer.
    """
    return str(call({"nginx": {}})["refusal"])


def probe(stack: str, service: str, name: str, container: str, patience: float) -> dict[str, Any]:
    """Have root carry out a declared probe that takes a secret of the application: what it saw, as fields of a reading.

    :raises OSError: it could not be done.
    """
    question = {"probe": {"stack": stack, "service": service, "probe": name, "container": container}}
    return dict(call(question, patience + 5)["reading"])
