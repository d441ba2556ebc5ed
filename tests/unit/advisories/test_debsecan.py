# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's data about vulnerabilities: its form, what it says of packages, and what an update closes."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.advisories import debsecan
from ansible_collections.latentum.ops.plugins.module_utils.advisories.debsecan import AdvisoriesUnavailable, fetch, parse
from ansible_collections.latentum.ops.plugins.module_utils.advisories.package_lists import APK, Distribution, Package

# The form of the file of a suite, with descriptions that have commas, flags of each kind, and backports.
DATA = """\
VERSION 1
CVE-2022-48772,,kernel: a lgdt3306a, that is not freed ...
CVE-2026-1111,,openssl: an overflow
CVE-2026-2222,,openssl: another one, not fixed anywhere
CVE-2026-3333,,a binary package alone
TEMP-0841856-B18BAF,,bash: no number yet

linux,0,SM F,6.9.7-1,6.1.174-1 6.1.170-3
openssl,1,SHRF,3.6.0-1,3.5.4-1~deb13u1 3.0.17-1~deb12u2
openssl,2,S ? ,,
libonly1,3,BL F,2.0-1,
bash,4,S   ,,

openssl,libssl3t64 libssl-dev openssl openssl-provider-legacy
linux,linux-image-amd64
"""
PACKED = zlib.compress(DATA.encode())
TRIXIE = Distribution("debian", "13", "trixie")


def openssl(version: str, name: str = "libssl3t64") -> Package:
    return Package(name, version, "amd64", "openssl", version)


def names(package: Package) -> list[str]:
    return [one.name for one in parse(PACKED, "trixie").of(package)]


@pytest.mark.parametrize(
    ("package", "expected"),
    [
        (openssl("3.5.1-1"), ["CVE-2026-1111", "CVE-2026-2222"]),
        (openssl("3.5.4-1~deb13u1"), ["CVE-2026-2222"]),  # backported
        (openssl("3.6.0-1"), ["CVE-2026-2222"]),
        (Package("openssl", "3.5.1-1+b2", "amd64", "openssl", "3.5.4-1~deb13u1"), ["CVE-2026-2222"]),  # of its source
        (
            Package("linux-image-6.5.0-5", "6.5.13-1", "amd64", "linux", "6.5.13-1"),
            ["CVE-2022-48772"],
        ),  # above a backport of another branch
        (Package("linux-image-6.1", "6.1.174-1", "amd64", "linux", "6.1.174-1"), []),
        (Package("libonly1", "1.0-1", "amd64", "only", "1.0-1"), ["CVE-2026-3333"]),
        (Package("libonly1", "2.0-1", "amd64", "only", "2.0-1"), []),
        (Package("libonly-dev", "1.0-1", "amd64", "only", "1.0-1"), []),
        (Package("openssl", "3.5.1-r0", "x86_64", "openssl", "3.5.1-r0", APK), []),  # of another distribution
        (Package("bash", "5.2", "amd64", "bash", "5.2"), ["TEMP-0841856-B18BAF"]),
    ],
)
def test_what_a_package_has(package: Package, expected: list[str]) -> None:
    assert names(package) == expected


def test_urgencies_and_fixes_are_read() -> None:
    (overflow, another) = parse(PACKED, "trixie").of(openssl("3.5.1-1"))
    assert (overflow.urgency, overflow.fix_available, overflow.description) == ("high", True, "openssl: an overflow")
    assert (another.urgency, another.fix_available) == ("", False)


def test_what_an_update_closes() -> None:
    known = parse(PACKED, "trixie")
    before = [openssl("3.5.1-1"), openssl("3.5.1-1", "openssl"), Package("bash", "5.2", "amd64", "bash", "5.2")]
    after = [openssl("3.5.4-1~deb13u1"), openssl("3.5.4-1~deb13u1", "openssl"), before[2]]
    assert known.closed(before, after) == {"libssl3t64": ["CVE-2026-1111"], "openssl": ["CVE-2026-1111"]}
    assert known.closed(before, before) == {} and known.closed(before, before[:1]) == {}, "removed is not fixed"


def test_it_is_read_from_a_folder_of_ones_own(tmp_path: Path) -> None:
    """Where hosts reach nobody: a copy of the files of the suites."""
    (tmp_path / "trixie").write_bytes(PACKED)
    assert fetch(TRIXIE, f"file://{tmp_path}/").of(openssl("3.5.1-1"))


@pytest.mark.parametrize(
    ("distribution", "url", "said"),
    [
        (TRIXIE, "http://127.0.0.1:9/data", "http://127.0.0.1:9/data/trixie: "),
        (Distribution("debian", "12", "bookworm"), "file:///nowhere", "file:///nowhere/bookworm: "),
        (Distribution("ubuntu", "24.04", "noble"), debsecan.URL, "the data is Debian's own, and this is ubuntu 24.04"),
        (Distribution("alpine", "3.22.1"), debsecan.URL, "this is alpine 3.22.1"),
        (TRIXIE, "ftp://example.com", "write one that begins with https://, http://, file:///"),
    ],
)
def test_who_does_not_answer_is_named(distribution: Distribution, url: str, said: str) -> None:
    with pytest.raises(AdvisoriesUnavailable) as refused:
        fetch(distribution, url, timeout=2)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "packed",
    [
        b"<html>captive portal</html>",
        zlib.compress(b"VERSION 2\n"),
        PACKED[:-40],
        zlib.compress(b"VERSION 1\nCVE-1,,x\n\nbash,9,S   ,,\n\n"),
    ],
)
def test_what_is_something_else_is_refused(packed: bytes) -> None:
    with pytest.raises(AdvisoriesUnavailable, match="not debsecan's data of version 1"):
        parse(packed, "trixie")
