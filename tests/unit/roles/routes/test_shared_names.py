# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several stacks on one name, on a real nginx: each has its paths, with all that a route can have, whoever has the server block.

What goes wrong for people who write this by hand: a second server block of a name is ignored with a warning alone ("conflicting server
name … ignored"), so the second application is 404; a location twice refuses the whole configuration; /blog without a slash at its
end falls to the first application, or to a redirect that leads out of HTTPS; names of zones, maps and caches are those of the whole host.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core import paths
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.entries import Entry, compare, parse_entries, write
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.transaction import ConfigSetError
from ansible_collections.latentum.ops.plugins.module_utils.nginx import shared_sites, site_file
from ansible_runs import AnsibleRuns

from .declaration import CORS, ONCE, WEB
from .declared_site import Declared, rendered
from .nginx_runs import Nginx, Service, certificate, needs_nginx, rendered_upstreams, running
from .test_labels import WEBSOCKET, logged

pytestmark = needs_nginx
NAME = "shop.example.com"
KEY = {"api_key": {"keys": {"robot": "key"}}}
SECRETS = {"key": {"kind": "token"}}


def routes(prefix: str) -> list[dict[str, Any]]:
    """Everything that takes a name of the whole host, or of the server block, below a path."""
    return [
        {"domain": NAME, "path": prefix, **WEB, "websocket": True, "cors": CORS},
        {"domain": NAME, "path": f"{prefix}/once", **WEB, "rate_limit": ONCE, "connections": 5, "cors": CORS},
        {"domain": NAME, "path": f"{prefix}/kept", **WEB, "cache": {"valid": "1m"}},
        {"domain": NAME, "path": f"{prefix}/app", **WEB, "static": {"immutable": [f"{prefix}/app/assets"], "fallback": f"{prefix}/index"}},
        {"domain": NAME, "path": f"{prefix}/bare", **WEB, "strip_prefix": True, "balance": "least_conn"},
        {"domain": NAME, "path": f"{prefix}/inside", **WEB, "allow_from": ["192.0.2.1"]},
        {"domain": NAME, "path": f"{prefix}/keys", **WEB, "auth": KEY, "rate_limit": {**ONCE, "by": "key"}},
        {"domain": NAME, "path": f"{prefix}.Call", "service": "rpc", "port": 9000, "protocol": "grpc"},
        {"domain": NAME, "path": f"{prefix}/gone", "service": "nobody", "port": 8080, "cors": CORS},
    ]


STACKS: dict[str, dict[str, Any]] = {
    "shop": {
        "name": "shop",
        "routes": [{"domain": NAME, "aliases": ["www.example.com"], **WEB, "websocket": True}, *routes("/api")],
        "redirects": [{"domain": NAME, "path": "/old", "to": "/new"}],
        "error_pages": {"502": "<h1>The shop is gone</h1>"},
        "secrets": SECRETS,
    },
    "blog": {
        "name": "blog",
        "routes": routes("/blog"),
        "redirects": [{"domain": NAME, "path": "/news", "to": "/blog"}, {"domain": NAME, "path": "/", "exact": True, "to": "/blog/home"}],
        "error_pages": {"502": "<h1>The blog is gone</h1>", "404": "<h1>No such post</h1>"},
        "secrets": SECRETS,
    },
    "wiki": {"name": "wiki", "routes": routes("/wiki"), "secrets": SECRETS},
}


@pytest.fixture(scope="module")
def declared(ansible: AnsibleRuns, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Declared]:
    """What each stack derives and renders, each for itself, as of inventories that do not know each other."""
    folder = tmp_path_factory.mktemp("shared")
    return {name: rendered(ansible, folder / name, **keys) for name, keys in STACKS.items()}


@dataclass
class Web:
    """A host: its real nginx, and stacks that come and go as runs would bring and remove them."""

    nginx: Nginx
    declared: Mapping[str, Declared]
    services: Mapping[str, Service]

    def site(self, stack: str) -> str:
        """What the release of a stack holds."""
        return self.nginx._local(self.declared[stack].files[f"/etc/nginx/sites.d/{NAME}.conf"])

    def block(self, stack: str) -> str:
        """The same as the server block of the name."""
        return shared_sites._with_others(self.site(stack), NAME)

    def put(self, **stacks: str | None) -> set[str]:
        """Stacks with their sites, or gone, in one reload; the files that were written or went."""
        changed = {entry.path.name for entry in shared_sites.entries({NAME: stacks}) if entry.state != "directory" and differs(entry)}
        for entry in shared_sites.entries({NAME: stacks}):
            write(entry)
        self.nginx.reload()
        return changed

    def come(self, *stacks: str) -> set[str]:
        return self.put(**{stack: self.site(stack) for stack in stacks})

    def who(self, path: str, name: str = NAME, headers: Mapping[str, str] | None = None) -> str:
        """The stack that answers, and what it was asked; else the status."""
        before = {stack: len(service.requests) for stack, service in self.services.items()}
        answer = self.nginx.ask(f"https://{name}{path}", headers=headers or {})
        reached = [stack for stack, service in self.services.items() if len(service.requests) > before[stack]]
        return f"{reached[0]} {self.services[reached[0]].requests[-1]}" if reached else str(answer.status)

    def files(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in site_file.SITES.rglob("*") if path.is_file()}

    def counted(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, str, str, str]:
        """Status, stack, service and route in the log."""
        identifier = f"shared-{next(NUMBERS)}-names"
        status = self.nginx.ask(f"https://{NAME}{path}", headers={**(headers or {}), "X-Request-ID": identifier}).status
        line = logged(self.nginx, identifier)
        return status, line["stack"], line["service"], line["route"]


def differs(entry: Entry) -> bool:
    return compare(entry) is not None


NUMBERS = itertools.count()
ALL = ("shop", "blog", "wiki")


@pytest.fixture
def web(declared: dict[str, Declared], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """An nginx without a site yet."""
    services = {name: Service() for name in STACKS}
    files = {path: text for path, text in declared["shop"].files.items() if "/sites.d" not in path}
    for name, stack in declared.items():
        files |= rendered_upstreams(stack.upstreams, {"web": services[name], "rpc": services[name]})
    monkeypatch.setattr(site_file, "SITES", tmp_path / "nginx/etc/nginx/sites.d")
    monkeypatch.setattr(paths, "UPSTREAMS", tmp_path / "upstreams")
    site_file.SITES.mkdir(parents=True)
    paths.UPSTREAMS.mkdir()
    for name, stack in declared.items():
        (paths.UPSTREAMS / f"{name}.json").write_text(json.dumps(stack.upstreams))
    certificate(tmp_path / "nginx/etc/latentum-ops/tls" / NAME, [NAME])
    with running(files, tmp_path / "nginx") as nginx:
        yield Web(nginx, declared, services)
    for service in services.values():
        service.close()


@pytest.mark.parametrize("order", [ALL, ("blog", "wiki", "shop"), ("wiki", "shop", "blog")], ids="-".join)
def test_each_stack_has_its_paths_whoever_came_first(web: Web, order: tuple[str, ...]) -> None:
    for stack in order:
        web.come(stack)
    assert {web.nginx.check(), *(line for line in web.nginx.errors().splitlines() if "[warn]" in line or "[emerg]" in line)} == {""}
    assert web.who("/") == "308", "exactly the root is redirected by the blog"
    assert web.who("/any?q=1") == "shop GET /any?q=1"
    for stack, prefix in (("shop", "/api"), ("blog", "/blog"), ("wiki", "/wiki")):
        for path in ("", "/", "/a/b?q=1"):
            assert web.who(f"{prefix}{path}") == f"{stack} GET {prefix}{path}", "with and without a slash, and not redirected"
        assert web.who(f"{prefix}s") == f"shop GET {prefix}s", "what only begins like it is not below it"
        assert web.who(f"{prefix}/bare/x") == f"{stack} GET /x"
        assert web.who(f"{prefix}/inside") == "403"
        assert web.who(f"{prefix}/keys") in ("403", "500"), "nobody is there who knows this key, so nobody gets in"
        assert web.who(prefix, "www.example.com") == f"{stack} GET {prefix}", "under all names of the site"
        assert web.who(prefix, headers=WEBSOCKET) == f"{stack} GET {prefix}"
        assert [web.who(f"{prefix}/kept") for _again in (1, 2)] == [f"{stack} GET {prefix}/kept", "200"], "kept apart"
        assert web.who(f"{prefix}/once") == f"{stack} GET {prefix}/once", "and counted apart"
        assert web.counted(f"{prefix}/once") == (429, stack, "web", f"{NAME}{prefix}/once")
        page = web.nginx.ask(f"https://{NAME}{prefix}/gone", headers={"Accept": "text/html", "Origin": "https://app.example.com"})
        assert (page.status, page["access-control-allow-origin"]) == (502, "https://app.example.com")
        assert ("The shop is gone" in page.body, "The blog is gone" in page.body) == (stack == "shop", stack == "blog")
        assert web.counted(f"{prefix}/gone") == (502, stack, "nobody", f"{NAME}{prefix}/gone")
        assert web.counted(prefix) == (200, stack, "web", f"{NAME}{prefix}")
    assert web.counted("/news") == (308, "blog", "", "") and web.counted("/old") == (308, "shop", "", "")
    names = {"shop": f"{NAME}.conf", **{stack: f"{stack}.site" for stack in ("blog", "wiki")}}
    there = web.files()
    assert set(there) == {*names.values(), *(f"{stack}.{kind}" for stack in ("blog", "wiki") for kind in ("http", "paths"))}
    assert all(shared_sites.contents(stack, [NAME]) == {NAME: web.site(stack)} for stack in ALL), "as their releases hold them"


def test_a_run_of_one_stack_touches_nothing_of_another(web: Web) -> None:
    web.come("shop")
    alone = web.files()
    assert web.come("blog") == {"blog.site", "blog.http", "blog.paths"}
    assert web.come("wiki") == {"wiki.site", "wiki.http", "wiki.paths"}
    assert web.come("shop") == web.come("blog") == web.come(*ALL) == set()
    changed = web.site("blog").replace("proxy_read_timeout 60s", "proxy_read_timeout 61s")
    assert web.put(blog=changed) == {"blog.site", "blog.paths"}
    changed = web.site("shop").replace("proxy_read_timeout 60s", "proxy_read_timeout 61s")
    assert web.put(shop=changed) == {f"{NAME}.conf"} and web.who("/blog") == "blog GET /blog"
    web.come("shop")
    assert web.put(wiki=None) == {"wiki.site", "wiki.http", "wiki.paths"}
    assert (web.who("/wiki"), web.who("/blog")) == ("shop GET /wiki", "blog GET /blog")
    assert web.put(blog=None) == {"blog.site", "blog.http", "blog.paths"}
    assert web.files() == alone, "as before anybody came"


def test_the_server_block_passes_on_without_a_moment_of_nobody(web: Web) -> None:
    web.come(*ALL)
    asked: list[int] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            asked.append(web.nginx.ask(f"https://{NAME}/blog/x").status)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        web.put(shop=None)
        assert set(web.files()) == {f"{NAME}.conf", "wiki.site", "wiki.http", "wiki.paths"}, "the blog has it now"
        assert [web.nginx.ask(f"https://{NAME}{path}").status for path in ("/any", "/old", "/wiki", "/blog")] == [404, 404, 200, 200]
        web.put(blog=None)
        assert web.files() == {f"{NAME}.conf": web.block("wiki")}
    finally:
        stop.set()
        thread.join()
    went = asked.index(404) if 404 in asked else len(asked)
    assert went > 3 and set(asked[:went]) == {200} and set(asked[went:]) <= {404}
    web.put(wiki=None)
    assert web.files() == {}


def test_one_that_answers_for_all_the_rest_takes_the_server_block(web: Web) -> None:
    assert web.come("blog") == {f"{NAME}.conf"} and web.files() == {f"{NAME}.conf": web.block("blog")}
    assert web.who("/any") == "404"
    web.come("wiki")
    assert set(web.files()) == {f"{NAME}.conf", "wiki.site", "wiki.http", "wiki.paths"}, "the first one there"
    web.come("shop")
    assert "blog.site" in web.files() and (web.who("/any"), web.who("/blog")) == ("shop GET /any", "blog GET /blog")


def test_two_that_need_the_server_block_are_refused_and_nothing_changes(web: Web) -> None:
    web.come("shop", "blog")
    before = web.files()
    again = web.site("shop").replace("# Of stack shop", "# Of stack other")
    with pytest.raises(
        ConfigSetError, match=r"shop\.example\.com: has one server block, and several stacks need it \(shop: it answers.*other"
    ):
        web.put(other=again)
    with pytest.raises(ConfigSetError, match=r"wiki: it has further names \(w\.example\.com\)"):
        web.put(wiki=web.site("wiki").replace(f"server_name {NAME};", f"server_name {NAME} w.example.com;"))
    for path, moved in (("/blog", web.site("wiki").replace("/wiki", "/blog")), ("/api", web.site("wiki").replace("/wiki", "/api"))):
        with pytest.raises(ConfigSetError, match=rf"example\.com{path}\S*: is a path of the stack \w+ and of wiki.*ops_only=NAME"):
            web.put(wiki=moved)
    assert web.files() == before


def test_a_release_from_before_names_could_be_shared_goes_back_and_costs_nobody_a_path(web: Web) -> None:
    """A rollback of the shop: its old site says nothing of other stacks, and one without the marks cannot be put into another's."""
    web.come(*ALL)
    web.put(shop=web.site("shop").replace("# Of stack shop\n", ""))
    assert web.who("/blog") == "blog GET /blog"
    old = "".join(line for line in web.site("blog").splitlines(True) if " Begin: " not in line and " End: " not in line)
    with pytest.raises(ConfigSetError, match="rolled out before a name could be shared"):
        web.put(blog=old)


def test_files_of_a_role_are_put_where_they_belong(web: Web) -> None:
    """As role nginx hands them over: each site as if it had the name alone, of stacks of one inventory with the same path."""
    by_hand = {"path": "/etc/nginx/nginx.conf", "content": "events {}"}

    def files(*stacks: str, own: tuple[str, ...]) -> dict[str, str]:
        given = [{"path": f"{site_file.SITES}/{NAME}.conf", "content": web.site(stack)} for stack in stacks]
        arranged = shared_sites.arranged_files([by_hand, *given], own)
        assert arranged[0] == by_hand and len({file["path"] for file in arranged}) == len(arranged)
        for entry in parse_entries(arranged[1:]):
            write(entry)
        return {path: text for path, text in web.files().items() if not path.endswith((".http", ".paths"))}

    both = {f"{NAME}.conf": web.block("shop"), "blog.site": web.site("blog")}
    assert files("blog", "shop", own=("blog", "shop")) == both
    assert files("blog", own=("blog",)) == both, "a run that knows the blog alone"
    assert files("shop", own=("shop",)) == both
    assert files("wiki", own=("wiki",)) == {**both, "wiki.site": web.site("wiki")}
    web.nginx.reload()
    assert [web.who(path) for path in ("/blog", "/wiki", "/x")] == ["blog GET /blog", "wiki GET /wiki", "shop GET /x"]
    assert files(own=("wiki",)) == both, "declared no more"
    assert files(own=("shop",)) == {f"{NAME}.conf": web.block("blog")}
    assert shared_sites.arranged_files([by_hand], None) == [by_hand]


def test_what_an_ejected_stack_has_left_stays_as_it_is(web: Web) -> None:
    web.come("shop", "blog")
    block = site_file.SITES / f"{NAME}.conf"
    left = site_file.LEFT + block.read_text().replace("# Of stack shop\n", "")
    block.write_text(left)
    (paths.UPSTREAMS / "shop.json").unlink()
    web.come("wiki")
    web.put(blog=None)
    assert block.read_text() == left and web.who("/wiki") == "wiki GET /wiki"
    web.put(wiki=None)
    assert block.read_text() == left
    block.write_text(site_file.LEFT + web.site("shop").replace("# Of stack shop\n", ""))
    with pytest.raises(ConfigSetError, match="left by the ejected stack shop, and does not include paths of others: write the first"):
        web.come("blog")
    web.come("shop")
    assert block.read_text() == web.block("shop"), "it has come back"


def test_the_certificate_of_the_name_is_for_all_of_its_names(web: Web) -> None:
    """A run of the blog alone would else ask for one without the aliases of the shop, and each run for another."""
    assert shared_sites.further_names(NAME, ["blog"]) == []
    web.come("shop", "blog")
    (site_file.SITES / f"{NAME}.conf").write_text(web.declared["shop"].files[f"/etc/nginx/sites.d/{NAME}.conf"])
    assert shared_sites.further_names(NAME, ["blog"]) == [NAME, "www.example.com"]
    assert shared_sites.further_names(NAME, ["shop", "blog"]) == []


def test_what_two_servers_of_one_name_would_be(web: Web) -> None:
    """Why there is one server block: nginx takes the second for none, with a warning that nobody reads."""
    web.come("shop")
    (site_file.SITES / "z.conf").write_text(web.site("blog"))
    web.nginx.reload()
    assert web.who("/blog") == "shop GET /blog"
