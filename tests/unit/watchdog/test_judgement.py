# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From findings to incidents: who is told of what, and when, on a clock that the test moves."""

from __future__ import annotations

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.findings import Finding
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.incidents import Incident
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.judgement import (
    AFTERMATH,
    FLAP_QUIET,
    FLAP_WINDOW,
    PATIENCE,
    SURE,
    SUSPENSE,
    Judgement,
)

from .samples import failing, well

CONFIRM, RECOVER = 2.0, 10.0
WALL = 1_800_000_000.0
DB, API, SITE = "shop/db", "shop/api", "shop/site:example.com"


class Story:
    """A judgement, and time that goes on only when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0
        self.quiet = ""
        self.looked: dict[str, float] = {}
        self.judgement = Judgement(lambda _key: (CONFIRM, RECOVER), lambda _key: self.quiet, self.fresh)

    def fresh(self, key: str, since: float) -> bool:
        return self.looked.get(key, self.now) >= since

    @property
    def wall(self) -> float:
        return WALL + self.now

    def after(self, seconds: float, *findings: Finding) -> list[tuple[str, str]]:
        """What is told when this is found so many seconds later."""
        self.now += seconds
        return [(one.what, one.incident.key) for one in self.judgement.consider(findings, self.now, self.wall)]

    def opened(self, *findings: Finding) -> Incident:
        """All of them fail, and their incidents open; the one of the first."""
        self.after(0, *findings)
        self.after(SURE, *findings)
        incident = self.judgement.subject(findings[0].key).incident
        assert incident is not None
        return incident

    def failed_and_well(self) -> Incident:
        """One failure that ends."""
        incident = self.opened(failing())
        self.after(1, well())
        assert self.after(FLAP_QUIET if incident.flapping else RECOVER, well()) == [("end", API)]
        return incident


@pytest.fixture
def story() -> Story:
    return Story()


def probed(seen: float, key: str = API, **changed: object) -> Finding:
    """A failed probe; `seen` is when it was taken."""
    return failing(key, sure=False, seen=seen, **changed)


# A second look


def test_what_the_engine_says_is_told_at_the_second_look(story: Story) -> None:
    assert story.after(0, failing()) == []
    assert story.judgement.suspects() == {API} and story.judgement.due(story.now) == story.now + SURE
    assert story.after(SURE - 0.1, failing()) == []
    assert story.after(0.1, failing()) == [("open", API)]
    assert story.after(60, failing()) == []
    (incident,) = story.judgement.open_incidents()
    assert (incident.began, incident.opened) == (WALL + 100, WALL + 100 + SURE)
    assert (incident.stack, incident.subject, incident.cause, incident.severity) == ("shop", "api", "it does not answer", "critical")


def test_a_failed_probe_is_told_only_after_it_was_taken_again(story: Story) -> None:
    first = story.now - 1
    assert story.after(0, probed(first)) == []
    assert story.after(CONFIRM - 0.1, probed(story.now + 1)) == []
    assert story.after(5, probed(first)) == []  # still the same one
    assert story.after(1, probed(story.now)) == [("open", API)]


def test_nobody_hears_of_what_is_well_at_the_second_look(story: Story) -> None:
    story.after(0, failing())
    assert story.after(SURE, well()) == []
    assert story.judgement.suspects() == set() and story.judgement.open_incidents() == []
    assert story.after(1, failing()) == []  # the next one begins anew


def test_what_starts_is_no_suspect_any_more(story: Story) -> None:
    story.after(0, failing())
    assert story.after(0.1, well(state="starting")) == []
    assert story.after(SURE, failing()) == []


def test_nothing_is_due_where_nothing_is_suspected(story: Story) -> None:
    assert story.judgement.due(story.now) >= story.now + 600
    story.after(0, failing())
    story.after(SURE, failing())
    assert story.judgement.due(story.now) >= story.now + 600


def test_a_second_look_that_is_late_does_not_turn_the_loop_hot(story: Story) -> None:
    story.after(0, probed(story.now))
    story.now += 60
    assert story.judgement.due(story.now) == pytest.approx(story.now + 0.2)


# One incident for one cause


def needing(*needs: str, key: str = API) -> Finding:
    return failing(key, needs=needs)


def test_who_suffers_from_something_else_is_not_told_on_its_own(story: Story) -> None:
    story.after(0, failing(DB), needing(DB))
    assert story.after(SURE, failing(DB), needing(DB)) == [("open", DB)]
    (incident,) = story.judgement.open_incidents()
    assert incident.affected == ["api"] and story.judgement.subject(API).phase == "affected"
    story.after(5, failing(DB), needing(DB))
    assert incident.affected == ["api"]


def test_a_failure_that_comes_later_joins_the_open_incident(story: Story) -> None:
    incident = story.opened(failing(DB))
    story.after(60, failing(DB), needing(DB))
    assert story.after(SURE, failing(DB), needing(DB)) == [] and incident.affected == ["api"]
    story.after(1, failing(DB), well())
    story.after(1, failing(DB), needing(DB))
    assert story.after(SURE, failing(DB), needing(DB)) == [] and incident.affected == ["api"]  # once, although it failed twice


def test_a_chain_hangs_on_its_first_cause(story: Story) -> None:
    chain = [failing(DB), needing(DB), needing(API, key=SITE)]
    story.after(0, *chain)
    assert story.after(SURE, *chain) == [("open", DB)]
    story.after(SURE, *chain)
    (incident,) = story.judgement.open_incidents()
    assert incident.affected == ["api", "site:example.com"]


def test_who_needs_what_is_well_is_told(story: Story) -> None:
    story.after(0, well(DB), needing(DB))
    assert story.after(SURE, well(DB), needing(DB)) == [("open", API)]


def test_a_cause_that_is_found_later_than_what_it_drags_along(story: Story) -> None:
    story.looked[DB] = story.now - 1
    story.after(0, well(DB), needing(DB))
    assert story.after(PATIENCE - 1, well(DB), needing(DB)) == []  # the database was not looked at again yet
    story.looked[DB] = story.now
    assert story.after(0, probed(story.now, DB), needing(DB)) == []
    assert story.after(CONFIRM, probed(story.now + CONFIRM, DB), needing(DB)) == [("open", DB)]
    assert story.judgement.open_incidents()[0].affected == ["api"]


def test_a_cause_that_nobody_can_look_at_is_not_waited_for_without_end(story: Story) -> None:
    story.looked[DB] = story.now - 1
    story.after(0, well(DB), needing(DB))
    assert story.after(PATIENCE - 0.1, well(DB), needing(DB)) == []
    assert story.after(0.1, well(DB), needing(DB)) == [("open", API)]


def test_a_cause_whose_second_look_never_comes_is_not_waited_for_without_end(story: Story) -> None:
    slow = probed(story.now - 1, DB)
    story.after(0, slow, needing(DB))
    assert story.after(SUSPENSE - 0.1, slow, needing(DB)) == []
    assert story.after(0.1, slow, needing(DB)) == [("open", API)]


def test_what_recovers_with_its_cause_is_never_told(story: Story) -> None:
    both = [failing(DB), needing(DB)]
    story.opened(*both)
    story.after(1, well(DB), needing(DB))
    assert story.after(RECOVER, well(DB), needing(DB)) == [("end", DB)]
    assert story.after(AFTERMATH - 1, well(DB), needing(DB)) == []
    assert story.after(0, well(DB), well()) == [] and story.judgement.subject(API).phase == "ok"


def test_what_does_not_recover_with_its_cause_is_told_after_a_while(story: Story) -> None:
    story.opened(failing(DB), needing(DB))
    story.after(1, well(DB), needing(DB))
    story.after(RECOVER, well(DB), needing(DB))
    assert story.after(1, well(DB), needing(DB)) == []
    assert story.after(AFTERMATH - 1.1, well(DB), needing(DB)) == []
    assert story.after(1, well(DB), needing(DB)) == [("open", API)]


def test_an_incident_that_is_open_is_not_drawn_into_a_later_one(story: Story) -> None:
    story.opened(needing(DB))
    story.after(60, failing(DB), needing(DB))
    assert story.after(SURE, failing(DB), needing(DB)) == [("open", DB)]
    assert [one.affected for one in story.judgement.open_incidents()] == [[], []]


# Flapping


def test_a_third_failure_is_flapping_and_ends_only_after_a_long_quiet_time(story: Story) -> None:
    assert [story.failed_and_well().flapping for _time in range(2)] == [False, False]
    incident = story.opened(failing())
    assert incident.flapping
    story.after(1, well())
    assert story.after(FLAP_QUIET - 1, well()) == []
    assert story.after(1, well()) == [("end", API)]


def test_failures_that_are_far_apart_are_no_flapping(story: Story) -> None:
    for _time in range(4):
        assert not story.failed_and_well().flapping
        story.now += FLAP_WINDOW / 2


# Silence


def test_what_is_muted_is_neither_suspected_nor_told(story: Story) -> None:
    story.quiet = "maintenance"
    assert story.after(0, failing()) == story.after(SURE, failing()) == [] and story.judgement.suspects() == set()
    story.quiet = ""
    assert story.after(60, failing()) == []  # judged anew
    assert story.after(SURE, failing()) == [("open", API)]


def test_a_suspicion_does_not_outlive_the_begin_of_maintenance(story: Story) -> None:
    story.after(0, failing())
    story.quiet = "maintenance"
    assert story.after(SURE, failing()) == []
    story.quiet = ""
    assert story.after(0.1, failing()) == []


def test_an_open_incident_stays_and_ends_while_muted(story: Story) -> None:
    story.opened(failing())
    story.quiet = "maintenance"
    assert story.after(60, failing()) == [] and len(story.judgement.open_incidents()) == 1
    story.after(1, well())
    assert story.after(RECOVER, well()) == [("end", API)]


# The end


def test_an_end_needs_a_quiet_time_without_any_failure(story: Story) -> None:
    incident = story.opened(failing())
    assert story.after(5, well()) == story.after(RECOVER - 0.1, well()) == []
    assert story.after(0, failing()) == []
    assert story.after(1, well()) == story.after(RECOVER - 0.1, well()) == []
    assert story.after(0.1, well()) == [("end", API)]
    assert incident.ended == story.wall and story.judgement.open_incidents() == []


def test_what_starts_holds_an_incident_open(story: Story) -> None:
    story.opened(failing())
    story.after(1, well())
    assert story.after(RECOVER * 10, well(state="starting")) == []
    assert story.after(1, well()) == story.after(RECOVER - 0.1, well()) == []
    assert story.after(0.1, well()) == [("end", API)]


def test_a_new_failure_after_the_end_is_a_new_incident(story: Story) -> None:
    first, second = story.failed_and_well(), story.opened(failing())
    assert first is not second and first.id != second.id and second.ended is None


# How bad


def test_a_rising_severity_is_told_once_and_a_falling_one_is_not(story: Story) -> None:
    incident = story.opened(failing(severity="warning", cause="one is gone"))
    assert story.after(1, failing(severity="warning", cause="another one is gone")) == [] and incident.cause == "one is gone"
    assert story.after(1, failing(cause="all are gone")) == [("escalate", API)]
    assert (incident.severity, incident.cause) == ("critical", "all are gone")
    assert story.after(1, failing()) == story.after(1, failing(severity="warning")) == [] and incident.severity == "critical"


# What is remembered


def test_what_is_not_declared_any_more_ends(story: Story) -> None:
    incident = story.opened(failing())
    story.after(0, failing(DB))
    assert story.judgement.forget([API, DB], story.now, story.wall) == []
    (told,) = story.judgement.forget([], story.now, story.wall)
    assert (told.what, told.incident) == ("end", incident) and incident.ended == story.wall
    assert incident.done[-1][1] == "it is not declared any more"
    assert story.judgement.subjects == {} and story.judgement.forget([], story.now, story.wall) == []


def test_an_incident_of_before_goes_on(story: Story) -> None:
    before = Incident(API, "shop", "api", "critical", "it does not answer", WALL - 60, WALL - 58)
    story.judgement.restore([before], story.now)
    assert story.after(1, failing()) == story.after(SURE, failing()) == []
    assert story.judgement.open_incidents() == [before]
    story.after(0, failing(DB))
    assert story.after(SURE, needing(API, key=DB)) == [] and before.affected == ["db"]
    story.after(1, well(), well(DB))
    assert story.after(RECOVER, well(), well(DB)) == [("end", API)]


def test_the_newest_incident_comes_first(story: Story) -> None:
    story.opened(failing(DB))
    story.now += 60
    story.opened(failing())
    assert [one.key for one in story.judgement.open_incidents()] == [API, DB]


def test_a_warning_that_takes_down_what_is_critical_becomes_critical(story: Story) -> None:
    """Else nobody would be woken by the outage of what needs it."""
    incident = story.opened(failing(DB, severity="warning"))
    assert incident.severity == "warning"
    story.after(0, failing(DB, severity="warning"), needing(DB))
    assert story.after(SURE, failing(DB, severity="warning"), needing(DB)) == [("escalate", DB)]
    assert incident.severity == "critical" and incident.affected == ["api"]
