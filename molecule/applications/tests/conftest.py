# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One host with Neurocore and Market ML: playbooks over it, and both applications as a client on the network sees them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import testinfra
from testinfra.host import Host

ROOT = Path(__file__).resolve().parents[3]
HOST = "apps"
CLIENT = "latentum-ops-test-client"
INVENTORY = os.environ["MOLECULE_INVENTORY_FILE"]
NEUROCORE, FLOWER, MARKET, MLFLOW = (f"{name}.apps.example.test" for name in ("neurocore", "flower", "market", "mlflow"))


def execute(argv: list[str], timeout: float = 900, text_in: str | None = None) -> subprocess.CompletedProcess[str]:
    """A command on the controller; the caller judges its return code."""
    environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"}
    return subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False, cwd=ROOT, env=environment, input=text_in)


def playbook_command(name: str, *variables: dict[str, Any]) -> list[str]:
    """A playbook over the host."""
    argv = ["ansible-playbook", "-i", INVENTORY, f"playbooks/{name}.yml", "-e", f"ops_hosts={HOST}"]
    return argv + [word for document in variables for word in ("-e", json.dumps(document))]


def playbook(name: str, *variables: dict[str, Any]) -> str:
    """The same, run to its end; what it printed."""
    done = execute(playbook_command(name, *variables))
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done.stdout


def sh(script: str, *, check: bool = True, timeout: float = 600) -> str:
    """A shell line as root on the host; what it printed."""
    done = execute(["docker", "exec", HOST, "sh", "-c", script], timeout=timeout)
    assert not check or done.returncode == 0, f"{script}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


def containers(stack: str, service: str) -> list[str]:
    """Names of the containers of a service that run."""
    labels = f"--filter label=com.docker.compose.project={stack} --filter label=com.docker.compose.service={service}"
    return sh(f"docker ps {labels} --format '{{{{.Names}}}}' | sort").split()


def inside(stack: str, service: str, command: str, *, check: bool = True) -> str:
    """A command in the first container of a service."""
    return sh(f"docker exec {containers(stack, service)[0]} {command}", check=check)


def rows(stack: str, service: str, database: str, user: str, query: str) -> list[list[str]]:
    """What a database answers, by the socket in its container."""
    shown = inside(stack, service, f'psql -AtXq -F "|" -h /run/postgresql -U {user} -d {database} -c {json.dumps(query)}')
    return [line.split("|") for line in shown.splitlines()]


@dataclass(frozen=True)
class Answer:
    """What curl got."""

    status: int
    headers: dict[str, str]
    body: str

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def request(url: str, *arguments: str) -> Answer:
    """One request from the client, which trusts the ACME server's root alone."""
    argv = [
        "docker",
        "exec",
        CLIENT,
        "curl",
        "-sS",
        "--max-time",
        "60",
        "--cacert",
        "/tmp/apps-root.pem",
        "--dump-header",
        "-",
        *arguments,
        url,
    ]
    done = execute(argv, timeout=120)
    assert done.returncode == 0, done.stderr
    head, _empty, body = done.stdout.replace("\r\n", "\n").partition("\n\n")
    while head.startswith("HTTP/1.1 100") or head.startswith("HTTP/2 100"):
        head, _empty, body = body.partition("\n\n")
    status, *lines = head.splitlines()
    headers = {name.lower(): value.strip() for name, _colon, value in (line.partition(":") for line in lines)}
    return Answer(int(status.split()[1]), headers, body)


def post(url: str, document: Any) -> Answer:
    """JSON to a URL."""
    return request(url, "--header", "Content-Type: application/json", "--data", json.dumps(document))


@contextmanager
def worked_on(stack: str) -> Iterator[None]:
    """Nothing heals it but who is asked to."""
    sh(f"opsctl maintenance on --stack {stack} --reason 'a test' --for 20m")
    try:
        yield
    finally:
        sh(f"opsctl maintenance off --stack {stack}")


def eventually(look: Callable[[], Any], what: str, deadline: float = 120) -> Any:
    """Wait for an observed state, and give it."""
    end = time.monotonic() + deadline
    while not (state := look()):
        assert time.monotonic() < end, f"not within {deadline:.0f} s: {what}"
        time.sleep(0.5)
    return state


@pytest.fixture(scope="session", autouse=True)
def _issuing_root() -> None:
    """Give the client the CA that it must trust, and nothing else."""
    root = execute([sys.executable, str(ROOT / "tests/hosts/hosts.py"), "path", "pebble-root"]).stdout.strip()
    assert execute(["docker", "cp", root, f"{CLIENT}:/tmp/apps-root.pem"]).returncode == 0


@pytest.fixture(scope="module")
def host() -> Host:
    """The host as root, by its engine: an address may make six connections to sshd in half a minute, and the host is cut off once."""
    return testinfra.get_host(f"docker://{HOST}")
