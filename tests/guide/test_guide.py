# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Getting started, followed word by word on bare hosts: it ends with an application that answers over verified TLS, and is updated."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import guide
import host
import pytest
import reader
from cache import PATHS
from reader import Reader

WAYS = {"a user with sudo": ("ops", 22), "root alone, another port": ("root", 2222)}
NAME = "guide-host"


@pytest.fixture(scope="module", autouse=True)
def registry() -> Iterator[None]:
    reader.ensure_registry()
    yield
    host.remove(reader.REGISTRY_CONTAINER)


@pytest.fixture
def follower(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reader]:
    user, port = WAYS[request.param]
    made = Reader(tmp_path, NAME, user=user, port=port)
    yield made
    host.remove(NAME)


def answer(follower: Reader) -> dict[str, object]:
    """What the application says over TLS, by a certificate of the ACME server that is valid for the domain."""
    curl = ["curl", "--silent", "--show-error", "--fail", "--max-time", "10", "--cacert", str(PATHS["pebble-root"])]
    argv = [*curl, "--resolve", f"{reader.DOMAIN}:443:{follower.address}", f"https://{reader.DOMAIN}/health"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def image(follower: Reader) -> str:
    """The image of the one container that serves."""
    running = "docker ps --quiet --filter label=com.docker.compose.project=shop --filter label=com.docker.compose.service=web"
    return follower.root(f"docker inspect --format '{{{{.Config.Image}}}}' $({running})").strip().partition("@")[0]


@pytest.mark.parametrize(("follower", "way"), [(way, way) for way in guide.WAYS], indirect=["follower"])
def test_the_guide_leads_from_a_bare_host_to_a_production(follower: Reader, way: str) -> None:
    build = ["ansible-galaxy", "collection", "build", "--output-path", str(follower.folder), str(guide.ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    said: dict[str, list[str]] = {}
    for section in guide.WAYS[way]:
        for command in guide.commands(follower.page, section):
            if "rolling_update" in command:
                assert answer(follower)
                follower.change("production/group_vars/all/compose.yml.j2", "model-server:1.0.0", "model-server:1.1.0")
            if section == guide.OPERATE and way == "root alone, another port" and not said.get(section):
                follower.change("production/hosts.yml", "ansible_user: root", "ansible_user: anna")
            said.setdefault(section, []).append(follower.follow(command))
            if "rolling_update" in command:
                assert image(follower).endswith(":1.1.0")
    assert image(follower).endswith(":1.0.0"), "the rollback of the last step"
    assert answer(follower)
    for printed in said[guide.OPERATE][:3]:
        assert "shop" in printed and re.search('web.*running.*healthy|"health": "healthy"', printed)
    # What the guide promises besides.
    assert "permitrootlogin no" in follower.root("sshd -T")
    assert f"port {follower.port}\n" in follower.root("sshd -T")
    assert follower.root("systemctl list-units --failed --plain --no-legend") == ""
    follower.change("production/group_vars/all/compose.yml.j2", "model-server:1.1.0", "model-server:1.0.0")
    assert "changed=0 " in follower.follow(guide.commands(follower.page, "4. Run")[0])
