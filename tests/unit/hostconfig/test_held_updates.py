# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Newer versions of packages that nobody installs by night, out of what apt says; recorded from Debian 13."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core.process import Result
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig import held_updates
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.held_updates import HeldUpdate

PLAN = """\
Inst openssl [3.5.1-1] (3.5.4-1~deb13u1 Debian-Security:13/stable-security [amd64])
Inst runc [1.1.15+ds1-2+b4] (1.1.15+ds1-2+deb13u1 Debian-Security:13/stable-security [amd64])
Inst docker-ce-cli [5:28.5.1-1~debian.13~trixie] (5:28.5.2-1~debian.13~trixie Docker CE:trixie [amd64])
Inst docker-ce:amd64 [5:28.5.1-1~debian.13~trixie] (5:28.5.2-1~debian.13~trixie Docker CE:trixie [amd64]) []
Inst libnew (1.0 Debian:13.8/stable [amd64])
Inst postgresql-17 [17.6-1] (17.7-0+deb13u1 Debian:13.8/stable, Debian-Security:13/stable-security [amd64])
Conf docker-ce (5:28.5.2-1~debian.13~trixie Docker CE:trixie [amd64])
"""
LEFT_ALONE = """\
Unattended-Upgrade::Package-Blacklist "";
Unattended-Upgrade::Package-Blacklist:: "docker\\.io$";
Unattended-Upgrade::Package-Blacklist:: "docker-ce";
Unattended-Upgrade::Package-Blacklist:: "runc$";
Unattended-Upgrade::Package-Blacklist:: "(";
"""


def host(monkeypatch: pytest.MonkeyPatch, plan: str = PLAN, holds: str = "", left_alone: str = LEFT_ALONE) -> list[list[str]]:
    asked: list[list[str]] = []

    def run(argv: Sequence[str], **_options: Any) -> Result:
        asked.append(list(argv))
        return Result(tuple(argv), 0, {"apt-get": plan, "apt-config": left_alone, "apt-mark": holds}[argv[0]], "")

    monkeypatch.setattr(held_updates, "run", run)
    monkeypatch.setattr(held_updates, "simulated", lambda *words: run(["apt-get", *words]).stdout)
    return asked


def test_those_that_are_left_alone_are_named_with_what_is_known_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = host(monkeypatch)
    found = held_updates.waiting()
    assert [(update.package, update.security) for update in found] == [("docker-ce", False), ("docker-ce-cli", False), ("runc", True)]
    assert str(found[2]) == "runc 1.1.15+ds1-2+b4 -> 1.1.15+ds1-2+deb13u1 (security)"
    assert held_updates.command(found) == "sudo apt-get install --only-upgrade docker-ce docker-ce-cli runc"
    assert "dist-upgrade" in asked[0]


def test_what_apt_holds_is_held_too_and_the_command_says_that_it_may_change(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = host(monkeypatch, holds="postgresql-17\nnot-installed\n", left_alone="")
    (found,) = held_updates.waiting()
    assert found == HeldUpdate("postgresql-17", "17.6-1", "17.7-0+deb13u1", True, True)
    assert held_updates.command([found]) == "sudo apt-get install --only-upgrade --allow-change-held-packages postgresql-17"
    assert "--ignore-hold" in asked[0]


@pytest.mark.parametrize("plan", ["", "Reading package lists...\n0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.\n"])
def test_nothing_newer_is_nothing_held(monkeypatch: pytest.MonkeyPatch, plan: str) -> None:
    assert len(host(monkeypatch, plan)) == 0
    assert held_updates.waiting() == [] and held_updates.command([]) == ""


def test_new_lists_or_an_installed_package_are_another_state(tmp_path: Path) -> None:
    lists, status = tmp_path / "lists", tmp_path / "status"
    none = held_updates.state((lists, status))
    lists.mkdir()
    some = held_updates.state((lists, status))
    status.write_text("")
    assert len({none, some, held_updates.state((lists, status))}) == 3
