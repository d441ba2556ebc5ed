# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A first release over a project that somebody has started by hand: what goes on, what is replaced and why, and what is known of it later.

`docker` is a script that resolves the project of a test as Compose does (recorded forms: test_equality).
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.adopt.finding import DeclaredStack, Given, Verdict
from ansible_collections.latentum.ops.plugins.module_utils.adopt.rules import projects
from ansible_collections.latentum.ops.plugins.module_utils.adopt.survey.containers import Container as Surveyed
from ansible_collections.latentum.ops.plugins.module_utils.adopt.survey.survey import Survey
from ansible_collections.latentum.ops.plugins.module_utils.containers import taken_over
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import Container, Engine
from ansible_collections.latentum.ops.plugins.module_utils.release.store import Store
from ansible_collections.latentum.ops.plugins.module_utils.rollout import hand_made
from ansible_collections.latentum.ops.plugins.module_utils.rollout.request import DeployFailed, Outcome
from ansible_collections.latentum.ops.plugins.module_utils.rollout.results import as_dict
from ansible_collections.latentum.ops.plugins.module_utils.rollout.table import table

from .played_host import PlayedHost, declared
from .samples import container

INTERNAL = {"networks": {"default": {"internal": True}}}
DOCKER = f"""#!{sys.executable}
import json, pathlib, sys, yaml
options = dict(argument.split("=", 1) for argument in sys.argv if argument.startswith("--") and "=" in argument)
project = yaml.safe_load(pathlib.Path(options["--file"]).read_text())
project["name"] = options["--project-name"]
written = project.get("networks") or {{"default": None}}
networks = {{name: {{"name": f"shop_{{name}}", "ipam": {{}}, **(spec or {{}})}} for name, spec in written.items()}}
for service in project["services"].values():
    service.setdefault("networks", {{"default": None}})
    service.update(command=None, entrypoint=None)
print(json.dumps({{**project, "networks": networks}}))
"""


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PlayedHost:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "docker").write_text(DOCKER)
    (programs / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    played = PlayedHost(tmp_path, monkeypatch)
    images = {"Config": {}, "Id": "sha256:1"}
    monkeypatch.setattr(played, "image", lambda reference: {**images, "RepoDigests": [f"{reference.partition(':')[0]}@sha256:1"]})
    listed = played.containers

    def with_records(project: str) -> list[Container]:
        known = taken_over.known(project)
        return [replace(one, **vars(known[one.id])) if one.id in known else one for one in listed(project)]

    monkeypatch.setattr(played, "containers", with_records)  # as Engine.containers does
    return played


def by_hand(host: PlayedHost, service: str, number: int = 1, network: str = "shop_default", **changes: Any) -> Container:
    """A container as Docker describes one of a service that says nothing but its image and its health check."""
    identity = f"{service}{number}".ljust(64, "0")
    made = container(number, "", service, id=identity, image=f"registry/{service}:1", addresses=((network, f"10.0.0.{number}"),), **changes)
    logging = {"Type": "", "Config": {}}
    host.there.append(made)
    host.raw[identity] = {
        "Id": identity,
        "Name": f"/shop-{service}-{number}",
        "Image": "sha256:1",
        "Config": {"Hostname": identity[:12], "Healthcheck": {"Test": ["CMD", "true"]}, "Labels": {}},
        "HostConfig": {"NetworkMode": network, "LogConfig": logging, "ReadonlyRootfs": False, "CgroupnsMode": "private"},
        "NetworkSettings": {"Networks": {network: {"Aliases": [f"shop-{service}-{number}", service]}}},
    }
    host.made.setdefault(network, "default")
    return made


def actions(outcome: Outcome) -> dict[str, str]:
    return {plan.service: plan.action for plan in outcome.plans}


def live() -> Any:
    return Store("shop").live()


def test_what_is_equal_goes_on_and_the_next_run_finds_nothing_to_do(host: PlayedHost) -> None:
    api = by_hand(host, "api")
    checked = host.deploy(declared(api={}), check=True)
    assert checked.changed and actions(checked) == {} and checked.kept_sentences == ["api: kept, 1 equal to what runs"]
    outcome = host.deploy(declared(api={}))
    assert host.ids() == [api.id] and host.did == []
    assert as_dict(outcome)["kept"] == {"api": ["shop-api-1"]} and "api: kept, 1 equal" in table(outcome)
    again = host.deploy(declared(api={}))
    assert not again.changed and again.kept == {} and host.ids() == [api.id]


def test_what_differs_is_replaced_and_says_why(host: PlayedHost) -> None:
    api, db = by_hand(host, "api"), by_hand(host, "db")
    host.raw[db.id]["HostConfig"].update(ReadonlyRootfs=True, CapDrop=["ALL"])
    outcome = host.deploy(declared([{"service": "db", "strategy": "recreate"}], api={}, db={}))
    assert [plan.sentence() for plan in outcome.plans] == [
        "db: replace 1 by 1 container (recreate): it differs from what was started by hand: cap_drop, read_only"
    ]
    assert api.id in host.ids() and db.id not in host.ids()


def test_a_later_release_replaces_what_was_taken_over_like_any_other_and_comes_back(host: PlayedHost) -> None:
    by_hand(host, "api")
    db = by_hand(host, "db")
    host.deploy(declared(api={}, db={}))
    first = live().id
    outcome = host.deploy(declared(api={"image": "registry/api:2"}, db={}))
    assert actions(outcome) == {"api": "replace"}
    assert db.id in host.ids()
    host.deploy(declared(api={}, db={}))
    assert live().id == first and db.id in host.ids()


def test_scaled_to_three_by_hand(host: PlayedHost) -> None:
    for number in (1, 2, 3):
        by_hand(host, "api", number)
    assert actions(host.deploy(declared(api={}), check=True)) == {"api": "scale"}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"state": "exited"}, "it is exited"),
        ({"state": "paused"}, "it is paused"),
        ({"health": "unhealthy"}, "it is unhealthy"),
    ],
)
def test_what_does_not_serve_is_not_worth_keeping(host: PlayedHost, changes: dict[str, str], why: str) -> None:
    by_hand(host, "api", **changes)
    plan = host.deploy(declared(api={}), check=True).plans[0]
    assert plan.action == "replace" and plan.reason == f"it differs from what was started by hand: {why}"


