# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is out of rotation, and for how long."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.watchdog_settings import StackSpec
from ansible_collections.latentum.ops.plugins.module_utils.core import versioned_json
from ansible_collections.latentum.ops.plugins.module_utils.nginx import out_of_rotation
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.failures import Failures
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.findings import Fault, Finding
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.judgement import Judgement, Subject
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.picture import Picture
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.rotation import rotate

from . import samples
from .samples import FakeEngine, Host, bad, container, failing, incident, service, throw, well

host = samples.host

API, DB = "shop/api", "shop/db"


class Proxy:
    """Stack shop with two containers of an API and one of a database, and who gets no traffic there."""

    def __init__(self, host: Host) -> None:
        self.stacks = [StackSpec("shop", services=(service("api"), service("db")))]
        self.engine = FakeEngine(container(1), container(2), container(1, "db"))
        self.picture = Picture(["shop", "blog"])
        self.judgement = Judgement()
        self.failures = Failures()
        self.host = host

    def opened(self, *keys: str) -> None:
        """These have an open incident, and nothing else has."""
        self.judgement.subjects = {key: Subject("open", incident=incident(key)) for key in keys}

    def out(self, *findings: Finding) -> list[str]:
        """Who is out after a round that found this."""
        before = out_of_rotation.load("shop")
        self.picture.look(self.engine)
        changed = rotate(self.stacks, self.picture, self.judgement, {one.key: one for one in findings}, self.failures)
        after = out_of_rotation.load("shop")
        assert changed == (before != after)
        return sorted(after)


@pytest.fixture
def proxy(host: Host) -> Proxy:
    for name in ("shop", "blog"):
        host.watch(name)
    return Proxy(host)


def test_who_fails_is_out_with_the_reason(proxy: Proxy) -> None:
    proxy.opened(API)
    assert proxy.out(failing(faults=(bad(),)), well(DB)) == ["api1"]
    assert out_of_rotation.load("shop") == {"api1": "it needs restart"}


def test_who_is_only_suspected_keeps_its_traffic(proxy: Proxy) -> None:
    assert proxy.out(failing(faults=(bad(),))) == []  # no incident yet
    proxy.opened(API)
    assert proxy.out(failing(faults=(bad(), replace(bad(number=2), confirmed=False)))) == ["api1"]


@pytest.mark.parametrize("one", [bad("none"), bad("replace"), replace(bad(), container=None)])
def test_what_nothing_helps_or_is_not_there_is_not_taken_out(one: Fault, proxy: Proxy) -> None:
    proxy.opened(API)
    assert proxy.out(failing(faults=(one,))) == []


def test_who_failed_is_back_only_when_the_whole_service_is_well(proxy: Proxy) -> None:
    proxy.opened(API)
    assert proxy.out(failing(faults=(bad(), bad(number=2)))) == ["api1", "api2"]
    assert proxy.out(failing(faults=(bad(number=2),))) == ["api1", "api2"]
    assert proxy.out(well()) == ["api1", "api2"]  # for how long, is not known yet
    proxy.opened()
    assert proxy.out(well()) == []


def test_an_incident_of_another_service_keeps_nobody_out(proxy: Proxy) -> None:
    proxy.opened(API, DB)
    assert proxy.out(failing(faults=(bad(),)), failing(DB, faults=(Fault(container(1, "db"), "it is slow", "restart"),))) == ["api1", "db1"]
    proxy.opened(DB)
    assert proxy.out(well(), failing(DB)) == ["db1"]


def test_who_is_gone_is_forgotten(proxy: Proxy) -> None:
    proxy.opened(API)
    proxy.out(failing(faults=(bad(), bad(number=2))))
    proxy.engine.there = [container(2), container(3)]
    assert proxy.out(failing(faults=(bad(number=2),))) == ["api2"]


def test_each_stack_has_its_own_list(proxy: Proxy) -> None:
    proxy.stacks.append(StackSpec("blog", services=(service("api"),)))
    proxy.engine.there.append(container(7, project="blog"))
    proxy.opened(API, "blog/api")
    found = (failing(faults=(bad(),)), failing("blog/api", faults=(Fault(container(7, project="blog"), "it died", "start"),)))
    assert proxy.out(*found) == ["api1"] and out_of_rotation.load("blog") == {"api7": "it died"}


def test_nobody_is_out_of_a_stack_that_is_not_watched_any_more(proxy: Proxy) -> None:
    proxy.stacks.append(StackSpec("blog", services=(service("api"),)))
    proxy.engine.there.append(container(7, project="blog"))
    proxy.opened(API, "blog/api")
    found = {
        API: failing(faults=(bad(),)),
        "blog/api": failing("blog/api", faults=(Fault(container(7, project="blog"), "it died", "start"),)),
    }
    proxy.picture.look(proxy.engine)
    assert rotate(proxy.stacks, proxy.picture, proxy.judgement, found, proxy.failures)
    proxy.stacks.pop()
    (proxy.host.etc / "watchdog" / "blog.json").unlink()
    proxy.host.gate.look()
    assert rotate(proxy.stacks, proxy.picture, proxy.judgement, found, proxy.failures)
    assert out_of_rotation.load("blog") == {} and list(out_of_rotation.load("shop")) == ["api1"]
    assert not rotate(proxy.stacks, proxy.picture, proxy.judgement, found, proxy.failures)


def test_a_list_that_cannot_be_written_keeps_no_other_from_it_and_is_tried_again(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy.stacks.insert(0, StackSpec("blog", services=(service("api"),)))
    proxy.engine.there.append(container(7, project="blog"))
    proxy.opened(API, "blog/api")
    found = (failing(faults=(bad(),)), failing("blog/api", faults=(Fault(container(7, project="blog"), "it died", "start"),)))
    write = versioned_json.write_atomic

    def full(path: Path, *given: Any) -> None:
        if path.name.startswith("blog."):
            throw(OSError("no space left"))
        write(path, *given)

    with monkeypatch.context() as patched:
        patched.setattr(versioned_json, "write_atomic", full)
        for _round in range(2):
            assert proxy.out(*found) == ["api1"] and out_of_rotation.load("blog") == {}
    proxy.picture.look(proxy.engine)
    assert rotate(proxy.stacks, proxy.picture, proxy.judgement, {one.key: one for one in found}, proxy.failures)
    assert list(out_of_rotation.load("blog")) == ["api7"]


def test_nothing_new_is_not_written(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy.opened(API)
    proxy.out(failing(faults=(bad(),)))
    monkeypatch.setattr(versioned_json, "write_atomic", lambda *_given: pytest.fail("it was written"))
    assert proxy.out(failing(faults=(bad(),))) == ["api1"]
