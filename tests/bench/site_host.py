# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A throw-away host that the site playbook has made a production of, for benchmarks that need one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
HOSTS_TOOL = [sys.executable, str(ROOT / "tests/hosts/hosts.py")]
SCRATCH = ROOT / ".artifacts/bench"


def tool(*argv: str) -> str:
    """The test-host tool."""
    return subprocess.run([*HOSTS_TOOL, *argv], check=True, capture_output=True, text=True).stdout


def root_of_pebble() -> str:
    """File with the root of the certificates that the test CA issues."""
    return tool("path", "pebble-root").strip()


def inventory(name: str) -> Path:
    """An inventory of this host with the variables of the demo, under a domain of its own."""
    folder = SCRATCH / f"inventory-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "group_vars"
    link.unlink(missing_ok=True)
    link.symlink_to(ROOT / "inventories/demo/group_vars")
    file = folder / "hosts.json"
    file.write_text(json.dumps(yaml.safe_load(tool("inventory", name))))
    return file


def playbook(name: str, host: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A playbook on this host; the caller judges its return code."""
    environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "LATENTUM_OPS_TEST_CA": tool("path", "ca").strip()}
    argv = [
        "ansible-playbook",
        f"playbooks/{name}.yml",
        "-i",
        str(inventory(host)),
        "-e",
        f"latentum_domain={host}.example.test",
        *arguments,
    ]
    return subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def provisioned(name: str, platform: str, *arguments: str) -> str:
    """Start the host, run the site playbook; returns its address as clients reach it."""
    tool("services")
    subprocess.run([sys.executable, "tests/images/build.py"], cwd=ROOT, check=True)
    print(f"a {platform} host becomes a production", flush=True)
    tool("up", f"{name}:{platform}")
    done = playbook("site", name, *arguments)
    if done.returncode != 0:
        raise SystemExit(f"bench: the site playbook failed:\n{done.stdout[-4000:]}{done.stderr[-2000:]}")
    return f"https://{name}.example.test"
