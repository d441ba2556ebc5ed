# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a service uses beside its definition: seen, adopted, and changed without taking the ground away under what runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers import network_names
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import DEFINITION, USES
from ansible_collections.latentum.ops.plugins.module_utils.release import uses
from ansible_collections.latentum.ops.plugins.module_utils.release.pinning import definition, pinned_release
from ansible_collections.latentum.ops.plugins.module_utils.release.store import Release, Store
from ansible_collections.latentum.ops.plugins.module_utils.rollout.deployment import Deployment
from ansible_collections.latentum.ops.plugins.module_utils.rollout.request import DeployFailed, Order, Outcome

from .played_host import PlayedHost, declared

PLAIN = {"networks": {"default": {"internal": True}}}
OPEN = {"networks": {"default": {"internal": False}}}


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PlayedHost:
    return PlayedHost(tmp_path, monkeypatch)


def actions(outcome: Outcome) -> dict[str, str]:
    return {plan.service: plan.action for plan in outcome.plans}


def live() -> Release:
    found = Store("shop").live()
    assert found is not None
    return found


def real(release: Release, name: str = "default") -> str:
    return uses.real_name("shop", release.project, name)


def test_the_bytes_of_the_definition_are_what_they_were() -> None:
    """Hashes of an engine from before there was a second label: another one would replace every container of every host."""
    service = {"image": "a:1", "environment": {"LEVEL": "${LEVEL}"}, "networks": ["front"], "labels": {"a": "b"}}
    assert definition(service, {"LEVEL": "info"}) == "a92f2649320c"
    own = {DEFINITION: "x", USES: "y"}
    assert definition({**service, "labels": {**service["labels"], **own}}, {"LEVEL": "info"}) == "a92f2649320c"


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        (PLAIN, OPEN, "network default"),
        ({"volumes": {"data": {}}}, {"volumes": {"data": {"name": "other"}}}, "volume data"),
        ({"volumes": {"data": {"external": True}}}, {"volumes": {"data": {}}}, "volume data"),
        ({"configs": {"app": {"content": "a"}}}, {"configs": {"app": {"content": "b"}}}, "config app"),
        ({"secrets": {"token": {"file": "/a"}}}, {"secrets": {"token": {"file": "/b"}}}, "secret token"),
    ],
)
def test_what_a_service_uses_replaces_its_containers_and_no_others(
    host: PlayedHost, before: dict[str, Any], after: dict[str, Any], what: str
) -> None:
    api = {"volumes": ["data:/data:ro"], "configs": ["app"], "secrets": [{"source": "token"}]}
    alone = {"network_mode": "none"}
    host.deploy(declared(top=before, api=api, alone=alone))
    assert actions(host.deploy(declared(top=before, api=api, alone=alone))) == {}
    outcome = host.deploy(declared(top=after, api=api, alone=alone))
    assert actions(outcome) == {"api": "replace"}
    assert outcome.plans[0].reason == f"{what} changed"
    assert actions(host.deploy(declared(top=after, api=api, alone=alone))) == {}


def test_a_variable_in_it_counts_as_its_value() -> None:
    project = {"services": {"api": {"networks": ["front"]}}, "networks": {"front": {"driver_opts": {"mtu": "${MTU}"}}}}
    hashes = [uses.label(project, "api", {"MTU": size}, "/opt/shop") for size in ("1500", "1400", "1500")]
    assert hashes[0] == hashes[2] != hashes[1]


@pytest.mark.parametrize("written", [["LEVEL", "UNSET"], {"LEVEL": None, "UNSET": None}])
def test_a_variable_that_a_service_takes_over_by_its_name_counts_as_its_value(host: PlayedHost, written: Any) -> None:
    services: dict[str, Any] = {"api": {"environment": written}, "web": {"environment": {"LEVEL": "fixed"}}}
    host.deploy(replace(declared(**services), environment={"LEVEL": "info"}))
    assert actions(host.deploy(replace(declared(**services), environment={"LEVEL": "info", "OTHER": "x"}))) == {}
    outcome = host.deploy(replace(declared(**services), environment={"LEVEL": "debug"}))
    assert actions(outcome) == {"api": "replace"}
    assert outcome.plans[0].reason == "variable LEVEL changed"


def test_labels_of_a_volume_are_nothing_to_a_container(host: PlayedHost) -> None:
    api = {"volumes": ["data:/data:ro"]}
    host.deploy(declared(top={"volumes": {"data": {}}}, api=api))
    assert actions(host.deploy(declared(top={"volumes": {"data": {"labels": {"a": "b"}}}}, api=api))) == {}


