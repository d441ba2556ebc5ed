# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of a host: what may come, as which images, when, and whom that needs."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core import time_windows
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError, Result
from ansible_collections.latentum.ops.plugins.module_utils.delivery.request import Image, Request
from ansible_collections.latentum.ops.plugins.module_utils.delivery.rules import Decision, Live, Verdict, judge, matches, version_of

from .samples import API, COMMIT, DIGEST, NOW, WEB, request, settings


def verdict(wanted: Request, live: dict[str, str] | None = None, *, approved: bool = False, until: float = 0.0, **changes: Any) -> Verdict:
    return judge(settings(**changes), wanted, Live(live or {}), NOW, approved=approved, frozen_until=lambda *_given: until)


def test_a_tag_brings_the_images_that_its_rule_makes_of_it() -> None:
    made = verdict(request())
    assert (made.decision, dict(made.images)) == (Decision.CARRY_OUT, {"api": f"{API}:1.4.3", "web": f"{WEB}:1.4.3"})
    assert dict(verdict(request("main", "branch")).images) == {"api": f"{API}:sha-{COMMIT[:7]}", "web": f"{WEB}:sha-{COMMIT[:7]}"}


def test_a_digest_is_what_is_deployed_whatever_its_tag_becomes() -> None:
    made = verdict(request(source="generic", images={"api": Image("1.4.3", DIGEST)}))
    assert dict(made.images) == {"api": f"{API}:1.4.3@{DIGEST}"}
    assert dict(verdict(request(source="generic", images={"api": Image("", DIGEST)})).images) == {"api": f"{API}:1.4.3@{DIGEST}"}


def test_an_image_that_was_pushed_is_that_of_the_services_that_have_it() -> None:
    wanted = request("1.4.3", source="registry", repository="acme/api", commit="", pushed=Image("1.4.3", DIGEST))
    assert dict(verdict(wanted).images) == {"api": f"{API}:1.4.3@{DIGEST}"}
    other = request("1.4.3", source="registry", repository="acme/web", pushed=Image("1.4.3"))
    assert verdict(other, services={"api": API}).status == 403


@pytest.mark.parametrize(
    ("wanted", "status", "words"),
    [
        (request(repository="evil/shop"), 403, "is none of source"),
        (request(source="nobody"), 403, "is not declared"),
        (request("v2.0.0"), 403, "no version of"),
        (request("v1.3.9"), 403, "no version of"),
        (request("v1.5.0-rc.1"), 403, "no version of"),
        (request("v1.4"), 403, "no version of"),
        (request("hotfix", "branch"), 403, "no rule lets"),
        (request("v1.4.3", "branch"), 403, "no rule lets"),
        (request("mainx", "branch"), 403, "no rule lets"),
        (request("feature/main", "branch"), 403, "no rule lets"),
        (request("main", "branch", commit=""), 403, "no commit"),
        (request(source="generic", images={"database": Image("1.4.3")}), 403, "may not get another image"),
        (request(source="generic", images={"api": Image("9.9.9")}), 403, "has the tag 9.9.9"),
    ],
)
def test_what_is_not_allowed_is_refused_with_its_reason(wanted: Request, status: int, words: str) -> None:
    made = verdict(wanted)
    assert (made.decision, made.status) == (Decision.REFUSE, status) and words in made.reason and not made.images


def test_what_is_for_another_environment_is_no_error() -> None:
    made = verdict(request("develop", "branch"))
    assert (made.decision, made.status) == (Decision.IGNORE, 200) and "is for staging" in made.reason
    assert verdict(request("develop", "branch"), environment="staging").decision is Decision.CARRY_OUT


