# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several stacks of one host: what only one of them can have is refused, naming both; what they share in peace is not."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.monitoring import BUCKETS
from ansible_collections.latentum.ops.plugins.module_utils.declaration import loader
from ansible_collections.latentum.ops.plugins.module_utils.declaration.together import loader as together
from ansible_collections.latentum.ops.plugins.module_utils.declaration.together.given import given
from ansible_collections.latentum.ops.plugins.plugin_utils.declared import remember

from ..samples import apply, changed

HEALTH = {"test": ["CMD", "true"]}
OUTSIDE = {"internal": False}
SHOP: dict[str, Any] = {
    "name": "shop",
    "contact": "ops@example.com",
    "compose": {
        "services": {"web": {"image": "shop/web:1", "healthcheck": HEALTH, "networks": ["default"], "volumes": ["data:/data"]}},
        "networks": {"default": OUTSIDE},
        "volumes": {"data": None},
    },
    "routes": [{"domain": "shop.example.com", "aliases": ["www.example.com"], "service": "web", "port": 8080}],
}
BLOG: dict[str, Any] = {**copy.deepcopy(SHOP), "name": "blog", "routes": [{"domain": "blog.example.com", "service": "web", "port": 8080}]}
WEB, ROUTE = "compose.services.web", "routes[0]"
AUTHORITY = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
Changes = list[tuple[str, Any]]


def both(shop: Changes, blog: Changes) -> list[dict[str, Any]]:
    """The two stacks, each with changes."""
    return [apply(SHOP, *shop), apply(BLOG, *blog)]


def refused(stacks: object, only: object = None) -> list[tuple[str, str, str, str]]:
    """Everything that is wrong, as key, value, problem and fix."""
    return [(problem.key, problem.value, problem.problem, problem.fix) for problem in together.problems(given(None, stacks, only))]


def ports(*ports: str) -> Changes:
    everywhere = any(not port.startswith("127.") for port in ports)
    return [(f"{WEB}.ports", list(ports)), ("services", {"web": {"allow": ["publish_all"] if everywhere else []}})]


def made(part: str, **spec: Any) -> Changes:
    return [(f"compose.{part}.{'data' if part == 'volumes' else 'default'}", {**({} if part == "volumes" else OUTSIDE), **spec})]


def subnet(text: str) -> Changes:
    return made("networks", ipam={"config": [{"subnet": text}]})


def opening(port: int, *sources: str, protocol: str = "tcp") -> Changes:
    return [("firewall", [{"port": port, "protocol": protocol, "from": list(sources)}])]


def target(repository: str) -> Changes:
    secrets = {"s3_key": {"kind": "provided", "value": "v"}} if repository.startswith("s3") else {}
    credentials = {"environment": {"AWS_ACCESS_KEY_ID": "s3_key"}} if secrets else {}
    return [
        ("backups", {"escrow": {"vault": True}, "targets": [{"name": "disk", "repository": repository, **credentials}]}),
        ("secrets", secrets),
    ]


