# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release whose image could not read its service's secrets is refused before a container of it starts: whole deployments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.release import image_user
from ansible_collections.latentum.ops.plugins.module_utils.release.pinning import Declared
from ansible_collections.latentum.ops.plugins.module_utils.rollout.request import DeployFailed

from .played_host import PlayedHost, declared


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PlayedHost:
    monkeypatch.setattr(image_user, "SECRETS", tmp_path)
    return PlayedHost(tmp_path, monkeypatch)


def runs_as(host: PlayedHost, user: str) -> None:
    """Every image of the host runs as this user."""
    told = host.image
    host.image = lambda reference: {**told(reference), "Config": {"User": user}}  # type: ignore[method-assign]


def with_secret(host: PlayedHost, **service: Any) -> Declared:
    """Service api reads a file of this process's user: root, in a container, or whoever runs the tests."""
    (host.folder / "token").write_text("x")
    return declared(
        api={"secrets": [{"source": "api.token", "target": "token"}], **service},
        top={"secrets": {"api.token": {"file": f"{host.folder}/token"}}},
    )


def test_an_image_of_another_user_is_refused_before_anything_starts(host: PlayedHost) -> None:
    runs_as(host, "4242:4242")
    with pytest.raises(DeployFailed, match=r"ops_stack\.services\.api\.user_id: registry/api:1@sha256:1 runs as 4242.*\n.*set it to 4242"):
        host.deploy(with_secret(host))
    assert host.did == []


@pytest.mark.parametrize(
    ("user", "service", "foreign"),
    [
        ("", {}, False),
        ("0", {}, False),
        # The Compose file names the user.
        ("4242", {"user": "0"}, False),
        # A file that the secret store does not keep.
        ("4242", {}, True),
    ],
)
def test_whoever_can_read_or_reads_something_else_is_deployed(host: PlayedHost, user: str, service: dict[str, Any], foreign: bool) -> None:
    runs_as(host, user)
    if foreign:
        image_user.SECRETS = Path("/elsewhere")  # the fixture puts it back
    host.deploy(with_secret(host, **service))
    assert host.did
