# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several documents in one Compose file, as the CLIs 2.26.1 and 2.40.3 merge them (each case was given to both)."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.compose.merging import merge_documents
from ansible_collections.latentum.ops.plugins.module_utils.compose.yaml_loader import load
from ansible_collections.latentum.ops.plugins.module_utils.schema.nodes import Refused

BASE = """
services:
  a:
    image: a:1
    command: [x, y]
    environment: {A: "1", B: "2"}
    labels: [l=1, m=2]
    ports: ["80:80", "127.0.0.1:90:90"]
    volumes: ["data:/d", "./x:/x"]
    networks: [n1]
    depends_on: [b]
    dns: 1.1.1.1
    cap_add: [NET_ADMIN]
    logging: {driver: json-file, options: {max-size: 1m}}
    deploy: {resources: {limits: {memory: 1g}}}
    healthcheck: {test: [CMD, x], interval: 5s}
    ulimits: {nofile: 5}
    extra_hosts: ["h:1.2.3.4"]
    secrets: [s]
  b: {image: b:1}
networks: {n1: {labels: {x: "1"}}, n2: {}}
volumes: {data: {}}
"""
HEALTHY = {"condition": "service_healthy"}


@pytest.mark.parametrize(
    ("over", "key", "merged"),
    [
        ("environment: [B=3, C]", "environment", {"A": "1", "B": "3", "C": None}),
        ("environment: {C: '4'}", "environment", {"A": "1", "B": "2", "C": "4"}),
        ("environment: {A: !reset null}", "environment", {"B": "2"}),
        ("environment: !reset {}", "environment", None),
        ("labels: {m: '3'}", "labels", {"l": "1", "m": "3"}),
        ("command: z", "command", "z"),
        ("command: !override [q]", "command", ["q"]),
        ("ports: ['80:80', '81:81']", "ports", ["80:80", "127.0.0.1:90:90", "81:81"]),
        ("ports: !override ['81:81']", "ports", ["81:81"]),
        ("ports: !reset []", "ports", None),
        ("volumes: ['other:/d', './y:/y:ro']", "volumes", ["other:/d", "./x:/x", "./y:/y:ro"]),
        ("networks: {n2: {aliases: [z]}}", "networks", {"n1": None, "n2": {"aliases": ["z"]}}),
        ("depends_on: {b: {condition: service_healthy}}", "depends_on", {"b": HEALTHY}),
        ("dns: [8.8.8.8, 1.1.1.1]", "dns", ["1.1.1.1", "8.8.8.8"]),
        ("cap_add: [NET_ADMIN, SYS_TIME]", "cap_add", ["NET_ADMIN", "SYS_TIME"]),
        ("logging: {options: {max-file: '2'}}", "logging", {"driver": "json-file", "options": {"max-size": "1m", "max-file": "2"}}),
        ("logging: {driver: local}", "logging", {"driver": "local"}),
        (
            "deploy: {replicas: 2, resources: {limits: {cpus: '1'}}}",
            "deploy",
            {"resources": {"limits": {"memory": "1g", "cpus": "1"}}, "replicas": 2},
        ),
        ("deploy: !override {replicas: 3}", "deploy", {"replicas": 3}),
        ("healthcheck: {test: 'y'}", "healthcheck", {"test": "y", "interval": "5s"}),
        ("ulimits: {nofile: {soft: 1, hard: 2}}", "ulimits", {"nofile": {"soft": 1, "hard": 2}}),
        ("extra_hosts: {i: 5.6.7.8}", "extra_hosts", ["h:1.2.3.4", "i=5.6.7.8"]),
        ("secrets: [{source: t, target: /run/secrets/s}]", "secrets", [{"source": "t", "target": "/run/secrets/s"}]),
        ("image: !override 'a:2'", "image", "a:2"),
        ("image: ", "image", "a:1"),
    ],
)
def test_a_later_document_is_merged_over_the_first(over: str, key: str, merged: Any) -> None:
    found = load(f"{BASE}---\nservices:\n  a:\n    {over}\n")
    assert found["services"]["a"].get(key) == merged
    assert {"image", "command", "environment"} - {key} <= found["services"]["a"].keys()


def test_services_and_parts_at_the_top() -> None:
    second = "services: {b: !reset null, c: {image: c:1}}"
    third = "networks: {n1: {labels: [y=2]}}\nservices: {a: !override {image: q:1}}"
    found = load(f"{BASE}---\n{second}\n---\n{third}\n")
    assert found["services"] == {"a": {"image": "q:1"}, "c": {"image": "c:1"}}
    assert found["networks"] == {"n1": {"labels": {"x": "1", "y": "2"}}, "n2": {}}


def test_tags_in_a_single_document() -> None:
    found = load("services: {a: {image: !override '1234', ports: !reset [], cap_add: [!reset A, B], command: !override [5]}}\n---\n")
    assert found == {"services": {"a": {"image": "1234", "cap_add": ["B"], "command": [5]}}}


def test_a_document_that_is_no_mapping() -> None:
    with pytest.raises(Refused, match="not a mapping"):
        load("services: {}\n---\n- a\n")


def test_an_anchor_inside_itself() -> None:
    with pytest.raises(Refused, match="an anchor inside itself"):
        load("services: &a {web: *a, b: !reset null}\n")


def test_anchors_that_multiply_stay_one_thing() -> None:
    """32 levels of two aliases each are 2 ** 32 values, written out."""
    level: Any = {"x": 1}
    for _depth in range(32):
        level = {"a": level, "b": level}
    found = merge_documents([{"services": {}}, {"x-bomb": level}])["x-bomb"]
    assert found["a"]["b"] is found["b"]["b"]
