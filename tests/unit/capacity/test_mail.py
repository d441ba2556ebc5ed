# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report by mail, to a server that takes it, that takes part of it, and that is away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.capacity import mail
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.routes import Alerts, alerts_from

from ..watchdog import receiving as shared
from ..watchdog.receiving import Receiving
from .samples import disk, report

receiving = shared.receiving


def routes(*stacks: tuple[str, list[dict[str, Any]]]) -> Alerts:
    """Of several stacks."""
    return alerts_from(
        [{"stack": stack, "alerts": [{"name": f"r{at}", **one} for at, one in enumerate(alerts)]} for stack, alerts in stacks]
    )


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Who got what."""
    return tmp_path / "report" / "sent.json"


def test_who_gets_it_is_who_wants_it_by_mail_and_each_once(receiving: Receiving) -> None:
    both = routes(
        ("shop", [receiving.email(), receiving.slack()]), ("blog", [receiving.email()]), ("wiki", [receiving.email(to=["c@x.de"])])
    )
    assert [route.key for route in mail.receivers(both.routes, ["shop", "blog"])] == ["shop/r0"]
    assert [route.key for route in mail.receivers(both.routes, ["shop", "wiki"])] == ["shop/r0", "wiki/r0"]
    assert mail.receivers(both.routes, []) == []


def test_it_arrives_as_text_html_and_a_file_and_not_twice(receiving: Receiving, state: Path) -> None:
    to = mail.receivers(routes(("shop", [receiving.email()])).routes, ["shop"])
    assert mail.send(report(), to, state) == {"shop/r0": ""}
    (came,) = receiving.kept("mail")
    assert came["headers"]["Subject"] == "web1: capacity and cost, 2026-10-01 to 2026-10-31: disk /: full from 2026-11-16 to 2026-11-26"
    assert "shop/web" in came["text"] and "together" in came["text"]
    assert "<svg" in came["html"]  # of two of this type the last one: the file
    assert state.stat().st_mode & 0o777 == 0o600
    assert mail.send(report(), to, state) == {"shop/r0": ""} and len(receiving.kept("mail")) == 1
    assert mail.send(report("web2"), to, state) == {"shop/r0": ""} and len(receiving.kept("mail")) == 2


def test_what_people_read_has_no_pictures_that_their_programs_would_take_out() -> None:
    made = mail.build(report(), "ops@example.com", ["a@example.com"])
    body = made.get_body(("html",))
    assert body is not None and "<svg" not in body.get_content() and "<table" in body.get_content()
    (file,) = made.iter_attachments()
    assert file.get_filename() == "capacity-2026-10-01.html" and "<svg" in file.get_content()
    assert made["Auto-Submitted"] == "auto-generated"


def test_those_who_were_refused_are_tried_again_and_no_others(receiving: Receiving, state: Path) -> None:
    to = mail.receivers(routes(("shop", [receiving.email()])).routes, ["shop"])
    receiving.order("refuse-smtp", "451 bert@example.com")
    outcome = mail.send(report(), to, state)
    assert "bert@example.com" in outcome["shop/r0"]
    receiving.order("refuse-smtp", None)
    assert mail.send(report(), to, state) == {"shop/r0": ""}
    assert [one["receivers"] for one in receiving.kept("mail")] == [["anna@example.com"], ["bert@example.com"]]


def test_a_server_that_is_away_holds_up_no_other(receiving: Receiving, state: Path) -> None:
    to = mail.receivers(routes(("shop", [receiving.email(port=1), receiving.email(to=["c@example.com"])])).routes, ["shop"])
    outcome = mail.send(report(), to, state)
    assert "did not take it" in outcome["shop/r0"] and outcome["shop/r1"] == ""
    assert "hush" not in json.dumps(outcome)


def test_nothing_is_sent_that_could_not_be_remembered(receiving: Receiving, tmp_path: Path) -> None:
    to = mail.receivers(routes(("shop", [receiving.email()])).routes, ["shop"])
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        mail.send(report(), to, tmp_path / "file" / "sent.json")
    assert receiving.kept("mail") == []


def test_a_quiet_month_has_a_plain_subject() -> None:
    quiet = report("web1", disk(outlook="later", earliest=None))
    assert mail.subject(quiet) == "web1: capacity and cost, 2026-10-01 to 2026-10-31"