# (name, changes of shop, changes of blog, key of the error, value in it, words of the problem, a part of what to write instead)
PAIRS: list[tuple[str, Changes, Changes, str, str, str, str]] = [
    (
        "one domain",
        [],
        [(f"{ROUTE}.domain", "shop.example.com")],
        "blog: routes[0].domain",
        '"shop.example.com"',
        "the stack shop",
        "another",
    ),
    (
        "one path of a domain, with a slash at its end",
        [("routes[1]", {"domain": "shop.example.com", "path": "/blog/", "service": "web", "port": 1})],
        [(ROUTE, {"domain": "shop.example.com", "path": "/blog", "service": "web", "port": 1})],
        "blog: routes[0].path",
        '"shop.example.com/blog"',
        "served for the stack shop already (routes[1].path: shop.example.com/blog)",
        "both routes in the same stack",
    ),
    (
        "a path that only leads elsewhere",
        [("redirects", [{"domain": "shop.example.com", "path": "/blog", "exact": True, "to": "/news"}])],
        [(ROUTE, {"domain": "shop.example.com", "path": "/blog", "service": "web", "port": 1})],
        "blog: routes[0].path",
        '"shop.example.com/blog"',
        "redirects[0].path",
        "another path",
    ),
    (
        "a path of files that nginx serves itself",
        [(f"{ROUTE}.static", {"immutable": ["/blog"], "image_files": "/app"})],
        [(ROUTE, {"domain": "shop.example.com", "path": "/blog", "service": "web", "port": 1})],
        "blog: routes[0].path",
        '"shop.example.com/blog"',
        "routes[0].domain",
        "another path",
    ),
    (
        "the page of a watchdog at a path of another",
        [("routes[1]", {"domain": "shop.example.com", "path": "/status", "service": "web", "port": 1})],
        [
            (ROUTE, {"domain": "shop.example.com", "path": "/blog", "service": "web", "port": 1}),
            ("watchdog", {"status_page": {"path": "/status", "allow_from": ["10.0.0.0/8"]}}),
        ],
        "blog: watchdog.status_page.path",
        '"shop.example.com/status"',
        "routes[1].path",
        "another path",
    ),
    (
        "aliases of a domain whose / is another's",
        [],
        [(ROUTE, {"domain": "shop.example.com", "path": "/blog", "aliases": ["blog.example.com"], "service": "web", "port": 1})],
        "blog: routes[0].aliases",
        '"blog.example.com"',
        "server block of a name, which the stack shop needs as well (routes[0].domain: shop.example.com)",
        "in the one that has the path /",
    ),
    (
        "certificates of clients of a domain whose / is another's",
        [],
        [(ROUTE, {"domain": "shop.example.com", "path": "/blog", "service": "web", "port": 1, "auth": {"client_ca": {"ca": AUTHORITY}}})],
        "blog: routes[0].auth.client_ca",
        '"shop.example.com"',
        "which the stack shop needs as well",
        "in the one that has the path /",
    ),
    (
        "an alias of one that is the domain of a path of the other",
        [],
        [(ROUTE, {"domain": "www.example.com", "path": "/blog", "service": "web", "port": 1})],
        "blog: routes[0].path",
        '"www.example.com/blog"',
        "routes[0].aliases[0]",
        "(an alias)",
    ),
    (
        "a domain that is an alias",
        [],
        [(f"{ROUTE}.domain", "www.example.com")],
        "blog: routes[0].domain",
        '"www.example.com"',
        "routes[0].aliases[0]",
        "a name belongs to one stack",
    ),
    (
        "an alias that is a domain",
        [],
        [(f"{ROUTE}.aliases", ["shop.example.com"])],
        "blog: routes[0].aliases[0]",
        '"shop.example.com"',
        "the stack shop already (routes[0].domain: shop.example.com)",
        "another",
    ),
    (
        "one alias",
        [],
        [(f"{ROUTE}.aliases", ["www.example.com"])],
        "blog: routes[0].aliases[0]",
        '"www.example.com"',
        "routes[0].aliases[0]",
        "another",
    ),
    (
        "a status page on a domain of another",
        [],
        [("watchdog", {"status_page": {"domain": "shop.example.com", "allow_from": ["10.0.0.0/8"]}})],
        "blog: watchdog.status_page.domain",
        '"shop.example.com"',
        "the stack shop",
        "another",
    ),
    (
        "one address of two status pages",
        [("watchdog", {"status_page": {"domain": "status.example.com", "allow_from": ["10.0.0.0/8"]}})],
        [("watchdog", {"status_page": {"domain": "status.example.com", "allow_from": ["10.0.0.0/8"]}})],
        "blog: watchdog.status_page.domain",
        '"status.example.com"',
        "watchdog.status_page.domain",
        "another",
    ),
    (
        "two accounts at the authority",
        [],
        [("contact", "blog@example.com")],
        "blog: contact",
        '"blog@example.com"',
        "of the stack shop",
        "write contact: ops@example.com in both",
    ),
    (
        "one host port",
        ports("9000:80"),
        ports("9000:8080"),
        f"blog: {WEB}.ports",
        '"9000:8080"',
        f"stack shop takes already ({WEB}.ports: 9000:80)",
        "another host port",
    ),
    (
        "a port of loopback that is taken everywhere",
        ports("9000:80"),
        ports("127.0.0.1:9000:80"),
        f"blog: {WEB}.ports",
        '"127.0.0.1:9000:80"',
        "the stack shop",
        "another host port",
    ),
    (
        "a port in a range",
        ports("9000-9009:8000-8009"),
        ports("9005:80"),
        f"blog: {WEB}.ports",
        '"9005:80"',
        "9000-9009",
        "another host port",
    ),
    (
        "one udp port",
        ports("9000:80/udp"),
        ports("9000:53/udp"),
        f"blog: {WEB}.ports",
        '"9000:53/udp"',
        "the stack shop",
        "another host port",
    ),
    (
        "one folder",
        [("directory", "/srv/apps/a")],
        [("directory", "/srv/apps/a")],
        "blog: directory",
        '"/srv/apps/a"',
        "folder of the stack shop",
        "/opt/NAME",
    ),
    (
        "a folder inside the other",
        [("directory", "/srv/apps")],
        [("directory", "/srv/apps/blog")],
        "blog: directory",
        '"/srv/apps/blog"',
        "directory: /srv/apps",
        "/opt/NAME",
    ),
    (
        "a folder around the implied one",
        [],
        [("directory", "/opt/shop/blog")],
        "blog: directory",
        '"/opt/shop/blog"',
        "/opt/shop",
        "/opt/NAME",
    ),
    (
        "one container_name",
        [(f"{WEB}.container_name", "web")],
        [(f"{WEB}.container_name", "web")],
        f"blog: {WEB}.container_name",
        '"web"',
        "a container of the stack shop",
        "remove container_name",
    ),
    (
        "one named volume",
        made("volumes", name="files"),
        made("volumes", name="files"),
        "blog: compose.volumes.data.name",
        '"files"',
        "a volume that the stack shop makes too",
        "external: true",
    ),
    (
        "a name that another's volume has by itself",
        [],
        made("volumes", name="shop_data"),
        "blog: compose.volumes.data.name",
        '"shop_data"',
        "(compose.volumes.data)",
        "external: true",
    ),
    (
        "one named network",
        made("networks", name="edge"),
        made("networks", name="edge"),
        "blog: compose.networks.default.name",
        '"edge"',
        "a network that the stack shop makes too",
        "external: true",
    ),
    (
        "another's default network by its name",
        [],
        made("networks", name="shop_default"),
        "blog: compose.networks.default.name",
        '"shop_default"',
        "the stack shop",
        "external: true",
    ),
    (
        "one subnet",
        subnet("172.28.0.0/16"),
        subnet("172.28.0.0/16"),
        "blog: compose.networks.default.ipam.config[0].subnet",
        '"172.28.0.0/16"',
        "of the stack shop",
        "remove ipam",
    ),
    (
        "a subnet inside another",
        subnet("172.28.0.0/16"),
        subnet("172.28.4.0/24"),
        "blog: compose.networks.default.ipam.config[0].subnet",
        '"172.28.4.0/24"',
        "overlaps 172.28.0.0/16",
        "remove ipam",
    ),
    (
        "one bridge",
        made("networks", driver_opts={"com.docker.network.bridge.name": "br-apps"}),
        made("networks", driver_opts={"com.docker.network.bridge.name": "br-apps"}),
        "blog: compose.networks.default.driver_opts",
        '"br-apps"',
        "bridge of the stack shop",
        "another one",
    ),
    (
        "a port that one opens to some and the other to all",
        opening(9443, "203.0.113.0/24"),
        opening(9443),
        "blog: firewall[0]",
        '"9443/tcp"',
        "the firewall knows no stacks",
        "the same from: in both",
    ),
    (
        "a port that is open to different networks",
        opening(9443, "203.0.113.0/24"),
        opening(9443, "198.51.100.0/24"),
        "blog: firewall[0]",
        '"9443/tcp"',
        "the stack shop (firewall[0])",
        "the same from: in both",
    ),
    (
        "the port of the web for some",
        [],
        [*opening(443, "203.0.113.0/24"), ("routes", [])],
        "blog: firewall[0]",
        '"443/tcp"',
        "the stack shop (routes[0])",
        "the same from: in both",
    ),
    (
        "one repository",
        target("/srv/backup"),
        target("/srv/backup"),
        "blog: backups.targets[0].repository",
        '"/srv/backup"',
        "its keys are others",
        "a repository of its own",
    ),
    (
        "a repository inside another",
        target("/srv/backup"),
        target("/srv/backup/blog"),
        "blog: backups.targets[0].repository",
        '"/srv/backup/blog"',
        "backups.targets[0].repository: /srv/backup",
        "a repository of its own",
    ),
    (
        "one bucket",
        target("s3:https://s3.example.com/backups"),
        target("s3:https://s3.example.com/backups"),
        "blog: backups.targets[0].repository",
        '"s3:https://s3.example.com/backups"',
        "its keys are others",
        "a repository of its own",
    ),
]


