# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person reads at three in the morning, and what nobody may read."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core.masking import clean, line, lines, mask
from ansible_collections.latentum.ops.plugins.module_utils.core.times import lasting
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.digest import SHOWN, digest
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.message import SUBJECT, compose, text
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.message_html import html
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.incidents import Incident
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.receivers.pagerduty import dedup_key, event
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.receivers.slack import escape, payload

from ..receiving import KEY, NOON, a_notice, an_incident, ended, pagerduty_problems, slack_problems


@pytest.mark.parametrize(
    "said",
    [
        "connect postgresql://shop:s3cr3t@db/shop failed",
        "connect postgresql://shop:s3cr3t/x@y@db/shop failed",
        "redis://:s3cr3t@cache:6379/0",
        "amqp://a:s3cr3t@h1,amqp://c:s3cr3t@h2",
        "https://s3cr3t@sentry.example.com/2",
        "password=s3cr3t",
        "POSTGRES_PASSWORD: s3cr3t",
        "password = 's3cr3t with spaces s3cr3t'",
        '{"db_password": "s3cr3t \\" s3cr3t", "user": "shop"}',
        '{\\"token\\": \\"s3cr3t\\"}',
        "GET /hook?user=1&access_token=s3cr3t&x=s3cr3t",
        "Authorization: Bearer s3cr3ts3cr3t",
        "authorization=Basic s3cr3ts3cr3t",
        "curl -H 'Authorization: s3cr3t' …",
        "psql --password s3cr3t",
        "redis-cli -a x --token s3cr3t",
        "api_key=s3cr3t,s3cr3t",
        "X-Api-Key: s3cr3t",
        "posting to https://hooks.slack.com/services/T0/B0/s3cr3t failed",
        "Cookie: session=s3cr3t",
    ],
)
def test_what_looks_like_a_secret_is_hidden(said: str) -> None:
    assert "s3cr3t" not in mask(said) and "********" in mask(said)


@pytest.mark.parametrize(
    "said",
    [
        "password authentication failed for user shop",
        "http /health answered 503, expected 200",
        "GET https://example.com:8443/health?x=1 200",
        "the token expired",
        "mail from anna@example.com",
        "10.0.0.1:5432 - no connection (timeout: 5 s)",
    ],
)
def test_what_helps_stays(said: str) -> None:
    assert mask(said) == said


def test_words_of_others_lose_control_characters_and_stay_short() -> None:
    assert clean("\x1b[31mred\x1b[0m\x07 \u202eevil\ud800") == "red evil\ufffd"
    assert line("two\r\nlines\u2028three") == "two lines three"
    assert len(clean("x" * 500, 100)) == 100
    assert lines(["a\nb", "password=x y", "c" * 9], 3, 5) == ["… 1 earlier", "b", "pass…", "cccc…"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.6, "1 min"), (42, "42 s"), (14580, "4 h 3 min"), (90000, "1 d 1 h"), (86400, "1 d")],
)
def test_durations_are_read_at_a_glance(seconds: float, words: str) -> None:
    assert lasting(seconds) == words


def full() -> Incident:
    """An incident with everything that one can have."""
    return an_incident(
        cause="http /health answered 503 <b>& more</b>",
        done=[(NOON + 5, "restarted latentum-api-gateway-1"), (NOON + 90000, "gave up after 4 restarts")],
        affected=["worker", "site:example.com"],
        log=["ERROR redis://:s3cr3t@cache:6379 refused", "``` <!channel> & <script>"],
        needs_human=True,
        flapping=True,
    )


def test_a_message_says_all_that_is_needed() -> None:
    notice = a_notice("escalate", full(), NOON + 95000, runbook="https://wiki.example.com/latentum/api-gateway")
    message = compose(notice, NOON + 95001)
    assert message.headline == "NEEDS A HUMAN web-1: latentum/api-gateway: http /health answered 503 <b>& more</b>"
    read = text(message)
    for wanted in (
        "latentum/api-gateway on web-1 fails, and healing has given up: a human is needed.",
        "Since     2023-11-14 22:13:20 UTC",
        "For       1 d 2 h",
        "worker, site:example.com",
        "22:13:25 UTC  restarted latentum-api-gateway-1",
        "2023-11-15 23:13:20 UTC  gave up after 4 restarts",
        "ERROR redis://:********@cache:6379 refused",
        "Runbook: https://wiki.example.com/latentum/api-gateway",
        "ssh web-1 sudo opsctl status",
        "ssh web-1 sudo opsctl incidents",
        "ssh web-1 sudo docker compose -p latentum logs --tail 100 api-gateway",
        f"Incident latentum/api-gateway@{int(NOON) + 2}",
    ):
        assert wanted in read
    assert "Held up" not in read


@pytest.mark.parametrize(
    ("what", "subject"),
    [
        ("open", "CRITICAL web-1: latentum/api-gateway: it does not answer"),
        ("reminder", "STILL CRITICAL web-1: latentum/api-gateway for 4 h: it does not answer"),
        ("end", "ENDED web-1: latentum/api-gateway is well again after 2 min"),
        ("test", "TEST web-1: it does not answer"),
    ],
)
def test_the_subject_says_first_how_it_is(what: str, subject: str) -> None:
    incident = ended(an_incident()) if what == "end" else an_incident()
    message = compose(a_notice(what, incident, NOON + 14400 if what == "reminder" else None), NOON)
    assert message.headline == subject
    assert len(compose(a_notice(what, an_incident(cause="x" * 999)), NOON).headline) <= SUBJECT


