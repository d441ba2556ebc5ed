# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deployment would do, from containers and a release alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import DEFINITION, USES
from ansible_collections.latentum.ops.plugins.module_utils.core import paths
from ansible_collections.latentum.ops.plugins.module_utils.release.pinning import (
    Declared,
    definition,
    images,
    pinned_release,
    with_replicas,
)
from ansible_collections.latentum.ops.plugins.module_utils.rollout.plan import (
    UnsafeUpdate,
    dependents,
    make,
    order,
    require_bind_sources,
    require_safe,
    require_secrets,
    short,
)

from .samples import HEALTHY, container, release


def actions(plans: list[Any]) -> dict[str, str]:
    return {plan.service: plan.action for plan in plans}


def test_what_is_as_it_should_be_is_left_alone() -> None:
    assert actions(make(release(), [container(1), container(2)])) == {"api": "none"}


@pytest.mark.parametrize(
    ("containers", "action"),
    [
        ([], "create"),
        ([container(1, "old"), container(2, "old")], "replace"),
        ([container(1, "old"), container(2)], "replace"),
        ([container(1)], "scale"),
        ([container(1), container(2), container(3)], "scale"),
        ([container(1), container(2, state="exited")], "scale"),
    ],
)
def test_what_differs(containers: list[Any], action: str) -> None:
    assert actions(make(release(), containers)) == {"api": action}


def test_a_service_that_nobody_names_any_more_goes_last() -> None:
    plans = make(release(), [container(1), container(2), container(1, service="worker")])
    assert [(plan.service, plan.action) for plan in plans] == [("api", "none"), ("worker", "remove")]


def test_warm_containers_are_no_part_of_a_service_unless_they_are_wanted() -> None:
    there = [container(1, "old"), container(2, "old"), container(3), container(4)]
    assert actions(make(release(), there, warm={"api1", "api2"})) == {"api": "none"}
    (back,) = make(release("old", tag="1"), there, warm={"api1", "api2"})
    assert (back.action, [one.id for one in back.current], [one.id for one in back.old]) == ("replace", ["api1", "api2"], ["api3", "api4"])


def test_a_container_older_than_its_secrets_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("x")
    os.utime(file, (2000, 2000))
    wanted = release()
    wanted.project["services"]["api"]["secrets"] = [{"source": "api.password", "target": "password"}]
    wanted.project["secrets"] = {"api.password": {"file": str(file)}}
    (plan,) = make(wanted, [container(1, created=1999.0), container(2, created=2001.0)])
    assert (plan.action, [one.id for one in plan.old], plan.reason) == ("replace", ["api1"], "registry/api:1 -> registry/api:2") or plan.old
    same = [container(1, created=1999.0, image="registry/api:2"), container(2, created=2001.0)]
    assert make(wanted, same)[0].reason == "a secret of it was changed"


def test_a_job_runs_once_for_each_definition() -> None:
    job = {"image": "registry/job:1", "labels": {DEFINITION: "j"}}
    wanted = release(job=job)
    wanted.policies.append({"service": "job", "job": True})
    api = [container(1), container(2)]
    assert actions(make(wanted, api))["job"] == "job"
    assert actions(make(wanted, [*api, container(1, "j", "job", state="exited")]))["job"] == "none"
    assert actions(make(wanted, [*api, container(1, "j", "job", state="exited", exit_code=1)]))["job"] == "job"
    assert actions(make(wanted, [*api, container(1, "i", "job", state="exited")]))["job"] == "job"


def test_order_and_dependents() -> None:
    services: dict[str, Any] = {
        "web": {"depends_on": {"api": {}}},
        "api": {"depends_on": ["db", "cache"]},
        "cache": {},
        "db": {},
        "worker": {"depends_on": ["db"]},
    }
    assert order(services) == ["db", "cache", "api", "web", "worker"]
    assert dependents(services, "db") == ["web", "api", "worker"]
    assert dependents(services, "web") == []


def test_every_unsafe_update_at_once() -> None:
    bad = {"image": "registry/db:1", "labels": {DEFINITION: "d"}, "volumes": ["data:/data"], "container_name": "db", "ports": ["5432:5432"]}
    plans = make(release(db=bad), [container(1, "old"), container(2, "old"), container(1, "old", "db")])
    with pytest.raises(UnsafeUpdate) as error:
        require_safe(release(db=bad), plans)
    said = str(error.value)
    assert all(f"compose.services.db.{key}" in said for key in ("healthcheck", "container_name", "ports", "volumes"))
    assert "services.db.update.strategy: recreate" in said
    assert "api" not in said


def test_what_does_not_change_may_be_unsafe() -> None:
    bad = {"image": "registry/db:1", "labels": {DEFINITION: "d"}, "volumes": ["data:/data"]}
    require_safe(release(db=bad), [plan for plan in make(release(db=bad), [container(1, "d", "db")]) if plan.changes])


