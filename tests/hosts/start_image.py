# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start images: a host in production without a stack, kept once, for scenarios that are not about installing.

It is made by the checkout's own site.yml without a stack, so it is what a run of that very checkout leaves; whatever a scenario
declares, its converge does. Its name holds a hash of all that it is made of (bare image, roles, plugins, playbooks, variables): other
sources make another image, and no test is passed by what an older role left behind.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import host
import rootfs
import services
import snapshot
import yaml
from cache import PATHS, alone
from engine import LABEL, HostsError, docker

ROOT = Path(__file__).resolve().parents[2]
# What decides how a host without a stack looks after a run.
SOURCES = ("roles", "plugins", "playbooks/site.yml", "playbooks/tasks", "inventories/demo/group_vars", "inventories/latentum/group_vars")
WITHOUT_STACK = ("--skip-tags", "secrets,stack", "--extra-vars", json.dumps({"ops_stack": {}}))
# Images of other sources that stay per platform: other checkouts may want them.
KEPT = 3
# What makes a host this one host and no other: each is made anew by the first boot that finds none. /etc/docker/key.json and engine-id name
# the engine, the journal and fail2ban's memory are of another life.
IDENTITY = (
    "systemctl stop latentum-ops-watchdog.service fail2ban.service docker.socket docker.service",
    "rm -f /etc/ssh/ssh_host_* /etc/docker/key.json /var/lib/docker/engine-id /var/lib/systemd/random-seed",
    "rm -rf /var/log/journal/* /var/lib/fail2ban/* /var/lib/latentum-ops/watchdog/*",
    "apt-get clean",
    ": > /etc/machine-id",
)


def name(platform: str) -> str:
    """The image's name, whether it exists or not."""
    parts = [rootfs.host_recipe(platform).image, *rootfs.sources(ROOT, *SOURCES), *WITHOUT_STACK, *IDENTITY]
    return f"{family(platform)}:{rootfs.digest(*parts)}"


def family(platform: str) -> str:
    """The name of all start images of a platform, without the hash."""
    return f"latentum-ops-test/start-{platform}"


def ensure(platform: str) -> str:
    """The start image of this checkout, made when it is not there; one process makes it, the others wait."""
    image = name(platform)
    with alone(f"start-image-{platform}"):
        if not rootfs.present(image):
            make(platform, image)
            forget_superseded(platform)
    return image


def make(platform: str, image: str) -> None:
    """A bare host, site.yml, and a snapshot of it without what must differ from host to host."""
    print(f"start image: taking a host ({platform}) to production without a stack (two minutes, once per state of the sources)", flush=True)
    services.ensure()
    builder = f"start-{platform}"
    try:
        host.up(builder, platform, [], [])
        provision(builder)
        docker("exec", builder, "sh", "-ec", "\n".join(IDENTITY))
        snapshot.take(builder, image)
    finally:
        host.remove(builder)


def provision(builder: str) -> None:
    """site.yml of this checkout on the host, without a stack."""
    with tempfile.TemporaryDirectory() as folder:
        inventory = Path(folder) / "hosts.yml"
        inventory.write_text(yaml.safe_dump(host.inventory([builder]), width=1000))
        (Path(folder) / "group_vars").symlink_to(ROOT / "inventories/demo/group_vars")
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}",
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
            "LATENTUM_OPS_TEST_CA": str(PATHS["ca"]),
            "ANSIBLE_NOCOLOR": "1",
        }
        argv = ["ansible-playbook", "--inventory", str(inventory), "playbooks/site.yml", *WITHOUT_STACK]
        done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=1200, check=False)
    if done.returncode != 0:
        raise HostsError(f"no start image could be made, site.yml failed:\n{done.stdout[-4000:]}{done.stderr[-2000:]}")


def forget_superseded(platform: str) -> None:
    """Remove the oldest start images of the platform; one that a host still stands on stays."""
    mine = ["--filter", f"label={LABEL}=1", "--filter", f"reference={family(platform)}"]
    for image in docker("image", "ls", *mine, "--format", "{{.Repository}}:{{.Tag}}").stdout.split()[KEPT:]:  # the newest first
        snapshot.forget(image)
