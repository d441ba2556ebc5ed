# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long each service was down on each day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.days import KEPT, LONGEST, Days

from . import samples
from .samples import Host

host = samples.host

API, DB = "shop/api", "shop/db"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def days(tmp_path: Path, host: Host) -> Days:
    return Days(tmp_path / "days.json")


def test_time_is_counted_by_state(days: Days) -> None:
    for state, seconds in (("ok", 10), ("down", 1.25), ("degraded", 2), ("down", 3), ("suspect", 4), ("maintenance", 5), ("affected", 6)):
        days.count({API: state, DB: "ok"}, seconds, NOON.timestamp())
    assert days.of(API) == [{"day": "2026-11-20", "down": 4.2, "degraded": 2, "seen": 31.2}]
    assert days.of(DB) == [{"day": "2026-11-20", "down": 0, "degraded": 0, "seen": 31.2}]
    assert days.of("shop/none") == []


def test_a_day_ends_at_midnight_utc(days: Days) -> None:
    midnight = datetime(2026, 11, 21, tzinfo=UTC).timestamp()
    days.count({API: "down"}, 5, midnight - 1)
    days.count({API: "down"}, 7, midnight)
    assert [(one["day"], one["down"]) for one in days.of(API)] == [("2026-11-20", 5), ("2026-11-21", 7)]


@pytest.mark.parametrize(("elapsed", "counted"), [(LONGEST, 1), (LONGEST + 1, 0), (0, 0), (-5, 0)])
def test_a_gap_is_time_without_data(elapsed: float, counted: int, days: Days) -> None:
    days.count({API: "down"}, elapsed, NOON.timestamp())
    assert len(days.of(API)) == counted


def test_ninety_days_are_kept_oldest_first(days: Days) -> None:
    for number in range(KEPT + 5):
        days.count({API: "ok"}, 1, (NOON + timedelta(days=number)).timestamp())
    kept = [one["day"] for one in days.of(API)]
    assert kept == [(NOON + timedelta(days=number)).date().isoformat() for number in range(5, KEPT + 5)]


def test_they_survive_a_restart(days: Days) -> None:
    days.count({API: "down"}, 5, NOON.timestamp())
    days.save()
    again = Days(days.file)
    again.count({API: "down"}, 5, NOON.timestamp())
    assert again.of(API) == [{"day": "2026-11-20", "down": 10, "degraded": 0, "seen": 10}]
    assert days.file.stat().st_mode & 0o777 == 0o640
