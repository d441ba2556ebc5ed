# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine that is there already: from where it came, and what it is configured to."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.preflight import checks, docker

from .hosts import RecordedHost, wanted

CE = """\
ii containerd.io 1.7.28-1~debian.13~trixie
ii docker-ce 5:28.5.2-1~debian.13~trixie
ii docker-ce-cli 5:28.5.2-1~debian.13~trixie
ii docker-compose-plugin 2.40.3-1~debian.13~trixie
"""
IO = "ii containerd 1.7.24~ds1-6+deb13u1\nii docker-cli 26.1.5+dfsg1-9+b1\nii docker.io 26.1.5+dfsg1-9+b1\nun docker-ce \n"
GONE = "rc docker-ce 5:28.5.2-1~debian.13~trixie\n"
PODMAN = "ii podman-docker 5.4.2+ds1-2\n"


def found(source: str, packages: str, files: dict[str, str] | None = None, **more: Any) -> str:
    """What stands against role docker on a host with these packages and files."""
    host = RecordedHost(outputs={" ".join(docker.INSTALLED): packages} if packages else {}, files=files)
    unconfirmed = {"confirm_move": False, "confirm_restart": False, "keep_foreign": False}
    given = {"source": source, "options": {"live-restore": True}, **unconfirmed, **more}
    return "\n".join(map(str, checks.look(wanted("docker", **given), host).problems))


@pytest.mark.parametrize(
    ("source", "packages", "words"),
    [
        ("distribution", CE, "docker-ce 5:28.5.2-1~debian.13~trixie, docker-ce-cli 5:28.5.2-1~debian.13~trixie, containerd.io"),
        ("distribution", CE, "write docker_source: docker"),
        ("docker", IO, "write docker_source: distribution"),
        ("distribution", PODMAN, "apt-get remove podman-docker"),
    ],
)
def test_an_engine_of_another_source_is_named(source: str, packages: str, words: str) -> None:
    assert words in found(source, packages)


@pytest.mark.parametrize(
    ("source", "packages"), [("distribution", IO), ("docker", CE), ("distribution", GONE), ("distribution", ""), ("docker", "")]
)
def test_its_own_source_and_a_bare_host_are_fine(source: str, packages: str) -> None:
    assert found(source, packages) == ""


def test_a_snap_is_named() -> None:
    assert "installed as a snap" in found("distribution", "", {docker.SNAP: "name: docker\n"})


def test_the_configuration_is_looked_at_before_the_first_change() -> None:
    assert "seccomp" in found("docker", CE, {"/etc/docker/daemon.json": '{"seccomp-profile": "unconfined"}'})
