# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine that is on the host already: where it came from, and what its configuration says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..hostconfig.docker_daemon import DECLARED, FILE, OPTS, UNIT_ARGV, Confirmed, Present, Running, plan
from ..schema.nodes import Problem
from .host import Host

# Packages that cannot stand beside those of the other source.
ENGINES = {"distribution": ("docker.io",), "docker": ("docker-ce", "docker-ce-cli", "containerd.io")}
INSTALLED = ("dpkg-query", "--show", "--showformat", "${db:Status-Abbrev}${Package} ${Version}\n", "*docker*", "containerd*")
SNAP = "/snap/docker/current/meta/snap.yaml"


def source(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """An engine from another source: installing ours would remove it under its containers, or run a second one beside it."""
    chosen = wanted["docker"]["source"]
    lines = [line.split() for line in (host.output(INSTALLED) or "").splitlines()]
    versions = {words[1]: words[2] for words in lines if len(words) == 3 and words[0] in {"ii", "hi"}}
    for other, packages in ENGINES.items():
        present = [f"{name} {versions[name]}" for name in packages if name in versions]
        if other != chosen and present:
            problem = f"{', '.join(present)} is installed, which the packages of this source would replace, and its containers would stop"
            yield Problem("docker_source", chosen, problem, f"write docker_source: {other}, or remove these packages yourself first")
    if "podman-docker" in versions:
        problem = f"podman-docker {versions['podman-docker']} has the name docker on this host"
        yield Problem("docker_source", chosen, problem, "remove it (`apt-get remove podman-docker`); podman itself may stay")
    if host.read(SNAP) is not None:
        problem = "Docker is installed as a snap, and a second engine would not see its containers"
        yield Problem("docker_source", chosen, problem, "move its containers and volumes, then `snap remove docker`")


def configuration(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """A daemon.json or unit of others with which ours would lose data, stop containers, or not start."""
    given = wanted["docker"]
    confirmed = Confirmed(given["confirm_move"], given["confirm_restart"], given["keep_foreign"])
    yield from plan(given["options"], present(host), confirmed).problems


def present(host: Host) -> Present:
    """What there is of an engine."""
    return Present(
        text=host.read(FILE) or "",
        declared=host.read(DECLARED) or "",
        unit=host.output(UNIT_ARGV) or "",
        opts=host.read(OPTS) or "",
        running=Running.ask(host.engine) if host.engine else None,
    )
