# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that a release carries: mounted by their content, or changed in place for a service that is told; taken back with the release."""

from __future__ import annotations

import base64
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.carried_files import (
    EXTENSION,
    Carried,
    CarriedFile,
    Reload,
    digest_of,
    place,
    slot,
)
from ansible_collections.latentum.ops.plugins.module_utils.release import carried, store
from ansible_collections.latentum.ops.plugins.module_utils.release.pinning import Declared
from ansible_collections.latentum.ops.plugins.module_utils.release.store import Store
from ansible_collections.latentum.ops.plugins.module_utils.rollout.deployment import Deployment
from ansible_collections.latentum.ops.plugins.module_utils.rollout.request import DeployFailed, Order

from .played_host import PlayedHost, declared


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PlayedHost:
    return PlayedHost(tmp_path, monkeypatch)


def item(name: str, **files: str) -> Carried:
    found = tuple(CarriedFile(base64.b64encode(text.encode()).decode(), path.strip("_")) for path, text in files.items())
    owner, group = os.getuid(), os.getgid()
    return Carried(digest_of(name, found, owner, group), name, found, owner, group)


def mounting(file: Carried, **services: dict[str, Any]) -> Declared:
    """Service proxy mounts it by its content, and so is another one with each content."""
    volume = f"{place('shop', file.digest, file.name)}:/etc/{file.name}:ro"
    return replace(declared(proxy={"volumes": [volume]}, **services), files=[file])


def reloading(file: Carried, signal: str = "HUP", **services: dict[str, Any]) -> Declared:
    """Service proxy mounts it from one place, and is told."""
    path = place("shop", slot(file.name), file.name)
    reload = Reload(str(path), str(place("shop", file.digest, file.name)), "proxy", signal)
    top = {EXTENSION: {"reload": [reload.to_dict()]}}
    return replace(declared((), top, proxy={"volumes": [f"{path}:/etc/{file.name}:ro"]}, **services), files=[file])


LIVE = slot("proxy.conf")


def text(host: PlayedHost, name: str = "proxy.conf") -> str:
    return place("shop", slot(name), name).read_text()


def test_a_changed_file_replaces_its_service_and_no_other(host: PlayedHost) -> None:
    host.deploy(mounting(item("a.conf", _="1"), api={}))
    host.did.clear()
    outcome = host.deploy(mounting(item("a.conf", _="2"), api={}))
    assert [plan.service for plan in outcome.plans] == ["proxy"]
    assert host.did == ["start proxy3", "remove proxy1"]
    assert host.deploy(mounting(item("a.conf", _="2"), api={})).changed is False


def test_a_rollback_mounts_the_file_that_was(host: PlayedHost) -> None:
    first, second = item("a.conf", _="1"), item("a.conf", _="2")
    host.deploy(mounting(first))
    host.deploy(mounting(second))
    Deployment("shop", Order(kind="rollback", automatic=False)).rollback()
    live = Store("shop").live()
    assert live is not None
    assert str(place("shop", first.digest, "a.conf")) in live.project["services"]["proxy"]["volumes"][0]
    assert place("shop", first.digest, "a.conf").read_text() == "1"


def test_files_that_no_release_mounts_are_removed(host: PlayedHost, monkeypatch: pytest.MonkeyPatch) -> None:
    # A second apart: which of two releases of the same second is the older one, nobody can say.
    moments = (f"2026-11-01T00:00:{second:02}+00:00" for second in range(15))
    monkeypatch.setattr(store, "now", lambda: next(moments))
    files = [item("a.conf", _=str(number)) for number in range(15)]
    for file in files:
        host.deploy(mounting(file))
    kept = [file for file in files if place("shop", file.digest, "a.conf").exists()]
    assert kept == files[-11:]


def test_a_check_writes_nothing(host: PlayedHost) -> None:
    file = item("a.conf", _="1")
    assert host.deploy(mounting(file), check=True).changed
    assert not place("shop", file.digest, "a.conf").exists()


def test_a_service_is_told_and_goes_on(host: PlayedHost) -> None:
    host.deploy(reloading(item("proxy.conf", _="one, and longer"), api={}))
    inode = place("shop", LIVE, "proxy.conf").stat().st_ino
    host.did.clear()
    outcome = host.deploy(reloading(item("proxy.conf", _="two"), "USR1", api={}))
    assert (host.did, outcome.plans) == (["USR1 to proxy1"], [])
    assert outcome.changed
    assert outcome.sentences == ["proxy: proxy.conf is read again (USR1)"]
    assert (text(host), place("shop", LIVE, "proxy.conf").stat().st_ino) == ("two", inode)
    assert host.deploy(reloading(item("proxy.conf", _="two"), "USR1", api={})).changed is False
    assert host.did == ["USR1 to proxy1"]


