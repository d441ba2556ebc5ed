# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status page: well-formed whatever it is told, silent about what only operators may know, readable in every colour scheme."""

from __future__ import annotations

import base64
import copy
import hashlib
import re
import sys
from collections.abc import Callable
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts import status_page as page_style
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.overall import listed, overall
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.page.calendar import HEIGHT, LEAST, bars, calendar, percent, uptime
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.page.document import SHOWN, render
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.page.html import element
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.page.public import public

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "browser"))

from sample import AT, SECRET_LOG, pictures, sample, well

VOID = {"meta", "link"}
HOSTILE = "</p></style><script>alert(1)</script><!--# exec cmd=\"id\" -->\"' onload='x' & \x00\x1b[31m\ud800"


class Document(HTMLParser):
    """Refuses a document whose elements do not nest, or whose ids are not unique."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.comments: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == [], self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _value in attrs}) == len(attrs), attrs
        assert tag != "p" or "p" not in self.open, "a p in a p"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert "svg" in self.open, f"<{tag}/> outside of a picture"
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        if not {"style", "head"} & set(self.open):
            self.words.append(data)

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def everywhere(value: Any, change: Callable[[str], str]) -> Any:
    """The same data with its free text changed: not what is an enumeration, a day, or a name that others refer to."""
    if isinstance(value, dict):
        fixed = ("state", "severity", "day", "stack", "scope")
        return {key: one if key in fixed else everywhere(one, change) for key, one in value.items()}
    if isinstance(value, list):
        return [everywhere(one, change) for one in value]
    return change(value) if isinstance(value, str) else value


@pytest.mark.parametrize("status", [sample(), well(), {"well": False, "stacks": [], "incidents": [], "history": [], "at": 0}])
@pytest.mark.parametrize("stack", [None, "latentum", "unknown"])
def test_the_document_is_well_formed_and_needs_nothing(status: dict[str, Any], stack: str | None) -> None:
    text = render(status, stack, pictures())
    document = Document(text)
    assert text.startswith("<!DOCTYPE html>\n<html lang=")
    assert {"header", "main", "footer", "h1", "title"} <= {tag for tag, _attributes in document.elements}
    assert not {"script", "img", "iframe", "form", "base", "object"} & {tag for tag, _attributes in document.elements}
    assert all(set(attributes) & {"src", "style", "onload", "onclick"} == set() for _tag, attributes in document.elements)
    assert [str(one["href"])[:19] for one in document.all("link")] == ["data:image/svg+xml,"]
    ids = [attributes["id"] for _tag, attributes in document.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    assert {attributes["aria-labelledby"] for attributes in document.all("section")} <= set(ids)


def test_every_text_is_escaped() -> None:
    document = Document(render(everywhere(sample(), lambda old: f"{old}{HOSTILE}"), "latentum"))
    assert not document.all("script")
    assert len(document.comments) == len(Document(render(sample(), "latentum")).comments)
    assert not any("onload" in attributes for _tag, attributes in document.elements)
    assert document.text.count("<script>alert(1)</script>") > 40
    assert "\x00" not in document.text and "\x1b" not in document.text


@pytest.mark.parametrize("where", [None, "latentum"])
def test_a_text_that_is_no_unicode_can_still_be_written(where: str | None) -> None:
    status = sample()
    status["host"] = status["stacks"][0]["title"] = status["incidents"][0]["cause"] = HOSTILE
    assert render(status, where).encode()


def test_nothing_that_only_operators_may_know_is_shown() -> None:
    text = render(sample(), "latentum", pictures())
    for secret in (
        SECRET_LOG,
        "log line",
        "internal.example.net",
        "HTTP 503",
        "172.18.",
        "registry.example.com",
        "1.4.0",
        "alex",
        "du -xh",
        "smtp",
        "web-1",
        "certbot renew",
    ):
        assert secret not in text, secret


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("connection to 172.18.0.5:8080 refused", "connection to an address refused"),
        ("from [2001:db8::7]:443, again", "from an address, again"),
        ("fd00::1%eth0 and ::1", "an address and an address"),
        ("a container from registry.example.com:5000/shop/web:1.2.0", "a container from an image"),
        ("shop/web@sha256:" + "ab" * 32, "an image"),
        ("sha256:" + "ab" * 32 + " is gone", "an image is gone"),
        ("web-1 is unhealthy (curl: (7) refused: <html>); web-2 is paused", "web-1 is unhealthy; web-2 is paused"),
        ("web-1: pg_isready exited with 2: FATAL: role x", "web-1: pg_isready exited with 2"),
        ("ends in 13 days; `certbot renew`, `opsctl status`", "ends in 13 days"),
        ("at 10:32:01 it took 1.25 s, more than 1 s", "at 10:32:01 it took 1.25 s, more than 1 s"),
        ("https://shop.example.com/health answered 502", "https://shop.example.com/health answered 502"),
        ("86 % of the space of /var/lib/docker are used", "86 % of the space of /var/lib/docker are used"),
        ("redis://:hunter2@cache failed, password=hunter2", "redis://:********@cache failed, password=********"),
    ],
)
def test_a_sentence_is_made_fit_for_the_public(said: str, shown: str) -> None:
    assert public(said) == shown


def test_a_page_of_one_stack_is_silent_about_the_others() -> None:
    status = sample()
    other = copy.deepcopy(status["stacks"][0])
    other["name"], other["title"], other["services"][0]["service"] = "shop", "", "basket"
    status["stacks"].append(other)
    status["incidents"].append({**status["incidents"][0], "stack": "shop", "subject": "basket"})
    status["history"].append({**status["history"][0], "stack": "shop", "subject": "basket"})
    status["maintenance"].append({**status["maintenance"][0], "scope": "shop/basket"})
    assert "basket" not in render(status, "latentum")
    assert "shop" not in render(status, "latentum")
    both = Document(render(status)).text
    assert "shop: Services" in both and "latentum: Services" in both and "web-1 status" in both
    # What stands on the host stands on it for all.
    assert "nginx.service died" in render(status, "shop")


def test_only_the_last_ended_incidents_are_shown() -> None:
    status = well()
    status["history"] = [{**status["history"][0], "id": f"{number}"} for number in range(SHOWN + 5)]
    assert len(list(Document(render(status, "latentum")).all("strong"))) == SHOWN


def damaged(**changes: Any) -> dict[str, Any]:
    """A good day, with the states of some services, sites, checks changed: `api_gateway="down"`, `site="down"`, `disk="critical"`."""
    status = well()
    stack = status["stacks"][0]
    for name, now in changes.items():
        if name == "site":
            stack["sites"][0]["state"] = now
        elif name == "disk":
            status["host_checks"][0]["state"] = now
        elif name == "stack":
            stack["state"] = now
        else:
            next(one for one in stack["services"] if one["service"] == name.replace("_", "-"))["state"] = now
    return status


@pytest.mark.parametrize(
    ("changes", "level", "sentence"),
    [
        ({}, "ok", "All systems are up"),
        ({"worker": "suspect", "cache": "starting", "disk": "warning"}, "ok", "All systems are up"),
        ({"api_gateway": "degraded"}, "degraded", "api-gateway is degraded"),
        ({"cache": "down", "database": "down"}, "down", "cache and database are down"),
        ({"cache": "down", "worker": "degraded"}, "down", "cache is down, worker is degraded"),
        ({"cache": "down", "api_gateway": "affected", "site": "down"}, "down", "cache is down; this affects api-gateway"),
        ({"api_gateway": "affected"}, "degraded", "api-gateway is affected"),
        ({"site": "down"}, "down", "latentum.example.com is unreachable"),
        ({"disk": "critical"}, "degraded", "disk / is critical"),
        ({"worker": "maintenance"}, "maintenance", "worker is under maintenance; all else is up"),
        ({"stack": "maintenance"}, "maintenance", "latentum is under maintenance"),
        ({"stack": "degraded"}, "degraded", "latentum is degraded"),
    ],
)
def test_all_of_it_in_one_sentence(changes: dict[str, str], level: str, sentence: str) -> None:
    found = overall(damaged(**changes), "latentum")
    assert (found.level, found.sentence) == (level, sentence)
    assert sentence in Document(render(damaged(**changes), "latentum")).text


def test_an_incident_is_told_even_when_all_answers() -> None:
    status = well() | {"incidents": [{**sample()["incidents"][0], "subject": "certificate:example.com", "severity": "warning"}]}
    assert overall(status, "latentum").sentence == "an incident of certificate of example.com is open"
    assert overall(well() | {"stacks": []}).level == "none"


def test_a_long_list_is_counted() -> None:
    assert [listed(list("abcdef"[:count])) for count in (1, 2, 3, 4, 6)] == [
        "a",
        "a and b",
        "a, b and c",
        "a, b and 2 more",
        "a, b and 4 more",
    ]


def day(name: str, down: float = 0, degraded: float = 0, seen: float = 86400) -> dict[str, Any]:
    return {"day": name, "down": down, "degraded": degraded, "seen": seen}


def test_ninety_bars_end_today_and_days_without_data_are_grey() -> None:
    days = [day("2026-11-18", down=1), day("2026-11-20", degraded=5), day("2020-01-01", down=86400)]
    shown = calendar(days, AT)
    assert (len(shown), shown[0].day, shown[-1].day) == (90, date(2026, 8, 23), date(2026, 11, 20))
    document = Document("<div>" + bars(days, AT, "web") + "</div>")
    kinds = [attributes.get("class") for attributes in document.all("rect")]
    assert (kinds.count("none"), kinds.count("down"), kinds.count("degraded"), kinds.count(None)) == (88, 1, 1, 2)
    label = str(document.all("svg")[0]["aria-label"])
    assert label.startswith("web, last 90 days:") and label.endswith("days with trouble: 2; days without data: 88")
    assert "2026-11-18: 99.99 % up, down for 1 s" in document.text and "2026-11-19: no data" in document.text
    assert "2 days with trouble" in document.text


@pytest.mark.parametrize(("down", "least", "most"), [(0.2, LEAST, LEAST + 0.05), (3600, 0.6, 0.7), (86400, 1, 1)])
def test_a_bar_tells_how_long(down: float, least: float, most: float) -> None:
    document = Document(bars([day("2026-11-20", down=down)], AT, "web"))
    height = next(int(str(one["height"])) for one in document.all("rect") if one.get("class") == "down")
    assert least <= height / HEIGHT <= most


def test_two_kinds_of_trouble_share_a_bar() -> None:
    document = Document(bars([day("2026-11-20", down=3600, degraded=80000)], AT, "web"))
    found = {one.get("class"): one for one in document.all("rect")}
    assert int(str(found["degraded"]["y"])) == 0
    assert int(str(found["degraded"]["height"])) + int(str(found["down"]["height"])) == HEIGHT


@pytest.mark.parametrize(
    ("share", "said"),
    [(1.0, "100 %"), (0.999999, "99.99 %"), (0.9999, "99.99 %"), (0.99985, "99.98 %"), (0.5, "50.00 %"), (0.0, "0.00 %")],
)
def test_what_was_down_once_is_never_a_hundred_percent(share: float, said: str) -> None:
    assert percent(share) == said


def test_the_uptime_is_of_the_time_that_was_watched() -> None:
    assert uptime([day("2026-11-19", down=50, seen=100), day("2026-11-20", degraded=100, seen=100)]) == 0.75
    assert uptime([]) is None and uptime([day("2026-11-20", seen=0)]) is None


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", [page_style.LIGHT, page_style.DARK], ids=["light", "dark"])
def test_colours_can_be_read(palette: dict[str, str]) -> None:
    for name in ("ink", "soft", "ok", "degraded", "down", "maintenance", "none"):
        for surface in ("paper", "card"):
            assert contrast(palette[name], palette[surface]) >= 4.5, (name, surface)
    assert all(contrast("#ffffff", colour) >= 4.5 for colour in page_style.BANNER.values())


def test_the_policy_allows_exactly_the_style_of_the_page() -> None:
    text = render(sample(), "latentum")
    style = re.search(r"<style>(.*)</style>", text, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in page_style.CSP and page_style.CSP.startswith("default-src 'none'; ")
    policy = next(one["content"] for one in Document(text).all("meta") if one.get("http-equiv") == "Content-Security-Policy")
    assert policy == page_style.PAGE_CSP and policy in page_style.CSP
    assert "</" not in style[1] and "url(" not in style[1] and "@import" not in style[1]


def test_the_style_knows_every_class_and_colour() -> None:
    used = {name for _tag, attributes in Document(render(sample())).elements for name in str(attributes.get("class") or "").split()}
    assert used - set(re.findall(r"\.([a-z]+)", page_style.STYLE)) <= {"sites", "small"}
    assert set(re.findall(r"var\(--([a-z-]+)\)", page_style.STYLE)) <= set(page_style.LIGHT)
    assert set(page_style.LIGHT) == set(page_style.DARK)


def test_the_page_says_when_it_was_written_and_what_that_means() -> None:
    text = render(sample(), "latentum")
    document = Document(text)
    assert {"http-equiv": "refresh", "content": "30"} in document.all("meta")
    assert {"datetime": "2026-11-20T14:32:08Z"} in document.all("time") and "Written 2026-11-20 14:32:08 UTC" in document.text
    assert "more than 2 minutes back, the watchdog does not run" in document.text
    # nginx compares its own minute with those in which the page is fresh; the warning stays in a comment where it does not.
    fresh = re.search(r"\$date_gmt = /\^\(\?:(.*?)\)/", " ".join(document.comments))
    assert fresh
    assert fresh[1].split("|") == [f"2026-11-20 14:{minute}" for minute in (31, 32, 33, 34)]
    assert "This page is stale" not in document.text
    # The longest value that nginx takes by default (ssi_value_length).
    assert max(len(one) for one in re.findall(r'"([^"]*)"', " ".join(document.comments))) <= 256
    warning = re.search(r'value="(<p .*?</p>)"', " ".join(document.comments))
    assert warning and Document(warning[1]).all("p") == [{"class": "stale down", "role": "alert"}]


def test_an_element_cannot_be_written_unescaped() -> None:
    assert element("p", "<b>", element("b", "&"), None, class_='"', aria_hidden=True, hidden=False) == (
        '<p class="&quot;" aria-hidden>&lt;b&gt;<b>&amp;</b></p>'
    )


def budgets(**changes: Any) -> str:
    """The text of a page whose budgets are so."""
    status = sample()
    status["stacks"][0]["budgets"] |= changes
    return Document(render(status, "latentum", pictures())).text


def test_what_is_left_of_budgets_is_shown_with_its_picture() -> None:
    text = budgets(error="")
    for words in (
        "Error budgets",
        "71.0% left",
        "29.0 of 100 failures",
        "4.2% left",
        "spent in 2 h 10 min at this pace",
        "no data",
        "The last 30 d",
    ):
        assert words in text, words
    drawn = Document(render(sample(), "latentum", pictures()))
    assert [one["aria-label"] for one in drawn.all("svg") if one.get("width") == "100%"] == ["Error budget of latentum/api"]
    assert "cannot be measured" not in text


def test_budgets_that_nobody_can_measure_say_so_and_of_when_they_are() -> None:
    assert re.search(r"cannot be measured right now\. They are those of *2026-11-20 14:30:08 UTC", budgets())
    assert "cannot be measured right now. They are those of" in budgets(error="", at=AT - 3600)
    never = budgets(at=0, objectives=[])
    assert "cannot be measured right now. Nothing is known of them yet." in never and "71" not in never.partition("Error budgets")[2][:200]


def test_a_stack_without_budgets_has_no_section_of_them() -> None:
    status = sample()
    del status["stacks"][0]["budgets"]
    assert "Error budgets" not in render(status, "latentum")
