# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Load from the client host, rollouts by opsctl and by playbooks, and a look at what is live."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests/load"))

import harness

ROOT = Path(__file__).resolve().parents[3]
HOSTS_TOOL = [sys.executable, str(ROOT / "tests/hosts/hosts.py")]
INVENTORY = os.environ["MOLECULE_INVENTORY_FILE"]
REGISTRY = "registry.example.test:5000/latentum"
STACK, SERVICE = "latentum", "api-gateway"
STATE = f"/var/lib/latentum-ops/stacks/{STACK}"
MIX = {"keepalive": 6, "new": 1, "post": 2, "slow": 1, "jobs": 1}
VERSIONS = ("1.0.0", "1.1.0", "1.3.0", "1.4.0")  # the good ones
# Short trials, because the tests wait for them: declared for both hosts, so that the hosts have them from their first release on.
QUICK, *OTHERS = yaml.safe_load((Path(__file__).resolve().parents[1] / "host_vars/roll-1.yml").read_text())["stack_policies"]
EDGE = {"ops_edge_group": "edge"}
FORCE = {"rolling_update_force": True}  # also what was taken back before
CANARY = {"strategy": "canary", "canary": {"share": 10, "duration": 8, "min_requests": 20}}


def execute(argv: list[str], timeout: float = 400) -> subprocess.CompletedProcess[str]:
    """A command on the controller; the caller judges its return code."""
    environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"}
    return subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False, cwd=ROOT, env=environment)


def hosts_tool(*argv: str) -> str:
    """The test-host tool; its failure is the test's."""
    done = execute([*HOSTS_TOOL, *argv])
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def policies(**gateway: Any) -> dict[str, Any]:
    """The variable by which role stack is told how services are updated."""
    return {"stack_policies": [{**QUICK, **gateway}, *OTHERS]}


def images(tag: str, **others: str) -> dict[str, Any]:
    """The variable that names the images, with this version of the gateway."""
    named = {"model_server": "model-server:1.0.0", "worker": "worker:1.0.0", "database": "postgres:17", "cache": "redis:8", **others}
    return {
        "latentum_images": {name: f"{REGISTRY}/{image}" for name, image in named.items()} | {"api_gateway": f"{REGISTRY}/{SERVICE}:{tag}"}
    }


def playbook(
    name: str, *variables: dict[str, Any], limit: str = "apps", arguments: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """A playbook over the hosts of the scenario."""
    # Errors of Ansible go to its standard error.
    argv = ["ansible-playbook", "-i", INVENTORY, f"playbooks/{name}.yml", "-e", f"ops_hosts={limit}", *arguments]
    for document in variables:
        argv += ["-e", json.dumps(document)]
    done = execute(argv, timeout=600)
    done.stdout += done.stderr
    return done


@dataclass
class AppHost:
    """One application host."""

    name: str
    url: str = field(init=False)

    def __post_init__(self) -> None:
        self.url = f"https://{self.name}.example.test"

    def sh(self, script: str, *, check: bool = True) -> str:
        """A shell line as root; what it printed."""
        done = execute(["docker", "exec", self.name, "sh", "-c", script])
        assert not check or done.returncode == 0, f"{script}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def opsctl(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return execute(["docker", "exec", self.name, "opsctl", *argv])

    def deploy(self, tag: str, *argv: str) -> subprocess.CompletedProcess[str]:
        return self.opsctl("deploy", "--image", f"{SERVICE}={REGISTRY}/{SERVICE}:{tag}", *argv)

    def background(self, *argv: str) -> subprocess.Popen[str]:
        return subprocess.Popen(["docker", "exec", self.name, "opsctl", *argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def live(self) -> str:
        """Id of the live release."""
        return str(json.loads(self.sh(f"cat {STATE}/live.json"))["live"])

    def running(self) -> list[str]:
        """Tag and health of each container of the gateway."""
        shown = self.sh(f"docker ps --filter label=com.docker.compose.service={SERVICE} --format '{{{{.Image}}}} {{{{.Status}}}}'")
        return sorted(
            f"{line.split()[0].rpartition(':')[2]} {'healthy' if '(healthy)' in line else 'not healthy'}" for line in shown.splitlines()
        )

    @property
    def tag(self) -> str:
        """The version that runs; there is only one between rollouts."""
        (tag,) = {shown.split()[0] for shown in self.running()}
        return tag

    def another(self) -> str:
        """A good version that does not run."""
        return next(version for version in VERSIONS if version != self.tag)

    def servers(self) -> int:
        """How many servers nginx has for the gateway."""
        return int(self.sh(f"grep -c '^ *server ' /etc/nginx/upstreams.d/{STACK}_{SERVICE}_8080.conf"))

    def settled(self, tag: str, count: int = 2) -> None:
        """Only healthy containers of this version, all of them served, nothing left behind."""
        assert self.running() == [f"{tag} healthy"] * count
        assert self.servers() == count
        left = self.sh(f"ls {STATE}; cat {STATE}/traffic.json", check=False)
        assert "rollout.json" not in left and "serve" not in left, left

    @contextmanager
    def load(self, **mix: int) -> Iterator[list[harness.Result]]:
        """Requests of every kind while the block runs; its result is in the list afterwards."""
        results: list[harness.Result] = []
        load = harness.Load(harness.CLIENT_CONTAINER, self.url, hosts_tool("path", "pebble-root"), **(mix or MIX))
        load.start()
        try:
            yield results
            results.append(load.stop())
        finally:
            load.abandon()


@contextmanager
def through_the_edge() -> Iterator[list[harness.Result]]:
    """Requests to both hosts by the load balancer while the block runs; its result is in the list afterwards."""
    results: list[harness.Result] = []
    url = "http://roll-edge.example.test"
    load = harness.Load(harness.CLIENT_CONTAINER, url, hosts_tool("path", "pebble-root"), new=4, post=2)
    load.start()
    try:
        yield results
        results.append(load.stop())
    finally:
        load.abandon()


def eventually(look: Callable[[], bool], what: str, deadline: float = 120) -> None:
    """Wait for an observed state."""
    end = time.monotonic() + deadline
    while not look():
        assert time.monotonic() < end, f"not within {deadline:.0f} s: {what}"
        time.sleep(0.2)


def none_lost(results: list[harness.Result]) -> None:
    """Every request was answered as it should be."""
    (result,) = results
    assert result.requests > 100
    assert result.failed == 0, (result.failures, result.errors[:10])


@pytest.fixture(scope="session")
def app() -> AppHost:
    """A host with an nginx that loses no request in a reload, with short trials. No test relies on what another one left running."""
    return AppHost("roll-1")