def test_a_check_of_a_reload_says_it_and_changes_nothing(host: PlayedHost) -> None:
    host.deploy(reloading(item("proxy.conf", _="1")))
    outcome = host.deploy(reloading(item("proxy.conf", _="2")), check=True)
    assert outcome.sentences == ["proxy: proxy.conf is read again (HUP)"]
    assert text(host) == "1"


def test_a_rollback_tells_it_too(host: PlayedHost) -> None:
    host.deploy(reloading(item("proxy.conf", _="1")))
    host.deploy(reloading(item("proxy.conf", _="2")))
    host.did.clear()
    Deployment("shop", Order(kind="rollback", automatic=False)).rollback()
    assert (host.did, text(host)) == (["HUP to proxy1"], "1")


def test_what_is_started_anew_is_not_told(host: PlayedHost) -> None:
    host.deploy(reloading(item("proxy.conf", _="1")))
    host.did.clear()
    after = reloading(item("proxy.conf", _="2"))
    after.project["services"]["proxy"]["environment"] = {"A": "1"}
    host.deploy(after)
    assert host.did == ["start proxy2", "remove proxy1"]
    assert text(host) == "2"


def test_a_release_that_fails_brings_the_file_back(host: PlayedHost) -> None:
    host.deploy(reloading(item("proxy.conf", _="1"), api={}))
    host.sick = {"api"}
    host.did.clear()
    with pytest.raises(DeployFailed):
        host.deploy(reloading(item("proxy.conf", _="2"), api={"environment": {"A": "1"}}))
    assert text(host) == "1"
    assert host.did[-1] == "HUP to proxy1"


def test_a_service_that_falls_ill_of_it_is_told_of_the_old_one(host: PlayedHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host.deploy(reloading(item("proxy.conf", _="1")))
    host.did.clear()
    monkeypatch.setattr(
        PlayedHost,
        "signal",
        lambda self, one, name: (self.did.append(name), self.state(one, "unhealthy" if text(self) == "2" else "healthy")),
    )
    monkeypatch.setattr(
        PlayedHost,
        "state",
        lambda self, one, health: setattr(self, "there", [replace(other, health=health) for other in self.there]),
        raising=False,
    )
    with pytest.raises(DeployFailed, match="crashed"):
        host.deploy(reloading(item("proxy.conf", _="2")))
    assert (host.did, text(host)) == (["HUP", "HUP"], "1")
    live = Store("shop").live()
    assert live is not None
    assert [release.state for release in Store("shop").all() if release.id != live.id] == ["failed"]


def test_a_run_that_was_killed_before_the_signal(host: PlayedHost) -> None:
    after = reloading(item("proxy.conf", _="2"))
    host.deploy(reloading(item("proxy.conf", _="1")))
    carried.put("shop", after.files)
    assert carried.bring(Reload.from_dict(after.project[EXTENSION]["reload"][0]))
    host.did.clear()
    host.deploy(after)
    assert (host.did, text(host)) == (["HUP to proxy1"], "2")


def test_what_somebody_changed_by_hand_is_brought_back(host: PlayedHost) -> None:
    host.deploy(reloading(item("proxy.conf", _="1")))
    place("shop", LIVE, "proxy.conf").write_text("by hand")
    host.did.clear()
    assert host.deploy(reloading(item("proxy.conf", _="1"))).changed
    assert (host.did, text(host)) == (["HUP to proxy1"], "1")


def test_a_folder(host: PlayedHost) -> None:
    host.deploy(reloading(item("conf.d", a="1", b="2")))
    folder = place("shop", slot("conf.d"), "conf.d")
    before = folder.stat().st_ino
    host.deploy(reloading(item("conf.d", b="3", c="4")))
    assert {path.name: path.read_text() for path in folder.iterdir()} == {"b": "3", "c": "4"}
    assert folder.stat().st_ino == before


def test_a_release_without_files_keeps_its_id(host: PlayedHost) -> None:
    assert host.deploy(declared(api={})).release == host.deploy(replace(declared(api={}), files=[])).release
