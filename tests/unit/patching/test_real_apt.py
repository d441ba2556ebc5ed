# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Updates by the real apt and dpkg, in a folder: what is planned, what is installed, and what stays."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig import apt
from ansible_collections.latentum.ops.plugins.module_utils.patching import condition, kept_files, updating, upgrades
from ansible_collections.latentum.ops.plugins.module_utils.patching.obstacle import Kind
from ansible_collections.latentum.ops.plugins.module_utils.patching.request import Scope, Settings
from ansible_collections.latentum.ops.plugins.module_utils.patching.upgrades import Stays

from .system import NEEDED, System, build

pytestmark = NEEDED
ALL = Settings(scope=Scope.ALL, lock_timeout=1)


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> System:
    made = System(tmp_path)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(apt, "LISTS", made.root / "var/lib/apt/lists")
    return made


def installed(system: System, *packages: Path) -> None:
    """Have packages on the system, as dpkg installs them."""
    options = [f"--root={system.root}", "--force-not-root", "--force-script-chrootless", f"--log={system.folder}/dpkg.log"]
    subprocess.run(["dpkg", *options, "--install", *packages], capture_output=True, check=True)


def test_an_update_is_planned_and_installed_and_a_changed_configuration_file_stays(system: System) -> None:
    folder = system.folder
    installed(system, build(folder, "sample", "1.0-1", conffile="colour = red\n"), build(folder, "other", "1.0"))
    conf = system.root / "etc/sample.conf"
    conf.write_text("colour = blue\n")  # an operator's
    system.publish([build(folder, "sample", "1.0-2", conffile="colour = green\n"), build(folder, "other", "1.1")])
    apt.fetch_lists(strict=True, patience=0)

    plan = upgrades.look(Settings(scope=Scope.ALL, exclude=("oth",)))
    assert [str(one) for one in plan.upgrades] == ["sample 1.0-1 -> 1.0-2"] and plan.names == ("sample",)
    assert [(one.package, one.why) for one in plan.waiting] == [("other", Stays.EXCLUDED)]
    assert upgrades.download(plan.names) == (folder / "sample_1.0-2_amd64.deb").stat().st_size

    before, said = kept_files.beside(system.root / "etc"), []
    updating._install(plan.names, ALL, said.append)
    assert conf.read_text() == "colour = blue\n"
    assert kept_files.kept(before, kept_files.beside(system.root / "etc")) == [str(conf)]
    assert any(line.startswith("Setting up sample (1.0-2)") for line in said)
    assert condition.broken() == []
    assert upgrades.look(Settings(scope=Scope.ALL, exclude=("oth",))).names == ()


def test_no_security_repository_has_it_so_it_waits_for_a_run_of_all(system: System) -> None:
    installed(system, build(system.folder, "sample", "1.0"))
    system.publish([build(system.folder, "sample", "1.1")])
    apt.fetch_lists(strict=True, patience=0)
    plan = upgrades.look(Settings())
    assert plan.names == () and [(one.package, one.why) for one in plan.waiting] == [("sample", Stays.SCOPE)]


def test_a_security_repository_is_known_by_its_label(system: System) -> None:
    installed(system, build(system.folder, "sample", "1.0"))
    system.publish([build(system.folder, "sample", "1.1")], {"Label": "Debian-Security", "Origin": "Debian", "Suite": "stable-security"})
    apt.fetch_lists(strict=True, patience=0)
    (upgrade,) = upgrades.look(Settings()).upgrades
    assert upgrade.security and upgrade.available == "1.1"


def test_what_is_held_is_told_and_stays(system: System) -> None:
    installed(system, build(system.folder, "sample", "1.0"))
    system.publish([build(system.folder, "sample", "1.1")])
    apt.fetch_lists(strict=True, patience=0)
    system.run("apt-mark", "hold", "sample")
    plan = upgrades.look(ALL)
    assert plan.names == () and [(one.package, one.available, one.why) for one in plan.waiting] == [("sample", "1.1", Stays.HELD)]


