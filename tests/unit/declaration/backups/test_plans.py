# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans as they are declared: what each takes, what follows from its times, and what would be in no backup."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.declaration.backups.derive import backup_config
from ansible_collections.latentum.ops.plugins.module_utils.declaration.backups.plan_checks import TAKEN
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import load, problems
from ansible_collections.latentum.ops.plugins.module_utils.declaration.watchdog.derive import watchdog_config
from ansible_collections.latentum.ops.plugins.module_utils.schema.calendar import longest_gap

from ...cli.test_backup import parser
from .test_checks import declared

HOUR, DAY = 3600, 86400
DATABASE: dict[str, Any] = {"name": "database", "schedule": "*-*-* 02:00", "takes": ["databases"], "retention": {"daily": 30}}
FILES: dict[str, Any] = {"name": "files", "schedule": "Sun *-*-* 03:00", "takes": ["host", "volumes"], "retention": {"weekly": 8}}
FULL: dict[str, Any] = {"name": "full", "schedule": "*-*-01 04:00"}


def with_plans(*plans: dict[str, Any], **more: Any) -> list[tuple[str, Any]]:
    return [("backups.plans", list(plans)), *((f"backups.{key}", value) for key, value in more.items())]


def found(*plans: dict[str, Any], **more: Any) -> list[tuple[str, str]]:
    """The keys that are wrong, and what is wrong with them."""
    return [(one.key, one.problem) for one in problems(declared(*with_plans(*plans, **more)))]


def plans_of(*plans: dict[str, Any], **more: Any) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in backup_config(load(declared(*with_plans(*plans, **more))))["plans"]}


def test_without_plans_nothing_is_said_of_them() -> None:
    declaration = load(declared())
    assert "plans" not in backup_config(declaration) and "backup_plans" not in watchdog_config(declaration)
    assert backup_config(load(declared(("backups.plans", [])))) == backup_config(declaration)


def test_each_plan_has_its_own_and_the_rest_from_backups() -> None:
    got = plans_of(DATABASE, FILES, FULL, retention={"daily": 5}, verify="weekly")
    assert got["database"] == {
        "name": "database",
        "schedule": "*-*-* 02:00",
        "takes": ["databases"],
        "retention": {"daily": 30, "weekly": 0, "monthly": 0, "yearly": 0},  # thirty days, and not eight weeks besides
        "verify": "weekly",
        "stale_after": 26 * HOUR + 7 * DAY,
    }
    assert got["files"]["takes"] == ["volumes", "host"] and got["full"]["takes"] == ["databases", "volumes", "host"]
    assert got["full"]["retention"] == {"daily": 5, "weekly": 8, "monthly": 12, "yearly": 0}


def test_an_age_follows_from_the_times_of_a_plan() -> None:
    got = plans_of(DATABASE, FILES, FULL, verify="always")
    assert [one["stale_after"] for one in got.values()] == [26 * HOUR, 7 * DAY + 2 * HOUR, 31 * DAY + 2 * HOUR]
    written = plans_of({**DATABASE, "stale_after": "30h", "verify": "always"}, FULL)
    assert written["database"]["stale_after"] == 30 * HOUR


def test_the_watchdog_asks_each_plan_and_the_stack_is_as_late_as_its_rarest_part() -> None:
    config = watchdog_config(load(declared(*with_plans(DATABASE, FILES, FULL))))
    assert config["backup_plans"] == {"database": 26 * HOUR, "files": 7 * DAY + 2 * HOUR, "full": 31 * DAY + 2 * HOUR}
    assert config["backup_max_age"] == 7 * DAY + 2 * HOUR  # of the files; databases are never older than a day
    assert backup_config(load(declared(*with_plans(DATABASE, FILES))))["stale_after"] == 7 * DAY + 2 * HOUR


def test_a_part_that_is_in_no_plan_is_an_error_and_names_what_would_be_lost() -> None:
    assert found(DATABASE) == [
        ("backups.plans", "is in no plan: the volumes would be in no backup"),
        ("backups.plans", "is in no plan: the secrets, the Compose project and the certificates would be in no backup"),
    ]
    assert found(FILES) == [("backups.plans", "is in no plan: database would be in no backup")]
    more = {"caches": [{"service": "cache"}], "paths": ["/srv/files"]}
    assert found(DATABASE, FILES, **more) == [
        ("backups.plans", "is in no plan: cache would be in no backup"),
        ("backups.plans", "is in no plan: /srv/files would be in no backup"),
    ]
    assert found(DATABASE, FILES) == [] and found(FULL) == []


