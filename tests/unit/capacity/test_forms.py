# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report for people: each form whole, and no name breaks out of it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.capacity.html import html
from ansible_collections.latentum.ops.plugins.module_utils.capacity.markdown import markdown
from ansible_collections.latentum.ops.plugins.module_utils.capacity.picture import HEIGHT, WIDTH, cost_picture, pictures, resource_picture
from ansible_collections.latentum.ops.plugins.module_utils.capacity.report import Resource
from ansible_collections.latentum.ops.plugins.module_utils.capacity.table import table, together
from ansible_collections.latentum.ops.plugins.module_utils.capacity.words import outlook

from .samples import DAY, END, GIB, NASTY, disk, report

SVG = "{http://www.w3.org/2000/svg}"


class Strict(HTMLParser):
    """Tags that are closed in their order, and the text between them."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        (disk(), "full from 2026-11-16 to 2026-11-26"),
        (disk(latest=None), "full 2026-11-16 at the earliest, 2026-11-21 by the middle of the trend"),
        (disk(latest=None, expected=None), "full 2026-11-16 at the earliest"),
        (disk(earliest=END + DAY, latest=END + DAY + 60), "full about 2026-11-02"),
        (disk(outlook="later"), "not before 2027-04-30"),
        (disk(outlook="steady"), "no trend: steady"),
        (disk(outlook="falls"), "falls"),
        (disk(outlook="full"), "full"),
        (disk(outlook="no_data"), "no data"),
        (Resource("certificate", "a", outlook="ends", expected=END + 10 * DAY), "ends 2026-11-11, in 10 days"),
        (Resource("certificate", "a", outlook="ends", expected=END - DAY), "ended 2026-10-31"),
        (disk(outlook="something newer"), "something newer"),
    ],
)
def test_what_becomes_of_it_in_words(resource: Resource, words: str) -> None:
    assert outlook(resource, END) == words


def test_the_table_has_what_is_full_first_at_the_top_and_reasons_below() -> None:
    lines = table(
        report("web1", disk("/late", earliest=END + 90 * DAY), disk("/soon"), disk("/none", outlook="no_trend", reason="because"))
    )
    text = "\n".join(lines)
    assert lines[0] == "web1, 2026-10-01 to 2026-10-31"
    assert text.index("disk /soon") < text.index("disk /late") < text.index("disk /none")
    assert "  disk /none: because" in lines
    assert re.search(r"80% \(80\.0 GiB of 100\.0 GiB\) +\+1\.0 GiB a day \(\+819\.2 MiB to \+1\.3 GiB\)", text)
    assert re.search(r"shop/web +memory +2\.0 GiB +921\.6 MiB +1\.1 GiB +lower to 1\.5 GiB$", text, re.MULTILINE)
    assert re.search(r"shop/web +processors +2\.00 +0\.40 +1\.50, held back 20\.0% +raise to 2\.50$", text, re.MULTILINE)
    assert re.search(r"together +100\.00 EUR", text) and "Note: one note." in lines


def test_several_hosts_are_added_up_by_currency() -> None:
    assert together([report()]) == []
    assert [line.split() for line in together([report("a"), report("b"), report("c", cost=False)])[2:]] == [
        ["nobody", "(idle)", "125.00", "EUR"], ["shop", "75.00", "EUR"],
    ]  # fmt: skip


def test_markdown_is_tables_and_names_are_text() -> None:
    text = markdown([report(service=NASTY)], [f"web2: {NASTY}"], lambda host, name: f"{host}-{name}.svg")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    for row in rows:
        cells = re.split(r"(?<!\\)\|", row)[1:-1]
        assert len(cells) in (2, 4, 5, 6), row
    assert "<script" not in text.replace("\\<", "") and "![cost](web1-cost.svg)" in text and "![01-disk](web1-01-disk.svg)" in text
    assert "![" not in markdown([report()])


def test_html_is_whole_loads_nothing_and_names_are_text() -> None:
    parser = Strict()
    text = html([report(service=NASTY, host="<b>h</b>"), report("web2")], [NASTY])
    parser.feed(text)
    assert parser.open == [] and not parser.seen & {"script", "b", "img", "link"}
    assert "<script>alert(1)</script>" in parser.text and "Cost a month, all hosts" in parser.text
    assert not re.findall(r"(?:src|href)=", text) and "svg" in parser.seen
    assert "svg" not in html([report()], drawn=False)


def test_pictures_stay_within_their_frames() -> None:
    gap = disk(history=((END - 30 * DAY, GIB), (END - 20 * DAY, 2 * GIB), (END - 19 * DAY, 200 * GIB)))
    resources = [disk(), gap, disk(history=()), disk(NASTY, outlook="no_trend", now=None), disk(per_day_high=1e15, per_day_low=-1e15)]
    for resource in resources:
        root = ElementTree.fromstring(resource_picture(resource, report()))  # noqa: S314 - our own
        for line in [*root.iter(f"{SVG}polyline"), *root.iter(f"{SVG}polygon")]:
            for point in line.attrib["points"].split():
                x, y = map(float, point.split(","))
                assert 0 <= x <= WIDTH and 0 <= y <= HEIGHT
    drawn = ElementTree.fromstring(resource_picture(gap, report()))  # noqa: S314 - our own
    assert len(list(drawn.iter(f"{SVG}circle"))) == 1  # the gap is not drawn over
    cost = report().cost
    assert cost is not None
    bars = [float(one.attrib["width"]) for one in ElementTree.fromstring(cost_picture(cost)).iter(f"{SVG}rect")][1:]  # noqa: S314
    assert bars[0] / bars[1] == pytest.approx(37.5 / 62.5, rel=0.01)
    assert list(pictures(report("web1", disk(), disk(history=())))) == ["01-disk", "cost"]
