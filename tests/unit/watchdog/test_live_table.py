# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watchdog's part of `opsctl status`, and `opsctl incidents`."""

from __future__ import annotations

import sys
from pathlib import Path

from ansible_collections.latentum.ops.plugins.module_utils.watchdog.live_table import incidents_table, table

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "browser"))

from sample import AT, sample, well

NOTHING = {"well": False, "stacks": [], "incidents": [], "history": [], "at": 0}


def lines_with(text: str, *words: str) -> list[str]:
    return [line for line in text.splitlines() if all(word in line for word in words)]


def test_what_needs_attention_is_marked() -> None:
    shown = table(sample())
    for words in (
        ("watchdog:", "model-server is down; this affects api-gateway"),
        ("latentum/model-server: critical for 12 min", "a human is needed", "killed for memory"),
        ("model-server", "down", "0/1", "99.85 %", "5, gave up"),
        ("model-server: probe tcp 9000 fails after 5.000 s: tcp 9000: timed out",),
        ("api-gateway: latentum-api-gateway-2 is out of rotation",),
        ("disk /var/lib/docker: warning: 86 %",),
        ("alerts by mail fail: smtp.example.com does not answer",),
        ("1 message to people waits",),
    ):
        assert [line[:3] for line in lines_with(shown, *words)] == ["!! "], words
    for words in (("worker", "maintenance", "4/4"), ("cache", "ok", "1/1"), ("latentum.example.com", "48 ms", "certificate 71 days")):
        assert {line[:3] for line in lines_with(shown, *words)} == {"ok "}, words
    assert lines_with(shown, "latentum/worker", "until 2026-11-20 15:12:08 UTC", "by alex", "moving the queue")
    assert lines_with(shown, "affects api-gateway")


def test_on_a_good_day_nothing_is_marked() -> None:
    shown = table(well())
    assert "!!" not in shown and shown.startswith("ok watchdog: All systems are up\n")
    assert "incidents" not in shown and "maintenance" not in shown and "alerts" not in shown


def test_columns_are_aligned() -> None:
    rows = [line for line in table(sample()).splitlines() if "%" in line and "/" in line and line.startswith(("ok ", "!! "))]
    assert len({line.index("%") for line in rows if "99." in line}) == 1 and len(rows) >= 5
    assert all(line == line.rstrip() for line in table(sample()).splitlines())


def test_who_works_on_a_stack_is_said() -> None:
    status = well()
    status["stacks"][0]["busy"] = "deploy by ops"
    assert "healing waits: deploy by ops" in table(status)


def test_incidents_are_told_with_what_was_done() -> None:
    shown = incidents_table(sample())
    assert shown.startswith("1 open\n") and "\n7 ended\n" in shown
    assert lines_with(shown, "!! 2026-11-20 14:19:28 UTC", "latentum/model-server", "critical", "open for 12 min", "a human is needed")
    assert lines_with(shown, "ok 2026-11-13 04:56:08 UTC", "for 3 h 30 min", "a human was needed")
    assert lines_with(shown, "   2026-11-18 09:44:11 UTC  latentum-database-1 was started")
    assert lines_with(shown, "affected: api-gateway, worker")
    assert shown.index("2026-11-20 14:19:31 UTC") < shown.index("2026-11-20 14:25:08 UTC")


def test_a_long_history_is_cut() -> None:
    status = well()
    status["history"] = [{**status["history"][0], "began": AT - number} for number in range(200)]
    shown = incidents_table(status)
    assert "the last 20 of 200 that ended" in shown and shown.count("cause:") == 20


def test_nothing_is_said_before_anything_is_known() -> None:
    assert "Nothing is watched yet" in table(NOTHING) and "!!" not in table(NOTHING)
    assert incidents_table(NOTHING) == "nothing is open"


def test_a_terminal_cannot_be_taken_over() -> None:
    status = sample()
    status["incidents"][0]["cause"] = status["stacks"][0]["services"][0]["reason"] = "\x1b]0;x\x07\x1b[2Jgone\x9b\r\nok watchdog: fine"
    for shown in (table(status), incidents_table(status)):
        assert "gone" in shown and not set(shown) & set("\x1b\x07\x9b\r")
        assert not lines_with(shown, "ok watchdog: fine")[0].startswith("ok")