def test_a_volume_that_is_not_backed_up_needs_no_plan() -> None:
    skipped = {name: {"mode": "skip"} for name in ("uploads", "models", "cache-data")}
    assert found(DATABASE, {**FILES, "takes": ["host"]}, volumes=skipped) == []


@pytest.mark.parametrize(
    ("plan", "key", "problem"),
    [
        ({"takes": []}, "takes", "takes nothing: the list is empty"),
        ({"takes": ["paths", "caches"]}, "takes", "takes nothing: the stack has no caches and no paths"),
        ({"takes": ["secrets"]}, "takes[0]", "is not one of the choices"),
        ({"name": "run"}, "name", "is a word of opsctl, and no name for a plan"),
        ({"name": "latest"}, "name", "is a word of opsctl, and no name for a plan"),
        ({"name": "shop.nightly"}, "name", "is not a name for a plan"),
        ({"name": "full"}, "name", "is the name of backups.plans[0] already"),
        ({"schedule": "0 2 * * *"}, "schedule", "is a line of cron, and a timer of systemd reads another language"),
        ({"retention": {"daily": 0}}, "retention", "is zero throughout, so nothing would be kept"),
        (
            {"schedule": "2027-01-01 02:00"},
            "stale_after",
            "is needed: it does not follow from '2027-01-01 02:00' how long no backup may come",
        ),
        ({"verify": "weekly", "stale_after": "2d"}, "stale_after", "is shorter than a week"),
        ({"keep": 3}, "keep", "is not a known key"),
    ],
)
def test_what_cannot_be_is_refused_at_its_key(plan: dict[str, Any], key: str, problem: str) -> None:
    (one,) = found(FULL, {**DATABASE, "name": "nightly", **plan})
    assert one[0] == f"backups.plans[1].{key}" and (problem in one[1] or key in ("takes[0]", "keep"))


@pytest.mark.parametrize("missing", ["name", "schedule"])
def test_a_plan_has_a_name_and_times(missing: str) -> None:
    plan = {key: value for key, value in FULL.items() if key != missing}
    assert [key for key, _problem in found(plan)] == [f"backups.plans[0].{missing}"]


def test_an_age_of_all_backups_stands_in_the_way_of_those_of_plans() -> None:
    assert found(FULL, stale_after="26h") == [("backups.stale_after", "stands beside plans, and each of them has an age of its own")]
    wrong = problems(declared(*with_plans(FULL), ("watchdog.backup_max_age", "26h")))
    assert [one.key for one in wrong] == ["watchdog.backup_max_age"]


def test_a_list_of_one_mistake_is_one_error() -> None:
    assert [key for key, _problem in found("database")] == ["backups.plans[0]"]  # type: ignore[arg-type]
    assert [one.key for one in problems(declared(("backups.plans", FULL)))] == ["backups.plans"]


def test_every_word_of_the_command_line_is_taken() -> None:
    verbs = next(action for action in parser()._actions if action.dest == "verb")
    ways = next(action for action in verbs.choices["backup"]._actions if action.dest == "way")  # type: ignore[index,call-overload]
    assert set(ways.choices or ()) <= set(TAKEN)


@pytest.mark.parametrize(
    ("expression", "hours"),
    [
        ("*-*-* 02:30", 24), ("02:30", 24), ("daily", 24), ("*-*-* *:15", 1), ("hourly", 1), ("*-*-* 00/6:00", 6), ("*-*-* 02,14:00", 12),
        ("Sun *-*-* 03:00", 168), ("Sun", 168), ("Mon..Fri 02:00", 72), ("Sat,Sun 03:00 Europe/Berlin", 144), ("Fri..Mon 02:00", 96),
        ("*-*-01 04:00", 744), ("*-*-1,15 04:00", 408), ("*-*-31 04:00", 1488), ("*-*~01 04:00", 744), ("monthly", 744), ("*-01-01", 8784),
        ("quarterly", 2208), ("semi-annually", 4416), ("2027-01-01", 0), ("Mon *-*-01..07 03:00", 0), ("*-*-1/10 02:00", 0),
    ],
)  # fmt: skip
def test_how_long_an_expression_leaves_a_plan_alone(expression: str, hours: float) -> None:
    assert longest_gap(expression) == hours * HOUR