def test_the_file_of_a_config_is_part_of_it(host: PlayedHost) -> None:
    """Nothing that is declared differs: only the file on the host."""
    file = host.folder / "app.conf"
    file.write_text("one")
    declaration = declared(top={"configs": {"app": {"file": str(file)}}}, api={"configs": ["app"]}, web={})
    first = host.deploy(declaration).release
    assert actions(host.deploy(declaration)) == {}
    file.write_text("two")
    outcome = host.deploy(declaration)
    assert actions(outcome) == {"api": "replace"} and outcome.release != first
    assert outcome.plans[0].reason == "what it uses changed"
    assert actions(host.deploy(declaration)) == {}


def without_labels(host: PlayedHost) -> None:
    """The host as an engine from before there was the second label left it."""
    store = Store("shop")
    project = json.loads(json.dumps(live().project))
    for service in project["services"].values():
        del service["labels"][USES]
    store.adopt(live().id, replace(live(), project=project))
    host.there = [replace(one, uses="") for one in host.there]


def test_what_an_older_engine_started_is_adopted_and_sees_changes_from_then_on(host: PlayedHost) -> None:
    declaration = declared(top=PLAIN, api={}, db={})
    host.deploy(declaration)
    without_labels(host)
    before, host.did = list(host.there), []
    outcome = host.deploy(declaration)
    assert (actions(outcome), host.did, host.there) == ({}, [], before)
    assert live().project["services"]["api"]["labels"][USES] and Store("shop").previous() == []
    assert actions(host.deploy(declared(top=PLAIN, api={"command": "x"}, db={}))) == {"api": "replace"}
    assert actions(host.deploy(declared(top=OPEN, api={"command": "x"}, db={}))) == {"api": "replace", "db": "replace"}


def test_a_change_is_seen_by_the_first_run_of_the_new_engine(host: PlayedHost) -> None:
    host.deploy(declared(top=PLAIN, api={}))
    without_labels(host)
    assert actions(host.deploy(declared(top=OPEN, api={}))) == {"api": "replace"}


def test_services_go_over_to_a_new_network_one_by_one(host: PlayedHost) -> None:
    """The old containers are in both before anything starts, so each reaches each; the old network goes when nobody is in it."""
    aliased = {"networks": {"default": {"aliases": ["database"]}}}
    host.deploy(declared(top=PLAIN, db=aliased, api={"depends_on": ["db"]}))
    host.did = []
    outcome = host.deploy(declared(top=OPEN, db=aliased, api={"depends_on": ["db"]}))
    new = real(live())
    assert network_names.first(new) == "shop_default" < new and real(live()) == "shop_default_02_" + new[-6:]
    assert (host.did[0], sorted(host.did[1:3])) == (f"make {new}", [f"connect api2 to {new}", f"connect db1 to {new} database"])
    assert host.did[3:] == ["start db3", "remove db1", "start api4", "remove api2", "remove network shop_default"]
    assert actions(outcome) == {"db": "replace", "api": "replace"}
    host.did = []
    assert actions(host.deploy(declared(top=OPEN, db=aliased, api={"depends_on": ["db"]}))) == {} and host.did == []
    host.deploy(declared(top=OPEN, db=aliased, api={"depends_on": ["db"], "command": "x"}))
    assert real(live()) == new  # it is what it was
    host.deploy(declared(top=PLAIN, db=aliased, api={"depends_on": ["db"]}))
    assert network_names.generation(real(live())) == 3 and set(host.made) == {real(live())}


def test_a_release_that_fails_leaves_its_network(host: PlayedHost) -> None:
    host.deploy(declared(top=PLAIN, api={}, db={}))
    host.sick = {"api"}
    with pytest.raises(DeployFailed, match="it was taken back"):
        host.deploy(declared(top=OPEN, api={}, db={}))
    assert set(host.made) == {"shop_default"}
    assert [[name for name, _address in one.addresses] for one in host.there] == [["shop_default"]] * 2


def test_what_comes_back_reaches_what_is_still_new(host: PlayedHost) -> None:
    """The database is taken back last: until then the one of the failed release answers in both networks."""
    host.deploy(declared(top=PLAIN, db={}, api={"depends_on": ["db"]}))
    host.sick, host.did = {"api"}, []
    with pytest.raises(DeployFailed, match="it was taken back"):
        host.deploy(declared(top=OPEN, db={}, api={"depends_on": ["db"]}))
    (new,) = (done.split()[1] for done in host.did if done.startswith("make shop_default_02"))
    assert "connect db3 to shop_default" in host.did and new not in host.made
    assert host.did.index("connect db3 to shop_default") < host.did.index("start db5") < host.did.index("remove db3")


def test_a_rollback_goes_back_over(host: PlayedHost) -> None:
    host.deploy(declared(top=PLAIN, api={}))
    first = live().id
    host.deploy(declared(top=OPEN, api={}))
    Deployment("shop", Order(kind="rollback")).rollback()
    assert live().id == first and set(host.made) == {"shop_default"}
    assert [name for name, _address in host.there[0].addresses] == ["shop_default"]


