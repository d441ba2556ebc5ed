# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No value at any place of a declaration is a traceback: it is taken, and everything is derived from it, or refused with what to write.

30,000 replacements of one value in a full document by `make test-all`, thirty of them by `make unit`. There are some 47,000, in an order
that is another one every day: each day leaves out others, and two days share most of theirs. A failure names the seed;
FUZZ_SEED=NUMBER makes the same replacements again.
"""

from __future__ import annotations

import copy
import datetime
import itertools
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.filter.stack import FilterModule
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import problems

FILTERS = FilterModule().filters()
REPLACEMENTS = 30_000
PARTS = 30  # tests that share them, for several processes at once
SEED = int(os.environ.get("FUZZ_SEED") or datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%d"))
DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parent / "recorded" / "everything.json").read_text())["stack"]
# Keys that no sample uses, so that what stands there is replaced as well.
MORE = """
image: acme/full:1
annotations: {a: b}
attach: false
blkio_config: {weight: 300, device_read_bps: [{path: /dev/sda, rate: 12mb}]}
cap_add: [NET_ADMIN]
cap_drop: [ALL]
command: [run, --port, "80"]
configs: [{source: conf, target: /conf, mode: 0440}]
cpus: 0.5
depends_on: {%(service)s: {condition: service_started, required: true}}
deploy: {replicas: 1, labels: {a: b}, resources: {limits: {cpus: "1", memory: 100m, pids: 10}}, restart_policy: {condition: any, delay: 5s}}
devices: ["/dev/null:/dev/x"]
dns: [192.0.2.1]
entrypoint: /entry.sh
env_file: [{path: a.env, required: false}]
environment: [A=1, B]
expose: ["80", 90-91]
extra_hosts: {a: 192.0.2.2}
group_add: [10]
healthcheck: {test: [CMD, "true"], interval: 5s, timeout: 3s, retries: 3, start_period: 1s, disable: false}
hostname: full
init: true
labels: {a: b}
logging: {driver: json-file, options: {max-size: 10m}}
mem_limit: 100m
networks: {inner: {aliases: [x], ipv4_address: 192.0.2.9}}
ports: ["127.0.0.1:7000-7001:70-71/udp", {target: 72, published: "7002", host_ip: 127.0.0.1, protocol: tcp}]
post_start: [{command: [a], user: root}]
privileged: false
profiles: [extra]
read_only: true
restart: always
scale: 1
security_opt: [label:disable]
shm_size: 64m
stop_grace_period: 10s
sysctls: [net.core.somaxconn=1]
tmpfs: [/tmp]
ulimits: {nofile: {soft: 10, hard: 20}, nproc: 5}
user: "1000:1000"
volumes: [full:/a, "./b:/b:ro", {type: bind, source: /srv/c, target: /c, read_only: true, bind: {propagation: rslave}}]
working_dir: /w
"""
WORDS = [
    *(
        "",
        " ",
        "x",
        "json-file",
        "true",
        "yes",
        "0",
        "-1",
        "08",
        "1.5",
        "٣",
        "a:b",
        "a=b",
        "/",
        "/run",
        ".",
        "..",
        "~",
        ":",
        "::",
        "-",
        "host",
    ),
    *(
        "${",
        "${A",
        "${A:-",
        "${A:-${B:-c}}",
        "${COMPOSE_PROJECT_NAME}",
        "$$",
        "$",
        "#",
        "\0",
        "\n",
        "\u2028",
        "\ud800",
        "é",
        "%",
        "{{ x }}",
    ),
    *(
        "9" * 400,
        "1" * 5000,
        "9" * 400 + "m",
        "1e999",
        "-" * 300,
        "a" * 5000,
        "services",
        "<<",
        "1-2",
        "99999-1",
        "[::]",
        "*",
        "!unsafe",
        "null",
    ),
]
VALUES: list[Any] = [
    *WORDS,
    *(None, True, False, 0, 1, -1, 2**31, 2**63, 10**400, 0.0, 1.5, -0.5, 1e308, float("inf"), float("-inf"), float("nan")),
    *([], {}, [[]], [{}], {"": ""}, {"a": None}, {"x": {"y": {"z": 1}}}, [None], [True], [1, "a", {}], [["a"]], {"a": ["b"]}, {"a": {}}),
    *(
        {"options": "x"},
        {"source": None},
        {"target": []},
        {"test": {}},
        {"condition": 5},
        {"replicas": {}},
        {"name": "host"},
        {"external": []},
    ),
]


def document() -> dict[str, Any]:
    """The fullest of the recorded declarations, with every key of Compose that it lacks, in a service of their own."""
    stack = copy.deepcopy(DOCUMENT)
    compose = yaml.safe_load(stack["compose"]) if isinstance(stack["compose"], str) else stack["compose"]
    compose["services"]["full"] = yaml.safe_load(MORE % {"service": next(iter(compose["services"]))})
    compose.setdefault("networks", {})["inner"] = {"driver": "bridge", "internal": False, "ipam": {"config": [{"subnet": "192.0.2.0/24"}]}}
    compose.setdefault("volumes", {})["full"] = {"driver": "local", "driver_opts": {"type": "none"}, "labels": ["a=b"]}
    compose.setdefault("configs", {})["conf"] = {"file": "./conf"}
    return {**stack, "compose": compose, "profiles": ["extra"], "files": {path: {"on_host": True} for path in ("./b", "./conf")}}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value in a document."""
    if path:
        yield path
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(item, (*path, key))


