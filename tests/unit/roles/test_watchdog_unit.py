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


def test_it_has_no_way_to_the_engine_but_the_proxy() -> None:
    lines = UNIT.read_text().splitlines()
    assert not [line for line in lines if line.startswith("SupplementaryGroups=")]
    assert "Environment=LATENTUM_OPS_ENGINE=/run/latentum-ops-socket-proxy/watchdog.sock" in lines
    listening = (UNIT.parent / "latentum-ops-socket-proxy.socket.j2").read_text().splitlines()
    assert {"ListenStream=/run/latentum-ops-socket-proxy/watchdog.sock", "SocketGroup=latentum-watchdog", "SocketMode=0660"} <= set(
        listening
    )


def test_the_proxy_has_no_right_but_the_engine() -> None:
    lines = (UNIT.parent / "latentum-ops-socket-proxy.service.j2").read_text().splitlines()
    assert {"CapabilityBoundingSet=", "PrivateNetwork=yes", "ProtectSystem=strict", "RestrictAddressFamilies=AF_UNIX"} <= set(lines)
    assert "SupplementaryGroups=docker" in lines and not [line for line in lines if line.startswith("ReadWritePaths=")]


def test_the_proxy_knows_new_settings_before_the_watchdog_does() -> None:
    reload = [line for line in UNIT.read_text().splitlines() if line.startswith("ExecReload=")]
    assert [line.rpartition(" -")[2] for line in reload] == ["m latentum_ops.socket_proxy.preparing", "HUP $MAINPID"]
