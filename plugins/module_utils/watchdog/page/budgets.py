# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Error budgets on the status page: how much is left of each, and how that came about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...contracts.objectives import EVENTS
from ...core.times import lasting
from .html import Html, element
from .parts import facts, row, state, when

Status = Mapping[str, Any]
LATE = 900.0  # seconds after which what was measured is said to be old
_LEVELS = {"normal": "ok", "warn": "degraded", "canary": "degraded", "refuse": "down", "burn_in": "none"}
UNANSWERED = "What is left of the budgets cannot be measured right now."


def notes(budgets: Status, at: float) -> Iterator[Html]:
    """What is to be known before reading them: nobody has answered, and since when.

    :param at: of the page, epoch seconds.
    """
    measured = float(budgets["at"])
    if budgets["error"] or at - measured > LATE:
        since = ("They are those of ", when(measured), ".") if measured else ("Nothing is known of them yet.",)
        yield element("p", UNANSWERED, " ", *since, class_="soft small busy")


def objective(entry: Status, drawn: str = "") -> Html:
    """An objective.

    :param drawn: the picture of its budget, as SVG that slo/picture has made.
    """
    remaining = entry["remaining"]
    word = "no data" if remaining is None else "spent" if remaining <= 0 else f"{remaining:.1%} left"
    level = _LEVELS.get(str(entry["state"]), "none") if remaining is not None else "none"
    shown = state(level, word)
    window = lasting(float(entry["window"]))
    history = element("details", element("summary", f"The last {window}"), Html(drawn), class_="days") if drawn else None
    return element(
        "li",
        row(element("h3", entry["objective"]), facts(*_numbers(entry)), shown),
        element("p", entry["sentence"], class_="reason soft"),
        history,
    )


def _numbers(entry: Status) -> Iterator[str]:
    failed, allowed, spent_in = entry["failed"], entry["allowed"], entry["spent_in"]
    if failed is not None and allowed is not None:
        yield f"{_tidy(failed)} of {_tidy(allowed)} {'failures' if entry['unit'] == EVENTS else 'minutes'}"
    if spent_in:
        yield f"spent in {lasting(float(spent_in))} at this pace"
    if entry["state"] == "burn_in":
        yield "not decided by yet"


def _tidy(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}"
