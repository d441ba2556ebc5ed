# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services, sites and the host on the status page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...core.times import lasting
from .calendar import bars
from .html import Html, element
from .parts import facts, row, state, when
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


def job(watched: Watched) -> Html:
    """A job: its last success, and when it is due. What goes wrong with it is an incident."""
    now = "running" if watched["running"] else "late" if watched["trouble"] else "ok"
    success = element("span", "last success ", when(float(watched["success"]))) if watched["success"] else "no success yet"
    following = element("span", "next ", when(float(watched["next"]))) if watched["next"] else None
    return element("li", row(element("h3", watched["job"]), facts(success, following), state(now)))


def data(watched: Watched) -> Html:
    """Data that must not get old."""
    newest = element("span", "newest of ", when(float(watched["at"]))) if watched["at"] else None
    limit = f"at most {lasting(float(watched['newest']))} old"
    return element("li", row(element("h3", watched["name"]), facts(newest, limit), state(str(watched["state"]))))


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
