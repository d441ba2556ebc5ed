# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services, sites and the host on the status page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .calendar import bars
from .html import Html, element
from .parts import facts, row, state
from .public import public

Watched = Mapping[str, Any]


def service(watched: Watched, at: float) -> Html:
    """A service with its ninety days up to `at`, epoch seconds."""
    name, now, replicas, out = str(watched["service"]), str(watched["state"]), int(watched["replicas"]), len(watched.get("out", []))
    notes = []
    if now not in ("ok", "maintenance") and watched.get("reason"):
        notes.append(public(watched["reason"]))
    if watched.get("breaker"):
        notes.append("It is not restarted any more: a human is needed.")
    known = facts(f"{watched['healthy']} of {replicas} healthy" if replicas > 1 else None, f"{out} out of rotation" if out else None)
    return element(
        "li",
        row(element("h3", name), known, state(now)),
        *(element("p", note, class_="reason soft") for note in notes),
        bars(watched.get("days", []), at, name),
        class_="service",
    )


def site(watched: Watched) -> Html:
    """A domain as clients reach it."""
    latency, days = watched.get("latency"), watched.get("certificate_days")
    answered = None if latency is None or watched["state"] != "ok" else f"{float(latency) * 1000:.0f} ms"
    return element(
        "li", row(element("h3", watched["domain"]), facts(answered, _certificate(days)), state(str(watched["state"]))), _reason(watched)
    )


def check(watched: Watched) -> Html:
    """A check of the host."""
    now = str(watched["state"])
    return element("li", row(element("span", watched["name"]), facts(watched.get("value", "")), state(now, now)), _reason(watched))


def _certificate(days: int | None) -> str | None:
    if days is None:
        return None
    return "certificate expired" if days < 0 else f"certificate valid for {days} day{'' if days == 1 else 's'}"


def _reason(watched: Watched) -> Html | None:
    if watched["state"] == "ok" or not watched.get("reason"):
        return None
    return element("p", public(watched["reason"]), class_="reason soft")