def replaced(stack: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """The document with another value at a path; what lies beside the path is shared with the document."""
    result = place = copy.copy(stack)
    for step in path[:-1]:
        place[step] = copy.copy(place[step])
        place = place[step]
    place[path[-1]] = value
    return result


def assert_read(stack: dict[str, Any]) -> None:
    """It is refused with a reason and a way out, or all can be derived from it."""
    errors = problems(stack)
    assert all(error.key and error.problem and error.fix for error in errors)
    for name, derive in FILTERS.items():
        if errors and name != "declaration_report":
            continue
        derive(stack)


def fuzz(number: int, seed: int, first: int = 0) -> None:
    """Try a number of replacements out of all, which the seed has put into an order, from the first on."""
    stack = document()
    everything = list(itertools.product(places(stack), range(len(VALUES))))
    random.Random(seed).shuffle(everything)  # noqa: S311 - not for secrets
    for path, index in everything[first : first + number]:
        value = VALUES[index]
        try:
            assert_read(replaced(stack, path, value))
        except Exception as error:
            where = f"{'.'.join(map(str, path))} = {str(value)[:80]!r}"
            raise AssertionError(f"FUZZ_SEED={seed}: {where}: {error!r}"[:2000]) from error
    assert stack == document(), "what is shared between the documents was changed"


def test_the_document_is_full_and_faultless() -> None:
    assert problems(document()) == ()
    assert len(list(places(document()))) > 400


def test_a_replacement_changes_nothing_else() -> None:
    stack = document()
    path = ("compose", "services", "full", "deploy", "replicas")
    other = replaced(stack, path, "x")
    assert other["compose"]["services"]["full"]["deploy"] == {**stack["compose"]["services"]["full"]["deploy"], "replicas": "x"}
    assert stack == document()


def test_there_are_more_replacements_than_are_made_a_day() -> None:
    assert len(list(places(document()))) * len(VALUES) > REPLACEMENTS


def test_replacements() -> None:
    fuzz(30, seed=1)


@pytest.mark.matrix
@pytest.mark.parametrize("part", range(PARTS))
def test_many_replacements(part: int) -> None:
    fuzz(REPLACEMENTS // PARTS, SEED, first=part * (REPLACEMENTS // PARTS))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("logging", "json-file"),
        ("logging", {"options": "x"}),
        ("labels", "x"),
        ("cap_add", True),
        ("security_opt", True),
        ("mem_limit", "9" * 400),
        ("mem_limit", "9" * 400 + "m"),
        ("command", "${A:-" * 2000),
        ("command", "${A:-" * 2000 + "}" * 2000),
    ],
)
def test_values_that_were_tracebacks(key: str, value: Any) -> None:
    errors = problems(replaced(document(), ("compose", "services", "full", key), value))
    assert [error.key.partition("full.")[2].split(".")[0] for error in errors] == [key]


@pytest.mark.parametrize(
    ("key", "value", "wrong"),
    [
        ("profiles", [{}], {"profiles[0]"}),
        ("profiles", [None, "extra"], {"profiles[0]"}),
        ("profiles", ["extra", "ekstra"], {"profiles[1]"}),
        ("compose", "services:\n  web: {image: '\ud800'}\n", {"compose"}),
        ("compose", ["services: {}", "\ud800"], {"compose"}),
    ],
)
def test_keys_that_were_tracebacks(key: str, value: Any, wrong: set[str]) -> None:
    assert {error.key for error in problems(replaced(document(), (key,), value)) if error.key.startswith(key)} >= wrong
