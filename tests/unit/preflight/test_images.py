# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images: every one that the run needs is asked for before the first change, and its user can read the secrets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core import paths
from ansible_collections.latentum.ops.plugins.module_utils.preflight import images as images_of_a_run
from ansible_collections.latentum.ops.plugins.module_utils.release.pinning import Declared, pinned_release
from ansible_collections.latentum.ops.plugins.module_utils.release.store import GOOD, Store
from ansible_collections.latentum.ops.plugins.module_utils.schema.nodes import Problem

from tests.unit.containers.fake_registry import FakeRegistry, serving

from .hosts import RecordedHost

DOWN = "registry.invalid"


@pytest.fixture(autouse=True)
def releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "RELEASES", tmp_path / "releases")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))


class LocalEngine:
    """Images that are on the host, by reference to user, and those that only this engine can ask for."""

    def __init__(self, local: Mapping[str, str], reaches: tuple[str, ...] = ()) -> None:
        self.local, self.reaches = local, reaches

    def image(self, reference: str) -> dict[str, Any] | None:
        return {"Id": "sha256:1", "Config": {"User": self.local[reference]}} if reference in self.local else None

    def remote_digest(self, reference: str) -> str | None:
        return "sha256:2" if reference in self.reaches else None


def look(
    services: Mapping[str, str],
    *,
    local: Mapping[str, str] | None = None,
    reaches: tuple[str, ...] = (),
    readers: Mapping[str, int | None] | None = None,
    pull: str = "missing",
    images: Mapping[str, str] | None = None,
    **docker: Any,
) -> list[Problem]:
    """The findings for these services, by image."""
    project = {"services": {name: {"image": image} for name, image in services.items()}}
    stack = {
        "name": "shop",
        "project": project,
        "environment": {"TAG": "2"},
        "pull": pull,
        "readers": readers or {},
        "images": images or {},
    }
    engine: Any = None if local is None else LocalEngine(local, reaches)
    roles = {"stack": stack, "docker": {"registries": [], "daemon_options": {}, **docker}, "base": {"ca_certificates": []}}
    return list(images_of_a_run.available(RecordedHost(engine=engine), roles))


def test_wrong_tag_authority_and_login_are_found_together_on_a_bare_host(tmp_path: Path) -> None:
    known = FakeRegistry({"shop/web:1": "10001"})
    with serving(known, tmp_path) as registry:
        services = {
            "web": f"{registry.name}/shop/web:${{TAG}}",
            "api": f"{registry.name}/shop/web:1",
            "again": f"{registry.name}/shop/web:2",
            "lost": f"{DOWN}/x:1",
        }
        untrusted = look(services)
        assert [problem.key for problem in untrusted] == ["docker_registries"] * 2
        assert f"host: {registry.name}, ca_certificate" in untrusted[0].fix
        assert "(of web, api, again) are not on this host" in untrusted[0].problem
        trusting = [{"host": registry.name, "ca_certificate": registry.authority}]
        tag, down = look(services, registries=trusting)
        assert tag.key == "services.web.image" and "no such tag" in tag.problem
        assert tag.problem.startswith(f"{registry.name}/shop/web:2 (of web, again) is not on this host")
        assert down.key == "docker_registries" and f"{DOWN} cannot be reached" in down.problem
        registry.login = "Basic"
        (login,) = look({"web": services["api"]}, registries=trusting)
        assert login.key == "docker_registries" and f"docker login {registry.name}" in login.fix


def test_a_digest_that_the_registry_of_the_target_lacks_is_refused_by_the_way_to_bring_it(tmp_path: Path) -> None:
    """The image was pulled, tagged and pushed to it: an image of several architectures has another digest then."""
    digest = f"sha256:{'a' * 64}"
    with serving(FakeRegistry({"shop/web:1": "", f"shop/web:{digest}": ""}), tmp_path) as registry:
        trusting = [{"host": registry.name, "ca_certificate": registry.authority}]
        declared = {"web": f"{registry.name}/shop/web:9"}
        there, lost = (f"{registry.name}/shop/web:1@{one}" for one in (digest, f"sha256:{'b' * 64}"))
        assert look(declared, registries=trusting, images={"web": there}) == []
        (problem,) = look(declared, registries=trusting, images={"web": lost})
        assert problem.key == "services.web.image" and "no such digest" in problem.problem and "--preserve-digests" in problem.fix


def test_what_is_on_the_host_or_the_engine_reaches_in_its_own_way_is_no_finding() -> None:
    services = {"web": f"{DOWN}/web:1", "api": f"{DOWN}/api:1"}
    assert look(services, local={f"{DOWN}/web:1": "", f"{DOWN}/api:1": ""}, pull="always") == []
    (problem,) = look(services, local={f"{DOWN}/web:1": ""})
    assert f"{DOWN}/api:1 (of api)" in problem.problem
    assert look(services, local={f"{DOWN}/web:1": ""}, reaches=(f"{DOWN}/api:1",)) == []
    assert look({}) == []


def test_a_registry_that_is_down_stops_no_run_without_a_change() -> None:
    project = {"services": {"web": {"image": f"{DOWN}/web:1"}}}
    declared = Declared("shop", "/opt/shop", project, {"TAG": "2"}, [], [])
    release = pinned_release(declared, {"web": f"{DOWN}/web:1@sha256:1"})
    store = Store("shop")
    store.save(release)
    store.mark(release.id, GOOD)
    store.set_live(release.id, "deploy")
    assert look({"web": f"{DOWN}/web:1"}) == []
    assert len(look({"web": f"{DOWN}/web:2"})) == 1
    assert len(look({"web": f"{DOWN}/web:1"}, pull="always")) == 1


@pytest.mark.parametrize(
    ("user", "declared", "fix"),
    [
        ("", None, ""),
        ("root", None, ""),
        ("0:0", None, ""),
        ("10001", None, "set it to 10001"),
        ("10001:10001", None, "set it to 10001"),
        ("10001", 10001, ""),
        ("10001", 0, "set it to 10001"),
        ("10001", 70, "set it to 10001"),
        ("node", None, "docker run --rm --entrypoint id web:1"),
        ("node", 1000, ""),
        # The entrypoint goes from root to that user.
        ("", 70, ""),
    ],
)
def test_secrets_are_for_the_user_that_the_image_runs_as(user: str, declared: int | None, fix: str) -> None:
    problems = look({"web": "web:1"}, local={"web:1": user}, readers={"web": declared})
    assert [problem.key for problem in problems] == (["ops_stack.services.web.user_id"] if fix else [])
    assert all(fix in problem.fix for problem in problems)


def test_a_service_that_reads_no_secret_may_run_as_anybody() -> None:
    assert look({"web": "web:1", "api": "api:1"}, local={"web:1": "10001", "api:1": ""}, readers={"api": None}) == []


def test_the_user_of_an_image_is_known_before_it_is_pulled(tmp_path: Path) -> None:
    with serving(FakeRegistry({"shop/web:1": "10001"}), tmp_path) as registry:
        trusting = [{"host": registry.name, "ca_certificate": registry.authority}]
        (problem,) = look({"web": f"{registry.name}/shop/web:1"}, readers={"web": None}, registries=trusting)
    assert problem.fix == "set it to 10001" and "readable by root alone" in problem.problem