@pytest.mark.parametrize(("shop", "blog", "key", "value", "words", "fix"), [pair[1:] for pair in PAIRS], ids=[pair[0] for pair in PAIRS])
def test_what_only_one_of_two_can_have(shop: Changes, blog: Changes, key: str, value: str, words: str, fix: str) -> None:
    (problem,) = refused(both(shop, blog))
    assert problem[:2] == (key, value)
    assert words in problem[2] and fix in problem[3]
    assert [problems for stack in both(shop, blog) if (problems := loader.problems(stack))] == []  # each for itself is right


@pytest.mark.parametrize(
    ("shop", "blog"),
    [
        ([], []),
        (ports("127.0.0.1:9000:80"), ports("127.0.0.2:9000:80")),
        (ports("9000:80"), ports("9000:80/udp")),
        (ports("9000-9001:80"), ports("9000-9001:80")),  # Docker picks a free one of them
        (made("volumes", name="files"), made("volumes", name="files", external=True)),
        (
            [("compose.networks.default", {"external": True, "name": "edge"})],
            [("compose.networks.default", {"external": True, "name": "edge"})],
        ),
        (subnet("172.28.0.0/16"), subnet("172.29.0.0/16")),
        (opening(9443, "203.0.113.0/24"), opening(9443, "203.0.113.0/24")),
        (opening(9443, "203.0.113.0/24"), opening(9443, protocol="udp")),
        ([], [*opening(443), ("routes", [])]),
        (target("/srv/backup/shop"), target("/srv/backup/blog")),
        ([("directory", "/srv/shop")], [("directory", "/srv/shop2")]),
        ([(f"{WEB}.container_name", "web")], [(f"{WEB}.container_name", "web2")]),
        ([("contact", "a@example.com"), ("routes", [])], []),
        # One name, with paths of both: beside the one that has the rest, inside a path of the other, and where nobody has the rest.
        ([], [(ROUTE, {"domain": "shop.example.com", "path": "/blog", "service": "web", "port": 1})]),
        (
            [("routes[1]", {"domain": "shop.example.com", "path": "/blog/admin", "service": "web", "port": 1})],
            [(ROUTE, {"domain": "shop.example.com", "path": "/blog", "service": "web", "port": 1})],
        ),
        (
            [(f"{ROUTE}.path", "/shop")],
            [(ROUTE, {"domain": "shop.example.com", "path": "/blog", "service": "web", "port": 1})],
        ),
        # /blogs is not below /blog.
        (
            [("routes[1]", {"domain": "shop.example.com", "path": "/blogs", "service": "web", "port": 1})],
            [(ROUTE, {"domain": "shop.example.com", "path": "/blog", "service": "web", "port": 1})],
        ),
        (
            [(ROUTE, {"domain": "shop.example.com", "path": "/blog", "service": "web", "port": 1})],
            [("redirects", [{"domain": "shop.example.com", "path": "/", "exact": True, "to": "/blog"}])],
        ),
    ],
)
def test_what_two_stacks_may_do_beside_each_other(shop: Changes, blog: Changes) -> None:
    assert refused(both(shop, blog)) == []


