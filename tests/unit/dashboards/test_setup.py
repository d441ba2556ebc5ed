# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Grafana is told, and settings that cannot stand."""

from __future__ import annotations

import configparser
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.dashboards import FOLDER
from ansible_collections.latentum.ops.plugins.module_utils.contracts.monitoring import DashboardsSite, MonitoredStack
from ansible_collections.latentum.ops.plugins.module_utils.dashboards.setup import setup

SECRETS = {"password_file": "/etc/latentum-ops/secrets/shop/grafana_admin", "key_file": "/etc/latentum-ops/secrets/shop/grafana_key"}


def told(**settings: Any) -> configparser.ConfigParser:
    """grafana.ini, read."""
    made = setup([], {**SECRETS, **settings})
    assert made.problems == ()
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(made.files[f"{FOLDER}/grafana.ini"])
    return parser


def test_no_secret_stands_in_it() -> None:
    """Files of its unit alone, by Grafana's file provider; the key that all Grafanas have otherwise would encrypt nothing."""
    security = told()["security"]
    place = "/run/credentials/latentum-ops-grafana.service"
    assert security["admin_password"] == f"$__file{{{place}/admin_password}}"
    assert security["secret_key"] == f"$__file{{{place}/secret_key}}"
    assert setup([], SECRETS).credentials == {"admin_password": SECRETS["password_file"], "secret_key": SECRETS["key_file"]}


def test_it_listens_on_loopback_only() -> None:
    """Without an address it listens on all."""
    assert (told()["server"]["http_addr"], told()["server"]["http_port"]) == ("127.0.0.1", "3000")
    assert told(address="[::1]:3001")["server"]["http_addr"] == "::1"


@pytest.mark.parametrize(
    ("url", "root", "below", "secure"),
    [
        ("", "http://127.0.0.1:3000/", "false", "false"),
        ("https://grafana.example.com", "https://grafana.example.com/", "false", "true"),
        ("https://example.com/grafana", "https://example.com/grafana/", "true", "true"),
        ("https://example.com/grafana/", "https://example.com/grafana/", "true", "true"),
    ],
)
def test_it_knows_its_address_behind_a_path(url: str, root: str, below: str, secure: str) -> None:
    """Without it, links and redirects lead to localhost:3000; with a path and without the other switch they lead in circles."""
    parser = told(url=url)
    assert (parser["server"]["root_url"], parser["server"]["serve_from_sub_path"]) == (root, below)
    # A cookie that is only sent encrypted is not sent at all through a tunnel.
    assert parser["security"]["cookie_secure"] == secure


def test_it_speaks_to_nobody() -> None:
    parser = told()
    assert {parser["analytics"][key] for key in ("reporting_enabled", "check_for_updates", "check_for_plugin_updates")} == {"false"}
    assert parser["plugins"]["preinstall_disabled"] == "true" and parser["plugins"]["plugin_admin_enabled"] == "false"
    assert (parser["security"]["disable_gravatar"], parser["snapshots"]["external_enabled"]) == ("true", "false")
    assert parser["news"]["news_feed_enabled"] == "false"


def test_what_nginx_asks_for_is_not_taken_for_a_login_of_grafana() -> None:
    assert told()["auth.basic"]["enabled"] == "false"


def test_nobody_comes_in_without_a_login_unless_it_is_said() -> None:
    assert told()["auth.anonymous"]["enabled"] == "false" and told()["users"]["allow_sign_up"] == "false"
    anonymous = told(anonymous=True)["auth.anonymous"]
    assert (anonymous["enabled"], anonymous["org_role"]) == ("true", "Viewer")


def site(name: str, url: str) -> dict[str, Any]:
    """A stack that says where Grafana is."""
    return MonitoredStack(name, dashboards=DashboardsSite(url, "/s/p", "/s/k")).to_dict()


def test_the_address_that_a_stack_declares_is_grafanas() -> None:
    made = setup([site("shop", "https://example.com/grafana")], SECRETS)
    assert "root_url = https://example.com/grafana/" in made.files[f"{FOLDER}/grafana.ini"] and made.url == "https://example.com/grafana"
    other = setup(
        [site("shop", "https://a.example.com"), site("blog", "https://b.example.com")], {**SECRETS, "url": "https://c.example.com"}
    )
    assert other.problems == () and "root_url = https://c.example.com/" in other.files[f"{FOLDER}/grafana.ini"]


# (settings, stacks, parts of the only problem)
REFUSED: list[tuple[dict[str, Any], list[dict[str, Any]], tuple[str, ...]]] = [
    ({"address": "0.0.0.0:3000"}, [], ("grafana_address", "0.0.0.0:3000", "no address of loopback", "127.0.0.1:3000")),
    ({"address": ":3000"}, [], ("grafana_address", "no address of loopback")),
    ({"address": "localhost:3000"}, [], ("grafana_address", "localhost:3000")),
    ({"address": "127.0.0.1:0"}, [], ("grafana_address", "127.0.0.1:0")),
    ({"url": "grafana.example.com"}, [], ("grafana_url", "no address of a site", "https://grafana.example.com")),
    ({"url": "https://grafana.example.com/?orgId=1"}, [], ("grafana_url", "orgId=1")),
    ({"url": "https://example.com/a;b"}, [], ("grafana_url", "a;b")),  # a comment in an INI file
    ({"url": "https://example.com/%(domain)s"}, [], ("grafana_url", "%(domain)s")),  # and this would be filled in
    ({"url": "https://ops:secret@example.com"}, [], ("grafana_url",)),
    ({"prometheus_url": "127.0.0.1:9090"}, [], ("grafana_prometheus_url", "no address of a service", "http://127.0.0.1:9090")),
    ({"prometheus_url": "http://10.0.0.5:9090"}, [], ("grafana_prometheus_url", "without TLS", "https://")),
    ({"prometheus_url": ""}, [], ("grafana_prometheus_url", "no address of a service")),
    ({"alertmanager_url": "http://alerts.example.com"}, [], ("grafana_alertmanager_url", "without TLS")),
    ({"password_file": ""}, [], ("grafana_password_file", "names no file", "declare monitoring.dashboards")),
    ({"key_file": "secrets/key"}, [], ("grafana_key_file", "secrets/key", "a key that everybody knows")),
    ({"password_file": "/s/a b"}, [], ("grafana_password_file", "/s/a b")),
    ({"limits": {"disk": 4}}, [], ("grafana_limits.disk", "not a known key")),
    ({"jobs": "node"}, [], ("grafana_jobs", "must be a list")),
    ({"surprise": 1}, [], ("grafana_surprise", "not a known key")),
    (
        {},
        [site("shop", "https://a.example.com"), site("blog", "https://b.example.com")],
        ("monitoring.dashboards", "one Grafana", "grafana_url"),
    ),
]


@pytest.mark.parametrize(("settings", "stacks", "parts"), REFUSED)
def test_what_cannot_be_is_refused(settings: dict[str, Any], stacks: list[dict[str, Any]], parts: tuple[str, ...]) -> None:
    made = setup(stacks, {**SECRETS, **settings})
    assert len(made.problems) == 1 and made.files == {}, made.problems
    assert all(part in made.problems[0] for part in parts), made.problems[0]
    assert "secret@" not in made.problems[0]


def test_all_problems_are_told_together() -> None:
    assert len(setup([], {"address": "0.0.0.0:1", "url": "x"}).problems) == 4


def test_a_grafana_of_ones_own_needs_no_secret_of_ours() -> None:
    made = setup([], {"server": False})
    assert made.problems == () and made.credentials == {}
