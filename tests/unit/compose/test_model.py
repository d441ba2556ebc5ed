# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Compose file: YAML as Compose reads it, variables, and every form in which the same can be said."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.module_utils.compose import yaml_loader
from ansible_collections.latentum.ops.plugins.module_utils.compose.interpolation import Interpolation
from ansible_collections.latentum.ops.plugins.module_utils.compose.model import Compose, Service, parse
from ansible_collections.latentum.ops.plugins.module_utils.compose.syntax import (
    EnvFile,
    Port,
    parse_image,
    parse_mount,
    parse_port,
    parse_user,
)
from ansible_collections.latentum.ops.plugins.module_utils.schema.nodes import Problem, Refused


def compose(source: object, **environment: str) -> Compose:
    problems: list[Problem] = []
    found = parse(source, environment, problems)
    assert not problems, problems
    return found


def service(**keys: Any) -> Service:
    return compose({"services": {"a": {"image": "a:1", **keys}, "b": {"image": "b:1"}}, "networks": {"x": None, "y": None}}).services["a"]


@pytest.mark.parametrize("pure_python", [False, True])
def test_yaml_as_compose_reads_it(pure_python: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if pure_python:
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    yaml_loader.loader_class.cache_clear()
    yaml_loader.load.cache_clear()
    found = yaml_loader.load(
        "services: {}\n"
        "words: [yes, no, on, Off, y, 22:22, 1:30:00, 2024-01-01,\n"
        " 1e3, 0x1F, 0o17, 017, '5', ~, true, -3, 1.5, .5, 1_000]\n"
        "8080: number\n"
    )
    assert found["words"] == [
        *("yes", "no", "on", "Off", "y", "22:22", "1:30:00", "2024-01-01"),
        *(1000.0, 31, 15, 15, "5", None, True, -3, 1.5, 0.5, 1000),
    ]
    assert found["8080"] == "number"
    yaml_loader.loader_class.cache_clear()
    yaml_loader.load.cache_clear()


def test_anchors_merge_keys_and_extension_fields() -> None:
    found = compose(
        "x-base: &base\n  image: a:1\n  networks: [x]\n  hostname: ${IGNORED}\n"
        "services:\n  one: {<<: *base, user: '5'}\n  two:\n    <<: [*base]\n    image: b:2\n    x-anything: 1\n"
        "networks: {x: }\n",
        IGNORED="1",
    )
    assert found.services["one"].networks == ("x",)
    assert found.services["one"].user == (5, None)
    assert found.services["two"].image == parse_image("b:2")


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("a: [", "line"),
        ("services: {}\nservices: {}\n", "line 2"),
        ("a: *nowhere\n", "line 1"),
        ("a: !!python/none x\n", "line 1"),
    ],
)
def test_yaml_refused_with_its_line(text: str, where: str) -> None:
    with pytest.raises(Refused, match=where):
        yaml_loader.load(text)


def test_a_yaml_error_never_quotes_the_file() -> None:
    with pytest.raises(Refused) as refused:
        yaml_loader.load("environment:\n  PASSWORD: hunter2\n   x: [hunter2\n")
    assert "hunter2" not in refused.value.problem + refused.value.fix


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("$A", "1"),
        ("${A}", "1"),
        ("x-$A-${A}-y", "x-1-1-y"),
        ("$$A", "$A"),
        ("${B:-d}", "d"),
        ("${B-d}", "d"),
        ("${EMPTY:-d}", "d"),
        ("${EMPTY-d}", ""),
        ("${A:-d}", "1"),
        ("${A:?must be set}", "1"),
        ("${A:+r}", "1r"[1:]),
        ("${B:+r}", ""),
        ("${B+r}", ""),
        ("${EMPTY+r}", "r"),
        ("${B:-${A}}", "1"),
        ("${B:-${C:-deep}}", "deep"),
        ("{{ $$x }}", "{{ $x }}"),
        ("5$ each", "5$ each"),
        ("$", "$"),
        ("^[a-z]+$", "^[a-z]+$"),
        ("$1 $-", "$1 $-"),
        ("${EMPTY?m}", ""),
        ("${A:-{}}", "1"),
        ("${B:-{}}", "{}"),
    ],
)
def test_variables(text: str, found: str) -> None:
    interpolation = Interpolation({"A": "1", "EMPTY": ""})
    assert interpolation.resolve({"k": [text]}, "at") == {"k": [found]}
    assert not interpolation.problems