def test_errors_of_each_and_between_them_come_in_one_report() -> None:
    stacks = [
        *both([("route", [])], [(f"{ROUTE}.domain", "shop.example.com"), ("contact", "nobody")]),
        changed(("name", "third"), ("routes", [])),
    ]
    found = together.problems(given(None, stacks))
    assert [problem.key for problem in found] == ["shop: route", "blog: contact", "blog: routes[0].domain"]
    text = loader.report(found, "ops_stacks")
    assert text.startswith("ops_stacks has 3 errors; nothing was changed:\n1. shop: route: ")


def test_a_stack_alone_is_reported_as_ever() -> None:
    wrong = apply(SHOP, ("contact", "nobody"))
    assert together.problems(given(wrong)) == loader.problems(wrong)
    assert together.load(given(SHOP)).keys() == {"shop"}
    assert together.load(given({})) == together.load(given(None, [])) == {}


@pytest.mark.parametrize(
    ("stack", "stacks", "only", "key", "value", "words"),
    [
        (SHOP, [BLOG], None, "ops_stacks", "a list of 1", "move ops_stack into the list"),
        (None, BLOG, None, "ops_stacks", "a mapping", "write ops_stack for a single one"),
        (None, "shop", None, "ops_stacks", '"shop"', "write ops_stack for a single one"),
        (None, [SHOP, {}], None, "ops_stacks[1]", "an empty mapping", "remove it"),
        (None, [None, SHOP], None, "ops_stacks[0]", "nothing", "remove it"),
        (None, [SHOP, BLOG, SHOP], None, "ops_stacks[2].name", '"shop"', "another name"),
        (None, [SHOP, BLOG], "shpo", "ops_only", '"shpo"', "did you mean shop?"),
        (None, [SHOP, BLOG], ["quux"], "ops_only", '"quux"', "use one of blog, shop"),
        (None, [SHOP, BLOG], "shop blog, x", "ops_only", '"x"', "use one of blog, shop"),
        (None, [SHOP, BLOG], {"shop": True}, "ops_only", "a mapping", "-e ops_only=shop,blog"),
        (None, [SHOP, BLOG], [1], "ops_only", "a list of 1", "-e ops_only=shop,blog"),
        (SHOP, None, "blog", "ops_only", '"blog"', "use one of shop"),
        (None, None, "blog", "ops_only", '"blog"', "there is no stack"),
    ],
)
def test_variables_that_contradict_each_other(stack: Any, stacks: Any, only: Any, key: str, value: str, words: str) -> None:
    found = [problem for problem in given(stack, stacks, only).problems if problem.key == key]
    assert len(found) == 1 and found[0].value == value and words in found[0].fix
    if key == "ops_only" and value.startswith('"'):
        assert all(name in found[0].problem for name in given(stack, stacks).stacks)


