# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status page: one document without scripts that needs nothing else, fit for the public.

It cannot know when it is read, so being stale is shown three times: it says when it was written; nginx, where it includes on the
server side (`ssi on;`), compares that with its clock; and a browser that has not loaded it again for two minutes says so itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...contracts.status_page import PAGE_CSP, RENEWED, STALE_AFTER, STYLE
from ...core.times import moment
from ..overall import Overall, chosen, incidents, overall, windows
from . import budgets
from .html import Html, element, join
from .incidents import ended_incident, maintenance, open_incident
from .parts import icon, sign, when
from .watched import check, data, job, service, site

SHOWN = 30  # ended incidents
MINUTES = STALE_AFTER // 60
STALE = f"This page is stale: the watchdog has written nothing for more than {MINUTES} minutes, so nothing here is certain."
UNLOADED = f"This page has not been loaded again for {MINUTES} minutes: what it shows may have changed. Load it again."
FOOTER = (
    f"The page is loaded again every {RENEWED} seconds. Where the time at which it was written lies more than {MINUTES} minutes back,"
    " the watchdog does not run, and nothing here is certain. Times are UTC. Degraded time counts as up."
)
LEGEND = (("up", None), ("degraded", "degraded"), ("down", "down"), ("no data", "none"))
Status = Mapping[str, Any]


def render(status: Status, stack: str | None = None, pictures: Mapping[str, str] | None = None) -> str:
    """The page of one stack and the host it stands on, or of everything; encodes to UTF-8 whatever the status holds.

    :param pictures: of the error budgets of that one stack, as SVG, by the names of their objectives.
    """
    at, stacks, sum_up = float(status.get("at", 0)), chosen(status, stack), overall(status, stack)
    title = next((str(entry["title"]) for entry in stacks if stack and entry.get("title")), "") or stack or str(status.get("host", ""))
    banner = element(
        "div",
        sign(sum_up.level),
        element("div", element("p", sum_up.sentence), element("p", "Written ", when(at), class_="written")),
        class_=f"banner {sum_up.level}",
    )
    opened = [open_incident(incident, at) for incident in incidents(status, "incidents", stack)]
    ended = [ended_incident(incident) for incident in incidents(status, "history", stack)[:SHOWN]]
    main = element(
        "main",
        element("p", UNLOADED, class_="stale late down"),
        _section("incidents", "Open incidents", *opened),
        _list("maintenance", "Maintenance", "cards", [maintenance(window) for window in windows(status, stack)]),
        *(_stack(stack, at, f"{stack['name']}: " if len(stacks) > 1 else "", pictures or {}) for stack in stacks),
        _list("host", "Host", "card checks", [check(host_check) for host_check in status.get("host_checks", [])]),
        _list("history", "Past incidents", "card history", ended),
    )
    header = element("header", element("h1", f"{title} status"), banner, _stale(at))
    body = element("body", header, main, element("footer", element("p", FOOTER)))
    return "<!DOCTYPE html>\n" + element("html", _head(sum_up, title), body, lang="en") + "\n"


def _head(sum_up: Overall, title: str) -> Html:
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=PAGE_CSP),
        element("meta", http_equiv="refresh", content=RENEWED),
        element("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name_="robots", content="noindex"),
        element("meta", name_="referrer", content="no-referrer"),
        element("link", rel="icon", href=icon(sum_up.level)),
        element("title", f"{sum_up.sentence} · {title}"),
        element("style", Html(STYLE)),
    )


def _stale(at: float) -> Html:
    """Commands for nginx (ngx_http_ssi_module), which knows the time: nothing but comments where nobody includes.

    Its expressions cannot compare numbers, so they get the minutes in which the page is fresh, written as nginx writes its own time.
    """
    warning = element("p", STALE, class_="stale down", role="alert").replace('"', "'")
    fresh = "|".join(moment(at + 60 * step)[:16] for step in range(-1, MINUTES + 1))
    return Html(
        '<!--# config timefmt="%Y-%m-%d %H:%M" -->'
        f'<!--# set var="stale" value="{warning}" -->'
        f'<!--# if expr="$date_gmt = /^(?:{fresh})/" --><!--# else --><!--# echo var="stale" encoding="none" --><!--# endif -->'
    )


def _section(name: str, heading: str, *content: object) -> Html | None:
    """A part of the page with a heading; none without content."""
    if not any(content):
        return None
    return element("section", element("h2", heading, id=name), *content, aria_labelledby=name)


def _list(name: str, heading: str, kind: str, items: Sequence[Html]) -> Html | None:
    return _section(name, heading, element("ul", *items, class_=kind)) if items else None


def _stack(stack: Status, at: float, prefix: str, pictures: Mapping[str, str]) -> Html:
    """Its services and its sites."""
    name = str(stack["name"])
    services = [service(watched, at) for watched in stack.get("services", [])]
    busy = element("p", "A change is being made right now.", class_="soft small busy") if stack.get("busy") else None
    listed = element("ul", *services, class_="cards") if services else element("p", "No service is watched.", class_="card soft")
    return join(
        _section(f"services-{name}", f"{prefix}Services", busy, _legend() if services else None, listed),
        _list(f"sites-{name}", f"{prefix}Sites", "cards", [site(watched) for watched in stack.get("sites", [])]),
        _list(f"jobs-{name}", f"{prefix}Jobs", "cards", [job(watched) for watched in stack.get("jobs", [])]),
        _list(f"data-{name}", f"{prefix}Data", "cards", [data(watched) for watched in stack.get("freshness", [])]),
        _budgets(stack, at, prefix, pictures),
    )


def _budgets(stack: Status, at: float, prefix: str, pictures: Mapping[str, str]) -> Html | None:
    known = stack.get("budgets")
    if not known:
        return None
    objectives = [budgets.objective(entry, pictures.get(str(entry["objective"]), "")) for entry in known["objectives"]]
    listed = element("ul", *objectives, class_="cards") if objectives else None
    return _section(f"budgets-{stack['name']}", f"{prefix}Error budgets", *budgets.notes(known, at), listed)


def _legend() -> Html:
    """What the colours of the bars mean."""
    shown = []
    for word, kind in LEGEND:
        swatch = element("rect", width=5, height=8, class_=kind)
        shown.append(element("li", element("svg", swatch, class_="bars", viewBox="0 0 5 8", aria_hidden="true"), word))
    return element("ul", *shown, class_="legend", aria_label="Colours of the bars")
