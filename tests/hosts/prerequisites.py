# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install what the workshop needs from the system, or name it: runs on the system's Python, before any virtual environment."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys

# What must be callable, and the Debian package that brings it.
COMMANDS = {
    "git": "git",
    "docker": "docker.io",
    "iptables": "iptables",
    "mmdebstrap": "mmdebstrap",
    "openssl": "openssl",
    "shellcheck": "shellcheck",
    "ssh": "openssh-client",
}


def missing_packages() -> list[str]:
    """Debian packages that this machine lacks; nothing on machines that bring their own Docker (macOS)."""
    wanted = [package for command, package in COMMANDS.items() if shutil.which(command) is None]
    if shutil.which("docker") and not engine_answers() and shutil.which("dockerd") is None:
        wanted.append("docker.io")
    if importlib.util.find_spec("ensurepip") is None:
        wanted.append("python3-venv")
    return sorted(set(wanted))


def engine_answers() -> bool:
    """A Docker engine is there already, whoever runs it."""
    return subprocess.run(["docker", "version"], capture_output=True, check=False).returncode == 0


def main() -> int:
    """Exit 0 when everything is there (afterwards), 1 with the names of what is not."""
    missing = missing_packages()
    if sys.platform != "linux":
        missing = [package for package in missing if package in {"git", "docker.io"}]
    if not missing:
        return 0
    if sys.platform != "linux" or shutil.which("apt-get") is None or os.geteuid() != 0:
        print("These are missing and can only be installed by root on Debian or Ubuntu:", ", ".join(missing), file=sys.stderr)
        return 1
    print("prerequisites: installing", ", ".join(missing), flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for argv in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-qq", "--yes", "--no-install-recommends", *missing],
    ):
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(done.stdout + done.stderr, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
