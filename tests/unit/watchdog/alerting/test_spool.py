# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alerts that survive: a kill, a restart, a disk that is full; who is told, and in which order."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core import atomic_files
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting import spool_files
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.routes import (
    Alerts,
    alerts_from,
    load_alerts,
    reminders_for,
    routes_for,
)
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.spool import DEAD, PATIENCE, TRIES, Spool, back_off
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.incidents import Incident

from .. import receiving as shared
from ..receiving import NOON, a_notice, alerts, an_incident, ended

spool = shared.spool

SLACK = {"kind": "slack", "url_file": "/s"}
PAGER = {"kind": "pagerduty", "key_file": "/k", "severities": ["critical"]}


def test_one_file_a_notice_and_route_oldest_first(spool: Spool) -> None:
    both = alerts(SLACK, PAGER)
    first, second = an_incident(), an_incident("cache")
    for notice in (a_notice("open", first), a_notice("open", second), a_notice("end", ended(first))):
        spool.tell(notice, both.routes)
    told = [(item.route, item.notice["what"], item.notice["incident"]["subject"]) for item in spool.waiting()]
    assert [one[1:] for one in told if one[0] == "latentum/slack"] == [("open", "api-gateway"), ("open", "cache"), ("end", "api-gateway")]
    assert len(told) == 6
    assert {path.stat().st_mode & 0o777 for path in spool.folder.rglob("*.json")} == {0o600}


def test_an_end_never_overtakes_its_open(spool: Spool) -> None:
    one, other, now = an_incident(), an_incident("cache"), time.time()
    for notice in (a_notice("open", one), a_notice("end", ended(one)), a_notice("open", other)):
        spool.tell(notice, alerts(SLACK).routes)
    spool.retry(spool.waiting()[:1], now)
    assert [item.notice["incident"]["subject"] for item in spool.due(now)] == ["cache"]
    assert [item.notice["what"] for item in spool.due(now + 11)] == ["open", "end", "open"]


