# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Incidents on the status page: those that are open, those that are over, and maintenance. Their log lines are never shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...core.times import lasting, moment
from ..overall import shown_subject
from .html import Html, element
from .parts import STATES, row, state, when
from .public import public

Incident = Mapping[str, Any]


def open_incident(incident: Incident, at: float) -> Html:
    """An incident that is open at `at`, epoch seconds."""
    severity, began = str(incident["severity"]), float(incident["began"])
    return element(
        "article",
        row(element("h3", shown_subject(incident)), None, state(severity)),
        element("p", public(incident["cause"])),
        element("p", "Since ", when(began), f" ({lasting(at - began)})", class_="soft"),
        *_story(incident, at),
        class_=f"card incident {severity}",
    )


def ended_incident(incident: Incident) -> Html:
    """An incident that is over, folded."""
    severity, began, end = str(incident["severity"]), float(incident["began"]), float(incident["ended"])
    summary = element(
        "summary",
        element("time", moment(began)[:16], datetime=moment(began)[:10]),
        element("strong", shown_subject(incident)),
        element("span", f"for {lasting(end - began)}", class_="lasted"),
    )
    word, _level = STATES.get(severity, (severity, ""))
    times = element("p", "From ", when(began), " to ", when(end, began), f", {word}", class_="soft")
    more = element("div", element("p", public(incident["cause"])), times, *_story(incident, end), class_="more")
    return element("li", element("details", summary, more))


def maintenance(window: Mapping[str, Any]) -> Html:
    """A window of maintenance; who works there is nobody's business."""
    since, until = float(window["since"]), float(window["until"])
    scope = "everything" if window["scope"] == "host" else window["scope"]
    return element(
        "li",
        row(element("h3", scope), None, state("maintenance")),
        element("p", public(window["reason"])),
        element("p", "From ", when(since), " until ", when(until, since), class_="soft small"),
    )


def _story(incident: Incident, at: float) -> Iterator[Html]:
    """Whom it affects, and what was done; `at`: epoch seconds of the day whose times need no date."""
    if incident.get("affected"):
        yield element("p", "This affects ", ", ".join(map(str, incident["affected"])), ".")
    if incident.get("silenced") and not incident.get("ended"):
        yield element("p", "It is known, and alarms about it are silenced.")
    if incident.get("flapping"):
        yield element("p", "It fails again and again, so it ends only after a long quiet time.")
    if incident.get("needs_human") and not incident.get("ended"):
        yield element("p", element("strong", "Repairing it automatically did not help: a human is needed."))
    if incident.get("done"):
        steps = [element("li", when(float(done_at), at), public(what)) for done_at, what in incident["done"]]
        yield element("ol", *steps, class_="done", aria_label="What was done")