@pytest.mark.parametrize(
    ("only", "names"),
    [
        (None, ["shop", "blog"]),
        ("", ["shop", "blog"]),
        ([], ["shop", "blog"]),
        ("blog", ["blog"]),
        ("blog,shop", ["shop", "blog"]),
        (["blog"], ["blog"]),
        (" blog ", ["blog"]),
    ],
)
def test_what_a_run_works_on(only: Any, names: list[str]) -> None:
    assert list(together.load(given(None, [SHOP, BLOG], only))) == names


def test_a_run_of_one_stack_is_not_stopped_by_errors_inside_another() -> None:
    stacks = both([], [("contact", "nobody")])
    assert refused(stacks, "shop") == []
    assert [problem[0] for problem in refused(stacks, "blog")] == ["blog: contact"]


def test_a_run_of_one_stack_is_stopped_where_another_stands_in_its_way() -> None:
    stacks = [*both([], [(f"{ROUTE}.domain", "shop.example.com")]), {**BLOG, "name": "third", "routes": []}]
    assert [problem[0] for problem in refused(stacks, "shop")] == ["blog: routes[0].domain"]
    assert refused(stacks, "third") == []


def test_what_is_not_a_stack_at_all_is_said_by_its_place() -> None:
    assert [problem[0] for problem in refused([SHOP, "blog", {"compose": BLOG["compose"]}])] == [
        "ops_stacks[1]: ops_stack",
        "ops_stacks[2]: name",
    ]