def test_order_holds_when_the_clock_is_set_back(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    one, now = an_incident(), time.time_ns()
    spool.tell(a_notice("open", one), alerts(SLACK).routes)
    monkeypatch.setattr(time, "time_ns", lambda: now - 3600 * 10**9)
    spool.tell(a_notice("end", ended(one)), alerts(SLACK).routes)
    assert [item.notice["what"] for item in spool.waiting()] == ["open", "end"]


def test_what_was_told_is_not_told_again(spool: Spool) -> None:
    """A daemon that is killed remembers less than the spool does, and says it again."""
    routes, one = alerts(SLACK).routes, an_incident()
    spool.tell(a_notice("open", one), routes)
    spool.tell(a_notice("open", one), routes)
    assert len(spool.waiting()) == 1
    spool.accepted(spool.waiting())
    spool.tell(a_notice("open", one), routes)
    assert spool.waiting() == []
    for _again in range(2):
        spool.tell(a_notice("end", ended(one)), routes)
    assert [item.notice["what"] for item in spool.waiting()] == ["end"]


def test_a_daemon_killed_between_the_files_and_its_memory_puts_nothing_twice(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    routes, one = alerts(SLACK, PAGER).routes, an_incident()
    write = spool.files.write

    def killed(name: str, content: str) -> None:
        if name.startswith("told"):
            raise KeyboardInterrupt
        write(name, content)

    monkeypatch.setattr(spool.files, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        spool.tell(a_notice("open", one), routes)
    monkeypatch.undo()
    spool.tell(a_notice("open", one), routes)
    assert len(spool.waiting()) == 2


def test_a_rising_severity_tells_those_who_were_not_told_and_the_end_tells_all(spool: Spool) -> None:
    both = alerts({**SLACK, "severities": ["warning"]}, PAGER)
    one = an_incident(severity="warning")
    assert spool.tell(a_notice("open", one), both.routes) == ["latentum/slack"]
    risen = an_incident(severity="critical", needs_human=True)
    assert spool.tell(a_notice("escalate", risen), both.routes) == ["latentum/pagerduty", "latentum/slack"]
    assert spool.tell(a_notice("end", ended(risen)), both.routes) == ["latentum/pagerduty", "latentum/slack"]


def test_nobody_hears_the_end_of_what_nobody_was_told(spool: Spool) -> None:
    only = alerts(PAGER)
    one = an_incident(severity="warning")
    assert spool.tell(a_notice("open", one), only.routes) == spool.tell(a_notice("end", ended(one)), only.routes) == []
    during_maintenance = an_incident("cache")
    assert spool.tell(a_notice("end", ended(during_maintenance)), only.routes) == []


def two_stacks(**second: object) -> Alerts:
    """Two stacks that mail the same people."""
    mail = {"name": "mail", "kind": "email", "server": "smtp.example.com", "port": 587, "to": ["a@example.com"]}
    return alerts_from(
        [
            {"stack": "blog", "alerts": [{**mail, "severities": ["critical"]}]},
            {"stack": "shop", "alerts": [{**mail, **second}]},
            {"stack": "x"},
        ]
    )


def test_the_host_tells_each_destination_once() -> None:
    notice = a_notice("open", Incident("host/memory", "", "memory", "critical", "full", NOON, NOON))
    assert routes_for(notice, two_stacks().routes) == ["blog/mail"]
    assert routes_for(notice, two_stacks(to=["b@example.com"]).routes) == ["blog/mail", "shop/mail"]
    notice["incident"]["severity"] = "warning"
    assert routes_for(notice, two_stacks().routes) == ["shop/mail"]
    # It stays with the route that told it first, so that nobody is told twice when the severity rises.
    notice["incident"]["severity"] = "critical"
    assert routes_for(notice | {"what": "escalate"}, two_stacks().routes, {"shop/mail": [("open", NOON)]}) == ["shop/mail"]


def test_a_test_goes_everywhere() -> None:
    notice = a_notice("test", Incident("host/test", "", "test", "info", "a test", NOON, NOON))
    assert routes_for(notice, two_stacks().routes) == ["blog/mail", "shop/mail"]
    notice["incident"]["stack"] = "shop"
    assert routes_for(notice, two_stacks().routes) == ["shop/mail"]


def test_reminders_come_by_each_route_s_own_interval() -> None:
    routes = alerts({**SLACK, "reminder": 3600}, {**PAGER, "reminder": 0}).routes
    told = {
        "latentum/slack": [("open", NOON), ("reminder", NOON + 3600)],
        "latentum/pagerduty": [("open", NOON)],
        "gone/x": [("open", NOON)],
    }
    assert reminders_for(an_incident().as_dict(), routes, told, NOON + 7199) == []
    assert reminders_for(an_incident().as_dict(), routes, told, NOON + 7200) == ["latentum/slack"]
    assert reminders_for(ended(an_incident()).as_dict(), routes, told, NOON + 7200) == []


def test_a_broken_file_takes_nothing_from_the_others(tmp_path: Path) -> None:
    (tmp_path / "shop.json").write_text(json.dumps({"stack": "shop", "alerts": [{"name": "chat", **SLACK}]}))
    (tmp_path / "half.json").write_text('{"stack": "half", "al')
    (tmp_path / "odd.json").write_text('{"stack": "odd", "alerts": [{"name": "x"}]}')
    (tmp_path / "host.json").write_text("{}")
    loaded = load_alerts(tmp_path)
    assert list(loaded.routes) == ["shop/chat"] and sorted(loaded.broken) == ["half", "odd"]


def test_back_off_doubles_to_ten_minutes_and_does_not_march_in_step() -> None:
    for tries, seconds in ((1, 10), (2, 20), (3, 40), (7, 600), (5000, 600)):
        waits = [back_off(tries) for _one in range(50)]
        assert min(waits) >= seconds * 0.8 and max(waits) <= seconds and len(set(waits)) > 40


def test_given_up_only_after_three_days_of_trying(spool: Spool) -> None:
    spool.tell(a_notice("open", an_incident()), alerts(SLACK).routes)
    now = time.time()
    assert spool.retry(spool.waiting(), now + 10 * PATIENCE) == []  # a clock that jumped, a host that was off
    for _try in range(TRIES):
        assert spool.retry(spool.waiting(), now + PATIENCE - 1) == []
    assert len(spool.retry(spool.waiting(), now + PATIENCE + 1)) == 1
    assert spool.waiting() == [] and spool.dead() == 1


def test_a_damaged_file_is_put_aside(spool: Spool) -> None:
    spool.tell(a_notice("open", an_incident()), alerts(SLACK).routes)
    for number, content in enumerate((b"", b"\xff\xfe", b"[]", b'{"route": "x", "notice": {}, "spooled": 0}')):
        (spool.folder / "queue" / f"{number:020d}.x.json").write_bytes(content)
    assert len(spool.waiting()) == 1 and spool.dead() == 4


def test_what_is_long_over_is_swept(spool: Spool) -> None:
    one = an_incident()
    spool.tell(a_notice("open", one), alerts(SLACK).routes)
    for number in range(DEAD + 5):
        spool.files.write(f"dead/{number:020d}.json", "{}")
    half = spool.folder / "queue" / ".half"
    half.write_text("")
    os.utime(half, (0, 0))
    spool.sweep(NOON + 80 * 86400)
    assert spool.deliveries(one.id) and spool.dead() == DEAD and not half.exists()
    spool.tell(a_notice("end", ended(one)), alerts(SLACK).routes)
    spool.sweep(NOON + 3 * 86400)
    assert spool.deliveries(one.id) == {}


def test_a_full_or_read_only_disk_silences_nobody(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    routes, early, late = alerts(SLACK).routes, an_incident(), an_incident("cache")
    spool.tell(a_notice("open", early), routes)
    unlink, broken = Path.unlink, True

    def write(path: Path, *rest: object) -> None:
        if broken and spool.folder in path.parents:
            raise OSError(errno.ENOSPC, "No space left on device")
        atomic_files.write_atomic(path, *rest)  # type: ignore[arg-type]

    def remove(path: Path, missing_ok: bool = False) -> None:
        if broken and spool.folder in path.parents:
            raise OSError(errno.EROFS, "Read-only file system")
        unlink(path, missing_ok)

    monkeypatch.setattr(spool_files, "write_atomic", write)
    monkeypatch.setattr(Path, "unlink", remove)
    spool.tell(a_notice("open", late), routes)
    first, second = spool.waiting()
    assert (first.incident, second.incident) == (early.id, late.id)
    spool.retry([first], time.time())
    assert [item.tries for item in spool.waiting()] == [1, 0]
    spool.accepted([first])
    assert [item.incident for item in spool.waiting()] == [late.id]
    broken = False
    spool.sweep(time.time())
    assert [item.incident for item in spool.waiting()] == [late.id] and not list((spool.folder / "queue").iterdir())
    spool.accepted(spool.waiting())
    assert spool.waiting() == [] and not [path for path in spool.files.spare.rglob("*") if path.is_file() and path.parent.name == "queue"]


WRITER = """
import sys
from pathlib import Path
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.incidents import Incident
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.spool import Spool
spool = Spool(Path(sys.argv[1]), Path(sys.argv[1] + ".run"))
for number in range(100000):
    incident = Incident(f"shop/{number}", "shop", "x", "critical", "c" * 4000, 1.0, 1.0).as_dict()
    spool.put({"what": "open", "host": "h", "at": 1.0, "incident": incident, "runbook": ""}, ["shop/mail"])
    print(number, flush=True)
"""


def test_a_kill_while_writing_loses_nothing_that_was_written(tmp_path: Path) -> None:
    where = [path for path in sys.path if path.endswith(".collections")] + [os.environ.get("PYTHONPATH", "")]
    for round_ in range(5):
        folder = tmp_path / str(round_)
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": ":".join(where)}
        )
        assert writer.stdout is not None
        assert writer.stdout.readline()
        time.sleep(0.02 * round_)
        writer.send_signal(signal.SIGKILL)
        said = writer.communicate()[0].split()
        last = int(said[-1]) if said else 0
        waiting = Spool(folder, tmp_path / "run").waiting()
        assert [item.incident for item in waiting][: last + 1] == [f"shop/{number}@1" for number in range(last + 1)]
        assert Spool(folder, tmp_path / "run").dead() == 0
