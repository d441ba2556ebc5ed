# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people are told of deliveries without a rollout: one line of the journal each, from which the watchdog makes a notice."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.delivery.entry import Entry, State
from ansible_collections.latentum.ops.plugins.module_utils.delivery.running import Running
from ansible_collections.latentum.ops.plugins.module_utils.delivery.telling import PATIENCE, Drift, told
from ansible_collections.latentum.ops.plugins.module_utils.release.journal import LIVE, PARTLY_TAKEN_BACK, Journal
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.message import compose
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.deployments import read

from .samples import NOW, request


def entry(state: State, **more: Any) -> Entry:
    number = more.pop("number", 1)
    return Entry(f"{number:032x}", number, request(), state, attempt=f"delivery-{number:032x}", **more)


def lines() -> list[dict[str, Any]]:
    return [line for line in Journal("shop").read() if line.get("kind") == "delivery"]


@pytest.mark.usefixtures("queue")
@pytest.mark.parametrize(
    ("state", "status", "step", "severity"),
    [
        (State.REFUSED, 409, "refused", "warning"),
        (State.REFUSED, 202, "refused", "warning"),
        (State.SUPERSEDED, 202, "superseded", "info"),
        (State.FAILED, 202, "failed before it began", "warning"),
    ],
)
def test_what_never_began_is_told_once(state: State, status: int, step: str, severity: str) -> None:
    one = entry(state, status=status, reason="nothing is delivered before Monday", live="1.4.2")
    for _time in range(2):
        assert told("shop", [one]) == [one]
    (line,) = lines()
    notice = read("shop", line)
    assert (notice.ending.value, notice.incident.severity) == (step, severity)
    assert "v1.4.3 of acme/shop: nothing is delivered before Monday" in notice.incident.cause
    assert ("Live now", "1.4.2") in notice.facts and ("By", "alice") in notice.facts
    told_as = {
        "what": "deployment",
        "host": "web1",
        "at": NOW,
        "incident": notice.incident.as_dict(),
        "ending": step,
        "facts": notice.facts,
    }
    message = compose(told_as, NOW)
    assert message.headline.startswith(f"{step.upper()} web1: shop: tag v1.4.3") and "release" in message.lead, message
    one.noted = True
    assert told("shop", [one]) == []


@pytest.mark.usefixtures("queue")
def test_what_a_rollout_has_told_or_the_caller_knows_is_not_told_again() -> None:
    Journal("shop").write(kind="deploy", attempt=f"delivery-{1:032x}", step=PARTLY_TAKEN_BACK)
    quiet = [entry(State.FAILED), entry(State.REFUSED, number=2, status=403), entry(State.SUCCEEDED, number=3)]
    quiet += [entry(State.ROLLED_BACK, number=4), entry(State.IGNORED, number=5)]
    assert len(told("shop", [*quiet, entry(State.WAITING, number=6)])) == len(quiet) and lines() == []


@pytest.mark.usefixtures("queue")
def test_a_difference_that_lasts_is_told_once_and_so_is_its_end() -> None:
    seen = Running("shop")
    drift = Drift(lambda _stack: seen)
    assert drift.tell("shop", NOW) == ""
    seen.differing.append("api runs 1.4.1, and 1.4.3 was delivered last")
    assert [drift.tell("shop", NOW + after) for after in (1, PATIENCE, PATIENCE + 1, PATIENCE + 60)] == ["", "", "drifted", ""]
    assert Drift(lambda _stack: seen).tell("shop", NOW + 2 * PATIENCE) == "", "a restart says nothing twice"
    notice = read("shop", lines()[-1])
    assert notice.incident.severity == "warning" and "1.4.3 was delivered last" in notice.incident.cause
    seen.differing.clear()
    assert drift.tell("shop", NOW + 3 * PATIENCE) == "as delivered" and read("shop", lines()[-1]).incident.severity == "info"
    assert Journal("shop").ending("drift") == "" and LIVE not in [line["step"] for line in lines()]