@pytest.mark.parametrize(
    ("key", "stack", "subject", "look"),
    [
        ("host/disk /var/lib", "", "disk /var/lib", "ssh web-1 sudo df -h --output=target,pcent,ipcent,avail /var/lib"),
        ("host/nginx", "", "nginx", "ssh web-1 sudo systemctl status --no-pager nginx"),
        ("host/nginx configuration", "", "nginx configuration", "ssh web-1 sudo nginx -t"),
        ("host/clock jump", "", "clock jump", "ssh web-1 sudo timedatectl"),
        ("host/what ever", "", "what ever", "ssh web-1 sudo journalctl --no-pager -p warning -n 50"),
        ("shop/site:shop.example.com", "shop", "site:shop.example.com", "curl -sSv -o /dev/null https://shop.example.com/"),
        ("shop/queue:jobs", "shop", "queue:jobs", "ssh web-1 sudo docker compose -p shop ps --all"),
        ("shop/a; reboot", "shop", "a; reboot", "ssh web-1 sudo docker compose -p shop logs --tail 100 'a; reboot'"),
    ],
)
def test_the_command_fits_what_fails(key: str, stack: str, subject: str, look: str) -> None:
    incident = Incident(key, stack, subject, "warning", "bad", NOON, NOON)
    assert compose(a_notice("open", incident), NOON).commands[-1] == look


def test_a_message_that_was_held_up_says_so() -> None:
    assert "noticed at 2023-11-14 22:13:22 UTC, could not be sent for 2 h" in text(compose(a_notice("open", an_incident()), NOON + 7202))


def test_html_and_slack_take_nothing_at_its_word() -> None:
    message = compose(a_notice("open", full(), runbook='https://wiki.example.com/"><script>'), NOON)
    document = html(message)
    assert "<script" not in document and "&lt;script&gt;" in document and "<b>" not in document and "s3cr3t" not in document
    said = str(payload(message))
    assert "<!channel>" not in said and "&lt;!channel&gt;" in said
    assert slack_problems(payload(message)) == []


def test_a_runbook_that_is_no_link_is_no_link() -> None:
    message = compose(a_notice("open", full(), runbook="javascript:alert(1)"), NOON)
    assert "<a " not in html(message) and "links" not in event(message, "trigger", KEY) and "|Runbook>" not in str(payload(message))


def huge() -> Incident:
    """An incident of which everything is as long as it can be."""
    rest: dict[str, Any] = {"done": [(NOON, "&" * 999)] * 99, "affected": ["<x>" * 99] * 99, "log": ["&<>`" * 999] * 99}
    return an_incident("s" * 300, cause="&" * 9999, **rest)


def test_the_limits_of_the_receivers_hold() -> None:
    message = compose(a_notice("open", huge(), runbook="https://wiki.example.com/|x"), NOON)
    assert slack_problems(payload(message)) == []
    assert pagerduty_problems(event(message, "trigger", KEY)) == []
    assert len(dedup_key(message.ident)) <= 255 and dedup_key(message.ident) != dedup_key(message.ident + "1")
    assert escape("&" * 10, 12) == "&amp;&amp;…"


def test_pagerduty_gets_the_whole_story() -> None:
    message = compose(a_notice("open", full(), runbook="https://wiki.example.com/x"), NOON)
    sent = event(message, "trigger", KEY)
    assert sent["dedup_key"] == f"latentum/api-gateway@{int(NOON) + 2}"
    assert sent["payload"] | {"custom_details": None} == {
        "summary": message.headline,
        "source": "web-1",
        "severity": "critical",
        "timestamp": "2023-11-14T22:13:22.000+00:00",
        "component": "api-gateway",
        "group": "latentum",
        "class": "service",
        "custom_details": None,
    }
    assert sent["links"] == [{"href": "https://wiki.example.com/x", "text": "Runbook"}]
    assert "s3cr3t" not in str(sent)
    assert event(message, "resolve", KEY) == {"routing_key": KEY, "event_action": "resolve", "dedup_key": sent["dedup_key"]}


def test_a_digest_has_one_line_an_incident() -> None:
    short, long, bad = an_incident("cache"), an_incident("worker", severity="warning"), an_incident("database")
    bad_now = an_incident("database", needs_human=True)
    told = [
        a_notice("open", short),
        a_notice("open", long),
        a_notice("open", bad),
        a_notice("end", ended(short)),
        a_notice("escalate", bad_now),
        a_notice("end", ended(an_incident("redis", severity="warning"))),
    ]
    message = digest(told, NOON + 60)
    assert message.headline == "CRITICAL web-1: 4 incidents: 1 need a human, 1 open, 2 ended"
    assert message.sections == [
        ("A human is needed", ["CRITICAL latentum/database: it does not answer; since 2023-11-14 22:13:20 UTC"]),
        ("Open", ["WARNING latentum/worker: it does not answer; since 2023-11-14 22:13:20 UTC"]),
        (
            "Ended",
            [
                "CRITICAL latentum/cache: it does not answer; opened and ended: 2023-11-14 22:13:20 UTC to 22:15:20 UTC (2 min)",
                "WARNING latentum/redis: it does not answer; ended: 2023-11-14 22:13:20 UTC to 22:15:20 UTC (2 min)",
            ],
        ),
    ]
    assert slack_problems(payload(message)) == []
    assert re.search(r"opened and ended", text(message)) and "opened and ended" in html(message)


def test_a_huge_digest_stays_within_the_limits() -> None:
    message = digest([a_notice("open", an_incident(f"service-{number}", cause="<&>" * 99)) for number in range(200)], NOON)
    assert len(message.sections[0][1]) == SHOWN + 1 and "140 more" in message.sections[0][1][-1]
    assert slack_problems(payload(message)) == []
