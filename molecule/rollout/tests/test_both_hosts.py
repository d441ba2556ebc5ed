# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two application hosts behind a load balancer: batch by batch, all or nothing.

Before the tests of one host (files come in the order of their names): both hosts have one release, and none was restarted, which may give
it an address that the load balancer does not know.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from conftest import EDGE, FORCE, REGISTRY, STACK, AppHost, eventually, images, none_lost, playbook, policies, through_the_edge


@pytest.fixture(scope="module")
def apps(app: AppHost) -> tuple[AppHost, AppHost]:
    """Both hosts, with the same images; their domains differ, so the ids of their releases do."""
    both = app, AppHost("roll-2")
    assert both[0].tag == both[1].tag
    return both


def test_hosts_of_one_start_image_are_hosts_of_their_own(apps: tuple[AppHost, AppHost]) -> None:
    """Whatever a host is told apart by was made on it, not with the image that it started from."""
    identity = (
        "cat /etc/machine-id",
        "cat /etc/ssh/ssh_host_ed25519_key",
        "docker info --format '{{.ID}}'",
        "cat /etc/latentum-ops/tls/$(hostname).example.test/privkey.pem",
    )
    for command in identity:
        values = [app.sh(command) for app in apps]
        assert all(values)
        assert values[0] != values[1], command


@pytest.mark.matrix
def test_both_hosts_get_the_release_one_after_the_other(apps: tuple[AppHost, AppHost]) -> None:
    before, after = apps[0].tag, apps[0].another()
    with through_the_edge() as results:
        done = playbook("rolling_update", policies(), images(after), FORCE, EDGE)
    assert done.returncode == 0, done.stdout[-3000:]
    for app in apps:
        app.settled(after)
    for app in apps:
        assert f"msg: {app.live()}" in done.stdout  # the recap
    for app in apps:  # taken out of the load balancer, and put back
        assert done.stdout.count(f"changed: [{app.name} -> roll-edge") >= 2
    assert {before, after} == set(results[0].versions)
    none_lost(results)


def test_a_failure_on_the_second_takes_back_the_first(apps: tuple[AppHost, AppHost]) -> None:
    before, tag, good = [app.live() for app in apps], apps[0].tag, apps[0].another()
    broken = images(good)
    broken["latentum_images"]["api_gateway"] = (
        f"{REGISTRY}/api-gateway:{{{{ '1.2.0-broken' if inventory_hostname == 'roll-2' else '{good}' }}}}"
    )
    with through_the_edge() as results:
        done = playbook("rolling_update", policies(), broken, FORCE, EDGE)
    assert done.returncode != 0
    assert "is unhealthy" in done.stdout
    assert [app.live() for app in apps] == before
    for app in apps:
        app.settled(tag)
    none_lost(results)
    edge = AppHost("roll-edge").sh("grep -c '^ *server ' /etc/nginx/upstreams.d/edge_latentum.conf")
    assert edge == "2", "a host was left out of the load balancer"


@pytest.fixture
def without_jobs() -> Iterator[None]:
    """Afterwards both hosts are as the other tests have them."""
    yield
    assert playbook("site", {"latentum_jobs": {}}, arguments=("--tags", "jobs")).returncode == 0


@pytest.mark.matrix
def test_one_host_runs_a_job_and_the_other_when_it_is_told(apps: tuple[AppHost, AppHost], without_jobs: None) -> None:
    """Each minute, for more than one minute: on the first of the inventory, then on the one that is named; never on both."""

    def runs(app: AppHost) -> int:
        (entry,) = [entry for entry in json.loads(app.sh("opsctl jobs --json"))["stacks"] if entry["stack"] == STACK] or [{"jobs": []}]
        return sum(job["successes"] for job in entry["jobs"])

    def timers(app: AppHost) -> int:
        return len(app.sh(f"systemctl list-timers --all --no-legend 'latentum-ops-job-{STACK}-*'").splitlines())

    tick = {"service": "worker", "command": ["true"], "schedule": "*-*-* *:*:00"}
    for job, here, there in ((tick, *apps), ({**tick, "host": apps[1].name}, *reversed(apps))):
        # The new one last of all: whoever runs it now must have stopped by then.
        done = playbook("site", {"latentum_jobs": {"tick": job}}, arguments=("--tags", "jobs"))
        assert done.returncode == 0, done.stdout[-3000:]
        before = runs(there)
        assert (timers(here), timers(there)) == (1, 0)
        began = runs(here)
        eventually(lambda host=here, count=began: runs(host) >= count + 2, "two runs of each minute", 150)
        assert runs(there) == before
        assert there.opsctl("run", "--stack", STACK, "tick").returncode != 0, "nor by hand"
