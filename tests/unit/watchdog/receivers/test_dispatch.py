# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each kind of receiver, by a server that speaks its language; nothing in the clear, nobody trusted unseen, no secret in a word."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.message import Message, compose
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.spool import Spool
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.receivers import transport
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.receivers.dispatch import send
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.receivers.transport import SendError

from .. import receiving as shared
from ..receiving import (
    KEY,
    Receiving,
    a_notice,
    alerts,
    an_incident,
    delivered,
    only,
    opened,
    story,
    tell,
)

receiving, spool = shared.receiving, shared.spool


@pytest.mark.parametrize(("tls", "port"), [("starttls", "smtp"), ("tls", "smtps")])
def test_mail_goes_by_verified_tls_with_a_login_and_is_one_thread(receiving: Receiving, spool: Spool, tls: str, port: str) -> None:
    to = alerts(receiving.email(tls=tls, port=getattr(receiving, port)))
    tell(spool, to, [*story(), a_notice("open", an_incident("cache"))])
    summary = delivered(spool, to)
    assert (summary.sent, summary.failed, summary.waiting, summary.next) == ({"latentum/email": 3}, {}, 0, None)
    first, last, other = receiving.kept("mail")
    assert first["tls"] and first["user"] == "ops"
    assert first["receivers"] == ["anna@example.com", "bert@example.com"] and first["sender"] == "ops@example.com"
    assert last["headers"]["In-Reply-To"] == last["headers"]["References"] == first["headers"]["Message-ID"]
    assert len({mail["headers"]["Message-ID"] for mail in (first, last, other)}) == 3 and "In-Reply-To" not in first["headers"]
    assert first["headers"]["Subject"].startswith("CRITICAL web-1: ") and last["headers"]["Subject"].startswith("ENDED web-1: ")
    assert first["headers"]["Importance"] == "high" and "Importance" not in last["headers"]
    assert "latentum/api-gateway on web-1 fails." in first["text"] and "latentum/api-gateway on web-1 fails." in first["html"]


def test_mail_in_any_script(receiving: Receiving, spool: Spool) -> None:
    to = alerts(receiving.email())
    tell(spool, to, [a_notice("open", an_incident(cause="Größe 3 µs 日本語 " + "x" * 2000))])
    assert delivered(spool, to).failed == {}
    assert "Größe 3 µs 日本語" in receiving.kept("mail")[0]["headers"]["Subject"]
    assert "Größe 3 µs 日本語" in receiving.kept("mail")[0]["text"]


def test_slack_and_pagerduty_get_what_they_publish(receiving: Receiving, spool: Spool) -> None:
    to = alerts(receiving.slack(), receiving.pagerduty())
    human = an_incident("cache", needs_human=True, began=time.time())
    reminder = a_notice("reminder", human, runbook="https://wiki.example.com/cache")
    tell(spool, to, [*story(), a_notice("open", human), a_notice("escalate", human), reminder])
    assert delivered(spool, to).sent == {"latentum/slack": 5, "latentum/pagerduty": 5}
    events = [one["body"] for one in receiving.kept("pagerduty")]
    assert [one["event_action"] for one in events] == ["trigger", "resolve", "trigger", "trigger", "trigger"]
    assert len({one["dedup_key"] for one in events}) == 2 and {one["routing_key"] for one in events} == {KEY}
    assert events[4]["links"][0]["href"] == "https://wiki.example.com/cache"
    assert [one["body"]["text"].partition(" web-1")[0] for one in receiving.kept("slack")] == [
        "CRITICAL",
        "ENDED",
        "CRITICAL",
        "NEEDS A HUMAN",
        "STILL CRITICAL",
    ]


def test_anything_else_goes_by_apprise(receiving: Receiving, spool: Spool) -> None:
    to = alerts({"kind": "apprise", "url_file": receiving.secret("any", f"json://127.0.0.1:{receiving.http}/any/hidden")})
    tell(spool, to, story())
    assert delivered(spool, to).sent == {"latentum/apprise": 2}
    first, last = (one["body"] for one in receiving.kept("any"))
    assert first["title"].startswith("CRITICAL web-1: ") and "fails." in first["message"] and last["type"] == "success"


