# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A promotion as the engine carries it out: images in place of declared ones, and where they come from, kept with the release."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.release import listing
from ansible_collections.latentum.ops.plugins.module_utils.release.journal import Journal
from ansible_collections.latentum.ops.plugins.module_utils.release.pinning import Declared, with_references
from ansible_collections.latentum.ops.plugins.module_utils.release.store import Store
from ansible_collections.latentum.ops.plugins.module_utils.rollout.argspec import ARGUMENTS, declared_from, order_from
from ansible_collections.latentum.ops.plugins.module_utils.rollout.deployment import Deployment

from .played_host import PlayedHost, declared

ORIGIN = "staging@3f2a90c1d4e7"
PINNED = f"registry/api:2@sha256:{'a' * 64}"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PlayedHost:
    return PlayedHost(tmp_path, monkeypatch)


def promoted(images: dict[str, str]) -> Declared:
    """What is declared, with these images in place of its own."""
    plain = declared(api={}, worker={})
    return replace(plain, project=with_references(plain.project, images))


def test_a_promotion_brings_the_digest_and_says_where_it_comes_from(host: PlayedHost) -> None:
    host.deploy(declared(api={}, worker={}))
    outcome = host.deploy(promoted({"api": PINNED}), promoted_from=ORIGIN)
    live = Store("shop").live()
    assert live is not None and live.id == outcome.release and live.images["api"] == PINNED and live.images["worker"] != PINNED
    assert Store("shop").origin(live.id) == ORIGIN and Store("shop").origin(outcome.previous or "") == ""
    assert f"promoted from {ORIGIN}" in listing.releases(Store("shop"))
    assert listing.releases(Store("shop")).count("promoted from") == 1
    assert f"promoted from {ORIGIN}" in listing.history(Journal("shop").read())


def test_promoting_again_changes_nothing(host: PlayedHost) -> None:
    first = host.deploy(promoted({"api": PINNED}), promoted_from=ORIGIN)
    did = list(host.did)
    again = host.deploy(promoted({"api": PINNED}), promoted_from=ORIGIN)
    assert again.release == first.release and not again.changed and host.did == did


def test_the_tag_that_is_still_this_digest_is_the_same_release(host: PlayedHost) -> None:
    """The next run of the plain declaration of the target has nothing to do, as long as nobody pushes the tag again."""
    host.deploy(declared(api={}))
    outcome = host.deploy(replace(promoted({}), project=with_references(declared(api={}).project, {"api": "registry/api:1@sha256:1"})))
    assert not outcome.changed


def test_a_rollback_after_a_promotion_is_as_ever(host: PlayedHost) -> None:
    before = host.deploy(declared(api={}, worker={})).release
    release = host.deploy(promoted({"api": PINNED}), promoted_from=ORIGIN).release
    back = Deployment("shop", replace(order(), kind="rollback")).rollback()
    assert back.release == before
    assert Store("shop").origin(release) == ORIGIN  # history does not change


def test_how_long_a_release_has_been_live_is_counted_from_its_first_moment(host: PlayedHost) -> None:
    assert Journal("shop").live_since("none") == ""
    release = host.deploy(declared(api={})).release
    (first,) = [entry["at"] for entry in Journal("shop").read() if entry["step"] == "live"]
    Journal("shop").write(step="live", release=release, at="2099-01-01T00:00:00+00:00")
    assert Journal("shop").live_since(release) == first
    host.deploy(promoted({"api": PINNED}))
    assert Journal("shop").live_since(release) == ""


def given(**changes: Any) -> dict[str, Any]:
    """Arguments of module compose_rollout."""
    defaults = {name: spec.get("default") for name, spec in ARGUMENTS.items()}
    return {**defaults, "stack": "shop", "compose": {"services": {"api": {"image": "registry/api:1"}}}, **changes}


def order(**changes: Any) -> Any:
    return order_from(given(**changes), check=False)


def test_arguments_of_the_module_become_images_and_an_origin() -> None:
    made = declared_from(given(images={"api": PINNED}))
    assert made.project["services"]["api"]["image"] == PINNED and order(promoted_from=ORIGIN).promoted_from == ORIGIN
    assert declared_from(given()).source != made.source
    with pytest.raises(ValueError, match="images: 'apl' is no service of the project: write one of api"):
        declared_from(given(images={"apl": PINNED}))


def test_a_live_release_that_is_adopted_anew_keeps_its_origin(host: PlayedHost) -> None:
    """Role nginx has written other headers: it is the same release, under another id."""
    release = host.deploy(promoted({"api": PINNED}), promoted_from=ORIGIN).release
    store = Store("shop")
    adopted = replace(store.load(release), environment={"ADOPTED": "1"})
    store.adopt(release, adopted)
    assert adopted.id != release and store.origin(adopted.id) == ORIGIN
