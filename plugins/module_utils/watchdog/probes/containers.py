# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probes: one look at one container, from outside what Docker itself checks."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ...containers.client import TIMED_OUT, Container, DockerUnavailable, Engine
from ...contracts.health import Probe
from ...contracts.watchdog_settings import ProbeSpec
from ...core.masking import foreign
from ...core.versioned_json import known_fields
from ...health.probes import ProbeError, ProbeLimit, ProbeTimeout, run_probe
from .. import privileged_requests
from . import commands


@dataclass(frozen=True)
class Reading:
    """What a probe saw.

    :param latency: seconds.
    :param reason: a sentence, where it failed.
    :param again: the look before failed as well.
    :param late: it came to no answer in time, or to a slow one.
    :param limit: it answers, but something is beyond a limit, which a restart cannot cure: many jobs, a standby that is behind.
    """

    name: str
    ok: bool
    latency: float = 0.0
    reason: str = ""
    limit: bool = False
    again: bool = False
    late: bool = False


def read(spec: ProbeSpec, container: Container, engine: Engine) -> Reading:
    """Carry out one probe; never raises for what the container does."""
    began = time.monotonic()
    if spec.options.get("password_file") and os.geteuid() != 0:
        return _by_root(spec, container, began)
    try:
        KINDS[spec.kind](spec, container, engine)
    except ProbeLimit as error:
        return Reading(spec.name, False, time.monotonic() - began, f"{spec.name}: {error}", limit=True)
    except (ProbeError, DockerUnavailable, OSError, ValueError) as error:
        late = isinstance(error, ProbeTimeout | TimeoutError)
        return Reading(spec.name, False, time.monotonic() - began, f"{spec.name}: {error}", late=late)
    latency = time.monotonic() - began
    slowest = float(spec.options.get("max_latency") or 0)
    if slowest and latency > slowest:
        return Reading(spec.name, False, latency, f"{spec.name}: took {latency:.2f} s, more than {slowest:g} s", late=True)
    return Reading(spec.name, True, latency)


def _by_root(spec: ProbeSpec, container: Container, began: float) -> Reading:
    """A probe that takes a secret of the application, which the watchdog has not."""
    try:
        seen = privileged_requests.probe(container.project, container.service, spec.name, container.id, spec.timeout)
    except OSError as error:
        # It says nothing about the container.
        return Reading(spec.name, False, time.monotonic() - began, f"{spec.name}: nobody could ask: {error}", limit=True)
    return replace(known_fields(Reading, {**seen, "name": spec.name}), again=False)


def _address(container: Container) -> str:
    address = container.address()
    if address is None:
        raise ProbeError("has no address")
    return address


def _http(spec: ProbeSpec, container: Container, _engine: Engine) -> None:
    options = spec.options
    probe = Probe(int(options["port"]), str(options.get("path") or "/"), int(options.get("status") or 200), spec.timeout)
    run_probe(probe, container.address(), match=str(options.get("match") or ""))


def _tcp(spec: ProbeSpec, container: Container, _engine: Engine) -> None:
    socket.create_connection((_address(container), int(spec.options["port"])), timeout=spec.timeout).close()


def _command(spec: ProbeSpec, container: Container, engine: Engine) -> None:
    _run(spec, container, engine, commands.of_probe(spec))


def _run(spec: ProbeSpec, container: Container, engine: Engine, argv: list[str]) -> bytes:
    code, output = engine.run(container, argv, spec.timeout)
    if code and argv[0] == "psql" and b"FATAL:" in output:
        # The server answers: too many clients, a user or database that is not there.
        raise ProbeLimit(f"PostgreSQL says {engine.text(output).partition('FATAL:')[2].strip()[:200]}")
    if code == TIMED_OUT:
        raise ProbeTimeout(f"{argv[0]} came to no answer in {spec.timeout:g} s")
    if code:
        raise ProbeError(f"{argv[0]} exited with {code}: {engine.text(output).strip()[-200:]}")
    return output


def _redis_queue(spec: ProbeSpec, container: Container, _engine: Engine) -> None:
    """Two commands by hand (Redis serialization protocol, version 2): the library for it would add an eighth to the daemon's memory."""
    options = spec.options
    dialogue = [["LLEN", str(options["list"])]]
    if options.get("password_file"):
        dialogue.insert(0, ["AUTH", Path(options["password_file"]).read_text().strip()])
    address = (_address(container), int(options.get("port") or 6379))
    with socket.create_connection(address, timeout=spec.timeout) as channel, channel.makefile("rb") as answers:
        answer = b""
        for command in dialogue:
            words = [word.encode() for word in command]
            channel.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
            answer = answers.readline(4096).strip()
            if answer.startswith(b"-"):
                # It answers: a wrong password, or data that is still being read, is nothing that a restart cures.
                raise ProbeLimit(f"Redis says {foreign(answer[1:])} to {command[0]}")
            if not answer:
                raise ProbeError(f"Redis says nothing to {command[0]}")
    if not answer.startswith(b":"):
        raise ProbeError(f"{options['list']} is not a list")
    if int(answer[1:]) > int(options["max"]):
        raise ProbeLimit(f"{int(answer[1:])} wait in {options['list']}, more than {options['max']}")


def _postgresql(spec: ProbeSpec, container: Container, engine: Engine) -> None:
    options = spec.options
    output = _run(spec, container, engine, commands.of_probe(spec))
    numbers = re.search(rb"^(\d+) (-?\d+)$", output, re.MULTILINE)
    if numbers is None:
        raise ProbeError(f"psql said {engine.text(output).strip()[-200:]!r}")
    connections, lag = int(numbers[1]), int(numbers[2])
    if connections > int(options.get("max_connections_percent") or 100):
        raise ProbeLimit(f"{connections} % of the connections are used, more than {options['max_connections_percent']} %")
    if options.get("max_lag") and lag > float(options["max_lag"]):
        raise ProbeLimit(f"replication is {lag} s behind, more than {options['max_lag']:g} s")


KINDS: dict[str, Callable[[ProbeSpec, Container, Engine], None]] = {
    "http": _http,
    "tcp": _tcp,
    "command": _command,
    "redis_queue": _redis_queue,
    "postgresql": _postgresql,
}
