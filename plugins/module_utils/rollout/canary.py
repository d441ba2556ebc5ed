# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Weighted canary analysis from nginx access logs: the new version against the old one, at the same time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..contracts.canary import Quality, Query, Rule
from ..nginx.access_log import Figures

Z = 1.96  # 95 % confidence
FEW = 3  # failures below which nothing is said before the time is up
ENOUGH = 20  # requests on each side before latencies are compared
SLACK = 0.05  # seconds by which a fast service may become slower without a word
NOISE = 1e-9  # a difference of figures below it is one of the arithmetic: an error near nothing differs by some per cent each time


@dataclass(frozen=True)
class Verdict:
    """``bad``: take it back at once. ``good`` or ``low_traffic``: only said when the time is up. ``open``: go on looking."""

    state: str
    reason: str


def wilson_lower_bound(failed: int, requests: int) -> float:
    """The lowest failure rate that fits what was seen (Wilson score interval, 95 %): one failure among few proves nothing."""
    if not requests:
        return 0.0
    rate = failed / requests
    middle = rate + Z * Z / (2 * requests)
    width = Z * math.sqrt(rate * (1 - rate) / requests + Z * Z / (4 * requests * requests))
    return (middle - width) / (1 + Z * Z / requests)


def judge(old: Figures, new: Figures, rule: Rule, *, over: bool) -> Verdict:
    """Compare both sides.

    :param over: the time is up, so a verdict must be given.
    """
    allowed = old.rate + rule.max_error_rate / 100
    seen = f"{new.failed} of {new.requests} requests failed ({new.rate:.1%}), before {old.failed} of {old.requests} ({old.rate:.1%})"
    if new.failed >= FEW and wilson_lower_bound(new.failed, new.requests) > allowed:
        return Verdict("bad", f"{seen}; allowed are {rule.max_error_rate:g} percentage points more")
    before, after = old.percentile(95), new.percentile(95)
    if min(old.requests, new.requests) >= ENOUGH and after > before * rule.max_latency_ratio + SLACK:
        return Verdict(
            "bad", f"p95 is {after * 1000:.0f} ms, before {before * 1000:.0f} ms; allowed is {rule.max_latency_ratio:g} times that"
        )
    if not over:
        return Verdict("open", seen)
    if new.requests < rule.min_requests:
        return Verdict("low_traffic", f"not enough traffic: {new.requests} requests in {rule.duration:g} s, {rule.min_requests} are needed")
    if new.rate > allowed:
        return Verdict("bad", f"{seen}; allowed are {rule.max_error_rate:g} percentage points more")
    return Verdict("good", f"{seen}, p95 {after * 1000:.0f} ms, before {before * 1000:.0f} ms")


def compare_quality(quality: Quality, old: Sequence[str], new: Sequence[str]) -> Verdict:
    """Ask every container of both sides for its figure; the means count.

    A new version that tells none is bad, an old one bars nobody. Where neither tells any, as before the first model, there is nothing to
    lose, and the application must be able to go on.

    :param old: ``address:port`` of containers.
    """
    figures: dict[str, list[float]] = {"old": [], "new": []}
    silent = "" if new else "no container of it could be asked"
    for side, servers in (("old", old), ("new", new)):
        for server in servers:
            try:
                figures[side].append(_figure(quality, server))
            except ValueError as error:
                silent = str(error) if side == "new" else silent
    if silent:
        if old and new and not figures["old"] and not figures["new"]:
            return Verdict("good", f"neither version tells its quality at {quality.path}")
        return Verdict("bad", f"the new version tells no quality at {quality.path}: {silent}")
    after = math.fsum(figures["new"]) / len(figures["new"])
    what = quality.field or quality.path
    if not figures["old"]:
        return Verdict("good", f"{what} is {after:g}, and nothing to compare it with: the version before tells none")
    before = math.fsum(figures["old"]) / len(figures["old"])
    worse = before - after if quality.better == "higher" else after - before
    shown = f"{what} is {after:g}, before {before:g} ({quality.better} is better)"
    if worse > max(abs(before) * quality.tolerance / 100, NOISE):
        return Verdict("bad", f"{shown}; allowed are {quality.tolerance:g} % less good")
    return Verdict("good", shown)


def _figure(quality: Quality, server: str) -> float:
    """One container's figure.

    :raises ValueError: it tells none.
    """
    import requests

    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(f"http://{server}{quality.path}", timeout=5, allow_redirects=False)
    except requests.RequestException as error:
        raise ValueError(f"no answer ({type(error).__name__})") from error
    if answer.status_code != 200:
        raise ValueError(f"the answer is {answer.status_code}")
    try:
        value: Any = answer.json()
    except ValueError as error:
        raise ValueError("the answer is no number and no JSON") from error
    for part in quality.field.split(".") if quality.field else ():
        if not isinstance(value, Mapping) or part not in value:
            raise ValueError(f"the answer has no {quality.field}")
        value = value[part]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{quality.field or 'the answer'} is no number")
    return float(value)


def ask_prometheus(query: Query) -> Verdict:
    """Ask once; no answer, or no value, is bad: a trial without its measure is none."""
    import requests

    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(f"{query.url.rstrip('/')}/api/v1/query", params={"query": query.query}, timeout=5)
        answer.raise_for_status()
        samples = answer.json()["data"]["result"]
        value = float(samples[1] if samples and not isinstance(samples[0], dict) else samples[0]["value"][1])
    except (requests.RequestException, KeyError, IndexError, TypeError, ValueError) as error:
        return Verdict("bad", f"Prometheus gave no value for {query.query!r}: {type(error).__name__}")
    if value > query.max or math.isnan(value):
        return Verdict("bad", f"{query.query!r} is {value:g}, allowed is {query.max:g}")
    return Verdict("good", f"{query.query!r} is {value:g}")
