# Managed by the collection latentum.ops, role log_rotation.
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the disk from filling up: `clean` makes room where it is short, `limits` names containers whose logs have no limit.

Only what is safe to lose goes: the package cache, old journal entries, old rotated logs, images without a name that nothing uses.
Volumes and containers are never touched. Exit status 1 says that somebody has to look; systemd makes a failed unit of it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

CONFIG = Path("/etc/latentum-ops/disk-guard.json")
ROTATED = re.compile(r".+\.(?:\d+|\d+\.(?:gz|xz|zst)|gz|xz|old)$|.+-\d{8}(?:\.gz)?$")
WARNING, ERROR = "<4>", "<3>"  # the priorities that journald reads (sd-daemon(3))
BOUNDED = {"local", "none", "journald", "syslog"}  # log drivers that bound themselves, or write elsewhere


def run(*argv: str) -> str:
    """A command's output; one that fails or is missing must not keep the others from cleaning."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"{WARNING}{argv[0]}: {error}")
        return ""
    if done.returncode != 0:
        print(f"{WARNING}{' '.join(argv)}: {done.stderr.strip()[-300:]}")
    return done.stdout


def use(path: str) -> tuple[float, float]:
    """How much of a file system is used, in per cent of space as df(1) counts it, and of inodes."""
    found = os.statvfs(path)
    used = found.f_blocks - found.f_bfree
    space = 100 * used / (used + found.f_bavail) if used + found.f_bavail else 0.0
    inodes = 100 * (found.f_files - found.f_ffree) / found.f_files if found.f_files else 0.0
    return space, inodes


def file_systems(paths: list[str]) -> list[str]:
    """One path for each file system; what does not exist is passed over."""
    devices: dict[int, str] = {}
    for path in paths:
        if Path(path).exists():
            devices.setdefault(Path(path).stat().st_dev, path)
    return list(devices.values())


def full(paths: list[str], limit: float) -> list[str]:
    """The file systems at or over the limit, in words."""
    said = []
    for path in paths:
        space, inodes = use(path)
        if max(space, inodes) >= limit:
            said.append(f"{path} {space:.0f} % of space, {inodes:.0f} % of inodes")
    return said


def remove_rotated(folders: list[str], days: int, kept: list[str]) -> None:
    """Rotated logs that have not changed for this many days.

    :param kept: folders and shell patterns of which nothing goes: the tree of role log_shipping has a retention and digests of its own.
    """
    before = time.time() - days * 86400
    for folder in folders:
        for path in Path(folder).rglob("*"):
            if "journal" in path.parts or path.is_symlink() or not ROTATED.match(path.name):
                continue
            if any(path.is_relative_to(spared) or fnmatch(str(path), spared) for spared in kept):
                continue
            try:
                if path.is_file() and path.stat().st_mtime < before:
                    path.unlink()
                    print(f"removed {path}")
            except OSError as error:
                print(f"{WARNING}{path}: {error}")


def clean(config: dict[str, Any]) -> int:
    """Make room step by step, the cheapest loss first, until there is enough."""
    paths = file_systems(config["paths"])
    short = full(paths, config["clean_at"])
    if not short:
        return 0
    print(f"{WARNING}short of room: {'; '.join(short)}")
    steps: list[Callable[[], object]] = [
        lambda: run("apt-get", "clean"),
        lambda: remove_rotated(config["rotated"], config["rotated_days"], config.get("kept", [])),
        lambda: run("journalctl", "--rotate", f"--vacuum-size={config['journal_size']}"),
    ]
    if Path("/run/docker.sock").exists():
        steps.append(lambda: run("docker", "image", "prune", "--force"))
    for step in steps:
        step()
        if not full(paths, config["clean_at"]):
            print("there is room again")
            return 0
    left = full(paths, config["fail_at"])
    if left:
        print(f"{ERROR}cleaning was not enough: {'; '.join(left)}: remove data or enlarge the disk")
    return 1 if left else 0


def limits(config: dict[str, Any]) -> int:
    """Name each running container whose log may grow without end."""
    if not Path("/run/docker.sock").exists():
        print("Docker does not run here")
        return 0
    identifiers = run("docker", "ps", "--quiet").split()
    if not identifiers:
        return 0
    bad = []
    for line in run("docker", "inspect", "--format", "{{.Name}} {{json .HostConfig.LogConfig}}", *identifiers).splitlines():
        name, _space, told = line.partition(" ")
        log = json.loads(told)
        unbounded = log["Type"] == "json-file" and not (log.get("Config") or {}).get("max-size")
        if unbounded and name.removeprefix("/") not in config["unlimited"]:
            bad.append(name.removeprefix("/"))
    if bad:
        print(
            f"the logs of {', '.join(sorted(bad))} have no limit and will fill the disk: give them `logging: options: max-size:` in the "
            "Compose file (role stack does), or re-create them under daemon.json with log-opts (role docker)",
            file=sys.stderr,
        )
    return 1 if bad else 0


def main() -> int:
    """`clean` or `limits`."""
    verbs = {"clean": clean, "limits": limits}
    if len(sys.argv) != 2 or sys.argv[1] not in verbs:
        print(f"usage: {Path(sys.argv[0]).name} clean|limits", file=sys.stderr)
        return 2
    return verbs[sys.argv[1]](json.loads(CONFIG.read_text()))


if __name__ == "__main__":
    sys.exit(main())
