# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the routes of one release to those of another: real files of an nginx that is played, and containers in a list."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import Container, Engine
from ansible_collections.latentum.ops.plugins.module_utils.contracts.routes import Routes
from ansible_collections.latentum.ops.plugins.module_utils.contracts.upstreams import Upstream
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError, Result
from ansible_collections.latentum.ops.plugins.module_utils.core.progress import Progress
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig import transaction
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.transaction import ConfigSetError
from ansible_collections.latentum.ops.plugins.module_utils.nginx import drain, site_file, sync, traffic_plan
from ansible_collections.latentum.ops.plugins.module_utils.nginx.traffic_plan import Traffic
from ansible_collections.latentum.ops.plugins.module_utils.release import publish, routing
from ansible_collections.latentum.ops.plugins.module_utils.release.journal import Journal, RolloutInProgress
from ansible_collections.latentum.ops.plugins.module_utils.release.pinning import relabelled
from ansible_collections.latentum.ops.plugins.module_utils.release.store import GOOD, Release, Store
from ansible_collections.latentum.ops.plugins.module_utils.rollout import host_actions, rollback
from ansible_collections.latentum.ops.plugins.module_utils.rollout.deployment import Deployment
from ansible_collections.latentum.ops.plugins.module_utils.rollout.host_actions import RolloutFailed, Site
from ansible_collections.latentum.ops.plugins.module_utils.rollout.plan import make
from ansible_collections.latentum.ops.plugins.module_utils.rollout.request import Order, Outcome
from ansible_collections.latentum.ops.plugins.module_utils.rollout.rerouting import Rerouting
from ansible_collections.latentum.ops.plugins.module_utils.rollout.results import as_dict
from ansible_collections.latentum.ops.plugins.module_utils.rollout.table import table

from .samples import HEALTHY, container
from .samples import release as sample

DOMAIN = "shop.example.com"
Ways = Mapping[str, tuple[str, int]]  # path to service and port


def routes(ways: Ways, domain: str = DOMAIN, note: str = "") -> Routes:
    """The routes of one site, as role nginx writes its file, without TLS."""
    upstreams = {f"shop_{service}_{port}": Upstream(f"shop_{service}_{port}", "shop", service, port) for service, port in ways.values()}
    lines = ["server {", f"    server_name {domain};", f"    # {note}"]
    for path, (service, port) in ways.items():
        bare = path.rstrip("/")
        for match in ([f"= {bare}"] if bare else []) + [f"{bare}/"]:
            lines += [f"    location {match} {{", f"        proxy_pass http://shop_{service}_{port};", "    }"]
    return Routes(tuple(one.to_dict() for one in upstreams.values()), {domain: "\n".join([*lines, "}", ""])})


def release(definition: str, ways: Ways | None, **services: str) -> Release:
    """A release of service api, and of others by name and definition."""
    others = {
        name: {"image": "registry/x:1", "healthcheck": HEALTHY, "labels": {"com.latentum.ops.definition": label}}
        for name, label in services.items()
    }
    found = sample(definition, **others)
    return replace(found, routes=routes(ways) if ways else None, domains=[DOMAIN])