def declared(**api: Any) -> Declared:
    project = {"services": {"api": {"image": "registry/api:${TAG}", "healthcheck": HEALTHY, **api}}}
    return Declared("shop", "/opt/shop", project, {"TAG": "2"}, [{"service": "api", "replicas": 2}], [])


def test_the_definition_is_what_makes_a_container() -> None:
    api = {"image": "a:1", "environment": {"LEVEL": "${LEVEL}"}}
    same = {**api, "deploy": {"replicas": 5}, "depends_on": ["db"], "labels": {DEFINITION: "x"}}
    assert definition(api, {"LEVEL": "info"}) != definition(api, {"LEVEL": "debug"})
    assert definition({**api, "deploy": {}, "labels": {}}, {"LEVEL": "info"}) == definition(same, {"LEVEL": "info"})
    assert definition({**api, "labels": ["a=b"]}, {"LEVEL": "i"}) == definition({**api, "labels": {"a": "b"}}, {"LEVEL": "i"})


def test_a_release_is_known_by_its_content() -> None:
    assert images(declared()) == {"api": "registry/api:2"}
    one = pinned_release(declared(), {"api": "registry/api:2@sha256:aa"})
    assert one.id == pinned_release(declared(), {"api": "registry/api:2@sha256:aa"}).id
    assert one.id != pinned_release(declared(), {"api": "registry/api:2@sha256:bb"}).id
    assert one.project["services"]["api"]["image"] == "registry/api:2@sha256:aa"
    assert declared().project["services"]["api"]["image"] == "registry/api:${TAG}"


def test_scaling_changes_the_number_and_not_the_containers() -> None:
    one = pinned_release(declared(), {"api": "registry/api:2@sha256:aa"})
    more = with_replicas(one, {"api": 5})
    scaled = pinned_release(more, {"api": "registry/api:2@sha256:aa"})
    assert scaled.replicas("api") == 5
    assert scaled.id != one.id
    labels = [found.project["services"]["api"]["labels"][DEFINITION] for found in (one, scaled)]
    assert labels[0] == labels[1]
    with pytest.raises(ValueError, match="write one of api"):
        with_replicas(one, {"web": 2})
    with pytest.raises(ValueError, match="from 1 on"):
        with_replicas(one, {"api": 0})


def test_labels_of_a_release_are_as_compose_would_have_read_them() -> None:
    labels = {"scrape": True, "note": None, "weight": 1000.0, "port": 8080, "text": "True"}
    given = {"project": {"services": {"api": {"image": "a:1", "labels": labels}}}}
    released = pinned_release(Declared(**{**declared().__dict__, **given}), {})
    found = released.project["services"]["api"]["labels"]
    del found[DEFINITION], found[USES]
    assert found == {"scrape": "true", "note": "", "weight": "1000", "port": "8080", "text": "True"}


def test_short_names() -> None:
    assert short("registry:5000/a/api:1.0@sha256:0123456789abcdef") == "api:1.0@0123456789ab"
    assert short("api") == "api"


def mounting(*volumes: Any) -> None:
    """Deploy a service with these volumes for the first time."""
    wanted = release(api={"image": "registry.example.test/api:1", "volumes": list(volumes)})
    require_bind_sources(wanted, make(wanted, []))


def test_a_bind_source_that_is_not_there_is_no_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(UnsafeUpdate) as refused:
        mounting(
            f"{tmp_path}/gone:/data",
            {"type": "bind", "source": f"{tmp_path}/nginx.conf", "target": "/etc/nginx.conf"},
            f"{tmp_path}/there:/x",
        )
    message = str(refused.value)
    assert "services.api.volumes" in message and f"{tmp_path}/gone is not" in message and f"{tmp_path}/nginx.conf is not" in message
    assert f"{tmp_path}/there" not in message and "create_host_path: true" in message


def test_a_secret_that_the_store_of_this_host_lacks_is_named_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for a service that is new, or has another name: role secrets has not been there."""
    monkeypatch.setattr(paths, "SECRETS", tmp_path)
    (tmp_path / "there").touch()
    spec = {"image": "registry.example.test/api:1", "secrets": ["token", "other"], "env_file": [f"{tmp_path}/api.env", "/elsewhere.env"]}
    wanted = release(api=spec)
    wanted.project["secrets"] = {"token": {"file": f"{tmp_path}/gone"}, "other": {"file": f"{tmp_path}/there"}}
    with pytest.raises(UnsafeUpdate) as refused:
        require_secrets(wanted, make(wanted, []))
    message = str(refused.value)
    assert message.count("services.api.secrets") == 2 and f"{tmp_path}/gone is not" in message and f"{tmp_path}/api.env is not" in message
    for name in ("gone", "api.env"):
        (tmp_path / name).touch()
    require_secrets(wanted, make(wanted, []))


def test_bind_sources_that_are_there_or_meant_to_be_empty(tmp_path: Path) -> None:
    empty = {"type": "bind", "source": f"{tmp_path}/empty", "target": "/data", "bind": {"create_host_path": True}}
    mounting(f"{tmp_path}:/data:ro", "named:/var/lib/x", empty)
