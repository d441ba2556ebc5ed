# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Advice on faultless declarations: one item a cause, and silent once the answer is written down."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.declaration.advice import advice, report
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import load, summary
from ansible_collections.latentum.ops.plugins.module_utils.schema.nodes import Problem

from .samples import changed

CHOSEN = {"update": {"strategy": "recreate"}}


def given(services: dict[str, Any], declared: dict[str, Any] | None = None, **top: Any) -> list[Problem]:
    """Advice on a stack, without that on networks unless networks are given."""
    compose = {"services": services, "networks": {"default": {"internal": False}}, **top}
    return advice(load({"name": "shop", "compose": compose, "services": declared or {}}))


def test_a_stack_that_has_every_answer_gets_none() -> None:
    web = {"image": "a:1", "healthcheck": {"test": "true"}, "volumes": ["/opt/shop/conf:/conf:ro"]}
    assert given({"web": web, "database": {"image": "postgres:17", "volumes": ["d:/d"]}}, {"database": CHOSEN}, volumes={"d": {}}) == []


@pytest.mark.parametrize(
    ("networks", "expected"),
    [
        ({}, 1),
        ({"default": {}}, 1),
        ({"default": {"driver": "bridge"}}, 1),
        ({"default": {"internal": True}}, 0),  # meant so
        ({"default": {"internal": False}}, 0),
        ({"default": {"external": True, "name": "proxy"}}, 0),
    ],
)
def test_no_way_out_is_said_unless_it_is_meant(networks: dict[str, Any], expected: int) -> None:
    items = given({"web": {"image": "a:1", "healthcheck": {"test": "true"}}}, networks=networks)
    assert len(items) == expected
    assert all("internal: false" in item.fix and "send mail" in item.problem for item in items)


def test_what_will_be_refused_at_its_first_change_is_one_item_with_the_lines_for_all() -> None:
    services = {
        "web": {"image": "a:1", "healthcheck": {"test": "true"}},
        "cache": {"image": "redis:7"},
        "database": {"image": "postgres:17", "healthcheck": {"test": "true"}, "volumes": ["d:/d"]},
        "job": {"image": "a:1"},
        "off": {"image": "a:1", "profiles": ["x"]},
    }
    (item,) = given(services, {"job": {"expect": "completed"}}, volumes={"d": {}})
    assert "cache: {update: {strategy: recreate}}, database: {update: {strategy: recreate}}" in item.fix
    assert not {"web", "job", "off"} & set(item.fix.replace(":", " ").replace("{", " ").split())
    assert given(services, {"job": {"expect": "completed"}, "cache": CHOSEN, "database": CHOSEN}, volumes={"d": {}}) == []
    assert (
        given(services, {"job": {"expect": "completed"}, "cache": {"allow": ["no_healthcheck"]}, "database": CHOSEN}, volumes={"d": {}})
        == []
    )


@pytest.mark.parametrize(
    ("image", "own"),
    [
        ("lscr.io/linuxserver/sonarr:4.0.9", True),
        ("linuxserver/sonarr:4.0.9", True),
        ("ghcr.io/home-assistant/home-assistant:2025.1", True),
        ("homeassistant/home-assistant:2025.1", True),
        ("ghcr.io/paperless-ngx/paperless-ngx:2.15", True),
        ("acme/notlinuxserver:1", False),
        ("paperless-ngx/paperless-ngx-backup:1", False),
    ],
)
def test_images_with_an_init_of_their_own(image: str, own: bool) -> None:
    service = {"image": image, "healthcheck": {"test": "true"}}
    assert ["init: false" in item.fix for item in given({"app": service})] == [True] * own
    assert given({"app": {**service, "init": False}}) == []
    assert given({"app": {**service, "init": True}}) == []


@pytest.mark.parametrize(
    "service",
    [
        {"volumes": ["~/conf:/conf:ro"]},
        {"volumes": [{"type": "bind", "source": "~/conf", "target": "/conf"}]},
        {"env_file": [{"path": "./app.env", "required": False}]},
    ],
)
def test_relative_paths_are_named_with_the_folder_on_the_host(service: dict[str, Any]) -> None:
    (item,) = given({"web": {"image": "a:1", "healthcheck": {"test": "true"}, **service}}, {"web": CHOSEN})
    assert "/opt/shop" in item.problem
    assert "web: " in item.problem


def test_the_summary_says_it_and_the_report_has_the_lines() -> None:
    declaration = load(changed(("services.migrate", {"expect": "completed"}), ("compose.services.web.volumes", ["~/a:/a"])))
    items = advice(declaration)
    assert [line for line in summary(declaration) if line.startswith("advice: ")] == [f"advice: {item.problem}" for item in items]
    assert len(items) == 3
    assert all(item.fix in line for item, line in zip(items, report(items)[1::2], strict=True))
