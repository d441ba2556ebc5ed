# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What mtail makes of nginx's log, against an independent count of the same lines."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.monitoring import BUCKETS
from ansible_collections.latentum.ops.plugins.module_utils.contracts.routes import route_name
from ansible_collections.latentum.ops.plugins.module_utils.slo import promql

from ...slo.judge import Check, judged, needs_promtool, objective, series, steps
from .log_lines import MAPS, NO_UTF8, REQUEST, SPECIAL, Labels, count, line, mixed, order
from .numbers import Numbers, read
from .rendered import MTAIL, PROGRAM, READS_ONLY_UTF8, Rendered, needs_mtail

ROUTE = ("stack", "route", "service")


def counted_by_mtail(programs: Path, log: Path) -> Numbers:
    """All lines of a log, read once from its beginning."""
    argv = [MTAIL, "--one_shot", "--one_shot_format", "prometheus", "--emit_prog_label=false", "--progs", str(programs), "--logs", str(log)]
    done = subprocess.run([*argv, "--logtostderr", "--address", "127.0.0.1", "--port", "0"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return read(done.stdout)


def agree(numbers: Numbers, lines: Sequence[bytes], buckets: Sequence[float] = BUCKETS) -> None:
    """Every number is the one that Python comes to, and there is none beside."""
    counted = count(lines)
    assert numbers.by("http_requests_total", *ROUTE, "method", "code") == counted.requests
    assert numbers.by("nginx_log_lines_total", "kind") == {(kind,): number for kind, number in counted.lines.items()}
    retried = {labels: number for labels, number in counted.retried.items() if number}
    assert numbers.by("http_upstream_retried_requests_total", *ROUTE) == retried
    for name, seconds in (("http_request_duration_seconds", counted.durations), ("http_upstream_duration_seconds", counted.upstream)):
        assert numbers.by(f"{name}_count", *ROUTE) == {labels: len(values) for labels, values in seconds.items()}
        sums = numbers.by(f"{name}_sum", *ROUTE)
        assert sums == pytest.approx({labels: sum(values) for labels, values in seconds.items()})
        assert numbers.by(f"{name}_bucket", *ROUTE, "le") == bounds(seconds, buckets)


def bounds(seconds: Mapping[Labels, Sequence[float]], buckets: Sequence[float]) -> dict[tuple[str, ...], float]:
    """How many are not above each bound."""
    return {
        (*labels, f"{bound:g}" if bound != float("inf") else "+Inf"): sum(value <= bound for value in values)
        for labels, values in seconds.items()
        for bound in (*buckets, float("inf"))
    }


def test_the_lines_are_as_nginx_writes_them() -> None:
    """The declared order of the log, which the program reads by."""
    assert order() == [*REQUEST, "peer"] and MAPS.count("log_format ") == 1


@pytest.mark.parametrize(
    ("variant", "buckets"),
    [
        ("on", ", ".join(f"{bound:g}" for bound in BUCKETS)),
        ("declared", "0.005, 0.3, 1, 1.5, 10"),
        ("one of several", "0.005, 0.05, 0.3, 1, 1.5, 10, 120"),
        ("elsewhere", "0.3, 1, 2.5"),
    ],
)
def test_the_bounds_are_those_that_the_stacks_of_the_host_declare(rendered: Mapping[str, Rendered], variant: str, buckets: str) -> None:
    program = rendered[variant].files[PROGRAM].splitlines()
    assert [text.partition(" buckets ")[2] for text in program if text.startswith("histogram ")] == [buckets] * 2


@needs_mtail
@pytest.mark.parametrize(("variant", "buckets"), [("on", BUCKETS), ("one of several", (0.005, 0.05, 0.3, 1, 1.5, 10, 120))])
def test_each_bound_is_written_as_the_rules_of_objectives_ask_for_it(
    rendered: Mapping[str, Rendered], tmp_path: Path, variant: str, buckets: Sequence[float]
) -> None:
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs/requests.mtail").write_text(rendered[variant].files[PROGRAM])
    (tmp_path / "access.json").write_bytes(line(duration="0.200") + b"\n")
    numbers = counted_by_mtail(tmp_path / "programs", tmp_path / "access.json")
    written = [bound for *_route, bound in numbers.by("http_request_duration_seconds_bucket", *ROUTE, "le")]
    for bound in buckets:
        _name, operator, value = re.split("(=~?)", promql.bound(bound), maxsplit=1)
        wanted = json.loads(value) if operator == "=~" else re.escape(json.loads(value))
        (found,) = [text for text in written if re.fullmatch(wanted, text)]
        assert float(found) == bound


@needs_mtail
@needs_promtool
def test_what_mtail_counts_is_what_an_objective_judges(rendered: Mapping[str, Rendered], tmp_path: Path) -> None:
    """From the line of nginx's log to the error ratio: a fifth answers with 502, two fifths are slower than 300 ms, one than a second."""
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs/requests.mtail").write_text(rendered["declared"].files[PROGRAM])
    answers = [("0.100", 200), ("0.300", 200), ("0.250", 502), ("0.500", 200), ("1.500", 200)]
    (tmp_path / "access.json").write_bytes(b"".join(line(duration=seconds, status=code) + b"\n" for seconds, code in answers))
    samples = counted_by_mtail(tmp_path / "programs", tmp_path / "access.json").samples
    inputs = {
        series(name, instance="h1:3903", job="latentum", **dict(labels)): steps((value, 80))
        for name, given in samples.items()
        for labels, value in given.items()
    }
    about = {"target": route_name("shop.example.com", "/api"), "burn_in": True}
    objectives = [
        objective(**about),
        objective(name="fast", indicator="latency", percent=50, below=0.3, **about),
        objective(name="slow", indicator="latency", percent=50, below=1, **about),
        objective(name="service", subject="service", **{**about, "target": "web"}),
    ]
    shares = {"api": 0.2, "fast": 0.4, "slow": 0.2, "service": 0.2}
    checks = [Check("15m", f'sum(round(slo:error_ratio:5m{{slo="{name}"}}, 0.001))', share) for name, share in shares.items()]
    judged(tmp_path, objectives, inputs, checks)


@needs_mtail
@pytest.mark.parametrize("special", SPECIAL, ids=range(len(SPECIAL)))
def test_a_line(programs: Path, tmp_path: Path, special: bytes) -> None:
    if READS_ONLY_UTF8 and special == NO_UTF8:
        pytest.xfail("this mtail leaves out what is no UTF-8")
    log = tmp_path / "access.json"
    log.write_bytes(special + b"\n" + line(status=418) + b"\n")
    agree(counted_by_mtail(programs, log), [special, line(status=418)])


@needs_mtail
def test_many_lines(programs: Path, tmp_path: Path, matrix: bool) -> None:
    many = 20_000 if matrix else 3_000
    lines = list(mixed(many, 15, [special for special in SPECIAL if not (READS_ONLY_UTF8 and special == NO_UTF8)]))
    log = tmp_path / "access.json"
    log.write_bytes(b"".join(written + b"\n" for written in lines))
    numbers = counted_by_mtail(programs, log)
    agree(numbers, lines)
    assert numbers.total("http_requests_total") > many * 0.75 and numbers.total("nginx_log_lines_total", kind="unread") > many / 200


@needs_mtail
def test_no_client_makes_a_label(programs: Path, tmp_path: Path) -> None:
    """Whatever 2,000 clients call their methods, hosts and paths: the series are those of the declaration."""
    lines = [
        line(method=f"M{number}", host=f"h{number}.example.com", path=f"/{number}", agent=f"a{number}", status=404)
        for number in range(2000)
    ]
    log = tmp_path / "access.json"
    log.write_bytes(b"".join(written + b"\n" for written in lines))
    numbers = counted_by_mtail(programs, log)
    assert numbers.by("http_requests_total", *ROUTE, "method", "code") == {("shop", "shop.example.com/api", "web", "other", "404"): 2000}


@needs_mtail
def test_bounds_of_one_s_own(rendered: Mapping[str, Rendered], tmp_path: Path) -> None:
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs/requests.mtail").write_text(rendered["elsewhere"].files[PROGRAM])
    lines = [line(duration=seconds, upstream_duration="") for seconds in ("0.100", "0.300", "0.301", "2.500", "9.000")]
    (tmp_path / "access.json").write_bytes(b"".join(written + b"\n" for written in lines))
    agree(counted_by_mtail(tmp_path / "programs", tmp_path / "access.json"), lines, [0.3, 1, 2.5])
