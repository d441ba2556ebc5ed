# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Delivery to real servers: a receiver that is away, that refuses, that takes it for some; order, pace, digests."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from email.utils import formatdate

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.delivery import deliver
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.message import Message
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.routes import Route
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.spool import PATIENCE, Spool
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.receivers import transport
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.receivers.dispatch import send
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.receivers.transport import SendError

from ...free_ports import free_port
from .. import receiving as shared
from ..receiving import (
    Clock,
    Receiving,
    a_notice,
    alerts,
    an_incident,
    delivered,
    headers_of,
    opened,
    story,
    tell,
)

receiving, spool = shared.receiving, shared.spool


def test_a_receiver_that_was_away_gets_everything_once_and_in_order(receiving: Receiving, spool: Spool) -> None:
    to, clock = alerts(receiving.slack(), receiving.email(), receiving.pagerduty()), Clock()
    receiving.order("down", "")
    tell(spool, to, story())
    for _try in range(3):
        summary = delivered(spool, to, clock)
        assert summary.sent == {} and summary.waiting == 6 and summary.next is not None
        assert sorted(summary.failed) == ["latentum/email", "latentum/pagerduty", "latentum/slack"]
        assert clock.now < summary.next <= clock.now + 40
        clock.now = summary.next + 40
    tried = len(receiving.shelf.kept("refused"))
    assert tried == 9  # one try a route and round, not one for all that waits
    receiving.order("down", None)
    tell(spool, to, [a_notice("open", an_incident("cache", began=time.time()))])
    summary = delivered(spool, to, clock)
    assert summary.sent == {"latentum/slack": 3, "latentum/email": 3, "latentum/pagerduty": 3} and summary.failed == {}
    assert [one["body"]["text"].partition(" ")[0] for one in receiving.kept("slack")] == ["CRITICAL", "ENDED", "CRITICAL"]
    assert [one["Subject"].partition(" ")[0] for one in headers_of(receiving)] == ["CRITICAL", "ENDED", "CRITICAL"]
    assert delivered(spool, to, clock).sent == {}


def test_a_new_notice_is_tried_at_once_though_the_route_was_down(receiving: Receiving, spool: Spool) -> None:
    to, clock = alerts(receiving.slack()), Clock()
    receiving.order("down", "")
    tell(spool, to, opened(1))
    delivered(spool, to, clock)
    receiving.order("down", None)
    assert delivered(spool, to, clock).sent == {}  # its time has not come
    tell(spool, to, [a_notice("open", an_incident("cache"))])
    assert delivered(spool, to, clock).sent == {"latentum/slack": 2}


def test_nobody_listens(receiving: Receiving, spool: Spool) -> None:
    port = free_port()
    url = receiving.secret("closed", f"http://127.0.0.1:{port}/services/hidden")
    to = alerts({"kind": "slack", "url_file": url}, receiving.email(port=port))
    tell(spool, to, opened(1))
    failed = delivered(spool, to).failed
    assert failed["latentum/slack"] == f"127.0.0.1:{port} did not answer (ConnectionError)"
    assert failed["latentum/email"].startswith(f"localhost:{port} did not take it (ConnectionRefusedError")


def test_429_is_left_alone_as_long_as_it_asks(receiving: Receiving, spool: Spool) -> None:
    to, clock = alerts(receiving.slack()), Clock()
    receiving.order("refuse-http", "429 120")
    tell(spool, to, opened(2))
    summary = delivered(spool, to, clock)
    assert summary.next == pytest.approx(clock.now + 120)
    assert "answered 429" in summary.failed["latentum/slack"]
    receiving.order("refuse-http", None)
    tell(spool, to, [a_notice("open", an_incident("cache"))])
    clock.now += 119
    assert delivered(spool, to, clock).sent == {} and len(receiving.shelf.kept("refused")) == 1
    clock.now += 2
    assert delivered(spool, to, clock).sent == {"latentum/slack": 3}


