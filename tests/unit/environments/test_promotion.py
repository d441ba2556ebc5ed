# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be promoted: everything that stands against it at once, and images by digest in the registry of the target."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.environments.promotion import NotPromoted, Promotion, Running, promotion

A, B = (f"sha256:{letter * 64}" for letter in "ab")
HOST = Running("app-1", "3f2a90c1d4e7", {"api": f"registry/acme/api:1.5.0@{A}"}, "good", "2026-11-01T00:00:00+00:00")
DECLARED = {"api": "registry/acme/api:1.5.0"}


def promoted(*hosts: Running, declared: dict[str, str] | None = None, **options: Any) -> Promotion:
    return promotion("staging", hosts or [HOST], DECLARED if declared is None else declared, **options)


def refused(*hosts: Running, **options: Any) -> str:
    with pytest.raises(NotPromoted) as refusal:
        promoted(*hosts, **options)
    text = str(refusal.value)
    assert text.startswith("this cannot be promoted; nothing was changed:")
    return text


def test_images_go_by_their_digest_and_say_where_they_come_from() -> None:
    found = promoted()
    assert dict(found.images) == {"api": f"registry/acme/api:1.5.0@{A}"}
    assert found.origin == "staging@3f2a90c1d4e7" and list(found.notes) == []


def test_a_tag_that_was_pushed_again_since_then_is_not_what_goes() -> None:
    """The tag in the declaration may be another image by now; the digest is what was tried."""
    assert promoted(declared={"api": "registry/acme/api:latest"}).images["api"].endswith(f":1.5.0@{A}")


def test_a_registry_of_the_target_keeps_its_name() -> None:
    found = promoted(declared={"api": "registry.production:5000/mirror/api:1.5.0"})
    assert found.images["api"] == f"registry.production:5000/mirror/api:1.5.0@{A}"


def test_an_older_tag_in_the_target_is_named_because_the_next_site_brings_it_back() -> None:
    (note,) = promoted(declared={"api": "registry/acme/api:1.4.2"}).notes
    assert "api:1.4.2" in note and "change the declaration as well" in note
    (note,) = promoted(declared={"api": f"registry/acme/api:1.5.0@{B}"}).notes
    assert B in note


def test_names_of_docker_hub_are_the_same_in_short_and_in_long() -> None:
    host = replace(HOST, images={"db": f"postgres:17@{A}"})
    assert promoted(host, declared={"db": "docker.io/library/postgres:17"}).images["db"] == f"docker.io/library/postgres:17@{A}"


@pytest.mark.parametrize(
    ("host", "message"),
    [
        (replace(HOST, release="", images={}), "runs no release"),
        (replace(HOST, underway="deploy of 91be by ops, begun 10:00"), "a rollout is under way, or was interrupted"),
        (replace(HOST, ailing={"api": "api-1 is unhealthy"}), "app-1.services.api: is not healthy: api-1 is unhealthy"),
        (replace(HOST, drift=("api: replace 2 by 2 containers",)), "differs from what the repository declares: api: replace 2 by 2"),
        (replace(HOST, state="failed"), "its release is failed"),
        (replace(HOST, unseen="no route to host"), "could not be looked at: no route to host"),
    ],
)
def test_what_is_not_proven_is_refused(host: Running, message: str) -> None:
    assert message in refused(host)


def test_all_reasons_come_at_once() -> None:
    text = refused(replace(HOST, underway="deploy", ailing={"api": "down"}), replace(HOST, host="app-2", drift=("api: start",)))
    assert [text.count(f"\n{number}. ") for number in (1, 2, 3)] == [1, 1, 1]


def test_a_release_must_have_been_live_for_a_while() -> None:
    since = (datetime.now(timezone.utc) - timedelta(minutes=10)).isoformat(timespec="seconds")
    assert "has been live for 10m" in refused(replace(HOST, since=since), minimum_age=3600.0)
    assert promoted(replace(HOST, since=since), minimum_age=300.0).images
    assert "at a time that nobody knows" in refused(replace(HOST, since=""), minimum_age=1.0)
    # The clock of the host may be ahead of ours.
    ahead = (datetime.now(timezone.utc) + timedelta(hours=1)).isoformat(timespec="seconds")
    assert "has been live for 0s" in refused(replace(HOST, since=ahead), minimum_age=1.0)


def test_hosts_that_run_different_images_are_refused() -> None:
    other = replace(HOST, host="app-2", images={"api": f"registry/acme/api:1.5.0@{B}"})
    assert "services.api.image" in refused(HOST, other)
    assert promoted(HOST, replace(HOST, host="app-2")).images


def test_an_image_built_on_the_host_has_no_digest_that_another_host_could_fetch() -> None:
    host = replace(HOST, images={"api": f"sha256:{'c' * 64}"})
    assert "is in no registry" in refused(host)


def test_a_service_that_was_not_tried_is_refused_unless_it_is_the_targets_own() -> None:
    declared = {**DECLARED, "exporter": "acme/exporter:2"}
    assert "services.exporter.image" in refused(declared=declared) and "promote_own" in refused(declared=declared)
    found = promoted(declared=declared, own=["exporter"])
    assert "exporter" not in found.images and found.notes[0].startswith("exporter: stays")


def test_another_image_under_the_same_service_is_refused() -> None:
    assert "runs another image" in refused(declared={"api": "registry/acme/gateway:1.5.0"})


def test_a_service_of_the_source_alone_is_named() -> None:
    host = replace(HOST, images={**HOST.images, "mailcatcher": f"mail:1@{A}"})
    assert promoted(host).notes == ["mailcatcher: runs in staging, and the target does not declare it"]


def test_own_services_exist_and_a_source_has_hosts() -> None:
    assert "promote_own" in refused(own=["apl"])
    with pytest.raises(NotPromoted, match="promote_from"):
        promotion("staging", [], DECLARED)
