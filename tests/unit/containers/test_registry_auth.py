# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials of `docker login`, as the registry of a reference needs them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers import registry_auth

REGISTRY = "registry.example.com:5000"


def sent(tmp_path: Path, config: Any, reference: str = f"{REGISTRY}/shop/web:1") -> dict[str, str] | None:
    """What the header holds."""
    (tmp_path / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    header = registry_auth.headers(reference).get("X-Registry-Auth")
    return json.loads(base64.urlsafe_b64decode(header)) if header else None


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")


@pytest.mark.parametrize(
    ("reference", "registry"),
    [
        ("nginx", "docker.io"),
        ("library/nginx:1", "docker.io"),
        ("localhost/x", "localhost"),
        ("ghcr.io/a/b@sha256:1", "ghcr.io"),
        (f"{REGISTRY}/a", REGISTRY),
    ],
)
def test_the_registry_of_a_reference(reference: str, registry: str) -> None:
    assert registry_auth.registry_of(reference) == registry


@pytest.mark.parametrize(("key", "reference"), [(REGISTRY, f"{REGISTRY}/shop/web:1"), ("https://index.docker.io/v1/", "shop/web")])
def test_a_password_with_a_colon(tmp_path: Path, key: str, reference: str) -> None:
    auth = base64.b64encode(b"ops:pass:word").decode()
    assert sent(tmp_path, {"auths": {key: {"auth": auth}}}, reference) == {
        "username": "ops",
        "password": "pass:word",
        "serveraddress": key,
    }


def test_a_token(tmp_path: Path) -> None:
    assert sent(tmp_path, {"auths": {REGISTRY: {"identitytoken": "t", "auth": "b3BzOg=="}}}) == {"identitytoken": "t"}


@pytest.mark.parametrize("config", ["{", {}, {"auths": None}, {"auths": {"other": {"auth": "eDp5"}}}, {"auths": {REGISTRY: {"auth": "%"}}}])
def test_nobody_logged_in(tmp_path: Path, config: Any) -> None:
    assert sent(tmp_path, config) is None


@pytest.mark.parametrize("config", [{"credsStore": "vault"}, {"credHelpers": {REGISTRY: "vault"}}])
def test_a_helper_is_asked(tmp_path: Path, config: Any) -> None:
    helper = tmp_path / "docker-credential-vault"
    helper.write_text('#!/bin/sh\nread key || true\nprintf \'{"Username": "%s", "Secret": "s"}\' "$1-$key"\n')
    helper.chmod(0o755)
    assert sent(tmp_path, config) == {"username": f"get-{REGISTRY}", "password": "s", "serveraddress": REGISTRY}
    helper.write_text('#!/bin/sh\nprintf \'{"Username": "<token>", "Secret": "s"}\'\n')
    assert sent(tmp_path, config) == {"identitytoken": "s"}
    helper.write_text("#!/bin/sh\necho credentials not found; exit 1\n")
    assert sent(tmp_path, config) is None
