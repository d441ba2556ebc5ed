# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images that came from no registry: a release has them by their id, and what is gone is missed before anything changes."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import Engine
from ansible_collections.latentum.ops.plugins.module_utils.core.progress import Progress
from ansible_collections.latentum.ops.plugins.module_utils.release import listing, pinning
from ansible_collections.latentum.ops.plugins.module_utils.release.store import Release, ReleaseError

HERE, GONE = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


class Local(Engine):
    """An engine with one image."""

    def __init__(self) -> None:
        """Without a socket."""

    def image(self, reference: str) -> dict[str, Any] | None:
        return {"Id": HERE, "RepoDigests": []} if reference in (HERE, "localhost/shop/web:v1") else None


def pinned(reference: str, policy: str, *, fetch: bool = True) -> str:
    return pinning.pinned_reference(reference, policy, Local(), Progress("shop", "test", silent=True), fetch=fetch)


@pytest.fixture(autouse=True)
def _nothing_is_pulled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinning, "pull", lambda reference: pytest.fail(f"{reference} was pulled"))


@pytest.mark.parametrize("policy", ["missing", "always"])
def test_an_id_is_taken_as_it_is_and_never_pulled(policy: str) -> None:
    assert pinned(HERE, policy) == HERE


def test_an_image_without_a_registry_is_pinned_by_its_id() -> None:
    assert pinned("localhost/shop/web:v1", "missing") == HERE


@pytest.mark.parametrize("fetch", [True, False])
def test_an_id_that_is_gone_is_refused_with_what_to_do(fetch: bool) -> None:
    with pytest.raises(ReleaseError, match=f"the image {GONE} is not on this host any more.*Deploy its revision"):
        pinned(GONE, "missing", fetch=fetch)


def test_a_release_whose_image_is_gone_is_refused_for_the_services_that_need_it() -> None:
    release = Release("shop", "/opt/shop", {}, {}, [], [], images={"web": HERE, "worker": GONE, "redis": "redis:8@sha256:abc"})
    pinning.require_local(release, ["web", "redis"], Local())
    with pytest.raises(ReleaseError, match=r"^worker: the image sha256:bbb"):
        pinning.require_local(release, ["web", "worker"], Local())


def test_a_list_of_releases_shows_the_beginning_of_an_id() -> None:
    release = Release("shop", "/opt/shop", {}, {}, [], [], images={"web": HERE, "api": "registry.example.com/shop/api:1.2@sha256:abc"})
    assert listing.images(release) == f"web {'a' * 12}, api 1.2"
