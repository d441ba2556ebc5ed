# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers of judges, and exceptions that end."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import pytest
import yaml

AUDIT = Path(__file__).parents[3] / "tests/audit"
sys.path.insert(0, str(AUDIT))
import verdicts  # noqa: E402

TODAY = date(2026, 11, 30)
PRINTED = """--- Starting Evaluation ---

Title\tInstall AIDE
Rule\txccdf_org.ssgproject.content_rule_package_aide_installed
Result\tpass

Title\tEnsure /dev/shm is configured
Rule\txccdf_org.ssgproject.content_rule_partition_for_dev_shm
Result\tnotapplicable

Title\tVerify ownership of log files
Rule\txccdf_org.ssgproject.content_rule_file_ownerships_var_log
Result\terror

Title\tUninstall nginx Package
Rule\txccdf_org.ssgproject.content_rule_package_nginx_removed
Ident\tCCE-1
Result\tfail
"""


def listed(**changes: object) -> list[verdicts.Exemption]:
    entry = {"rule": "package_nginx_*", "reason": "it is the way in", "who": "founders", "until": date(2027, 11, 30), **changes}
    return verdicts.exemptions([{key: value for key, value in entry.items() if value is not None}])


@pytest.mark.parametrize("between", ["\t", "\n\t"], ids=["one line", "two lines"])
def test_what_could_not_be_judged_is_no_pass_and_what_does_not_apply_does_not_count(between: str) -> None:
    """OpenSCAP has both forms, by where it writes."""
    verdict = verdicts.of_openscap(PRINTED.replace("\t", between))
    assert verdict.passed == {"package_aide_installed"} and verdict.failed == {"file_ownerships_var_log", "package_nginx_removed"}
    assert round(verdict.share, 1) == 33.3


def test_an_evaluation_that_judged_nothing_is_no_result() -> None:
    with pytest.raises(ValueError, match="no rule was passed"):
        verdicts.of_openscap("OpenSCAP Error: Unable to open file")
    with pytest.raises(ValueError, match="no index"):
        verdicts.of_lynis("lynis: not found")


def test_lynis_is_its_index_and_what_it_suggests() -> None:
    report = "hardening_index=81\nsuggestion[]=SSH-7408|a|b|\nsuggestion[]=SSH-7408|c|d|\nwarning[]=FIRE-4512|no rules|-|-|\n"
    assert verdicts.of_lynis(report) == (81, ["FIRE-4512", "SSH-7408"])


def test_a_failure_is_explained_for_its_profiles_only() -> None:
    failed = {"cis": {"package_nginx_removed"}, "anssi": {"package_nginx_removed"}}
    assert verdicts.complaints(failed, listed(), today=TODAY) == []
    assert verdicts.complaints(failed, listed(profiles=["cis"]), today=TODAY) == [
        "anssi: package_nginx_removed failed, and no exception says why"
    ]


def test_an_exception_ends_and_must_be_needed() -> None:
    failed = {"cis": {"package_nginx_removed"}}
    assert "ended on 2026-11-29" in verdicts.complaints(failed, listed(until=date(2026, 11, 29)), today=TODAY)[0]
    assert verdicts.complaints({"cis": set()}, listed(), today=TODAY) == [
        "the exception of package_nginx_* is not needed: no judge failed it"
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"who": None}, "who is missing"), ({"owner": "me"}, "owner is missing, or is no key"), ({"until": "soon"}, "soon is no date")],
)
def test_an_exception_is_complete(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        listed(**changes)


def test_a_floor_that_nobody_measured_is_not_reached() -> None:
    assert verdicts.below({"lynis": 91.0}, {"lynis": 90, "cis": 95}) == ["cis: not measured, and at least 95 is asked"]
    assert verdicts.below({"lynis": 89.9}, {"lynis": 90}) == ["lynis: 89.9, and at least 90 is asked"]


def test_our_own_exceptions_are_complete() -> None:
    assert verdicts.exemptions(yaml.safe_load((AUDIT / "exceptions.yml").read_text()))
    assert set(yaml.safe_load((AUDIT / "floors.yml").read_text())) == {"strict", "baseline"}
