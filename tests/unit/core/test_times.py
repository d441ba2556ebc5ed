# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times that programs and people write, read alike by every Python."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core.times import epoch, parse_timestamp


@pytest.mark.parametrize(
    ("text", "microseconds", "offset"),
    [
        ("2026-11-20T14:03:07Z", 0, 0),
        ("2026-11-20T14:03:07.123456789Z", 123456, 0),  # Docker and restic: nanoseconds
        ("2026-11-20T14:03:07.5+01:00", 500000, 60),
        ("2026-11-20 14:03:07+00", 0, 0),  # PostgreSQL
        ("2026-11-20 14:03:07.25-0330", 250000, -210),
    ],
)
def test_times_with_a_zone(text: str, microseconds: int, offset: int) -> None:
    expected = datetime(2026, 11, 20, 14, 3, 7, microseconds, timezone(timedelta(minutes=offset)))
    assert parse_timestamp(text) == expected
    assert epoch(text) == expected.timestamp()


@pytest.mark.parametrize(
    ("text", "expected"), [("2026-11-20", datetime(2026, 11, 20)), ("2026-11-20 14:03", datetime(2026, 11, 20, 14, 3))]
)
def test_times_without_a_zone(text: str, expected: datetime) -> None:
    assert parse_timestamp(text) == expected
    assert epoch(text) == expected.replace(tzinfo=timezone.utc).timestamp()


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "14:03", "2026-13-01", "2026-11-20 25:00", "2026-11-20T14:03:07 CET", "2026-11-20 14:03:07+99:99", "٢٠٢٦-11-20"],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_timestamp(text)


def test_the_engine_s_zero_time_is_before_everything() -> None:
    assert epoch("0001-01-01T00:00:00Z") < 0
