# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The deliverer as a process: killed, hanging, met by another; and its commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting import delivery
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting import spool as spooling
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.delivery import ORPHANED, deliver
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.message import Message
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.routes import Alerts, Route, load_alerts
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.spool import Spool
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.receivers.dispatch import send
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.receivers.transport import SendError

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


KILLED = """
import os, sys
from pathlib import Path
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.receivers import transport
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.routes import load_alerts
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.delivery import deliver
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.spool import Spool
folder, spare, config, transport.SYSTEM_CA = map(Path, sys.argv[1:])
spool = Spool(folder, spare)
spool.accepted = lambda items: os._exit(9)
deliver(spool, load_alerts(config))
"""


def python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run this with the collection's path."""
    where = ":".join(path for path in sys.path if path)
    argv = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(argv, env=os.environ | {"PYTHONPATH": where}, capture_output=True, text=True, timeout=60, check=False)


def test_killed_between_accepting_and_removing_tells_once_more(receiving: Receiving, spool: Spool, tmp_path: Path) -> None:
    """At least once: PagerDuty and mail recognise the second by its key, a chat shows it twice."""
    to = alerts(receiving.slack(), receiving.email(), receiving.pagerduty())
    for route in to.routes.values():
        only = Alerts({route.key: route})
        (tmp_path / "stack.json").write_text(
            json.dumps({"stack": "latentum", "alerts": [{"name": route.name, "kind": route.kind, **route.options}]})
        )
        tell(spool, only, story())
        assert python(KILLED, spool.folder, spool.files.spare, tmp_path, receiving.ca).returncode == 9
        assert len(spool.waiting()) == 2
        assert delivered(spool, only).sent == {route.key: 2}
    assert [one["body"]["text"].partition(" ")[0] for one in receiving.kept("slack")] == ["CRITICAL", "CRITICAL", "ENDED"]
    assert len({one["Message-ID"] for one in headers_of(receiving)}) == 2 and len(headers_of(receiving)) == 3
    assert len({one["body"]["dedup_key"] for one in receiving.kept("pagerduty")}) == 1