@pytest.mark.parametrize(
    "text", ["$B", "${B}", "${B:?message}", "${A:-x} ${B}", "${", "${-x}", "${A!x}", "${B:-$C}", "${EMPTY:?message}", "${A"]
)
def test_variables_refused(text: str) -> None:
    interpolation = Interpolation({"A": "1", "EMPTY": ""})
    interpolation.resolve([text], "at")
    assert interpolation.unresolved == {"at[0]"}
    assert [problem.key for problem in interpolation.problems] == ["at[0]"]


@pytest.mark.parametrize(
    ("written", "port"),
    [
        ("80", Port(80, None, "", "tcp")),
        (80, Port(80, None, "", "tcp")),
        ("8080:80", Port(80, (8080, 8080), "", "tcp")),
        ("127.0.0.1:8080:80/udp", Port(80, (8080, 8080), "127.0.0.1", "udp")),
        ("127.0.0.1::80", Port(80, None, "127.0.0.1", "tcp")),
        ("[::1]:8080:80", Port(80, (8080, 8080), "::1", "tcp")),
        ("8000-8001:80-81", Port(80, (8000, 8001), "", "tcp", 2)),
        ("8000-8010:80", Port(80, (8000, 8010), "", "tcp")),
        ("80-81", Port(80, None, "", "tcp", 2)),
        ({"target": 80}, Port(80, None, "", "tcp")),
        (
            {"target": 80, "published": "8080", "host_ip": "127.0.0.1", "protocol": "udp", "mode": "host"},
            Port(80, (8080, 8080), "127.0.0.1", "udp"),
        ),
    ],
)
def test_ports(written: Any, port: Port) -> None:
    assert parse_port(written) == port


@pytest.mark.parametrize(
    "written", ["80", "8080:80", "127.0.0.1:53:53/udp", "8000-8010:80", "8000-8001:80-81/udp", "80-81", "127.0.0.1::80"]
)
def test_a_port_is_shown_as_it_is_written(written: str) -> None:
    assert str(parse_port(written)) == written


@pytest.mark.parametrize(
    "written",
    [
        "",
        "http",
        "0:80",
        "70000:80",
        "80:0",
        "1-3:1-2",
        "2-1:80",
        "80/icmp",
        "1.2.3:80:80",
        "300.1.1.1:80:80",
        True,
        None,
        {},
        {"target": "a"},
    ],
)
def test_ports_refused(written: Any) -> None:
    with pytest.raises(Refused):
        parse_port(written)


@pytest.mark.parametrize(
    ("text", "parts", "moves"),
    [
        ("postgres", ("", "postgres", "", ""), True),
        ("postgres:latest", ("", "postgres", "latest", ""), True),
        ("postgres:17.2", ("", "postgres", "17.2", ""), False),
        ("acme/web:1", ("", "acme/web", "1", ""), False),
        ("ghcr.io/acme/web:1", ("ghcr.io", "acme/web", "1", ""), False),
        ("registry:5000/acme/web", ("registry:5000", "acme/web", "", ""), True),
        ("localhost:5000/web:2", ("localhost:5000", "web", "2", ""), False),
        (
            "a.example.com:5000/x/y/z:latest@sha256:" + "a" * 64,
            ("a.example.com:5000", "x/y/z", "latest", "sha256:" + "a" * 64),
            False,
        ),
    ],
)
def test_images(text: str, parts: tuple[str, ...], moves: bool) -> None:
    image = parse_image(text)
    assert (image.registry, image.repository, image.tag, image.digest) == parts
    assert image.moves is moves


@pytest.mark.parametrize("text", ["", "Acme/web:1", "web:", "web@sha256:zz", "web:1 ", "a b", "https://x/y"])
def test_images_refused(text: str) -> None:
    if text == "web:1 ":
        assert parse_image(text).tag == "1"
        return
    with pytest.raises(Refused):
        parse_image(text)


@pytest.mark.parametrize(
    ("written", "engine"),
    [
        ("/var/run/docker.sock:/var/run/docker.sock", True),
        ("/run/docker.sock:/d:ro", True),
        ({"type": "bind", "source": "/run/podman/podman.sock", "target": "/d"}, True),
        ("/run:/host/run", True),
        ("/:/host:ro", True),
        ("data:/var/run/docker.sock.d", False),
        ("./docker:/etc/docker", False),
        ("/srv/data", False),
        ({"type": "tmpfs", "target": "/run"}, False),
    ],
)
def test_mounts_of_the_engine(written: Any, engine: bool) -> None:
    assert parse_mount(written).engine_socket is engine


