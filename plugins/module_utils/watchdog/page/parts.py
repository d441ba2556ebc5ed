# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the status page is put together from: signs, states, times."""

from __future__ import annotations

from urllib.parse import quote

from ...contracts.status_page import BANNER
from ...core.times import clock, moment
from .html import Html, element

# A sign for each level, drawn in 16 by 16, so that colour is never all that tells them apart.
_DISC = "M8 0a8 8 0 1 0 0 16A8 8 0 0 0 8 0Z"
SIGNS = {
    "ok": f"{_DISC}M12 6.3l-4.7 5.1a.9.9 0 0 1-1.3 0L3.9 9.2a.9.9 0 0 1 1.3-1.3l1.4 1.5 4-4.3a.9.9 0 1 1 1.4 1.2Z",
    "degraded": "M9.1.9a1.3 1.3 0 0 0-2.2 0L.3 13a1.3 1.3 0 0 0 1.1 2h13.2a1.3 1.3 0 0 0 1.1-2Z"
    "M7.1 5.4h1.8v4.9H7.1ZM8 13.4a1.1 1.1 0 1 1 0-2.2 1.1 1.1 0 0 1 0 2.2Z",
    "down": "M4.7 0h6.6L16 4.7v6.6L11.3 16H4.7L0 11.3V4.7ZM4.8 10l1.2 1.2 2-2 2 2 1.2-1.2-2-2 2-2L10 4.8l-2 2-2-2L4.8 6l2 2Z",
    "maintenance": f"{_DISC}M4.9 4.2h2.2v7.6H4.9ZM8.9 4.2h2.2v7.6H8.9Z",
    "none": f"{_DISC}M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2Z",
}
# A state or severity as a word, and its level.
STATES = {
    "ok": ("up", "ok"),
    "starting": ("starting", "none"),
    "suspect": ("being checked", "none"),
    "degraded": ("degraded", "degraded"),
    "affected": ("affected", "degraded"),
    "down": ("down", "down"),
    "maintenance": ("maintenance", "maintenance"),
    "running": ("running", "none"),
    "late": ("late", "degraded"),
    "warning": ("warning", "degraded"),
    "critical": ("critical", "down"),
    "info": ("notice", "maintenance"),
}


def sign(level: str) -> Html:
    """The sign of a level, hidden from whoever hears the page: the word beside it says the same."""
    drawn = element("path", d=SIGNS[level], fill_rule="evenodd")
    return element("svg", drawn, class_="icon", viewBox="0 0 16 16", aria_hidden="true")


def state(name: str, word: str = "") -> Html:
    """A state as a sign and a word, its own or another."""
    usual, level = STATES.get(name, (name, "none"))
    return element("span", sign(level), word or usual, class_=f"state {level}")


def icon(level: str) -> str:
    """The icon of the tab as an address that loads nothing."""
    drawn = f'<path fill="{BANNER[level]}" fill-rule="evenodd" d="{SIGNS[level]}"/>'
    return "data:image/svg+xml," + quote(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">{drawn}</svg>')


def when(at: float, day_of: float | None = None) -> Html:
    """A time for people and machines; without its date when that is the day of `day_of`. Epoch seconds."""
    shown = moment(at) if day_of is None else clock(at, day_of)
    return element("time", shown, datetime=moment(at).removesuffix(" UTC").replace(" ", "T") + "Z")


def row(title: Html, facts: Html | None, shown_state: Html) -> Html:
    """The first line of an entry: what it is, what is known of it, how it is."""
    return element("div", title, facts, shown_state, class_="row")


def facts(*pieces: object) -> Html:
    """Short pieces of information beside a name; None is left out."""
    return element("span", *(element("span", piece) for piece in pieces if piece is not None), class_="facts")
