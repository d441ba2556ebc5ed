# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit of the watchdog: what it may not be kept from, as metrics of containers are read there without any further right."""

from __future__ import annotations

from pathlib import Path

import pytest

UNIT = Path(__file__).resolve().parents[3] / "roles/watchdog/templates/etc/systemd/system/latentum-ops-watchdog.service.j2"


@pytest.mark.parametrize(
    "option", ["ProtectProc=", "ProcSubset=", "PrivateNetwork=", "PrivatePIDs=", "InaccessiblePaths=/sys", "CAP_SYS_PTRACE"]
)
def test_it_sees_processes_of_others_and_control_groups_and_has_no_right_for_it(option: str) -> None:
    assert option not in UNIT.read_text()


def test_it_changes_no_control_group() -> None:
    assert "ProtectControlGroups=yes" in UNIT.read_text().splitlines()