def test_a_receiver_that_hangs_holds_up_no_other(receiving: Receiving, spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time for Slack is up as soon as the other route is done: the machine may be busy."""
    to, hanging, join = alerts(receiving.slack(), receiving.pagerduty()), threading.Event(), threading.Thread.join

    def hangs(route: Route, message: Message, plain: bool, left: Sequence[str]) -> None:
        if route.kind == "slack":
            hanging.wait(60)
            raise SendError("late")
        send(route, message, plain, left)

    def joined(thread: threading.Thread, timeout: float | None = None) -> None:
        if thread.name != "latentum/slack":
            join(thread, timeout)
            return
        assert timeout is not None and timeout > 0
        for other in threading.enumerate():
            if other.name == "latentum/pagerduty":
                join(other, timeout)

    tell(spool, to, opened(1))
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "join", joined)
        summary = deliver(spool, to, sender=hangs)
    hanging.set()
    assert summary.sent == {"latentum/pagerduty": 1} and summary.stuck and "hangs" in summary.failed["latentum/slack"]
    assert summary.next is not None and summary.waiting == 1


def test_a_mistake_of_ours_in_one_route_is_not_that_of_the_others(receiving: Receiving, spool: Spool) -> None:
    def wrong(route: Route, message: Message, plain: bool, left: Sequence[str]) -> None:
        if route.kind == "slack":
            raise RuntimeError("hidden")
        send(route, message, plain, left)

    to = alerts(receiving.slack(), receiving.pagerduty(), {"kind": "pigeon"}, {"kind": "email"})
    tell(spool, to, opened(1))
    summary = deliver(spool, to, sender=wrong, clock=Clock())
    assert summary.sent == {"latentum/pagerduty": 1}
    assert summary.failed == {
        "latentum/slack": "the deliverer failed (RuntimeError): please report it",
        "latentum/pigeon": "alerts.pigeon: the kind pigeon is not known to this version: update the collection on the host",
        "latentum/email": "alerts.email: to is missing: run the playbook again",
    }


def test_only_one_deliverer_at_a_time(receiving: Receiving, spool: Spool) -> None:
    to, inside, release = alerts(receiving.slack()), threading.Event(), threading.Event()

    def slow(route: Route, message: Message, plain: bool, left: Sequence[str]) -> None:
        inside.set()
        release.wait(10)
        send(route, message, plain, left)

    tell(spool, to, opened(1))
    first = threading.Thread(target=lambda: deliver(spool, to, sender=slow))
    first.start()
    assert inside.wait(10)
    second = delivered(spool, to)
    assert second.busy and second.waiting == 1 and second.next is not None
    release.set()
    assert deliver(spool, to, patience=10).busy is False
    first.join()
    assert len(receiving.kept("slack")) == 1


def test_what_is_put_meanwhile_is_next(receiving: Receiving, spool: Spool) -> None:
    to, clock = alerts(receiving.slack()), Clock()

    def puts(route: Route, message: Message, plain: bool, left: Sequence[str]) -> None:
        tell(spool, to, [a_notice("open", an_incident("cache"))])
        send(route, message, plain, left)

    tell(spool, to, opened(1))
    summary = deliver(spool, to, sender=puts, clock=clock)
    assert summary.waiting == 1 and summary.next == clock.now


def test_a_route_that_is_declared_no_more(receiving: Receiving, spool: Spool) -> None:
    clock = Clock()
    tell(spool, alerts(receiving.slack()), opened(1))
    broken = delivered(spool, Alerts(broken={"latentum": "latentum.json cannot be read"}), clock)
    assert broken.failed == {"latentum/slack": "latentum.json cannot be read"} and broken.waiting == 1
    assert delivered(spool, Alerts(), clock).waiting == 1
    clock.now += ORPHANED + 60
    summary = delivered(spool, Alerts(), clock)
    assert summary.waiting == 0 and summary.failed == {} and len(summary.given_up) == 1


def test_the_command_prints_its_summary(receiving: Receiving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooling, "SPARE", tmp_path / "run")
    (tmp_path / "latentum.json").write_text(json.dumps({"stack": "latentum", "alerts": [{"name": "chat", **receiving.slack()}]}))
    (tmp_path / "shop.json").write_text("{")
    said: list[str] = []
    assert delivery.main(said.append, tmp_path / "spool", tmp_path) == 1
    summary = json.loads(said[0])
    assert summary["failed"] == {"shop": f"{tmp_path / 'shop.json'} cannot be read (JSONDecodeError): run the playbook again"}
    assert (summary["waiting"], summary["next"], summary["sent"]) == (0, None, {})


def test_the_daemon_loads_nothing_large() -> None:
    """What it imports of the alerts must not bring the libraries of the receivers."""
    package = "ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting"
    large = "[name for name in ('requests', 'smtplib', 'apprise') if name in sys.modules]"
    out = python(f"import sys, {package}.spool, {package}.message, {package}.routes; print({large})")
    assert out.stdout == "[]\n", out.stderr


LOADED = """
import os, sys
from pathlib import Path
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.routes import load_alerts
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.delivery import deliver
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.spool import Spool
folder, spare, config = map(Path, sys.argv[1:])
assert not {"requests", "apprise"} & set(sys.modules)
loaded = lambda route, *_message: os.write(1, f"{route.kind} {sys.modules.keys() >= set(('requests', 'apprise'))}\\n".encode())
deliver(Spool(folder, spare), load_alerts(config), sender=loaded)
"""


def test_libraries_are_loaded_before_there_are_threads(receiving: Receiving, spool: Spool, tmp_path: Path) -> None:
    """Side by side three routes imported requests, and saw a package that had no attributes yet."""
    routes = [
        {**receiving.slack(), "name": "chat"},
        {**receiving.pagerduty(), "name": "pager"},
        {**receiving.slack(), "name": "other", "kind": "apprise"},
    ]
    config = tmp_path / "config"
    config.mkdir()
    (config / "shop.json").write_text(json.dumps({"stack": "shop", "alerts": routes}))
    spool.tell(a_notice("open", an_incident(stack="shop")), load_alerts(config).routes)
    out = python(LOADED, spool.folder, tmp_path / "run", config)
    assert sorted(out.stdout.splitlines()) == ["apprise True", "pagerduty True", "slack True"], out.stderr


def test_a_test_reaches_everybody_and_leaves_no_page_open(receiving: Receiving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooling, "SPARE", tmp_path / "run")
    routes = [{**receiving.slack(), "name": "chat", "severities": []}, {**receiving.pagerduty(), "name": "pager"}]
    broken = {**receiving.slack(), "name": "broken", "url_file": "/nowhere"}
    config = tmp_path / "config"
    config.mkdir()
    (config / "shop.json").write_text(json.dumps({"stack": "shop", "alerts": [*routes, broken]}))
    said: list[str] = []
    assert delivery.test("", said.append, tmp_path / "spool", config) == 1
    assert said == [
        "shop/broken: FAILED: the secret /nowhere cannot be read (FileNotFoundError): run the playbook again",
        "shop/chat: accepted",
        "shop/pager: accepted",
    ]
    assert [one["body"]["event_action"] for one in receiving.kept("pagerduty")] == ["trigger", "resolve"]
    assert Spool(tmp_path / "spool", tmp_path / "run").waiting() == []
    assert delivery.test("blog", said.append, tmp_path / "spool", config) == 1 and "no route is declared" in said[-1]
