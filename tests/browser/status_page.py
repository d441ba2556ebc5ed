# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every status page must be, wherever it comes from: the test of the rendered page and the scenarios on hosts both ask this."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from browser import Observation, View, look

OPENED = "document.querySelectorAll('details').forEach(one => { one.open = true; })"
# The font that takes most room of those a browser may choose: what fits with it fits with any.
WIDE = "document.body.style.fontFamily = '\"DejaVu Sans\", Verdana, sans-serif'"
VIEWS = {
    "desktop": View(),
    "dark": View(dark=True),
    "opened": View(before=OPENED),
    "phone": View.phone(),
    "phone dark": View.phone(dark=True, before=OPENED),
    "phone wide": View.phone(before=f"{OPENED}; {WIDE}"),
    "smallest": View(width=320, height=640, before=OPENED),
    "no scripts": View(scripts=False),
}


def check(page: str | Path, auth: tuple[str, str] | None = None, verify: bool = False) -> dict[str, Observation]:
    """Look at the page in every view, and insist on what all of them have in common; returns what was seen for more.

    :param page: an address that the client container can reach, or a file.
    """
    seen = dict(zip(VIEWS, look(page, *VIEWS.values(), auth=auth, verify=verify), strict=True))
    for name, one in seen.items():
        # Nothing but the page itself was asked for, and it was there.
        assert len(one.requests) == 1, (name, one.requests)
        assert [answer.status for answer in one.answers] == [200], (name, one.answers)
        assert not one.complaints, (name, one.complaints)
        assert one.scripts == 0, name
        # It fits, and can be read.
        assert one.width == VIEWS[name].width, (name, one.width)
        assert one.scroll_width <= one.width and not one.beyond, (name, one.scroll_width, one.beyond)
        assert one.texts and not one.faint(), (name, one.faint())
        assert min(text["size"] for text in one.texts) >= 12, name
        # Assistive technology finds its way.
        assert one.landmarks == ["header", "main", "footer"] and not one.unnamed, (name, one.landmarks, one.unnamed)
        levels = [level for level, _text in one.headings]
        assert levels.count(1) == 1 and all(after - before <= 1 for before, after in pairwise(levels)), (name, levels)
        assert "Written 20" in one.text and one.headings[0][1].endswith(" status"), name
    assert seen["no scripts"].text == seen["desktop"].text
    assert seen["dark"].background != seen["desktop"].background and seen["dark"].colour != seen["desktop"].colour
    return seen
