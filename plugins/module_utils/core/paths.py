# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths of a host that several packages read or write; a path that one file alone knows stands there."""

from __future__ import annotations

import grp
import os
from pathlib import Path

RELEASES = Path("/var/lib/latentum-ops/stacks")  # one folder a stack: releases, which one is live, the rollout in progress
FILES = "files"  # a folder of a stack there: files that its releases mount, by their content
STATIC = Path("/var/lib/latentum-ops/static")  # one folder a stack: files of images that nginx gives out itself
SECRETS = Path("/etc/latentum-ops/secrets")  # one folder a stack: the secret store
LOGINS = Path("/root/.docker/config.json")  # what `docker login` of root keeps for registries
STACKS = Path("/etc/latentum-ops/stacks")  # one file a stack: what opsctl needs to know about it
SHARES = Path("/var/lib/latentum-ops/shares")  # files a stack: what of the host's own configuration is there for it
UPSTREAMS = Path("/etc/latentum-ops/upstreams")  # one file a stack: its upstreams of nginx, as they are declared
BUILDS = Path("/var/lib/latentum-ops/builds")  # one folder a stack: which images were built here, of which commits
ROTATIONS = Path("/var/lib/latentum-ops/rotations")  # one folder a stack: which of its secrets get other values, and the history
JOBS = Path("/var/lib/latentum-ops/jobs")  # one folder a stack: what its jobs have done
DELIVERIES = Path("/var/lib/latentum-ops/delivery")  # releases that come by themselves: what has come, the queue, what whoever asks is told
DELIVERED = Path("/etc/latentum-ops/releases")  # one file a stack: images that were delivered, beside what is declared

# Who may read what root notes for the watchdog (locks, journals, who gets traffic), and write none of it: its group.
WATCHDOG = "latentum-watchdog"  # its user, and the group of the same name
READABLE = 0o640  # of a file that it reads
LISTED = 0o750  # of a folder whose files it lists
PASSED = 0o710  # of a folder in which it knows some files by their names, and sees no others


def watchdog_gid() -> int:
    """The number of the group; root's on a host without the watchdog."""
    try:
        return grp.getgrnam(WATCHDOG).gr_gid
    except KeyError:
        return 0


def shared_folder(path: Path, mode: int) -> None:
    """Make a folder of root's that the group may use; one that is there gets its mode and group. Those above it are made to be passed.

    :raises OSError: it cannot be made.
    """
    if not path.parent.exists():
        shared_folder(path.parent, PASSED)
    path.mkdir(mode=mode, exist_ok=True)
    status, group = path.stat(), watchdog_gid()
    if os.geteuid() != 0 or status.st_uid != 0:
        return  # somebody else's to say
    if status.st_gid != group:
        os.chown(path, 0, group)
    if status.st_mode & 0o7777 != mode:
        path.chmod(mode)