@pytest.mark.parametrize(
    ("written", "user"),
    [
        (None, None),
        (0, (0, None)),
        ("10001", (10001, None)),
        ("10001:20", (10001, 20)),
        ("app", None),
        ("10001:app", None),
    ],
)
def test_users(written: Any, user: tuple[int, int | None] | None) -> None:
    assert parse_user(written) == user


@pytest.mark.parametrize(
    ("written", "state"),
    [
        ({}, "none"),
        ({"test": ["CMD", "true"]}, "given"),
        ({"test": "true"}, "given"),
        ({"test": ["NONE"]}, "disabled"),
        ({"test": "NONE"}, "disabled"),
        ({"disable": True}, "disabled"),
        ({"interval": "5s"}, "none"),
    ],
)
def test_healthchecks(written: Any, state: str) -> None:
    assert service(healthcheck=written).healthcheck == state


def test_list_and_map_say_the_same() -> None:
    started = {"condition": "service_started"}
    one = service(environment=["A=1", "B", "C=x=y"], networks=["x"], depends_on=["b"], env_file="a.env")
    two = service(environment={"A": 1, "B": None, "C": "x=y"}, networks={"x": None}, depends_on={"b": started}, env_file=["a.env"])
    assert one == two
    assert one.environment == {"A": "1", "B": None, "C": "x=y"}
    assert one.depends_on == {"b": "service_started"}
    assert service(env_file=[{"path": "b.env", "required": False}]).env_files == (EnvFile("b.env", required=False),)
    assert service(environment={"A": True}).environment == {"A": "true"}


def test_secrets_short_and_long() -> None:
    short, long = service(secrets=["s", {"source": "t", "target": "u", "mode": 256}]).secrets
    assert (short.source, short.target, long.source, long.target) == ("s", "s", "t", "u")


def test_replicas_and_defaults() -> None:
    assert service(deploy={"replicas": "${N:-3}"}).replicas == 3
    assert service(scale=2).replicas == 2
    assert service().replicas == 1
    assert service().networks == ("default",)
    assert service(network_mode="host").networks == ()
    assert service(profiles=["debug"]).profiles == ("debug",)


def test_networks_are_internal_unless_told() -> None:
    found = compose(
        "services: {a: {image: 'a:1'}}\nnetworks: {closed: , open: {internal: false}, own: {external: true}, said: {internal: true}}\n"
    )
    assert found.internal_networks == {"closed", "said", "default"}


def test_secrets_with_a_source_of_their_own() -> None:
    found = compose(
        "services: {a: {image: 'a:1'}}\nsecrets: {f: {file: ./f}, e: {environment: E}, x: {external: true}, none: }\n",
        E="1",
    )
    assert found.own_secrets == {"f", "e", "x"}


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        ({"command": ["sleep", 3600]}, "command[1]"),
        ({"command": ["install", "-m", 0o755, None]}, "command[2]"),
        ({"entrypoint": ["sh", True]}, "entrypoint[1]"),
        ({"healthcheck": {"test": ["CMD", "sleep", 1.5]}}, "healthcheck.test[2]"),
        ({"command": 5}, "command"),
    ],
)
def test_a_command_is_made_of_strings_as_compose_wants_it(keys: dict[str, Any], wrong: str) -> None:
    """On the host it would be `services.a.command.1 must be a string`; whether 0755 or 493 was meant, only its author knows."""
    problems: list[Problem] = []
    parse({"services": {"a": {"image": "a:1", **keys}}}, {}, problems)
    assert problems[0].key == f"compose.services.a.{wrong}"
    assert "string" in problems[0].problem


def test_an_anchor_that_is_merged_deeper_and_used_shallower() -> None:
    found = yaml_loader.load(
        "x-log: &log {driver: json-file}\nx-base: &base {<<: *log, restart: always}\n"
        "services:\n  a: {<<: *base, image: a:1, restart: 'no', logging: *log}\n  b: *base\n  c: {deep: {<<: *base}}\n"
    )
    assert found["services"]["b"] == found["services"]["c"]["deep"] == found["x-base"] == {"driver": "json-file", "restart": "always"}
    assert found["services"]["a"] == {"driver": "json-file", "restart": "no", "image": "a:1", "logging": {"driver": "json-file"}}