def test_what_would_remove_others_is_kept_back_and_told(system: System) -> None:
    folder = system.folder
    installed(system, *(build(folder, name, "1.0") for name in ("sample", "neighbour", "bystander")))
    system.publish([build(folder, "sample", "2.0", conflicts="bystander"), build(folder, "neighbour", "1.1")])
    apt.fetch_lists(strict=True, patience=0)
    plan = upgrades.look(ALL)
    assert plan.names == ("neighbour",)
    assert [(one.package, one.why) for one in plan.waiting] == [("sample", Stays.KEPT_BACK)]


def test_a_kernel_brings_a_package_of_its_own(system: System) -> None:
    """And room in /boot is asked for."""
    folder = system.folder
    first = build(folder, "linux-image-amd64", "6.12.41-1", depends="linux-image-6.12.41+deb13-amd64")
    installed(system, build(folder, "linux-image-6.12.41+deb13-amd64", "6.12.41-1"), first)
    system.publish(
        [
            build(folder, "linux-image-amd64", "6.12.57-1", depends="linux-image-6.12.57+deb13-amd64"),
            build(folder, "linux-image-6.12.57+deb13-amd64", "6.12.57-1"),
        ]
    )
    apt.fetch_lists(strict=True, patience=0)
    plan = upgrades.look(ALL)
    assert plan.names == ("linux-image-amd64",) and plan.kernel
    assert "linux-image-6.12.57+deb13-amd64 new -> 6.12.57-1" in map(str, plan.upgrades)


def test_the_engine_waits_for_its_own_switch(system: System) -> None:
    folder = system.folder
    installed(system, *(build(folder, name, "1.0") for name in ("docker.io", "containerd", "docker-compose", "openssl")))
    system.publish([build(folder, name, "1.1") for name in ("docker.io", "containerd", "docker-compose", "openssl")])
    apt.fetch_lists(strict=True, patience=0)
    plan = upgrades.look(ALL)
    assert plan.names == ("openssl",) and {one.why for one in plan.waiting} == {Stays.ENGINE}
    with_engine = upgrades.look(Settings(engine=True))  # whatever the scope is
    assert set(with_engine.names) == {"docker.io", "containerd", "docker-compose"} and with_engine.touches_engine


def test_a_repository_that_does_not_answer_is_no_success(system: System) -> None:
    """apt-get itself ends with 0 and a warning."""
    system.publish([build(system.folder, "sample", "1.1")])
    apt.fetch_lists(strict=True, patience=0)
    system.write_sources("deb [trusted=yes] http://127.0.0.1:9/ ./")
    assert subprocess.run(["apt-get", "update", "-q", "-o", "Acquire::Retries=0"], capture_output=True, check=False).returncode == 0
    (obstacle,) = condition.fetch(0)
    assert obstacle.kind is Kind.LISTS and "Could not connect to 127.0.0.1:9" in obstacle.text


def test_a_repository_without_a_signature_is_named(system: System) -> None:
    system.publish([])
    system.write_sources(f"deb file://{system.repository} ./")
    (obstacle,) = condition.fetch(0)
    assert "is not signed: correct or remove its entry in /etc/apt" in obstacle.text and str(system.repository) in obstacle.text


def test_an_update_that_was_interrupted_is_refused_and_repaired_when_that_is_declared(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(condition, "JOURNAL", system.root / "var/lib/dpkg/updates")
    package = build(system.folder, "sample", "1.0", conffile="a\n")
    options = [f"--root={system.root}", "--force-not-root", f"--log={system.folder}/dpkg.log"]
    subprocess.run(["dpkg", *options, "--unpack", package], capture_output=True, check=True)
    (obstacle,) = condition.database(repair=False)
    assert obstacle.kind is Kind.DPKG and "sample" in obstacle.text and "patch_repair=true" in obstacle.text
    assert list(condition.database(repair=True)) == []
    (system.root / "var/lib/dpkg/updates/0001").write_text((system.root / "var/lib/dpkg/status").read_text())
    assert {one.kind for one in condition.database(repair=False)} == {Kind.INTERRUPTED, Kind.DPKG}
    with pytest.raises(CommandError) as stopped:
        updating._install(["sample"], ALL, str)
    assert updating._why(stopped.value).startswith("dpkg was interrupted before: run again with -e patch_repair=true")