class Host:
    """An nginx that reads its files at each reload, and who serves by them."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, *there: Container) -> None:
        self.there = list(there)
        self.folder = folder
        self.refuses = ""
        self.reloads: list[dict[str, list[str]]] = []
        self.killed_at = ""
        (folder / "sites.d").mkdir()
        (folder / "upstreams.d").mkdir()
        monkeypatch.setattr(site_file, "SITES", folder / "sites.d")
        monkeypatch.setattr(sync, "RENDERED", folder / "upstreams.d")
        monkeypatch.setattr(sync, "CONFIGURATION", folder / "definitions")
        monkeypatch.setattr(sync, "PENDING", folder / "pending")
        monkeypatch.setattr(sync, "DRAINED", folder / "drained.json")
        monkeypatch.setattr(publish, "write", lambda *_given, **_more: [])
        monkeypatch.setattr(drain, "wait", lambda *_given: None)
        monkeypatch.setattr(host_actions, "_refused", lambda server: "" if not server.endswith(":9999") else "Connection refused")
        monkeypatch.setattr(host_actions, "ACCEPTS", 0.0)

        @contextmanager
        def one_writer() -> Any:
            yield

        monkeypatch.setattr(sync, "one_writer", one_writer)
        for module in (transaction, sync, host_actions):
            monkeypatch.setattr(module, "run", self.run)

    def run(self, argv: Sequence[str], **_more: object) -> Result:
        command = " ".join(argv)
        if self.killed_at and self.killed_at in command:
            raise KeyboardInterrupt
        if command.startswith("nginx -t"):
            problem = self.refuses or self.undefined()
            if problem:
                raise CommandError(Result(tuple(argv), 1, "", problem), f"nginx: {problem}")
        if "reload" in command:
            self.reloads.append(self.served())
        return Result(tuple(argv), 0, "", "")

    def upstream(self, name: str) -> list[str]:
        return re.findall(r"server (\S+:\d+)", (self.folder / "upstreams.d" / f"{name}.conf").read_text())

    def named(self) -> dict[str, str]:
        """Location to upstream, over all sites."""
        found = {}
        for file in sorted((self.folder / "sites.d").glob("*.conf")):
            found |= {
                f"{file.name.removesuffix('.conf')}{match}": name
                for match, name in re.findall(r"location (?:= )?(\S+) \{\n\s+proxy_pass http://(\S+);", file.read_text())
            }
        return found

    def undefined(self) -> str:
        names = set(self.named().values())
        return " ".join(sorted(name for name in names if not (self.folder / "upstreams.d" / f"{name}.conf").exists()))

    def served(self) -> dict[str, list[str]]:
        """Location to servers: what nginx has after a reload."""
        return {where: self.upstream(name) for where, name in self.named().items()}

    # What the engine of containers is asked.
    def containers(self, _project: str) -> list[Container]:
        return list(self.there)

    def remove(self, one: Container) -> None:
        self.there = [other for other in self.there if other.id != one.id]

    def start(self, one: Container) -> None:
        self.there = [replace(other, state="running") if other.id == one.id else other for other in self.there]

    def publish(self, of: Release) -> None:
        """As role nginx leaves it."""
        assert of.routes is not None
        routing.switch(self, "shop", of.routes, routing.Definitions(routing.upstreams_of(of.routes)), (), {})
        self.reloads.clear()


@pytest.fixture
def nginx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, monkeypatch)


def site(host: Host, before: Release | None, after: Release, **underway: Any) -> Site:
    kept = RolloutInProgress("x", "deploy", after.id, before.id if before else None, "ada", **underway)
    for one in (before, after):
        if one:
            Store("shop").save(one)
    return Site("shop", cast(Engine, host), Progress("shop", "x", silent=True), Journal("shop"), kept)


OLD = [container(1, "old"), container(2, "old")]
NEW = [container(3, "new"), container(4, "new")]
AT_80, AT_90 = release("old", {"/": ("api", 80)}), release("new", {"/": ("api", 90)})


def test_while_a_port_changes_each_container_is_reached_at_its_own(nginx: Host) -> None:
    nginx.there = [OLD[0], NEW[0]]
    nginx.publish(AT_80)
    rerouting = Rerouting(AT_80, AT_90)
    at = site(nginx, AT_80, AT_90)
    routing.define("shop", rerouting.definitions(switched=False))
    at.sync()
    assert nginx.served() == {f"{DOMAIN}/": ["10.0.0.1:80", "10.0.0.3:90"]}
    assert at.addresses("api", nginx.there) == ["10.0.0.1:80", "10.0.0.3:90"]
    at.reroute(rerouting, {}, {}, 1)
    assert nginx.named() == {f"{DOMAIN}/": "shop_api_90"}
    assert nginx.served() == {f"{DOMAIN}/": ["10.0.0.1:80", "10.0.0.3:90"]}
    rerouting.finish()
    nginx.there = NEW
    at.sync()
    assert nginx.served() == {f"{DOMAIN}/": ["10.0.0.3:90", "10.0.0.4:90"]}
    assert [file.name for file in (nginx.folder / "upstreams.d").iterdir()] == ["shop_api_90.conf"]
    assert "ports" not in (nginx.folder / "definitions/shop.json").read_text()
    assert Rerouting(AT_80, AT_90).changes() == []


def test_a_port_of_two_follows_the_route_that_has_it() -> None:
    before = release("old", {"/": ("api", 80), "/admin": ("api", 81)})
    after = release("new", {"/": ("api", 90), "/admin": ("api", 91)})
    definitions = Rerouting(before, after).definitions(switched=False).upstreams
    assert {one.name: one.ports for one in definitions} == {"shop_api_80": {"new": 90}, "shop_api_81": {"new": 91}}


def test_a_service_that_is_not_replaced_has_one_port() -> None:
    """The application listens at both; the same containers are reached at the other one from the switch on."""
    assert [one.ports for one in Rerouting(AT_80, release("old", {"/": ("api", 90)})).definitions(switched=True).upstreams] == [{}]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"/": ("api", 80)}, {"/": ("api", 90)}, []),
        ({"/": ("api", 80), "/x": ("api", 80)}, {"/": ("api", 80), "/x": ("web", 80)}, ["api"]),
        ({"/": ("api", 80), "/x": ("web", 80)}, {"/": ("api", 80), "/x": ("api", 80)}, ["api"]),
        ({"/v1": ("api", 80)}, {"/v2": ("api", 80)}, ["api"]),
    ],
    ids=["port", "split", "merger", "path"],
)
def test_who_is_switched_with_the_routes(before: Ways, after: Ways, expected: list[str]) -> None:
    rerouting = Rerouting(release("old", before), release("new", after))
    assert [plan.service for plan in rerouting.together(make(rerouting.after, OLD))] == expected


def test_sites_and_containers_change_in_one_reload(nginx: Host) -> None:
    """A split: the new api does not know /x, and the old one is asked for it until web is."""
    before = release("old", {"/": ("api", 80), "/x": ("api", 80)})
    after = release("new", {"/": ("api", 80), "/x": ("web", 80)}, web="web")
    web = container(5, "web", service="web")
    nginx.there = [*OLD, *NEW, web]
    nginx.publish(before)
    traffic_plan.put("shop", {"api": Traffic({"api1": 1, "api2": 1})})
    rerouting = Rerouting(before, after)
    at = site(nginx, before, after)
    at.sync()
    nginx.reloads.clear()
    at.reroute(rerouting, {"api": Traffic({"api3": 1, "api4": 1})}, {"api": OLD}, 1)
    assert nginx.reloads == [
        {
            f"{DOMAIN}/": ["10.0.0.3:80", "10.0.0.4:80"],
            f"{DOMAIN}/x": ["10.0.0.5:80"],
            f"{DOMAIN}/x/": ["10.0.0.5:80"],
        }
    ]


def test_whoever_is_taken_over_is_drained_wherever_nginx_reached_it(nginx: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """No route was known: a site of somebody else led to it, at an address that only this site has."""
    waited: list[Any] = []
    monkeypatch.setattr(drain, "wait", lambda _before, addresses, timeout, _progress: waited.append((addresses, timeout)))
    nginx.there = [*OLD, *NEW]
    before = release("hand", {})
    at = site(nginx, before, AT_80)
    at.reroute(Rerouting(before, AT_80), {"api": Traffic({"api3": 1})}, {"api": OLD}, 7)
    at.reroute(Rerouting(before, AT_80), {"api": Traffic({"api3": 1})}, {"api": []}, 7)
    assert waited == [(None, 7)]


def test_what_nginx_refuses_changes_nobody(nginx: Host) -> None:
    nginx.there = [*OLD]
    nginx.publish(AT_80)
    traffic_plan.put("shop", {"api": Traffic({"api1": 1})})
    before = nginx.named()
    nginx.refuses = "emerg"
    with pytest.raises(ConfigSetError, match="emerg"):
        site(nginx, AT_80, AT_90).reroute(Rerouting(AT_80, AT_90), {"api": Traffic({"api2": 1})}, {}, 1)
    assert nginx.named() == before
    assert traffic_plan.load("shop") == {"api": Traffic({"api1": 1})}
    assert nginx.reloads == []


@pytest.mark.parametrize("killed_at", ["nginx -t", "reload"])
def test_after_a_kill_at_the_switch_the_next_run_finishes_it(nginx: Host, monkeypatch: pytest.MonkeyPatch, killed_at: str) -> None:
    monkeypatch.setattr(transaction, "_take_back", lambda _written: [])  # whoever is killed puts nothing back
    nginx.there = [*NEW]
    nginx.publish(AT_80)
    rerouting = Rerouting(AT_80, AT_90)
    nginx.killed_at = killed_at
    with pytest.raises(KeyboardInterrupt):
        site(nginx, AT_80, AT_90).reroute(rerouting, {}, {}, 1)
    assert nginx.undefined() == ""  # an nginx that starts now starts
    nginx.killed_at = ""
    assert rerouting.needed
    site(nginx, AT_80, AT_90).reroute(rerouting, {}, {}, 1)
    assert nginx.reloads[-1] == {f"{DOMAIN}/": ["10.0.0.3:90", "10.0.0.4:90"]}


def test_a_domain_comes_and_goes_with_its_site(nginx: Host) -> None:
    nginx.there = [*OLD]
    nginx.publish(AT_80)
    both = Routes(AT_80.routes.upstreams, {**AT_80.routes.sites, **routes({"/": ("api", 80)}, "b.example.com").sites})  # type: ignore[union-attr]
    after = replace(AT_80, routes=both)
    assert after.id != AT_80.id
    assert "site b.example.com: new" in Rerouting(AT_80, after).sentences()
    site(nginx, AT_80, after).reroute(Rerouting(AT_80, after), {}, {}, 1)
    assert sorted(nginx.named()) == ["b.example.com/", f"{DOMAIN}/"]
    assert Rerouting(after, AT_80).sentences() == ["site b.example.com: removed"]
    site(nginx, after, AT_80).reroute(Rerouting(after, AT_80), {}, {}, 1)
    assert sorted(nginx.named()) == [f"{DOMAIN}/"]


def _of_the_blog(host: Host, content: str) -> None:
    """Another stack has the server block of the name."""
    (host.folder / "sites.d" / f"{DOMAIN}.conf").write_text(f"# Of stack blog\nserver {{\n    server_name {DOMAIN};\n{content}}}\n")
    (host.folder / "upstreams.d/blog_web_80.conf").write_text("server 10.9.9.9:80;")


BLOG = "    location {} {{\n        proxy_pass http://blog_web_80;\n    }}\n"
MARKED = "    # Begin: in the server block\n{}    # End: in the server block\n"


def test_a_release_that_needs_the_server_block_of_another_stack_is_refused_before_anything_begins(nginx: Host) -> None:
    _of_the_blog(nginx, BLOG.format("/"))
    before = nginx.served()
    with pytest.raises(ConfigSetError, match=rf"{DOMAIN}: has one server block.*blog: it answers for all.*shop: it answers"):
        assert Rerouting(None, AT_80).needed
    assert nginx.served() == before and nginx.reloads == []


def test_a_release_drops_a_name_and_another_stack_gets_its_server_block_in_the_same_reload(nginx: Host) -> None:
    nginx.there = [*OLD]
    _of_the_blog(nginx, MARKED.format(BLOG.format("/blog/")))
    nginx.publish(AT_80)
    block, folder = nginx.folder / f"sites.d/{DOMAIN}.conf", nginx.folder / f"sites.d/{DOMAIN}.d"
    assert "shop_api_80" in block.read_text() and {path.name for path in folder.iterdir()} == {"blog.site", "blog.http", "blog.paths"}
    after = replace(AT_80, routes=replace(routes({"/": ("api", 80)}, "b.example.com"), upstreams=AT_80.routes.upstreams))  # type: ignore[union-attr]
    assert Rerouting(AT_80, AT_80).changes() == [] and Rerouting(AT_80, after).gone == {DOMAIN}
    site(nginx, AT_80, after).reroute(Rerouting(AT_80, after), {}, {}, 1)
    assert nginx.reloads == [{f"{DOMAIN}/blog/": ["10.9.9.9:80"], "b.example.com/": ["10.0.0.1:80", "10.0.0.2:80"]}]
    assert "Of stack blog" in block.read_text() and list(folder.iterdir()) == [] and Rerouting(after, after).changes() == []


def test_a_site_by_hand_that_names_an_upstream_follows_it(nginx: Host) -> None:
    nginx.there = [*OLD, *NEW]
    nginx.publish(AT_80)
    (nginx.folder / "sites.d/by-hand.conf").write_text("server {\n    location / {\n        proxy_pass http://shop_api_80;\n    }\n}\n")
    rerouting = Rerouting(AT_80, AT_90)
    site(nginx, AT_80, AT_90).reroute(rerouting, {"api": Traffic({"api3": 1})}, {}, 1)
    rerouting.finish()
    assert nginx.upstream("shop_api_80") == ["10.0.0.3:90"]
    nginx.there = [NEW[1]]
    sync.sync(nginx)  # the follower keeps it true
    assert nginx.upstream("shop_api_80") == ["10.0.0.4:90"]
    back = Rerouting(AT_90, AT_80)
    nginx.there = [*OLD]
    site(nginx, AT_90, AT_80).reroute(back, {}, {}, 1)
    back.finish()
    assert nginx.upstream("shop_api_80") == ["10.0.0.1:80", "10.0.0.2:80"]
    assert not list((nginx.folder / "definitions").glob("*.kept.json"))


def test_a_port_at_which_nobody_listens_is_found_before_the_switch(nginx: Host) -> None:
    wrong = release("new", {"/": ("api", 9999)})
    with pytest.raises(RolloutFailed, match=r"does not accept connections at 10\.0\.0\.3:9999.*correct the port"):
        site(nginx, AT_80, wrong).accepting(routing.upstreams_of(wrong.routes), NEW)


def taken_back(host: Host, before: Release, after: Release, monkeypatch: pytest.MonkeyPatch, **old: list[str]) -> list[str]:
    monkeypatch.setattr(rollback, "engine_again", lambda: host)
    monkeypatch.setattr(Site, "healthy", lambda *_given: None)
    return rollback.take_back(site(host, before, after, old=old), Store("shop"))


def test_a_take_back_returns_routes_and_containers_together(nginx: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    nginx.there = [*OLD, *NEW]
    nginx.publish(AT_80)
    rerouting = Rerouting(AT_80, AT_90)
    site(nginx, AT_80, AT_90).reroute(rerouting, {"api": Traffic({"api3": 1, "api4": 1})}, {}, 1)
    nginx.reloads.clear()
    assert taken_back(nginx, AT_80, AT_90, monkeypatch, api=["api1", "api2"]) == []
    assert nginx.reloads[0] == {f"{DOMAIN}/": ["10.0.0.1:80", "10.0.0.2:80"]}
    assert sorted(one.id for one in nginx.there) == ["api1", "api2"]
    assert [file.name for file in (nginx.folder / "upstreams.d").iterdir()] == ["shop_api_80.conf"]
    assert traffic_plan.load("shop") == {}


def test_a_renamed_service_serves_again_before_its_new_name_goes(nginx: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    renamed = replace(sample(), project={"services": {"gateway": {}}}, routes=routes({"/": ("gateway", 80)}))
    gateway = container(7, "new", service="gateway")
    nginx.there = [*OLD, gateway]
    nginx.publish(AT_80)
    site(nginx, AT_80, renamed).reroute(Rerouting(AT_80, renamed), {}, {"api": OLD}, 1)
    assert nginx.served() == {f"{DOMAIN}/": ["10.0.0.7:80"]}
    nginx.reloads.clear()
    assert taken_back(nginx, AT_80, renamed, monkeypatch, gateway=[]) == []
    assert nginx.reloads == [{f"{DOMAIN}/": ["10.0.0.1:80", "10.0.0.2:80"]}]
    assert sorted(one.id for one in nginx.there) == ["api1", "api2"]


def deployment(kind: str = "deploy") -> Deployment:
    return Deployment("shop", Order(kind=kind, attempt="x"))


def test_a_release_of_an_older_engine_gets_the_routes_that_nginx_has(nginx: Host) -> None:
    older = replace(AT_80, routes=None, state=GOOD)
    store = Store("shop")
    store.save(replace(older, project={"services": {"api": {"image": "before"}}}))
    store.save(older)
    store.set_live("before")
    store.set_live(older.id)
    nginx.there = [*OLD]
    nginx.publish(AT_80)
    adopted = deployment()._live()
    assert adopted is not None
    assert (adopted.routes, adopted.state, adopted.id) == (AT_80.routes, GOOD, relabelled(AT_80).id)
    assert store.live() == replace(adopted, created=store.load(adopted.id).created)
    assert store.previous() == ["before"]
    assert not store.path(older.id).exists()
    assert not Rerouting(adopted, AT_80).needed  # what is declared is what there is: nothing is switched


def test_headers_that_role_nginx_wrote_anew_are_adopted_and_foreign_routes_are_not(nginx: Host) -> None:
    store = Store("shop")
    store.save(AT_80)
    store.set_live(AT_80.id)
    nginx.there = [*OLD]
    newer = replace(AT_80, routes=routes({"/": ("api", 80)}, note="a newer template"))
    nginx.publish(newer)
    adopted = deployment()._live()
    assert adopted is not None and adopted.routes == newer.routes
    nginx.publish(AT_90)
    kept = deployment()._live()
    assert kept is not None and kept.routes == newer.routes


def test_a_rollout_under_way_adopts_nothing(nginx: Host) -> None:
    older = replace(AT_80, routes=None)
    store = Store("shop")
    store.save(older)
    store.set_live(older.id)
    nginx.publish(AT_80)
    Journal("shop").keep(RolloutInProgress("x", "deploy", "b", older.id, "ada"))
    live = deployment()._live()
    assert live is not None and live.routes is None


def test_a_release_without_routes_is_served_by_those_that_are_live(nginx: Host) -> None:
    silent = replace(AT_90, routes=None)
    assert deployment()._routed(silent, AT_80).routes == AT_80.routes
    assert deployment("rollback")._routed(silent, AT_80).routes is None
    assert not Rerouting(AT_80, silent).needed


def test_while_declared_routes_are_not_rolled_out_role_nginx_keeps_the_live_ones(nginx: Host) -> None:
    store = Store("shop")
    store.save(AT_80)
    store.set_live(AT_80.id)
    nginx.there = [*OLD]
    nginx.publish(AT_80)
    assert AT_80.routes is not None
    assert routing.held_back(routing.upstreams_of(AT_80.routes)) == {}
    held = routing.held_back(routing.upstreams_of(AT_90.routes))
    assert held == {"shop": {"definitions": (nginx.folder / "definitions/shop.json").read_text(), "sites": dict(AT_80.routes.sites)}}
    Journal("shop").keep(RolloutInProgress("x", "deploy", AT_80.id, AT_80.id, "ada"))
    assert set(routing.held_back(routing.upstreams_of(AT_80.routes))) == {"shop"}


def test_the_result_names_each_route_that_changes() -> None:
    sentences = Rerouting(AT_80, AT_90).sentences()
    assert sentences == [f"route {DOMAIN}/: api:80 -> api:90"]
    outcome = Outcome(release="b" * 12, routes=sentences)
    assert as_dict(outcome)["plan"] == sentences
    assert sentences[0] in table(outcome) and "nothing to do" not in table(outcome)
    assert "nothing to do" in table(Outcome(release="b" * 12))


def test_an_upstream_that_a_site_names_is_not_purged(nginx: Host) -> None:
    nginx.there = [*OLD]
    nginx.publish(AT_80)
    (nginx.folder / "upstreams.d/forgotten.conf").write_text("upstream forgotten {}\n")
    sync.sync(nginx, [], purge=True, reload=False)
    assert [file.name for file in (nginx.folder / "upstreams.d").iterdir()] == ["shop_api_80.conf"]