def test_an_older_version_comes_only_where_it_is_meant() -> None:
    live = {"api": f"{API}:1.4.9@{DIGEST}", "web": f"{WEB}:1.4.2"}
    assert verdict(request(), live).status == 409 and "older than 1.4.9" in verdict(request(), live).reason
    assert verdict(request(), live, downgrade="allow").decision is Decision.CARRY_OUT
    assert verdict(request(), live, downgrade="named").status == 409
    assert verdict(request(downgrade=True), live, downgrade="named").decision is Decision.CARRY_OUT
    assert verdict(request(downgrade=True), live).status == 409
    for other in ({"api": f"{API}:1.4.3"}, {"api": f"{API}:latest"}, {"api": "sha256:00"}, {}):
        assert verdict(request(), other).decision is Decision.CARRY_OUT


@pytest.mark.parametrize(
    ("reference", "known"),
    [
        (f"{API}:1.4.3@{DIGEST}", "1.4.3"),
        (f"{API}:v1.4.3", "1.4.3"),
        ("localhost:5000/api", None),
        ("api", None),
        (f"api@{DIGEST}", None),
        ("", None),
    ],
)
def test_the_version_of_a_reference(reference: str, known: str | None) -> None:
    assert (str(version_of(reference)) if version_of(reference) else None) == known


def test_a_freeze_refuses_or_is_waited_for() -> None:
    freeze = {"start": "Fri *-*-* 16:00", "duration": 3600, "reason": "nobody is here"}
    refused = verdict(request(), until=NOW + 60, freezes=[freeze])
    assert (refused.decision, refused.status) == (Decision.REFUSE, 409) and "nobody is here" in refused.reason
    held = verdict(request(), until=NOW + 60, freezes=[{**freeze, "then": "wait"}])
    assert (held.decision, held.until, held.status) == (Decision.HOLD, NOW + 60, 202) and held.images
    assert verdict(request(), until=0.0, freezes=[freeze]).decision is Decision.CARRY_OUT


def test_a_freeze_that_nobody_understands_lets_nothing_come() -> None:
    def unreadable(*_given: object) -> float:
        raise CommandError(Result(("systemd-analyze",), 1, "", ""), "failed")

    freeze = {"start": "Fri *-*-* 16:00", "duration": 3600}
    made = judge(settings(freezes=[freeze]), request(), Live(), NOW, frozen_until=unreadable)
    assert made.decision is Decision.REFUSE and "does not understand" in made.reason


def test_approval_is_waited_for_before_a_freeze_is_and_once() -> None:
    assert verdict(request("approved-7", source="github")).decision is Decision.APPROVE
    assert verdict(request("approved-7"), approved=True).decision is Decision.CARRY_OUT
    made = verdict(request("approved-7"), approval={"persons": 2, "author": False})
    assert "2 persons, and not by whoever brought it" in made.reason


@pytest.mark.parametrize(
    ("pattern", "fits", "not_"),
    [
        ("v*", "v1 v", "1 xv1 v1/x"),
        ("release/*", "release/1", "release release/1/2 xrelease/1"),
        ("main", "main", "main2 amain"),
        ("v1.4", "v1.4", "v1x4"),
        ("*-rc*", "1-rc 1-rc2", "1"),
    ],
)
def test_a_pattern_fits_a_whole_name(pattern: str, fits: str, not_: str) -> None:
    assert all(matches(pattern, ref) for ref in fits.split()) and not any(matches(pattern, ref) for ref in not_.split())
    assert not matches(pattern, f"{fits.split()[0]}\n")


ANALYZED = """\
  Original form: Fri *-*-* 16:00
Normalized form: Fri *-*-* 16:00:00
    Next elapse: Fri 2026-12-04 16:00:00 UTC
       From now: 2 days left
"""


def test_a_window_is_where_it_began_at_most_its_duration_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    begins = 1_796_400_000.0  # Fri 2026-12-04 16:00 UTC
    asked: list[list[str]] = []
    monkeypatch.setattr(time_windows, "run", lambda argv: (asked.append(argv), Result(tuple(argv), 0, ANALYZED, ""))[1])
    assert time_windows.inside("Fri *-*-* 16:00", 3600, begins + 10) == begins + 3600
    assert time_windows.inside("Fri *-*-* 16:00", 3600, begins - 1) == 0.0
    assert f"--base-time=@{int(begins + 10 - 3600)}" in asked[0]
