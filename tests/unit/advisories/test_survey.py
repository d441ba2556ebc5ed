# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Vulnerabilities of a host and its images: who judges, and what is said of what nobody can judge."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.action.vulnerability_report import read
from ansible_collections.latentum.ops.plugins.module_utils.advisories import debsecan, image_packages, package_lists, report, survey
from ansible_collections.latentum.ops.plugins.module_utils.advisories.finding import Finding
from ansible_collections.latentum.ops.plugins.module_utils.advisories.image_packages import ImagePackages
from ansible_collections.latentum.ops.plugins.module_utils.advisories.package_lists import Distribution, Package
from ansible_collections.latentum.ops.plugins.module_utils.advisories.scanners import Scanner
from ansible_collections.latentum.ops.plugins.module_utils.containers.api import EngineError, NotFound

from .test_debsecan import DATA

TRIXIE = Distribution("debian", "13", "trixie")
OPENSSL = [Package(name, "3.5.1-1", "amd64", "openssl", "3.5.1-1") for name in ("openssl", "libssl3t64")]
USED = {
    "shop/web": ["shop/web", "shop/api"],
    "shop/gone": ["shop/old"],
    "shop/broken": ["shop/b"],
    "shop/static": ["shop/s"],
    "shop/alpine": ["shop/a"],
}


class Api:
    """An engine; what it says is in the images below."""


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> survey.Known:
    (tmp_path / "trixie").write_bytes(zlib.compress(DATA.encode()))
    monkeypatch.setattr(package_lists, "of_host", lambda: OPENSSL)
    monkeypatch.setattr(package_lists, "distribution_of_host", lambda: TRIXIE)

    def image(_api: Any, reference: str) -> ImagePackages:
        if reference == "shop/gone":
            raise NotFound("no such image", 404)
        if reference == "shop/broken":
            raise EngineError("the engine broke off its answer")
        if reference == "shop/alpine":
            return ImagePackages(Distribution("alpine", "3.22.1"), (Package("musl", "1"),))
        return ImagePackages(TRIXIE, () if reference == "shop/static" else tuple(OPENSSL[:1]))

    monkeypatch.setattr(image_packages, "read", image)
    return survey.Known(f"file://{tmp_path}")


def test_package_lists_and_debian_s_data(known: survey.Known) -> None:
    subjects = {one.name: one for one in survey.survey("web1", None, known, Api(), USED)}  # type: ignore[arg-type]
    host = subjects["web1"]
    assert (host.kind, host.system, host.source, host.packages) == ("host", "debian 13", survey.DEBIAN, 2)
    assert host.findings == (
        Finding("CVE-2026-1111", "openssl", "3.5.1-1", "high", "yes"),
        Finding("CVE-2026-2222", "openssl", "3.5.1-1", "unknown", ""),
    ), "each of a source package once"
    assert host.fixable == 1 and host.count("high") == 1
    assert subjects["shop/web"].used_by == ("shop/web", "shop/api") and len(subjects["shop/web"].findings) == 2
    said = {name: one.unknown for name, one in subjects.items()}
    assert said["shop/gone"] == "the image is not on this host"
    assert said["shop/broken"] == "the engine broke off its answer"
    assert said["shop/static"] == "it has no list of packages"
    assert "the data is Debian's own, and this is alpine" in said["shop/alpine"]


def test_without_a_network_it_says_so_of_each_and_asks_once(known: survey.Known, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def nobody(_distribution: Distribution, url: str) -> debsecan.Advisories:
        asked.append(url)
        raise debsecan.AdvisoriesUnavailable(f"{url}/trixie: timed out")

    monkeypatch.setattr(debsecan, "fetch", nobody)
    subjects = list(survey.survey("web1", None, known, Api(), {"shop/web": ["shop/web"]}))  # type: ignore[arg-type]
    assert all("timed out" in one.unknown and one.source == "" for one in subjects) and len(asked) == 1
    assert [one.packages for one in subjects] == [2, 1], "what was read is known all the same"


def test_a_scanner_is_asked_where_there_is_one(known: survey.Known) -> None:
    asked: list[str] = []

    def argv(image: str) -> list[str]:
        asked.append(image)
        return ["true"]

    scanner = Scanner("trivy", argv, lambda _document: iter(()))
    subjects = list(survey.survey("web1", scanner, known, None, {"shop/web": ["shop/web"]}))
    assert asked == ["", "shop/web"] and all("trivy: its answer cannot be read" in one.unknown for one in subjects)


def test_the_report_of_several_hosts(known: survey.Known) -> None:
    answer = {"subjects": [one.as_dict() for one in survey.survey("web1", None, known, Api(), USED)]}  # type: ignore[arg-type]
    hosts, unknown = read([("web1", answer), ("web2", {"unreachable": True, "msg": "Failed to connect\n to the host"}), ("web3", None)])
    assert unknown == ["web2: Failed to connect to the host", "web3: was not reached"]
    lines = report.table(hosts)
    assert lines[1].split()[:5] == ["web1", "host", "debian", "13", "2"] and "Debian's data" in lines[1]
    assert any("it has no list of packages" in line and "?" in line for line in lines)
    text = report.markdown(hosts, unknown, "2026-11-30")
    assert "- web2: Failed to connect to the host" in text and "## web1: shop/web (shop/web, shop/api)" in text
    assert "| CVE-2026-1111 | high | openssl | 3.5.1-1 | yes |" in text and "CVE-2026-2222" not in text, "what has no fix is in the JSON"