def test_opsctl_keeps_the_network_of_the_live_release(host: PlayedHost) -> None:
    """A release that is declared again has the name of ours in it: that is no name of the operator."""
    host.deploy(declared(top=PLAIN, api={}))
    host.deploy(declared(top=OPEN, api={}))
    again = declared(top={"networks": live().project["networks"]}, api={})
    assert pinned_release(again, {}, live()).project["networks"] == live().project["networks"]
    assert real(pinned_release(declared(top=PLAIN, api={}), {}, live())) != real(live())


def fixed(**spec: Any) -> dict[str, Any]:
    return {"networks": {"default": spec}}


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        (fixed(name="shop", internal=True), fixed(name="shop", internal=False), "networks.default.name"),
        (
            fixed(ipam={"config": [{"subnet": "10.7.0.0/24"}]}),
            fixed(ipam={"config": [{"subnet": "10.7.0.0/16"}]}),
            "networks.default.ipam",
        ),
        (
            fixed(driver_opts={"com.docker.network.bridge.name": "br-shop"}),
            fixed(internal=True, driver_opts={"com.docker.network.bridge.name": "br-shop"}),
            "networks.default.driver_opts",
        ),
    ],
)
def test_a_network_that_cannot_stand_beside_the_old_one_is_downtime_and_refused(
    host: PlayedHost, before: dict[str, Any], after: dict[str, Any], key: str
) -> None:
    host.deploy(declared(top=before, api={}))
    was, host.did = live().id, []
    with pytest.raises(DeployFailed, match="downtime") as error:
        host.deploy(declared(top=after, api={}), check=True)
    assert f"compose.{key}" in str(error.value) and "write update.strategy: recreate for api" in str(error.value)
    assert (live().id, host.did) == (was, [])


DOWN = [{"service": name, "strategy": "recreate"} for name in ("db", "api")]
NAMED = [fixed(name="shop", internal=True), fixed(name="shop", internal=False)]


def test_with_recreate_all_its_services_are_down_while_it_is_made_anew(host: PlayedHost) -> None:
    services: dict[str, Any] = {"db": {}, "api": {"depends_on": ["db"]}}
    apart = {"network_mode": "none"}
    host.deploy(declared(DOWN, top=NAMED[0], **services, worker={}, apart=apart))
    host.did = []
    outcome = host.deploy(declared(DOWN, top=NAMED[1], **services, apart=apart))
    assert actions(outcome) == {"db": "replace", "api": "replace", "worker": "remove"}
    gone = ["remove worker3", "remove api2", "remove db1", "remove network shop"]
    assert [done for done in host.did if done != "remove worker3"] == [*gone[1:], "make shop", "start db5", "start api6"]
    assert host.did[0] == gone[0] and "api4" not in host.ids() and "apart4" in host.ids()
    assert actions(host.deploy(declared(DOWN, top=NAMED[1], **services, apart=apart))) == {}


def test_a_network_that_was_made_anew_is_taken_back_with_its_services(host: PlayedHost) -> None:
    services: dict[str, Any] = {"db": {}, "api": {"depends_on": ["db"]}}
    host.deploy(declared(DOWN, top=NAMED[0], **services))
    was = live()
    host.sick, host.did = {"api"}, []
    with pytest.raises(DeployFailed):
        host.deploy(declared(DOWN, top=NAMED[1], **services))
    assert live() == was and host.did.count("remove network shop") == host.did.count("make shop") == 2
    assert host.did.index("remove db3") < len(host.did) - 1 - host.did[::-1].index("remove network shop")


def test_subnets_that_do_not_overlap_stand_side_by_side(host: PlayedHost) -> None:
    for subnet in ("10.7.0.0/24", "10.8.0.0/24", "${NET}"):
        host.deploy(declared(top=fixed(ipam={"config": [{"subnet": subnet}]}), api={}))
    assert network_names.generation(real(live())) == 3


def test_options_of_a_volume_with_data_are_refused(host: PlayedHost) -> None:
    """Docker goes on with the volume as it is, and a newer Compose offers to remove it."""

    def with_options(spec: dict[str, Any]) -> Callable[[], Outcome]:
        return lambda: host.deploy(declared(top={"volumes": {"data": spec}}, api={"volumes": ["data:/data:ro"]}))

    with_options({})()
    with pytest.raises(DeployFailed, match=r"compose\.volumes\.data: .*Docker cannot change those"):
        with_options({"driver_opts": {"type": "tmpfs"}})()
    assert actions(with_options({"name": "data2", "driver_opts": {"type": "tmpfs"}})()) == {"api": "replace"}
