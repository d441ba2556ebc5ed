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


def service(one: Watched, at: float) -> Html:
    """A service with its ninety days up to `at`, epoch seconds."""
    name, now, replicas, out = str(one["service"]), str(one["state"]), int(one["replicas"]), len(one.get("out", []))
    notes = []
    if now not in ("ok", "maintenance") and one.get("reason"):
        notes.append(public(one["reason"]))
    if one.get("breaker"):
        notes.append("It is not restarted any more: a human is needed.")
    known = facts(f"{one['healthy']} of {replicas} healthy" if replicas > 1 else None, f"{out} out of rotation" if out else None)
    return element(
        "li",
        row(element("h3", name), known, state(now)),
        *(element("p", note, class_="reason soft") for note in notes),
        bars(one.get("days", []), at, name),
        class_="service",
    )


def site(one: Watched) -> Html:
    """A domain as clients reach it."""
    latency, days = one.get("latency"), one.get("certificate_days")
    answered = None if latency is None or one["state"] != "ok" else f"{float(latency) * 1000:.0f} ms"
    return element("li", row(element("h3", one["domain"]), facts(answered, _certificate(days)), state(str(one["state"]))), _reason(one))


def check(one: Watched) -> Html:
    """A check of the host."""
    now = str(one["state"])
    return element("li", row(element("span", one["name"]), facts(one.get("value", "")), state(now, now)), _reason(one))


def _certificate(days: int | None) -> str | None:
    if days is None:
        return None
    return "certificate expired" if days < 0 else f"certificate valid for {days} day{'' if days == 1 else 's'}"


def _reason(one: Watched) -> Html | None:
    if one["state"] == "ok" or not one.get("reason"):
        return None
    return element("p", public(one["reason"]), class_="reason soft")
