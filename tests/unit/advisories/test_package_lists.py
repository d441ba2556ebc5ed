# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Package lists as they lie on hosts and in images of Debian, Ubuntu, Alpine and without a package manager."""

from __future__ import annotations

from ansible_collections.latentum.ops.plugins.module_utils.advisories.package_lists import (
    APK,
    Distribution,
    Package,
    distribution,
    from_apk,
    from_dpkg,
)

STATUS = """\
Package: libssl3t64
Status: install ok installed
Priority: optional
Section: libs
Architecture: amd64
Multi-Arch: same
Source: openssl
Version: 3.5.1-1
Depends: libc6 (>= 2.38)
Description: Secure Sockets Layer toolkit - shared libraries
 This package is part of the OpenSSL project.
 Version: of a description is none

Package: bash
Essential: yes
Status: hold ok installed
Architecture: amd64
Source: bash (5.2.37-2)
Version: 5.2.37-2+b5
Conffiles:
 /etc/bash.bashrc 3c1f

Package: nginx-old
Status: deinstall ok config-files
Architecture: amd64
Version: 1.18.0-6

Package: half
Status: install ok half-configured
Architecture: amd64
Version: 1
"""
DISTROLESS = "Package: tzdata\nVersion: 2025b-4\nArchitecture: all\nMaintainer: x\nDescription: time zones\n"
ALPINE = """\
C:Q1abcdef=
P:musl
V:1.2.5-r9
A:x86_64
o:musl
F:lib
R:ld-musl-x86_64.so.1

C:Q1ghijkl=
P:libcrypto3
V:3.3.4-r0
A:x86_64
o:openssl
"""


def test_installed_packages_of_dpkg_with_their_sources() -> None:
    assert list(from_dpkg(STATUS)) == [
        Package("libssl3t64", "3.5.1-1", "amd64", "openssl", "3.5.1-1"),
        Package("bash", "5.2.37-2+b5", "amd64", "bash", "5.2.37-2"),
    ]


def test_an_image_without_a_package_manager_has_a_file_for_each() -> None:
    assert list(from_dpkg(DISTROLESS)) == [Package("tzdata", "2025b-4", "all", "tzdata", "2025b-4")]


def test_packages_of_alpine() -> None:
    assert list(from_apk(ALPINE)) == [
        Package("musl", "1.2.5-r9", "x86_64", "musl", "1.2.5-r9", APK),
        Package("libcrypto3", "3.3.4-r0", "x86_64", "openssl", "3.3.4-r0", APK),
    ]


def test_what_a_system_says_of_itself() -> None:
    debian = 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nVERSION_ID="13"\nVERSION_CODENAME=trixie\nID=debian\n'
    assert distribution(debian) == Distribution("debian", "13", "trixie") and str(distribution(debian)) == "debian 13"
    assert distribution("ID=alpine\nVERSION_ID=3.22.1\n") == Distribution("alpine", "3.22.1")
    assert str(distribution("")) == "unknown"
