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
    "age": "age",
    "git": "git",
    "docker": "docker.io",
    "iptables": "iptables",
    "mmdebstrap": "mmdebstrap",
    "openssl": "openssl",
    "shellcheck": "shellcheck",
    "ssh": "openssh-client",
}
# What comes with a package that is missing, where the distribution has it: newer Debian has the docker command apart from the
# engine, and Ubuntu lacks Debian's keys.
COMPANIONS = {"docker.io": ["docker-cli"], "mmdebstrap": ["debian-archive-keyring"]}
# Elsewhere (macOS) the engine comes with Docker Desktop, and images from a registry.
ANYWHERE = {"age", "git", "docker", "openssl", "ssh"}


def missing_packages() -> list[str]:
    """Debian packages that this machine lacks; a running engine, whoever brought it, is enough of an engine."""
    commands = COMMANDS if sys.platform == "linux" else {name: COMMANDS[name] for name in ANYWHERE}
    wanted = {package for command, package in commands.items() if shutil.which(command) is None}
    if shutil.which("dockerd") is None and not engine_answers():
        wanted.add("docker.io")
    if importlib.util.find_spec("ensurepip") is None:
        wanted.add("python3-venv")
    return sorted(wanted)


def companions(packages: list[str]) -> list[str]:
    """What must be installed with these, as far as apt knows it; after `apt-get update`."""
    asked = [name for package in packages for name in COMPANIONS.get(package, [])]
    return [name for name in asked if subprocess.run(["apt-cache", "show", name], capture_output=True, check=False).returncode == 0]


def engine_answers() -> bool:
    """A Docker engine is there already, whoever runs it."""
    return shutil.which("docker") is not None and subprocess.run(["docker", "version"], capture_output=True, check=False).returncode == 0


def main() -> int:
    """Exit 0 when everything is there (afterwards), 1 with the names of what is not."""
    missing = missing_packages()
    if not missing:
        return 0
    if sys.platform != "linux" or shutil.which("apt-get") is None or os.geteuid() != 0:
        print("These are missing and can only be installed by root on Debian or Ubuntu:", ", ".join(missing), file=sys.stderr)
        return 1
    print("prerequisites: installing", ", ".join(missing), flush=True)
    if not apt_get("update"):
        return 1
    return 0 if apt_get("install", "--yes", "--no-install-recommends", *missing, *companions(missing)) else 1


def apt_get(*arguments: str) -> bool:
    """One call of apt-get; what it says is shown only when it fails."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(["apt-get", "-qq", *arguments], env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(done.stdout + done.stderr, file=sys.stderr)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
