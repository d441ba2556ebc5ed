# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a reboot is due: the file of the distribution, and kernels as they lie in /boot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core.process import Result
from ansible_collections.latentum.ops.plugins.module_utils.patching import reboot

BUILD = "#1 SMP PREEMPT_DYNAMIC Debian 6.12.41-1 (2025-08-12)"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A host with an empty /boot; what dpkg says of the kernel's package, and whether it is a container."""
    says = {"version": "", "container": ""}

    def run(argv: Sequence[str], **_options: Any) -> Result:
        if argv[0] == "systemd-detect-virt":
            return Result(tuple(argv), 0 if says["container"] else 1, "", "")
        return Result(tuple(argv), 0, says["version"], "")

    monkeypatch.setattr(reboot, "run", run)
    monkeypatch.setattr(reboot, "BOOT", tmp_path)
    monkeypatch.setattr(reboot, "REQUIRED", tmp_path / "reboot-required")
    return says


def kernels(*names: str) -> None:
    for name in names:
        (reboot.BOOT / f"vmlinuz-{name}").touch()


@pytest.mark.parametrize(
    ("release", "there", "newest"),
    [
        ("6.12.41+deb13-amd64", ["6.12.41+deb13-amd64"], ""),
        ("6.12.41+deb13-amd64", ["6.12.41+deb13-amd64", "6.12.57+deb13-amd64", "6.12.9+deb13-amd64"], "6.12.57+deb13-amd64"),
        ("6.12.57+deb13-amd64", ["6.12.41+deb13-amd64", "6.12.57+deb13-amd64"], ""),
        ("6.8.0-9-generic", ["6.8.0-9-generic", "6.8.0-10-generic"], "6.8.0-10-generic"),  # as numbers, not as letters
        ("6.8.0-9-generic", ["6.8.0-9-generic", "6.8.0-10-lowlatency"], ""),  # another flavour
        ("6.18.44-cloud", ["6.12.57+deb13-amd64"], ""),  # a provider's own
    ],
)
def test_the_kernel_that_runs_beside_the_newest(host: dict[str, str], release: str, there: list[str], newest: str) -> None:
    kernels(*there)
    assert list(reboot.kernel(release, BUILD)) == ([f"the kernel {release} runs, and {newest} is installed"] if newest else [])


def test_another_build_of_the_same_release_is_another_kernel(host: dict[str, str]) -> None:
    kernels("6.12.41+deb13-amd64")
    host["version"] = "6.12.41-2"
    (reason,) = reboot.kernel("6.12.41+deb13-amd64", BUILD)
    assert "in its version 6.12.41-1, and 6.12.41-2 is installed" in reason
    host["version"] = "6.12.41-1"
    assert list(reboot.kernel("6.12.41+deb13-amd64", BUILD)) == []


def test_a_container_has_the_kernel_of_its_host(host: dict[str, str]) -> None:
    kernels("6.12.41+deb13-amd64", "6.12.57+deb13-amd64")
    host["container"] = "yes"
    assert list(reboot.kernel("6.12.41+deb13-amd64", BUILD)) == []


def test_an_update_that_asks_for_it(host: dict[str, str]) -> None:
    assert reboot.reasons() == []
    reboot.REQUIRED.touch()
    assert reboot.reasons() == [f"{reboot.REQUIRED}: nobody says for what"]
    Path(f"{reboot.REQUIRED}.pkgs").write_text("linux-base\nlibc6\nlibc6\n")
    assert reboot.reasons() == [f"{reboot.REQUIRED}: libc6, linux-base"]
