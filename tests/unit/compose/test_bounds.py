# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Large and hostile Compose files take time and memory in proportion to their size.

Time is measured in calls of Python functions, which no busy machine changes: twice the input may not need much more than twice the calls.
"""

from __future__ import annotations

import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.compose import yaml_loader
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import problems, report
from ansible_collections.latentum.ops.plugins.module_utils.schema.nodes import HIDDEN, Problem, Refused

from ..declaration.samples import changed

WORKER = "compose.services.worker"
OPEN = ("compose.networks.backend", {"internal": False})


@contextmanager
def counted() -> Iterator[list[int]]:
    """The number of calls, of Python and of C, within the block."""
    calls = [0]

    def count(_frame: Any, event: str, _argument: Any) -> None:
        calls[0] += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        yield calls
    finally:
        sys.setprofile(None)


def test_a_range_of_ports_is_one_port() -> None:
    with counted() as calls:
        errors = problems(changed((f"{WORKER}.ports", ["16384-32767:16384-32767/udp"]), OPEN))
    assert [problem.key for problem in errors] == [f"{WORKER}.ports"]
    assert '"127.0.0.1:16384-32767:16384-32767/udp"' in errors[0].fix
    assert calls[0] < 100_000


def test_many_ports_are_compared_in_one_pass() -> None:
    def calls(number: int) -> int:
        ports = [f"127.0.0.1:{port}:80" for port in range(20000, 20000 + number)]
        with counted() as count:
            assert problems(changed((f"{WORKER}.ports", ports), OPEN)) == ()
        return count[0]

    few, many = calls(500), calls(2000)
    assert many < 6 * few


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        ("127.0.0.1:8000-8010:8000-8010", "127.0.0.1:8005:80", True),
        ("127.0.0.1:8005:80", "127.0.0.1:8000-8010:8000-8010", True),
        ("127.0.0.1:8000-8010:8000-8010", "127.0.0.1:8011:80", False),
        ("127.0.0.1:8000-8010:8000-8010/udp", "127.0.0.1:8005:80", False),
        ("127.0.0.1:8000-8010:8000-8010", "127.0.0.2:8005:80", False),
        ("0.0.0.0:8000-8010:8000-8010", "127.0.0.2:8005:80", True),
        ("127.0.0.2:8005:80", "8000-8010:8000-8010", True),
        ("127.0.0.1:8000-8010:80", "127.0.0.1:8005:80", False),  # Docker picks another one
    ],
)
def test_ranges_that_overlap(one: str, other: str, clash: bool) -> None:
    stack = changed((f"{WORKER}.ports", [one]), ("compose.services.database.ports", [other]), OPEN)
    found = [problem for problem in problems(stack) if "takes already" in problem.problem]
    assert bool(found) is clash, found


@pytest.mark.parametrize(
    "place", ["environment.X", "image", "command", "labels.x", "hostname", "healthcheck.interval", "depends_on", "user", "restart"]
)
@pytest.mark.parametrize("piece", ["a", "a-", "a.", "a:", "a/", "${A:-", "$", "{", "-----BEGIN ", "a://", "1h", "é"])
def test_a_long_value_takes_linear_time(place: str, piece: str) -> None:
    """Within a regular expression no calls can be counted, so this process's own CPU time is: 64 KB took 7 s."""
    top, _dot, inner = place.partition(".")
    value: Any = piece * (2**16 // len(piece))
    stack = changed((f"{WORKER}.{top}", {inner: value} if inner else value))
    start = time.process_time()
    errors = problems(stack)
    assert time.process_time() - start < 2
    assert all(len(str(problem)) < 1000 for problem in errors)


def bomb(levels: int, width: int = 9) -> str:
    lines = ["x-a0: &a0 [" + ", ".join(["lol"] * width) + "]"]
    lines += [f"x-a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, levels)]
    return "\n".join([*lines, "services: {a: {image: 'a:1'}}", ""])


def text_bomb() -> str:
    return f"x-a: &a {'x' * 60000}\nx-b: [{', '.join(['*a'] * 5000)}]\nservices: {{a: {{image: 'a:1'}}}}\n"


def nested(brackets: str, depth: int) -> str:
    return f"x-a: {brackets[0] * depth}{brackets[1] * depth}\nservices: {{a: {{image: 'a:1'}}}}\n"


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: bomb(9), id="aliases of aliases"),
        pytest.param(lambda: f"{bomb(9)}---\nservices: {{a: {{image: 'a:2'}}}}\n", id="in one of several documents"),
        pytest.param(lambda: bomb(9).replace("x-a8: &a8 [", "x-a8: !override ["), id="behind !override"),
        pytest.param(text_bomb, id="aliases of a long text"),
        pytest.param(lambda: "x-a: &a [*a]\nservices: {a: {image: 'a:1'}}\n", id="anchor inside itself"),
        pytest.param(lambda: nested("[]", 150), id="150 levels"),
        pytest.param(lambda: nested("[]", 3000), id="3,000 levels"),
        pytest.param(lambda: nested(["{a: ", "}"], 500), id="500 mappings"),  # type: ignore[arg-type]
    ],
)
def test_a_bomb_is_refused(make: Callable[[], str]) -> None:
    text = make()
    yaml_loader.load.cache_clear()
    tracemalloc.start()
    try:
        errors = problems(changed(("compose", text)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [problem.key for problem in errors][:1] == ["compose"], report(errors)
    assert peak < 100 * 2**20


def test_merges_of_merges_do_not_multiply() -> None:
    lines = ["x-a0: &a0 {k0: 1}"]
    lines += [f"x-a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}], k{n}: 1}}" for n in range(1, 12)]
    with counted() as calls:
        found = yaml_loader.load("\n".join([*lines, "services: {a: {<<: *a11}}", ""]))
    assert found["services"]["a"] == {f"k{number}": 1 for number in range(12)}
    assert calls[0] < 100_000


@pytest.mark.parametrize("value", ["!!bool x", "!!timestamp x", "!!set [a]", "!!binary é", "!!map x", "!!str {a: b}", "!x y"])
def test_a_tag_that_does_not_fit_is_refused(value: str) -> None:
    with pytest.raises(Refused, match="is not valid YAML"):
        yaml_loader.load(f"x-a: {value}\nservices: {{a: {{image: 'a:1'}}}}\n")


def test_a_bomb_as_a_mapping_is_refused() -> None:
    level: Any = ["lol"] * 9
    for _number in range(9):
        level = [level] * 9
    assert [problem.key for problem in problems(changed(("environment", {"A": level})))] == ["ops_stack"]


def test_a_large_file_is_no_bomb() -> None:
    services = {f"s{number}": {"image": "a:1", "environment": {f"V{n}": "x" for n in range(20)}} for number in range(500)}
    assert problems({"name": "big", "compose": {"services": services}}) == ()


def test_deep_defaults_are_refused() -> None:
    errors = problems(changed((f"{WORKER}.command", "${A:-" * 2000 + "x" + "}" * 2000)))
    assert [(problem.key, problem.problem) for problem in errors] == [(f"{WORKER}.command", "has variables nested too deeply")]


def test_one_message_a_variable() -> None:
    """However often it is used, and whatever else is wrong where it stands."""
    stack = changed(
        (f"{WORKER}.image", "acme/worker:${TAG}"), (f"{WORKER}.command", ["${TAG}", "$TAG"]), (f"{WORKER}.privileged", "${TAG}")
    )
    errors = problems(stack)
    assert [(problem.key, problem.value) for problem in errors] == [(f"{WORKER}.image", "${TAG}")]
    assert "which nothing sets (and in 3 more places)" in errors[0].problem
    assert HIDDEN not in str(errors[0])


@pytest.mark.parametrize("image", ["${IMAGE}", "acme/worker${TAG}", "acme/worker:${TAG}"])
def test_one_cause_is_one_message(image: str) -> None:
    errors: tuple[Problem, ...] = problems(changed((f"{WORKER}.image", image)))
    assert len(errors) == 1, report(errors)


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("53:53/udp", "127.0.0.1:53:53/udp"),
        ("8000-8010:8000-8010", "127.0.0.1:8000-8010:8000-8010"),
        ("8000-8010:80/sctp", "127.0.0.1:8000-8010:80/sctp"),
        ("9000", "127.0.0.1::9000"),
        ("0.0.0.0:9000:9000", "127.0.0.1:9000:9000"),
        ("[::]:9000-9001:90-91/udp", "127.0.0.1:9000-9001:90-91/udp"),
    ],
)
def test_a_hint_keeps_protocol_and_range(written: str, instead: str) -> None:
    errors = problems(changed((f"{WORKER}.ports", [written]), OPEN))
    assert [problem.fix.partition('"')[2].partition('"')[0] for problem in errors] == [instead]
    assert problems(changed((f"{WORKER}.ports", [instead]), OPEN)) == ()


@pytest.mark.parametrize(
    "text", ["services:\n\ta:\n\t\timage: a:1\n", "services:\n  a:\n\timage: a:1\n", "services:\n  a:\n    image:\ta:1\n\t  user: '1'\n"]
)
def test_a_tab_is_named(text: str) -> None:
    errors = problems(changed(("compose", text)))
    assert "a tab" in errors[0].problem, report(errors)
    assert "spaces" in errors[0].fix