def test_apprise_says_no(receiving: Receiving, spool: Spool) -> None:
    receiving.order("down", "")
    routes = [
        {"kind": "apprise", "name": "away", "url_file": receiving.secret("away", f"json://127.0.0.1:{receiving.http}/any/hidden")},
        {"kind": "apprise", "name": "odd", "url_file": receiving.secret("odd", "hidden")},
    ]
    to = alerts(*routes)
    tell(spool, to, opened(1))
    failed = delivered(spool, to).failed
    assert "could not deliver" in failed["latentum/away"] and "no URL that apprise knows" in failed["latentum/odd"]
    assert "hidden" not in str(failed)


@pytest.mark.parametrize(
    ("words", "final"), [("550 anna@example.com bert@example.com", True), ("450 anna@example.com bert@example.com", False), ("451", False)]
)
def test_codes_of_smtp_say_whether_a_try_helps(receiving: Receiving, words: str, final: bool) -> None:
    receiving.order("refuse-smtp", words)
    with pytest.raises(SendError) as error:
        send(only(alerts(receiving.email())), a_message(), False, [])
    assert (error.value.final, error.value.content) == (final, False) and words[:3] in str(error.value)


def a_message() -> Message:
    """Any."""
    return compose(opened(1)[0], time.time())


def silent(error: SendError) -> bool:
    """No traceback of it shows what a library said."""
    return error.__cause__ is None and (error.__context__ is None or error.__suppress_context__)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"password": "wrong hush"}, "refused the login: 535"),
        ({"user": ""}, "answered 530"),
        ({"tls": "none"}, "offers no STARTTLS or no login"),
        ({"tls": "none", "server": "mail.example.com"}, "a login without TLS would show the password"),
        ({"password_file": "/nowhere"}, "the secret /nowhere cannot be read"),
        ({"server": "127.0.0.2"}, "did not take it"),
        ({"trusted": False}, "its certificate does not verify"),
    ],
)
def test_mail_refuses_what_is_not_safe_without_a_word_of_the_password(
    receiving: Receiving, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changed: dict[str, Any], words: str
) -> None:
    raw = receiving.email()
    if "password" in changed:
        raw["password_file"] = receiving.secret("wrong", changed.pop("password"))
    if changed.pop("trusted", True) is False:
        monkeypatch.setattr(transport, "SYSTEM_CA", tmp_path / "none")
    route = next(iter(alerts({**raw, **changed}).routes.values()))
    with pytest.raises(SendError) as error:
        send(route, a_message(), False, [])
    assert words in str(error.value) and "hush" not in str(error.value)
    assert silent(error.value)
    assert receiving.kept("mail") == []


def test_https_is_verified(receiving: Receiving, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server = shared.http_server(receiving.shelf, "127.0.0.1", 0, shared.tls_context(str(receiving.ca), str(tmp_path / "key.pem")))
    route = next(
        iter(
            alerts(
                {"kind": "slack", "url_file": receiving.secret("tls", f"https://127.0.0.1:{server.server_port}/slack/hidden")}
            ).routes.values()
        )
    )
    send(route, a_message(), False, [])
    assert receiving.kept("slack")[0]["tls"]
    monkeypatch.setattr(transport, "SYSTEM_CA", tmp_path / "none")
    with pytest.raises(SendError, match="does not verify"):
        send(route, a_message(), False, [])
    server.shutdown()
    server.server_close()


ODD = ["hidden", "ftp://x.test/hidden", "http://[hidden", "http://127.0.0.1:1/hidden"]
ODD += ["https://127.0.0.1:{port}/hidden", "http://127.0.0.1:{port}/any/hidden"]


@pytest.mark.parametrize("url", ODD)
def test_an_error_never_names_the_url(receiving: Receiving, url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    receiving.order("down", "")
    for kind in ("slack", "apprise"):
        route = next(iter(alerts({"kind": kind, "url_file": receiving.secret("odd", url.format(port=receiving.http))}).routes.values()))
        with pytest.raises(SendError) as error:
            send(route, a_message(), False, [])
        assert ("hidden" not in str(error.value) + caplog.text and error.value.__suppress_context__) or error.value.__context__ is None


def test_an_answer_that_repeats_the_secret_is_masked(receiving: Receiving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared.Shelf, "order", lambda _shelf, name: ["400"] if name == "refuse-http" else None)
    answer = shared.Http._answer
    monkeypatch.setattr(shared.Http, "_answer", lambda http, status, _text, *rest: answer(http, status, f"bad key {KEY}", *rest))
    with pytest.raises(SendError) as error:
        send(only(alerts(receiving.pagerduty())), a_message(), False, [])
    assert "answered 400: bad key ********" in str(error.value) and error.value.content
