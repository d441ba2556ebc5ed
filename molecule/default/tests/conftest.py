# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests look from: the inside of each host (testinfra over SSH), a client host, and the controller."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import testinfra
from testinfra.host import Host
from testinfra.utils.ansible_runner import AnsibleRunner

ROOT = Path(__file__).resolve().parents[3]
HOSTS_TOOL = [sys.executable, str(ROOT / "tests/hosts/hosts.py")]
INVENTORY = os.environ["MOLECULE_INVENTORY_FILE"]
HOSTS = sorted(AnsibleRunner(INVENTORY).get_hosts("all"))
STACK = "latentum"
SECRETS = f"/etc/latentum-ops/secrets/{STACK}"


def execute(argv: list[str], timeout: float = 120, **kwargs: Any) -> subprocess.CompletedProcess[str]:
    """A command on the controller; the caller judges its return code."""
    return subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False, **kwargs)


def client(*argv: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """A command on the client host, the outside of every firewall here."""
    return execute([*HOSTS_TOOL, "exec", "client", "--", *argv], timeout=timeout)


def hosts_tool(*argv: str, timeout: float = 300) -> str:
    """The test-host tool; its failure is the test's."""
    result = execute([*HOSTS_TOOL, *argv], timeout=timeout)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout.strip()


def site(*arguments: str, limit: str = "all") -> subprocess.CompletedProcess[str]:
    """The site playbook once more, over the same inventory as Molecule's own converge."""
    argv = ["ansible-playbook", "-i", INVENTORY, "--limit", limit, str(ROOT / "molecule/default/converge.yml"), *arguments]
    env = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"}
    return execute(argv, timeout=900, cwd=ROOT, env=env)


def recap(output: str) -> dict[str, dict[str, int]]:
    """Ansible's closing table as numbers, by host."""
    totals: dict[str, dict[str, int]] = {}
    for line in output.split("PLAY RECAP")[-1].splitlines():
        if match := re.match(r"(\S+)\s+:\s+(ok=.*)", line):
            totals[match[1]] = {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", match[2])}
    return totals


def eventually(look: Callable[[], bool], what: str, deadline: float = 120) -> None:
    """Wait for an observed state."""
    end = time.monotonic() + deadline
    while not look():
        assert time.monotonic() < end, f"not within {deadline:.0f} s: {what}"
        time.sleep(0.5)


@dataclass
class Production:
    """One provisioned host, from inside and from outside."""

    name: str
    inside: Host
    https_arguments: list[str] = field(default_factory=list)

    @property
    def domain(self) -> str:
        return f"{self.name}.example.test"

    @cached_property
    def root(self) -> Callable[[str], str]:
        """Run a shell line as root on the host and return what it printed."""

        def run(command: str) -> str:
            result = self.inside.run("sudo sh -c %s", command)
            assert result.rc == 0, f"{command}: {result.stdout}{result.stderr}"
            return str(result.stdout).strip()

        return run

    def curl(self, path: str, *arguments: str, scheme: str = "https") -> subprocess.CompletedProcess[str]:
        """curl on the client, verifying the chain against the root that the ACME server issues from."""
        url = f"{scheme}://{self.domain}{path}"
        return client("curl", "--silent", "--show-error", "--max-time", "20", "--cacert", "/tmp/issuing-root.pem", *arguments, url)

    def status(self, path: str, *arguments: str, scheme: str = "https") -> str:
        """Only the status code."""
        return self.curl(path, "--output", "/dev/null", "--write-out", "%{http_code}", *arguments, scheme=scheme).stdout

    def counters(self) -> dict[str, int]:
        """The two counters that `/` raises, as the application shows them."""
        result = self.curl("/", "--header", "Accept: application/json", "--fail")
        assert result.returncode == 0, result.stderr
        shown = json.loads(result.stdout)
        return {key: int(shown[key]) for key in ("database", "cache")}

    def healthy(self) -> bool:
        return self.status("/health") == "200"


@pytest.fixture(scope="session", autouse=True)
def issuing_root() -> None:
    """Give the client the CA that it must trust, and nothing else."""
    pem = Path(hosts_tool("path", "pebble-root")).read_text()
    written = client("sh", "-c", f"cat > /tmp/issuing-root.pem <<'EOF'\n{pem}\nEOF")
    assert written.returncode == 0, written.stderr


# What does not depend on the platform is shown on the first host, and on the others in the matrix.
once = pytest.mark.parametrize(
    "production", [HOSTS[0], *(pytest.param(name, marks=pytest.mark.matrix) for name in HOSTS[1:])], indirect=True
)


@pytest.fixture(scope="session", params=HOSTS)
def production(request: pytest.FixtureRequest) -> Production:
    """Each host in turn."""
    inside = testinfra.get_host(f"ansible://{request.param}?ansible_inventory={INVENTORY}")
    return Production(request.param, inside)