def test_a_job_that_has_run_by_hand_is_not_run_again(host: PlayedHost) -> None:
    by_hand(host, "seed", state="exited", health="none")
    outcome = host.deploy(declared([{"service": "seed", "job": True}], seed={}), check=True)
    assert actions(outcome) == {} and list(outcome.kept) == ["seed"]


def test_a_service_that_the_release_lacks_goes(host: PlayedHost) -> None:
    by_hand(host, "api")
    by_hand(host, "adminer")
    assert actions(host.deploy(declared(api={}))) == {"adminer": "remove"}


def test_a_container_that_crashed_once_is_no_leftover_of_a_release_that_failed(host: PlayedHost) -> None:
    api = by_hand(host, "api", restarts=7)
    host.sick.add("db")
    with pytest.raises(DeployFailed):
        host.deploy(declared(api={}, db={}))
    assert api.id in host.ids() and taken_over.known("shop") == {}
    host.sick.clear()
    host.deploy(declared(api={}, db={}), force=True)
    assert api.id in host.ids() and list(taken_over.known("shop")) == [api.id]


def test_a_secret_that_was_written_since_replaces_it(host: PlayedHost, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("a")
    by_hand(host, "api")
    top = {"secrets": {"token": {"file": str(token)}}}
    host.raw["api1".ljust(64, "0")]["Mounts"] = [
        {"Type": "bind", "Source": str(token), "Destination": "/run/secrets/token", "RW": False, "Propagation": "rprivate", "Mode": ""}
    ]
    os.utime(token, (10, 10))
    assert actions(host.deploy(declared(top=top, api={"secrets": [{"source": "token"}]}), check=True)) == {}
    os.utime(token, None)
    outcome = host.deploy(declared(top=top, api={"secrets": [{"source": "token"}]}), check=True)
    assert outcome.plans[0].reason == "a secret of it was changed"


def test_a_network_that_differs_gets_another_beside_it_and_both_versions_reach_each_other(host: PlayedHost) -> None:
    """Compose from 2.31 on would stop every container of it first, and an older one would leave it open to the outside."""
    api, db = by_hand(host, "api"), by_hand(host, "db")
    host.networks_there["shop_default"] = {"Internal": False}
    before = declared(top=INTERNAL, api={}, db={})
    outcome = host.deploy(before)
    assert actions(outcome) == {"api": "replace", "db": "replace"}
    assert "networks" in outcome.plans[0].reason
    real = live().project["networks"]["default"]["name"]
    assert real.startswith("shop_default_02_")
    assert host.did[0] == f"make {real}"
    assert f"connect {api.id} to {real}" in host.did[1] and f"connect {db.id} to {real}" in host.did[2]
    assert host.did[-1] == "remove network shop_default"
    assert host.deploy(before).changed is False


def test_a_first_release_that_fails_leaves_the_networks_of_others_as_they_were(host: PlayedHost) -> None:
    api = by_hand(host, "api")
    host.networks_there["shop_default"] = {"Internal": False}
    host.sick.add("api")
    with pytest.raises(DeployFailed):
        host.deploy(declared(top=INTERNAL, api={}))
    assert [dict(one.addresses) for one in host.there if one.id == api.id] == [{"shop_default": "10.0.0.1"}]


def test_the_network_of_a_release_that_failed_keeps_its_name(host: PlayedHost) -> None:
    host.sick.add("api")
    with pytest.raises(DeployFailed):
        host.deploy(declared(top=INTERNAL, api={}))
    host.sick.clear()
    host.deploy(declared(top=INTERNAL, api={}), force=True)
    assert "name" not in live().project["networks"]["default"]


def test_a_config_in_a_file_that_is_newer_than_the_container(tmp_path: Path) -> None:
    file = tmp_path / "app.conf"
    file.write_text("a")
    project = {"configs": {"app": {"file": str(file)}}}
    old, new = container(1, created=10.0), container(1, created=file.stat().st_mtime + 10)
    assert hand_made._written_since(project, {"configs": [{"source": "app"}]}, old) == ["config app, which was written since"]
    assert hand_made._written_since(project, {"configs": [{"source": "app"}]}, new) == []


def test_what_adopt_says_of_a_project_by_hand(host: PlayedHost) -> None:
    """Before anything changes, and without a registry: images are those that are here."""
    by_hand(host, "api")
    db = by_hand(host, "db")
    host.raw[db.id]["HostConfig"].update(CapDrop=["ALL"])
    why = "it differs from what was started by hand: cap_drop"
    said = ["api: kept, 1 equal to what runs", f"db: replace 1 by 1 container (rolling, 1 at once): {why}"]
    wanted = declared(api={}, db={})
    assert hand_made.foreseen(cast(Engine, host), wanted) == said
    rollout = {key: getattr(wanted, key) for key in ("project", "environment", "services", "policies")}
    stack = DeclaredStack("shop", "/opt/shop", ("api", "db"), rollout=rollout)
    given = cast(
        Given, SimpleNamespace(host=SimpleNamespace(engine=host), survey=Survey(), role=lambda _name: {}, stack=lambda _name: stack)
    )
    found = projects._project(given, "shop", [Surveyed("1", "shop-api-1", "api", "running", "shop", "api")])
    assert found.verdict is Verdict.TAKEN_OVER and found.effect == "takes it over as a release, its volumes stay; " + "; ".join(said)
    assert host.did == []


def test_where_compose_refuses_the_project_everything_is_replaced(host: PlayedHost, tmp_path: Path) -> None:
    by_hand(host, "api")
    (tmp_path / "bin/docker").write_text("#!/bin/sh\necho 'additional properties foo not allowed' >&2; exit 15\n")
    plan = host.deploy(declared(api={}), check=True).plans[0]
    assert plan.action == "replace" and "cannot be compared" in plan.reason and "not allowed" in plan.reason


def test_records_of_containers_are_kept_beside_others_and_nothing_to_whom_they_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    Store("shop").folder.mkdir(parents=True)
    taken_over.put("shop", {"a": taken_over.Standing("1", "2")})
    taken_over.put("shop", {"b": taken_over.Standing("3", "4")})
    assert taken_over.known("shop") == {"a": taken_over.Standing("1", "2"), "b": taken_over.Standing("3", "4")}
    file = next(Store("shop").folder.glob("taken_over.json"))
    file.write_text(json.dumps({"a": {"definition": "1", "later": True}}))
    assert taken_over.known("shop") == {"a": taken_over.Standing("1", "")}

    def refuse(*_given: object, **_named: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(taken_over, "read_state", refuse)
    assert taken_over.known("shop") == {}
