# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of registries against one that answers: what is there, who may have it, whom to trust."""

from __future__ import annotations

import base64
import json
import socket
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers import registry as registries
from ansible_collections.latentum.ops.plugins.module_utils.containers.registry import Reason, Reference, Registries, RegistryRefusal, parsed

from .fake_registry import FakeRegistry, serving


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))


def log_in(tmp_path: Path, name: str) -> None:
    auth = base64.b64encode(b"anna:secret").decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {name: {"auth": auth}}}))


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("nginx", Reference("docker.io", "library/nginx", "latest")),
        ("docker.io/nginx:1.27", Reference("docker.io", "library/nginx", "1.27")),
        ("library/nginx:1", Reference("docker.io", "library/nginx", "1")),
        ("acme/web", Reference("docker.io", "acme/web", "latest")),
        ("ghcr.io/a/b/c:v1", Reference("ghcr.io", "a/b/c", "v1")),
        ("r.example.com:5000/web", Reference("r.example.com:5000", "web", "latest")),
        ("r.example.com:5000/web:1@sha256:ab", Reference("r.example.com:5000", "web", "sha256:ab")),
        ("localhost/web@sha256:ab", Reference("localhost", "web", "sha256:ab")),
    ],
)
def test_references_are_read_as_the_engine_reads_them(reference: str, parts: Reference) -> None:
    assert parsed(reference) == parts
    assert parsed("nginx").server == "registry-1.docker.io"


@pytest.mark.parametrize("login", ["", "Basic", "Bearer"])
@pytest.mark.parametrize("user", ["", "10001", "node"])
def test_an_image_that_is_there_says_its_user(tmp_path: Path, login: str, user: str) -> None:
    with serving(FakeRegistry({"shop/web:1": user}, login), tmp_path) as registry:
        log_in(tmp_path, registry.name)
        assert Registries({registry.name: [registry.authority]}).user(f"{registry.name}/shop/web:1") == user


def refused(given: Registries, reference: str) -> Reason:
    with pytest.raises(RegistryRefusal) as caught:
        given.user(reference)
    return caught.value.reason


def test_a_wrong_tag_and_a_missing_login_are_told_apart(tmp_path: Path) -> None:
    with serving(FakeRegistry({"shop/web:1": ""}), tmp_path) as registry:
        trusting = Registries({"": [registry.authority]})
        assert refused(trusting, f"{registry.name}/shop/web:2") is Reason.MISSING
        registry.login = "Basic"
        assert refused(trusting, f"{registry.name}/shop/web:1") is Reason.LOGIN
        registry.login = "Bearer"
        assert refused(trusting, f"{registry.name}/shop/web:1") is Reason.LOGIN


@pytest.mark.parametrize("login", ["", "Basic", "Bearer"])
def test_whether_an_image_is_there_is_asked_without_fetching_anything(tmp_path: Path, login: str) -> None:
    with serving(FakeRegistry({"shop/web:1": "10001"}, login), tmp_path) as registry:
        log_in(tmp_path, registry.name)
        trusting = Registries({registry.name: [registry.authority]})
        trusting.require(f"{registry.name}/shop/web:1")
        assert {path for path in registry.asked if "token" not in path} == {"/v2/shop/web/manifests/1"}
        with pytest.raises(RegistryRefusal, match="404"):
            trusting.require(f"{registry.name}/shop/web:2")


def test_an_authority_that_nobody_brought_is_not_trusted(tmp_path: Path) -> None:
    with serving(FakeRegistry({"shop/web:1": ""}), tmp_path) as registry:
        reference = f"{registry.name}/shop/web:1"
        assert refused(Registries(), reference) is Reason.UNTRUSTED
        assert refused(Registries({"other.example.com": [registry.authority]}), reference) is Reason.UNTRUSTED
        assert refused(Registries({registry.name: ["no certificate"]}), reference) is Reason.UNTRUSTED
        assert Registries(insecure=[registry.name]).user(reference) == ""
        (tmp_path / "certs.d" / registry.name).mkdir(parents=True)
        (tmp_path / "certs.d" / registry.name / "ca.crt").write_text(registry.authority)
        assert Registries(certificates=tmp_path / "certs.d").user(reference) == ""


def test_one_that_speaks_plain_http_is_not_taken_for_one_that_is_down(tmp_path: Path) -> None:
    with serving(FakeRegistry(), tmp_path, tls=False) as registry:
        assert refused(Registries(), f"{registry.name}/shop/web:1") is Reason.PLAIN


def test_one_that_is_down_or_refuses_for_now_is_no_wrong_tag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registries, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        reference = f"localhost:{silent.getsockname()[1]}/web:1"
        assert refused(Registries(), reference) is Reason.SILENT
    assert refused(Registries(), reference) is Reason.SILENT
    assert refused(Registries(), "registry.invalid/web:1") is Reason.SILENT
    with serving(FakeRegistry(broken=503), tmp_path) as registry:
        trusting = Registries({"": [registry.authority]})
        assert refused(trusting, f"{registry.name}/web:1") is Reason.SILENT
        registry.broken = 429
        assert refused(trusting, f"{registry.name}/web:1") is Reason.UNKNOWN


def test_the_login_goes_to_the_registry_that_it_is_for(tmp_path: Path) -> None:
    with serving(FakeRegistry({"shop/web:1": ""}, "Basic"), tmp_path) as registry:
        log_in(tmp_path, "other.example.com")
        assert refused(Registries({"": [registry.authority]}), f"{registry.name}/shop/web:1") is Reason.LOGIN
