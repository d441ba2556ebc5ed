# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two application hosts behind a load balancer: batch by batch, all or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import harness
import pytest
from conftest import INVENTORY, REGISTRY, AppHost, execute, hosts_tool, images, none_lost, playbook, policies

EDGE = {"ops_edge_group": "edge"}


@pytest.fixture(scope="module")
def apps(app: AppHost) -> tuple[AppHost, AppHost]:
    """Both hosts with the same release, and a load balancer that knows where they are: a restarted host may have another address."""
    known = execute(["ansible-playbook", "-i", INVENTORY, "molecule/rollout/converge.yml", "--limit", "roll-edge"])
    assert known.returncode == 0, known.stdout[-3000:] + known.stderr
    done = playbook("rolling_update", policies(), images("1.0.0"), {"rolling_update_force": True})
    assert done.returncode == 0, done.stdout[-3000:]
    return app, AppHost("roll-2")


@contextmanager
def through_the_edge() -> Iterator[list[harness.Result]]:
    found: list[harness.Result] = []
    url = "http://roll-edge.example.test"
    load = harness.Load(harness.CLIENT_CONTAINER, url, hosts_tool("path", "pebble-root"), new=4, post=2)
    load.start()
    try:
        yield found
        found.append(load.stop())
    finally:
        load.abandon()


def test_both_hosts_get_the_release_one_after_the_other(apps: tuple[AppHost, AppHost]) -> None:
    with through_the_edge() as found:
        done = playbook("rolling_update", policies(), images("1.1.0"), {"rolling_update_force": True}, EDGE)
    assert done.returncode == 0, done.stdout[-3000:]
    for one in apps:
        one.settled("1.1.0")
    assert apps[0].live() == apps[1].live()
    assert done.stdout.count(apps[0].live()) >= 2  # the recap names it for each host
    for one in apps:  # taken out of the load balancer, and put back
        assert done.stdout.count(f"changed: [{one.name} -> roll-edge") >= 2
    assert {"1.0.0", "1.1.0"} == set(found[0].versions)
    none_lost(found)


def test_a_failure_on_the_second_takes_back_the_first(apps: tuple[AppHost, AppHost]) -> None:
    before = [one.live() for one in apps]
    broken = images("1.3.0")
    broken["latentum_images"]["api_gateway"] = (
        f"{REGISTRY}/api-gateway:{{{{ '1.2.0-broken' if inventory_hostname == 'roll-2' else '1.3.0' }}}}"
    )
    with through_the_edge() as found:
        done = playbook("rolling_update", policies(), broken, {"rolling_update_force": True}, EDGE)
    assert done.returncode != 0
    assert "is unhealthy" in done.stdout
    assert [one.live() for one in apps] == before
    for one in apps:
        one.settled("1.1.0")
    none_lost(found)
    edge = AppHost("roll-edge").sh("grep -c '^ *server ' /etc/nginx/upstreams.d/edge_latentum.conf")
    assert edge == "2", "a host was left out of the load balancer"
