# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers are held back before the first of them starts, and as the live release says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.container_access import NetworkAccess
from ansible_collections.latentum.ops.plugins.module_utils.firewall import containment
from ansible_collections.latentum.ops.plugins.module_utils.rollout.request import DeployFailed

from .played_host import PlayedHost, declared

ACCESS = {"name": "default", "host": [{"port": 9100}]}


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PlayedHost:
    """One where role firewall holds containers back; what is said of networks is among what was done."""
    host = PlayedHost(tmp_path, monkeypatch)
    monkeypatch.setattr(containment, "kept", containment.Kept)

    def keep(_stack: str, access: list[NetworkAccess] | None) -> None:
        host.did.append("access " + ", ".join(f"{each.name} {[port.port for port in each.host]}" for each in access or ()))

    monkeypatch.setattr(containment, "keep_access", keep)
    monkeypatch.setattr(containment, "refresh", lambda stack: host.did.append(f"refresh {stack}") or ["api.example.com"])
    return host


def project(**services: dict[str, Any]) -> Any:
    return declared(top={"x-latentum-ops": {"networks": [ACCESS]}}, **services)


def test_a_network_is_known_before_a_container_is_in_it(host: PlayedHost) -> None:
    host.deploy(project(web={}))
    assert host.did[:3] == ["make shop_default", "access default [9100]", "refresh shop"] and host.did[3].startswith("start")


def test_a_network_that_is_there_is_not_made_again(host: PlayedHost) -> None:
    host.deploy(project(web={}))
    host.did.clear()
    host.deploy(project(web={"image": "registry/web:2"}))
    assert not [step for step in host.did if step.startswith("make")] and "refresh shop" in host.did


def test_networks_of_others_are_not_made(host: PlayedHost) -> None:
    top = {"networks": {"default": {"external": True}}}
    host.deploy(declared(top=top, web={}))
    assert host.did[0].startswith("access"), "and the played Compose makes what is missing when it starts a container"


def test_what_is_taken_back_reaches_what_it_reached(host: PlayedHost) -> None:
    host.deploy(project(web={}))
    host.sick.add("web")
    with pytest.raises(DeployFailed):
        host.deploy(declared(web={"image": "registry/web:2"}))
    assert [step for step in host.did if step.startswith("access")][-1] == "access default [9100]"


def test_no_container_starts_where_the_rules_are_refused(host: PlayedHost, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_stack: str) -> None:
        raise OSError("systemd does not load them")

    monkeypatch.setattr(containment, "refresh", refuse)
    with pytest.raises(DeployFailed, match="systemd does not load them"):
        host.deploy(project(web={}))
    assert host.there == []


def test_without_the_role_nothing_is_made_or_refused(host: PlayedHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containment, "kept", lambda: None)
    host.deploy(project(web={}))
    assert host.did[0] == "make shop_default" and host.did[1].startswith("start"), "by Compose, as ever"