def test_a_stack_that_is_too_large_is_refused_and_the_others_are_read() -> None:
    huge = {"name": "huge", "compose": "services: {}", "environment": {"A": "x" * 2**25}}
    assert [problem[0] for problem in refused([huge, SHOP])] == ["huge: ops_stack"]


def test_what_several_give_together() -> None:
    declarations = together.load(given(None, both([], opening(9443))))
    each = [together.derive(declaration) for declaration in declarations.values()]
    merged = together.merge(each)
    assert [site["name"] for site in merged["nginx_sites"]] == ["shop.example.com", "blog.example.com"]
    assert [rule["port"] for rule in merged["firewall_rules"]] == [80, 443, 9443]
    assert merged["fail2ban_jails"] == ["nginx-botsearch", "nginx-bad-request"]
    assert merged["compose_project"] == {} and merged["health_expectations"] == []
    assert together.merge([each[0]])["nginx_upstreams"] == each[0]["nginx_upstreams"]
    assert merged["request_buckets"] == list(BUCKETS) == together.merge([])["request_buckets"]


SHORT, LONG = [("monitoring", {"buckets": ["100ms", "1s"]})], [("monitoring", {"buckets": ["300ms", "1s", "10s"]})]


@pytest.mark.parametrize(
    ("blog", "only", "buckets"),
    [
        (LONG, None, [0.1, 1, 0.3, 10]),
        (LONG, "shop", [0.1, 1, 0.3, 10]),  # the one program of the host counts for the blog too
        ([*LONG, ("nonsense", 1)], "shop", [0.1, 1, 0.3, 10]),
        ([("monitoring", {"buckets": ["soon"], "scrape_interval": []})], "shop", [0.1, 1]),
        ([("monitoring", {"buckets": 3})], "shop", [0.1, 1]),
        ([("monitoring", "never")], "shop", [0.1, 1, *(bound for bound in BUCKETS if bound not in (0.1, 1))]),
    ],
)
def test_what_a_host_has_once_is_of_all_its_stacks_whichever_a_run_works_on(blog: Changes, only: str | None, buckets: list[float]) -> None:
    stacks = given(None, both(SHORT, blog), only)
    whole = together.whole(stacks, together.load(stacks))
    assert whole["request_buckets"] == buckets
    # Of one with errors nothing is guessed: its alerts would be lost without a word.
    monitored = {stack["stack"]: stack.get("unreadable", False) for stack in whole["monitoring_config"]}
    assert monitored == {name: bool(loader.problems(stack)) for name, stack in stacks.stacks.items()}
    assert remember(stacks)["derived"]["request_buckets"] == buckets
