# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What apt says that it would do, recorded from Debian 12 and Ubuntu, and what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.patching import upgrades
from ansible_collections.latentum.ops.plugins.module_utils.patching.request import Scope, Settings
from ansible_collections.latentum.ops.plugins.module_utils.patching.upgrades import Simulation, Stays, decide, parse

DEBIAN = """\
Reading package lists...
Building dependency tree...
Reading state information...
Calculating upgrade...
The following packages will be upgraded:
  bash libgcrypt20 libssl3 openssl
4 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.
Inst bash [5.2.15-2+b8] (5.2.15-2+b13 Debian:12.15/oldstable [amd64])
Inst libgcrypt20 [1.10.1-3] (1.10.1-3+deb12u1 Debian:12.15/oldstable, Debian-Security:12/oldstable-security [amd64])
Inst libssl-dev [3.0.19-1~deb12u2] (3.0.22-1~deb12u2 Debian-Security:12/oldstable-security [amd64]) []
Inst libssl3 [3.0.19-1~deb12u2] (3.0.22-1~deb12u2 Debian-Security:12/oldstable-security [amd64]) []
Inst libc6:i386 [2.36-9+deb12u9] (2.36-9+deb12u13 Debian:12.15/oldstable [i386])
Inst docker-ce [5:28.5.1-1~debian.12~bookworm] (5:28.5.2-1~debian.12~bookworm Docker CE:bookworm [amd64])
Conf bash (5.2.15-2+b13 Debian:12.15/oldstable [amd64])
"""
UBUNTU = """\
Calculating upgrade...
The following upgrades have been deferred due to phasing:
  libgdm1 ubuntu-drivers-common
  python3-update-manager
The following packages have been kept back:
  linux-image-generic:amd64
The following packages will be upgraded:
  openssl
1 upgraded, 0 newly installed, 0 to remove and 4 not upgraded.
Inst openssl [3.0.13-0ubuntu3.4] (3.0.13-0ubuntu3.6 Ubuntu:24.04/noble-updates, Ubuntu:24.04/noble-security [amd64])
Inst libc-bin [2.39-0ubuntu8.3] (2.39-0ubuntu8.6 Ubuntu:24.04/noble-updates [amd64])
Inst vim [2:9.1] (2:9.2 UbuntuESMApps:24.04/noble-apps-security [amd64])
"""
MADISON = """\
      curl | 7.88.1-10+deb12u15 | http://a.example/debian bookworm/main amd64 Packages
      curl | 7.88.1-10+deb12u14 | http://s.example/debian-security bookworm-security/main amd64 Packages
   openssl | 3.0.22-1~deb12u2 | http://s.example/debian-security bookworm-security/main amd64 Packages
   openssl | 3.0.22-1~deb12u2 | http://s.example/debian-security bookworm-security/main Sources
      bash | 5.2.15-2+b13 | http://security-mirror.example.com/debian bookworm/main amd64 Packages
"""


def names(simulated: Sequence[upgrades.Upgrade]) -> list[str]:
    return [one.package for one in simulated]


def test_packages_are_read_with_their_repositories() -> None:
    seen = parse(DEBIAN).upgrades
    assert names(seen) == ["bash", "libgcrypt20", "libssl-dev", "libssl3", "libc6", "docker-ce"]
    assert [one.security for one in seen] == [False, True, True, True, False, False]
    assert [one.package for one in seen if one.engine] == ["docker-ce"]
    assert seen[0].installed == "5.2.15-2+b8" and seen[0].available == "5.2.15-2+b13" and seen[0].origin == "Debian:12.15/oldstable"


def test_what_ubuntu_gives_to_some_hosts_first_is_told_as_such() -> None:
    seen = parse(UBUNTU)
    assert seen.phased == ("libgdm1", "ubuntu-drivers-common", "python3-update-manager") and seen.kept_back == ("linux-image-generic",)
    assert [one.package for one in seen.upgrades if one.security] == ["openssl", "vim"]
    plan = decide(seen, Simulation(), set(), Settings(), lambda _names: Simulation(tuple(seen.upgrades[:1])))
    assert {one.package: one.why for one in plan.waiting}["libgdm1"] is Stays.PHASED
    assert {one.package: one.why for one in plan.waiting}["linux-image-generic"] is Stays.KEPT_BACK


def test_a_fix_that_a_newer_point_release_holds_counts_as_security() -> None:
    assert upgrades.security_versions(MADISON) == {"curl": ["7.88.1-10+deb12u14"], "openssl": ["3.0.22-1~deb12u2"]}


def test_what_a_security_update_needs_comes_with_it_and_is_told() -> None:
    """An update of openssl that needs a newer libc of the point release."""
    every = parse(DEBIAN)
    asked: list[Sequence[str]] = []

    def simulate(wanted: Sequence[str]) -> Simulation:
        asked.append(wanted)
        return Simulation(tuple(one for one in every.upgrades if one.package in {*wanted, "libc6"}))

    plan = decide(every, Simulation(), set(), Settings(), simulate)
    assert asked == [("libgcrypt20", "libssl-dev", "libssl3")]
    assert "libc6" in names(plan.upgrades) and "libc6" not in {one.package for one in plan.waiting}
    assert plan.notes == ("libc6: needed by what is updated, so they come with it",)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Settings(), {"bash": Stays.SCOPE, "libc6": Stays.SCOPE, "docker-ce": Stays.ENGINE}),
        (Settings(scope=Scope.ALL), {"docker-ce": Stays.ENGINE}),
        (Settings(scope=Scope.ALL, engine=True), {}),
        (Settings(engine=True), {"bash": Stays.SCOPE, "libc6": Stays.SCOPE}),
        (Settings(scope=Scope.ALL, engine=True, exclude=("lib(ssl|c6)", "docker")), {
            "libssl-dev": Stays.EXCLUDED, "libssl3": Stays.EXCLUDED, "libc6": Stays.EXCLUDED, "docker-ce": Stays.EXCLUDED}),
    ],
)  # fmt: skip
def test_each_that_stays_has_its_reason(settings: Settings, expected: dict[str, Stays]) -> None:
    every = parse(DEBIAN)
    plan = decide(every, Simulation(), set(), settings, lambda wanted: Simulation(tuple(x for x in every.upgrades if x.package in wanted)))
    assert {one.package: one.why for one in plan.waiting} == expected
    assert set(plan.names) == {one.package for one in every.upgrades} - set(expected)


@pytest.mark.parametrize(
    "name", ["docker.io", "docker-ce", "docker-ce-rootless-extras", "docker-cli", "docker-compose-plugin", "containerd.io", "runc"]
)
def test_the_engine_is_known_under_each_of_its_names(name: str) -> None:
    assert upgrades.ENGINE.match(name)


@pytest.mark.parametrize("name", ["docker-doc", "docker-registry", "python3-docker", "runcitor", "wmdocker"])
def test_what_is_only_called_so_is_not_the_engine(name: str) -> None:
    assert not upgrades.ENGINE.match(name)


def test_sizes_of_downloads() -> None:
    text = (
        "'http://a.example/debian/pool/main/b/bash/bash_5.2.15-2%2bb13_amd64.deb' bash_5.2.15-2+b13_amd64.deb 1490652 MD5Sum:f973\n"
        "'http://s.example/debian-security/pool/x/liblzma5_5.4.1-1%2bdeb12u2_amd64.deb' liblzma5_5.4.1-1+deb12u2_amd64.deb 205796 \n"
        "Reading package lists...\n"
    )
    assert upgrades.sizes(text) == 1490652 + 205796
