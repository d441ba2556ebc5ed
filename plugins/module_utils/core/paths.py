# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths of a host that several packages read or write; a path that one file alone knows stands there."""

from __future__ import annotations

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
JOBS = Path("/var/lib/latentum-ops/jobs")  # one folder a stack: what its jobs have done
