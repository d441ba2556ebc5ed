# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rotation would do, and what is said of it; its history."""

from __future__ import annotations

import os
import time
from pathlib import Path

from ansible_collections.latentum.ops.plugins.module_utils.release.journal import LINES
from ansible_collections.latentum.ops.plugins.module_utils.rotation import declared, journal, plan

from .played import HOUR, Played


def test_a_row_a_secret(played: Played) -> None:
    rows = plan.rows(played.store, played.journal, list(declared.every(played.store).values()), {"api": "rolling", "worker": "recreate"})
    by_name = {row.secret: row for row in rows}
    assert by_name["database_password"].replaced == ("api (rolling)", "worker (recreate)") and by_name["database_password"].login == "app"
    assert by_name["cache_password"].server == "cache" and by_name["cache_password"].replaced == ("api (rolling)",)
    assert by_name["api_key"].server == "" and not by_name["api_key"].late and by_name["api_key"].before == "gone"
    shown = plan.table(rows)
    assert "database as app" in shown and "nobody but its readers" in shown
    assert not any(value in shown for value in played.first.values())


def test_the_value_before(played: Played) -> None:
    played.now = time.time()
    played.rotation().rotate(["session_key", "api_key"])
    secrets = list(declared.every(played.store).values())
    by_name = {row.secret: row.before for row in plan.rows(played.store, played.journal, secrets, {})}
    assert by_name["session_key"].startswith("good no more, kept for") and by_name["api_key"].startswith("good for")


def test_a_secret_that_is_late(played: Played) -> None:
    file = played.store.folder / "metadata.json"
    file.write_text(file.read_text().replace('"updated": "20', '"updated": "10'))
    (row,) = plan.rows(played.store, played.journal, declared.chosen(played.store, ["database_password"]), {})
    assert row.late and "!!" in plan.table([row]) and plan.as_list([row])[0]["every"] == 90 * 24 * HOUR


def test_a_history_with_a_line_that_a_crash_has_cut_off(tmp_path: Path) -> None:
    kept = journal.Journal("shop", tmp_path)
    kept.write(step="begun", reason="connect postgres://app:hunter2hunter2@db/app")
    with kept.lines.open("a") as file:
        file.write('{"step": "prep')
    (entry,) = kept.read()
    assert entry["step"] == "begun" and "hunter2" not in kept.lines.read_text()
    assert kept.lines.stat().st_mode & 0o777 == 0o600 and kept.folder.stat().st_mode & 0o777 == 0o700
    assert kept.underway() is None and kept.pending() == {} and os.geteuid() == kept.lines.stat().st_uid


def test_it_does_not_grow_for_ever(tmp_path: Path) -> None:
    kept = journal.Journal("shop", tmp_path)
    kept.write(step="begun")
    kept.lines.write_text(kept.lines.read_text() * (2 * LINES + 1))
    kept.trim()
    assert len(kept.lines.read_text().splitlines()) == LINES