@pytest.mark.parametrize(("value", "seconds"), [("30", 30), ("", 0), ("soon", 0), ("-5", 0), ("Sat, 21 Nov 2020 13:05:38 GMT", 0)])
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float) -> None:
    assert transport.retry_after(value) == seconds
    assert transport.retry_after(formatdate(time.time() + 99, usegmt=True)) == pytest.approx(99, abs=3)


def test_what_only_a_human_can_mend_is_tried_slowly_and_not_given_up(receiving: Receiving, spool: Spool) -> None:
    to, clock = alerts(receiving.slack()), Clock()
    receiving.order("refuse-http", "404")
    tell(spool, to, story())
    for _try in range(5):
        summary = delivered(spool, to, clock)
        assert summary.next is not None and clock.now + 470 < summary.next <= clock.now + 600
        clock.now = summary.next + 120
    assert len(receiving.shelf.kept("refused")) == 5 and summary.waiting == 2
    receiving.order("refuse-http", None)
    assert delivered(spool, to, clock).sent == {"latentum/slack": 2}


def test_three_days_in_vain_are_reported(receiving: Receiving, spool: Spool) -> None:
    to, clock = alerts(receiving.slack()), Clock()
    receiving.order("refuse-http", "500")
    tell(spool, to, opened(1))
    until, tries = clock.now + PATIENCE, 0
    while True:
        summary = delivered(spool, to, clock)
        tries += 1
        if summary.given_up or tries > 700:
            break
        assert clock.now < until + 2400 and summary.waiting == 1 and summary.next is not None
        clock.now = max(summary.next, clock.now + 2400)  # at least 100 tries, and not all those of a real three days
    assert clock.now >= until and summary.waiting == 0 and summary.dead == 1 and summary.next is None
    assert summary.given_up[0].startswith("latentum/slack: was not told of latentum/service-0@") and summary.failed


def test_a_form_that_is_refused_is_said_more_plainly(receiving: Receiving, spool: Spool) -> None:
    plain: list[bool] = []

    def picky(route: Route, message: Message, is_plain: bool, left: Sequence[str]) -> None:
        plain.append(is_plain)
        if not is_plain and "api-gateway" in message.headline:
            raise SendError("x answered 400: invalid_blocks", content=True)
        send(route, message, is_plain, left)

    to, clock = alerts(receiving.slack(), receiving.pagerduty(), receiving.email()), Clock()
    tell(spool, to, [*story(), a_notice("open", an_incident("cache"))])
    summary = deliver(spool, to, sender=picky, clock=clock)
    assert summary.sent == {"latentum/slack": 1, "latentum/pagerduty": 1, "latentum/email": 1}  # it holds up nothing else
    assert sorted(summary.failed) == ["latentum/email", "latentum/pagerduty", "latentum/slack"]
    for _round in range(4):
        clock.now += 20
        summary = deliver(spool, to, sender=picky, clock=clock)
    assert summary.waiting == 0 and summary.failed == {} and True in plain
    assert [one["headers"]["Subject"].partition(" ")[0] for one in receiving.kept("mail")] == ["CRITICAL", "CRITICAL", "ENDED"]
    assert receiving.kept("mail")[1]["html"] == "" and "blocks" not in receiving.kept("slack")[1]["body"]
    assert [one["body"]["event_action"] for one in receiving.kept("pagerduty")] == ["trigger", "trigger", "resolve"]


def test_a_receiver_that_is_refused_does_not_cost_the_others_the_end(receiving: Receiving, spool: Spool) -> None:
    to, clock = alerts(receiving.email()), Clock()
    receiving.order("refuse-smtp", "452 bert@example.com")
    tell(spool, to, story())
    summary = delivered(spool, to, clock)
    assert summary.failed == {
        "latentum/email": f"localhost:{receiving.smtp} refused some receivers: bert@example.com: 452 refused by the test"
    }
    assert summary.sent == {"latentum/email": 2} and summary.waiting == 2
    receiving.order("refuse-smtp", None)
    clock.now += 30
    assert delivered(spool, to, clock).failed == {}
    came = [(mail["headers"]["Subject"].partition(" ")[0], mail["receivers"]) for mail in receiving.kept("mail")]
    anna, bert = ["anna@example.com"], ["bert@example.com"]
    assert came == [("CRITICAL", anna), ("ENDED", anna), ("CRITICAL", bert), ("ENDED", bert)]


