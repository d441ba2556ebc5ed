# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit of the watchdog: what it may not be kept from, as metrics of containers are read there without any further right."""

from __future__ import annotations

import pytest

from .test_unit_sandbox import ROLES, rendered

UNIT = ROLES / "watchdog/templates/etc/systemd/system/latentum-ops-watchdog.service.j2"
UPSTREAMS = ROLES / "opsctl/templates/etc/systemd/system/latentum-ops-upstreams.service.j2"
LISTS = ("CapabilityBoundingSet", "AmbientCapabilities", "InaccessiblePaths", "ReadWritePaths", "SupplementaryGroups")


def effective(unit: str) -> dict[str, str]:
    """What holds of each setting: of switches the last line, of lists all lines, where an empty one empties them."""
    path = UNIT.parent / f"{unit}.j2"
    held: dict[str, str] = {}
    for line in rendered(path).partition("[Service]")[2].splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            held[name] = f"{held.get(name, '')} {value}".strip() if value and name in LISTS else value
    return held


@pytest.mark.parametrize(
    ("option", "value"), [("ProtectProc", "default"), ("ProcSubset", "all"), ("PrivateNetwork", ""), ("PrivatePIDs", "")]
)
def test_it_sees_processes_of_others_and_control_groups(option: str, value: str) -> None:
    assert effective(UNIT.stem).get(option, "") == value


def test_it_has_no_right_for_it() -> None:
    held = effective(UNIT.stem)
    assert held["CapabilityBoundingSet"] == held["AmbientCapabilities"] == "" and "/sys" not in held["InaccessiblePaths"]


def test_it_changes_no_control_group() -> None:
    assert effective(UNIT.stem)["ProtectControlGroups"] == "yes"


def test_it_has_no_way_to_the_engine_but_the_proxy() -> None:
    lines = UNIT.read_text().splitlines()
    assert not [line for line in lines if line.startswith("SupplementaryGroups=")]
    assert effective(UNIT.stem)["InaccessiblePaths"] == "-/run/docker.sock -/run/containerd"
    assert "Environment=LATENTUM_OPS_ENGINE=/run/latentum-ops-socket-proxy/watchdog.sock" in lines
    listening = (UNIT.parent / "latentum-ops-socket-proxy.socket.j2").read_text().splitlines()
    assert {"ListenStream=/run/latentum-ops-socket-proxy/watchdog.sock", "SocketGroup=latentum-watchdog", "SocketMode=0660"} <= set(
        listening
    )


def test_who_is_root_has_the_engine_itself() -> None:
    """The gate and the steward mask themselves, by the secret stores: the proxy answers the watchdog alone."""
    for unit in (UNIT.with_name("latentum-ops-steward.service.j2"), UPSTREAMS):
        assert "LATENTUM_OPS_ENGINE" not in unit.read_text()


def test_the_proxy_has_no_right_but_the_engine() -> None:
    held = effective("latentum-ops-socket-proxy.service")
    assert held["CapabilityBoundingSet"] == "" and held["SupplementaryGroups"] == "docker" and "ReadWritePaths" not in held
    assert (held["PrivateNetwork"], held["ProtectSystem"], held["RestrictAddressFamilies"]) == ("yes", "strict", "AF_UNIX")


def test_the_proxy_knows_new_settings_before_the_watchdog_does() -> None:
    reload = [line for line in UNIT.read_text().splitlines() if line.startswith("ExecReload=")]
    assert [line.rpartition(" -")[2] for line in reload] == ["m latentum_ops.socket_proxy.preparing", "HUP $MAINPID"]
