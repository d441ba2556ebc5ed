# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What another stack of the host has already is refused before anything changes, naming both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core import paths
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig import shares
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.entries import write
from ansible_collections.latentum.ops.plugins.module_utils.nginx import site_file
from ansible_collections.latentum.ops.plugins.module_utils.preflight import checks, neighbours
from ansible_collections.latentum.ops.plugins.module_utils.preflight.checks import look, look_at_several
from ansible_collections.latentum.ops.plugins.module_utils.release.store import Release, Store

from .hosts import RecordedHost

CHECKS = {"stack": (neighbours.claimed,)}
SHOP: dict[str, Any] = {
    "services": {
        "web": {"image": "shop:1", "container_name": "front", "ports": ["${PORT}:80"], "networks": ["default"], "volumes": ["data:/data"]},
    },
    "volumes": {"data": {"name": "files"}},
    "networks": {"default": {"name": "edge", "ipam": {"config": [{"subnet": "172.28.0.0/16"}]}}},
}


@pytest.fixture(autouse=True)
def _host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A host on which the shop is deployed, with sites, a share and backups."""
    for module, name in ((paths, "SHARES"), (paths, "STACKS"), (paths, "UPSTREAMS"), (paths, "RELEASES"), (site_file, "SITES")):
        monkeypatch.setattr(module, name, tmp_path / name.lower())
        (tmp_path / name.lower()).mkdir()
    monkeypatch.setattr(neighbours, "BACKUPS", tmp_path / "backup")
    (tmp_path / "backup").mkdir()
    release = Release("shop", "/opt/shop", SHOP, {"PORT": "9000"}, [], [])
    Store("shop").save(release)
    Store("shop").set_live(release.id)
    (tmp_path / "stacks/shop.json").write_text(json.dumps(release.description()))
    (tmp_path / "upstreams/shop.json").write_text(json.dumps([{"name": "shop_web_80", "project": "shop", "service": "web", "port": 80}]))
    (tmp_path / "sites/shop.example.com.conf").write_text(
        "    server_name shop.example.com www.example.com;\n    location = /api {\n        proxy_pass http://shop_web_80;\n    }\n"
        "    location / {\n        proxy_pass http://shop_web_80;\n    }\n"
    )
    (tmp_path / "backup/shop.json").write_text(json.dumps({"targets": [{"repository": "/srv/backup"}]}))
    rules = [{"port": "9443", "protocol": "tcp", "from": [network], "direction": "in"} for network in ("10.0.0.0/8", "192.0.2.0/24")]
    for entry in shares.entries("firewall", {"shop": {"rules": [*rules, {"port": "443", "protocol": "tcp", "from": ["any"]}]}}):
        write(entry)


def sites(domain: str, path: str, **keys: Any) -> dict[str, Any]:
    """A site of the blog."""
    return {"sites": [{"domain": domain, "aliases": [], "locations": [{"path": path}], **keys}]}


def blog(**changes: Any) -> dict[str, Any]:
    """What role stack wants of a stack that gets along with the shop."""
    service = {"image": "blog:1", **changes.pop("service", {})}
    return {
        "name": "blog",
        "project": {"services": {"web": service}, **changes.pop("project", {})},
        "environment": {},
        "directory": "/opt/blog",
        "sites": [{"domain": "blog.example.com", "aliases": [], "locations": [{"path": "/"}]}],
        "openings": [{"port": 443, "protocol": "tcp", "from": []}],
        "targets": [{"repository": "/srv/blog"}],
        "stacks": ["blog"],
        **changes,
    }


def found(given: dict[str, Any]) -> list[tuple[str, str, str]]:
    findings = look({"stack": given}, RecordedHost(), CHECKS)
    assert findings.unseen == []
    return [(problem.key, problem.value, f"{problem.problem} {problem.fix}") for problem in findings.problems]


def test_two_stacks_that_get_along() -> None:
    assert found(blog()) == []


@pytest.mark.parametrize(
    ("changes", "key", "value", "words"),
    [
        (sites("blog.example.com", "/", aliases=["www.example.com"]), "routes", '"www.example.com"', "shop.example.com.conf"),
        (sites("www.example.com", "/blog"), "routes", '"www.example.com/blog"', "shop.example.com.conf"),
        (sites("shop.example.com", "/"), "routes", '"shop.example.com"', "shop.example.com.conf"),
        (sites("shop.example.com", "/api/"), "routes", '"shop.example.com/api"', "shop.example.com.conf: shop.example.com/api"),
        (
            sites("shop.example.com", "/blog", aliases=["b.example.com"]),
            "routes",
            '"b.example.com"',
            "stands in the server block of a name",
        ),
        (sites("shop.example.com", "/blog", client_ca={"policy": "x"}), "routes", '"shop.example.com"', "stands in the server block"),
        (
            {**sites("shop.example.com", "/blog"), "own_certificates": ["shop.example.com"]},
            "certificates",
            '"shop.example.com"',
            "client_ca",
        ),
        ({"service": {"ports": ["127.0.0.1:9000:80"]}}, "compose.services.web.ports", '"127.0.0.1:9000:80"', "9000:80"),
        ({"service": {"container_name": "front"}}, "compose.services.web.container_name", '"front"', "container of the stack shop"),
        ({"project": {"volumes": {"x": {"name": "files"}}}}, "compose.volumes.x.name", '"files"', "compose.volumes.data.name"),
        ({"project": {"networks": {"x": {"name": "edge"}}}}, "compose.networks.x.name", '"edge"', "network that the stack shop"),
        (
            {"project": {"networks": {"x": {"ipam": {"config": [{"subnet": "172.28.9.0/24"}]}}}}},
            "compose.networks.x.ipam.config[0].subnet",
            '"172.28.9.0/24"',
            "overlaps 172.28.0.0/16",
        ),
        ({"directory": "/opt/shop"}, "directory", '"/opt/shop"', "folder of the stack shop of this host"),
        ({"openings": [{"port": 9443, "protocol": "tcp", "from": []}]}, "firewall", '"9443/tcp"', "shop.firewall.json"),
        ({"targets": [{"repository": "/srv/backup/blog"}]}, "backups.targets[0].repository", '"/srv/backup/blog"', "backup/shop.json"),
    ],
)
def test_what_the_other_stack_has(changes: dict[str, Any], key: str, value: str, words: str) -> None:
    ((where, what, text),) = found(blog(**changes))
    assert (where, what) == (key, value) and words in text
    assert "the stack shop of this host" in text and "remove_stack with -e ops_stack_name=shop" in text


def test_openings_to_the_same_networks_are_no_contradiction() -> None:
    assert found(blog(openings=[{"port": 9443, "protocol": "tcp", "from": ["192.0.2.0/24", "10.0.0.0/8"]}])) == []


def test_a_stack_is_not_compared_with_itself_or_with_those_of_its_own_run() -> None:
    own = {"project": SHOP, "environment": {"PORT": "9000"}, "directory": "/opt/shop", "targets": [{"repository": "/srv/backup"}]}
    assert found(blog(name="shop", **own)) == []
    assert found(blog(stacks=["blog", "shop"], **own)) == [], "the controller has compared them"
    assert len(found(blog(**own))) >= 5


def test_a_stack_that_was_never_deployed_counts_by_what_it_has_elsewhere() -> None:
    (paths.STACKS / "shop.json").unlink()
    assert [key for key, *_rest in found(blog(**sites("shop.example.com", "/")))] == ["routes"]


def test_another_path_of_a_name_is_no_contradiction() -> None:
    assert found(blog(**sites("shop.example.com", "/blog"))) == []


def test_a_host_without_other_stacks_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "on_host", lambda: {"blog"})
    monkeypatch.setattr(neighbours.ownership, "owned", lambda: pytest.fail("nothing is to be read"))
    assert found(blog()) == []


def test_a_path_in_the_server_block_of_another_stack_is_taken_too() -> None:
    """The shop of this run meets the wiki, which another inventory has brought below its name."""
    (paths.STACKS / "wiki.json").write_text(json.dumps({**json.loads((paths.STACKS / "shop.json").read_text()), "name": "wiki"}))
    (site_file.SITES / "shop.example.com.d").mkdir()
    (site_file.SITES / "shop.example.com.d/wiki.site").write_text(
        "server_name shop.example.com;\n    # Begin: in the server block\n    location = /wiki {\n    }\n    location /wiki/ {\n    }\n"
        "    # End: in the server block\n    location / {\n        return 404;\n    }\n"
    )
    shop = {"name": "shop", "project": SHOP, "environment": {"PORT": "9000"}, "directory": "/opt/shop", "stacks": ["shop"]}
    taken = {**sites("shop.example.com", "/wiki"), **shop, "targets": []}
    ((key, value, words),) = found(blog(**taken))
    assert (key, value) == ("routes", '"shop.example.com/wiki"') and "the stack wiki of this host already" in words and "wiki.site" in words
    assert found(blog(**{**taken, **sites("shop.example.com", "/")})) == []


def test_several_stacks_of_a_run_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "CHECKS", {**checks.CHECKS, **CHECKS})
    wanted = {"stack": blog(name="", project={}), "base": {"minimum_free": 0, "operators": []}}
    both = {
        "blog": blog(directory="/opt/shop", stacks=["blog", "wiki"]),
        "wiki": blog(name="wiki", directory="/opt/wiki", stacks=["blog", "wiki"]),
    }
    findings = look_at_several(wanted, both, RecordedHost())
    assert [problem.key for problem in findings.problems if "folder" in problem.problem] == ["blog: directory"]


def test_what_is_damaged_stops_no_run_and_is_said() -> None:
    (paths.UPSTREAMS / "shop.json").write_text("{")
    findings = look({"stack": blog()}, RecordedHost(), CHECKS)
    assert findings.problems == [] and len(findings.unseen) == 1 and "shop.json" in findings.unseen[0]