def test_a_storm_becomes_single_messages_and_then_digests(receiving: Receiving, spool: Spool) -> None:
    to, clock = alerts(receiving.slack(burst=3, per=300), receiving.pagerduty(burst=3, per=300)), Clock()
    tell(spool, to, opened(7))
    summary = delivered(spool, to, clock)
    # The last token takes all that waits; PagerDuty groups by itself.
    assert summary.sent == {"latentum/slack": 3, "latentum/pagerduty": 7} and summary.waiting == 0
    assert receiving.kept("slack")[2]["body"]["text"] == "CRITICAL web-1: 5 incidents: 5 open"
    tell(spool, to, [*story("cache"), *story("worker"), a_notice("open", an_incident("database", began=time.time()))])
    summary = delivered(spool, to, clock)
    assert summary.sent == {"latentum/pagerduty": 5} and summary.waiting == 5
    assert summary.next == pytest.approx(clock.now + 100)
    clock.now += 99
    assert delivered(spool, to, clock).sent == {}
    clock.now += 1.1
    assert delivered(spool, to, clock).sent == {"latentum/slack": 1}
    said = json.dumps(receiving.kept("slack")[3])
    assert said.count("opened and ended") == 2 and "3 incidents: 1 open, 2 ended" in said


def test_tokens_come_back_with_time_and_not_with_a_clock_set_back(receiving: Receiving, spool: Spool) -> None:
    to, clock = alerts(receiving.slack(burst=2, per=100)), Clock()
    tell(spool, to, opened(2))
    assert delivered(spool, to, clock).sent == {"latentum/slack": 2}
    clock.now -= 86400
    tell(spool, to, [a_notice("open", an_incident("cache"))])
    assert delivered(spool, to, clock).sent == {}
    clock.now += 51
    assert delivered(spool, to, clock).sent == {"latentum/slack": 1}


def test_a_test_waits_for_no_token(receiving: Receiving, spool: Spool) -> None:
    to, clock = alerts(receiving.slack(burst=1, per=3600)), Clock()
    tell(spool, to, [*opened(3), a_notice("test", an_incident("test"))])
    assert delivered(spool, to, clock).sent == {"latentum/slack": 2}
    assert [one["body"]["text"].partition(" ")[0] for one in receiving.kept("slack")] == ["TEST", "CRITICAL"]


def test_a_digest_that_is_not_taken_is_tried_again(receiving: Receiving, spool: Spool) -> None:
    to, clock = alerts(receiving.email(burst=1, per=600)), Clock()
    receiving.order("down", "")
    tell(spool, to, opened(4))
    assert delivered(spool, to, clock).waiting == 4
    receiving.order("down", None)
    clock.now += 11
    assert delivered(spool, to, clock).sent == {"latentum/email": 1}
    assert receiving.kept("mail")[0]["headers"]["Subject"] == "CRITICAL web-1: 4 incidents: 4 open" and spool.waiting() == []


def test_what_waits_for_a_receiver_that_is_away_is_tried_at_one_time(receiving: Receiving, spool: Spool) -> None:
    """A run each for every message would be a process each."""
    to, clock = alerts(receiving.slack()), Clock()
    receiving.order("refuse-http", "500")
    *earlier, newest = opened(8)
    for one in earlier:
        tell(spool, to, [one])
        clock.now += 3
        delivered(spool, to, clock)
    runs, until = 0, clock.now + 3600
    while (summary := delivered(spool, to, clock)).next < until:
        assert summary.next is not None and len({item.next for item in spool.waiting()}) == 1
        clock.now, runs = summary.next, runs + 1
    assert runs <= 16  # 10, 20, 40 … 600 seconds, each up to a fifth less
    tell(spool, to, [newest])
    receiving.order("refuse-http", None)
    assert delivered(spool, to, clock).sent == {"latentum/slack": 8}  # a new one does not wait, and shows that the receiver is back
