# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus' own judge of rules: what it reads, and what becomes of series over hours and days."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.module_utils.contracts.objectives import Objective
from ansible_collections.latentum.ops.plugins.module_utils.slo import rules
from ansible_collections.latentum.ops.plugins.module_utils.slo.rules import rule_file

PROMTOOL, PROMETHEUS = shutil.which("promtool"), shutil.which("prometheus")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="no promtool (package prometheus): tests/tools/unit.sh provides it")
needs_prometheus = pytest.mark.skipif(
    PROMETHEUS is None or PROMTOOL is None, reason="no prometheus (package prometheus): tests/tools/unit.sh provides it"
)
STACK = {"stack": "shop"}


def objective(**given: Any) -> Objective:
    """An objective of a route, with what differs."""
    usual = {"stack": "shop", "name": "api", "subject": "route", "target": "a.example.com/", "indicator": "availability", "percent": 99.9}
    return Objective.from_dict({**usual, "service": "web", **given})


@dataclass(frozen=True)
class Check:
    """What an expression is at a time; None for nothing at all.

    :param at: as Prometheus writes durations.
    """

    at: str
    expression: str
    value: float | None


def firing(at: str, alert: str, count: int = 1) -> Check:
    """So many alerts of this name fire at a time."""
    return Check(at, f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)', count)


def silent(at: str) -> Check:
    """No alert fires at a time."""
    return Check(at, 'count(ALERTS{alertstate="firing"}) or vector(0)', 0)


def series(name: str, **labels: str) -> str:
    """A series as the exporters of a host write it."""
    known = {"instance": "h1:9113", "job": "nginx", **STACK, **labels}
    return f"{name}{{{','.join(f'{label}={json.dumps(value)}' for label, value in known.items())}}}"


def requests(code: str, **labels: str) -> str:
    """Requests to the route of `objective`, by their status."""
    return series("http_requests_total", **{"route": "a.example.com/", "service": "web", "method": "GET", "code": code, **labels})


def steps(*parts: tuple[float, int]) -> str:
    """A counter from 0: for each part how much it rises at each scrape, and for how many."""
    value, words = 0.0, ["0"]
    for rise, count in parts:
        if count:
            words.append(f"{value + rise:g}+{rise:g}x{count - 1}")
        value += rise * count
    return " ".join(words)


def listed(values: Iterable[float | None]) -> str:
    """Values one by one; None is a scrape that found nothing."""
    return " ".join("_" if value is None else f"{value:g}" for value in values)


def judged(
    folder: Path,
    objectives: Sequence[Objective],
    inputs: Mapping[str, str],
    checks: Sequence[Check],
    interval: str = "15s",
    pace: int = 30,
    **more: Any,
) -> None:
    """The rules of objectives do with these series what is expected.

    :param interval: between two scrapes.
    :param pace: seconds between two evaluations; days at the pace of a real server would take minutes here.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules, "EVALUATION", pace)
        patch.setattr(rules, "EVALUATION_LONG", max(120, pace))
        (folder / "rules.yml").write_text(rule_file("shop", objectives))
    expressions = [
        {
            "expr": check.expression,
            "eval_time": check.at,
            "exp_samples": [] if check.value is None else [{"labels": "{}", "value": check.value}],
        }
        for check in checks
    ]
    test = {
        "interval": interval,
        "input_series": [{"series": name, "values": values} for name, values in inputs.items()],
        "promql_expr_test": expressions,
        **more,
    }
    (folder / "test.yml").write_text(
        yaml.safe_dump({"rule_files": ["rules.yml"], "evaluation_interval": f"{pace}s", "tests": [test]}, width=10**9)
    )
    # A process of a second: garbage may wait for more memory (Go's environment variables, package runtime).
    environment = {**os.environ, "GOGC": "400"}
    argv = [str(PROMTOOL), "test", "rules", "test.yml"]
    done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def assert_read(folder: Path, texts: Iterable[str]) -> None:
    """Prometheus reads these rule files."""
    files = []
    for number, text in enumerate(texts):
        files.append(f"rules-{number}.yml")
        (folder / files[-1]).write_text(text)
    done = subprocess.run([str(PROMTOOL), "check", "rules", *files], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.count("SUCCESS") == len(files), done.stdout + done.stderr
