# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Good and bad releases on one host, each under load."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from conftest import CANARY, FORCE, REGISTRY, SERVICE, STATE, AppHost, eventually, execute, images, none_lost, playbook, policies


def test_a_rolling_update_loses_no_request(app: AppHost) -> None:
    before, after = app.tag, app.another()
    with app.load(keepalive=6, new=1, post=2, slow=2, jobs=1, websocket=2) as results:
        time.sleep(2)
        done = app.deploy(after, "--force")
        time.sleep(2)
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(results[0].versions) == {before, after}
    none_lost(results)
    app.settled(after)
    written = set(app.sh("docker exec latentum-database-1 psql -U latentum -Atc 'SELECT id FROM jobs' latentumdb").split())
    assert set(results[0].job_ids) <= written, "acknowledged jobs are missing"


def test_a_rollback_needs_no_argument(app: AppHost) -> None:
    release, old, new = app.live(), app.tag, app.another()
    assert app.deploy(new, "--force").returncode == 0
    bad = app.live()
    with app.load() as results:
        done = app.opsctl("rollback")
    assert done.returncode == 0, done.stdout + done.stderr
    none_lost(results)
    app.settled(old)
    assert app.live() == release
    again = app.deploy(new)
    assert again.returncode == 1
    assert f"release {bad} was rolled back" in again.stderr
    assert "--force" in again.stderr
    app.settled(old)


@contextmanager
def without_registry(app: AppHost) -> Iterator[None]:
    """For this host only: the registry serves other scenarios meanwhile."""
    rule = "OUTPUT --protocol tcp --dport 5000 --jump REJECT --reject-with tcp-reset"
    both = "set -e; for program in iptables ip6tables; do $program --{} {}; done"
    app.sh(both.format("insert", rule))
    try:
        yield
    finally:
        app.sh(both.format("delete", rule))


@contextmanager
def with_full_disk(app: AppHost) -> Iterator[None]:
    """Layers are downloaded to a file system without room; the image has a layer that no host knows."""
    recipe = f"FROM 127.0.0.1:5000/latentum/{SERVICE}:1.3.0\nUSER 0\nRUN head -c 8000000 /dev/urandom > /layer-$(date +%s)\nUSER 10001\n"
    tag = f"127.0.0.1:5000/latentum/{SERVICE}:2.0.0-large"
    for argv, text in ((["docker", "build", "--tag", tag, "-"], recipe), (["docker", "push", tag], None)):
        done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    app.sh("mkdir -p /var/lib/docker/tmp && mount -t tmpfs -o size=1m none /var/lib/docker/tmp")
    try:
        yield
    finally:
        app.sh("umount /var/lib/docker/tmp")


@contextmanager
def as_it_is(_app: AppHost) -> Iterator[None]:
    yield


Circumstances = Callable[[AppHost], object]


@pytest.mark.parametrize(
    ("tag", "sentence", "circumstances"),
    [
        ("1.2.0-broken", "is unhealthy", as_it_is),
        pytest.param("9.9.9", "the registry has no such image", as_it_is, marks=pytest.mark.matrix),
        pytest.param("1.1.0-away", "the registry does not answer", without_registry, marks=pytest.mark.matrix),
        pytest.param("2.0.0-large", "the disk is full", with_full_disk, marks=pytest.mark.matrix),
    ],
)
def test_a_bad_release_takes_itself_back(app: AppHost, tag: str, sentence: str, circumstances: Circumstances) -> None:
    before, good = app.live(), app.tag
    app.sh(f"docker image rm {REGISTRY}/{SERVICE}:{tag}", check=False)
    with circumstances(app), app.load() as results:  # type: ignore[attr-defined]
        done = app.deploy(tag)
    assert done.returncode == 1
    assert sentence in done.stderr, done.stderr
    none_lost(results)
    assert app.live() == before
    app.settled(good)


@pytest.mark.matrix
def test_a_release_that_crashes_after_it_was_healthy_gets_no_traffic(app: AppHost) -> None:
    before, good = app.live(), app.tag
    with app.load() as results:
        done = playbook("rolling_update", policies(min_healthy=6), images("1.2.0-crash"), limit=app.name)
    assert done.returncode != 0
    assert "crashed" in done.stdout
    assert "this version crashes on purpose" in done.stdout, "the last line of its log"
    none_lost(results)
    assert app.live() == before
    app.settled(good)


@pytest.mark.parametrize(
    ("tag", "sentence"),
    [("1.2.0-errors", "requests failed"), pytest.param("1.2.0-slow", "the canary is refused", marks=pytest.mark.matrix)],
)
def test_a_canary_that_is_worse_is_refused(app: AppHost, tag: str, sentence: str) -> None:
    before, good = app.live(), app.tag
    with app.load(keepalive=8, post=2) as results:
        done = playbook("rolling_update", policies(**CANARY), images(tag), limit=app.name)
    assert done.returncode != 0
    assert sentence in done.stdout, done.stdout[-3000:]
    assert app.live() == before
    app.settled(good)
    (result,) = results
    # Only the canary's share can have failed, and a fifth of that, and only until it was seen.
    assert result.failed <= 0.02 * result.requests, (result.failures, result.requests)
    again = playbook("rolling_update", policies(**CANARY), images(tag), limit=app.name)
    assert again.returncode != 0
    assert "failed before and is not deployed again by itself" in again.stdout


def test_a_good_canary_gets_its_share_and_passes(app: AppHost) -> None:
    before, after = app.tag, app.another()
    with app.load(keepalive=8) as results:
        done = playbook("rolling_update", policies(**CANARY), images(after), FORCE, limit=app.name)
        passed = app.running()
        back = app.opsctl("rollback")  # to the policies of the other tests
    assert done.returncode == 0, done.stdout[-3000:]
    assert "canary passed" in done.stdout
    assert passed == [f"{after} healthy"] * 2
    assert back.returncode == 0, back.stdout + back.stderr
    none_lost(results)
    app.settled(before)


@pytest.mark.matrix
def test_a_failing_migration_stops_a_release_before_any_traffic_changes(app: AppHost) -> None:
    migration = {"command": ["python3", "-m", "latentum_sample", "migrate"], "timeout": 60}
    before, after = app.tag, app.another()
    with app.load() as results:
        done = playbook("rolling_update", policies(migration=migration), images("1.2.0-migration"), limit=app.name)
        assert done.returncode != 0
        assert "the migration failed" in done.stdout
        assert "customer_id" in done.stdout
        assert set(app.running()) == {f"{before} healthy"}
        good = playbook("rolling_update", policies(migration=migration), images(after), FORCE, limit=app.name)
        passed = app.running()
        back = app.opsctl("rollback")  # to the policies of the other tests
    assert good.returncode == 0, good.stdout[-3000:]
    assert passed == [f"{after} healthy"] * 2
    assert back.returncode == 0, back.stdout + back.stderr
    none_lost(results)
    app.settled(before)
    assert after in app.sh("docker exec latentum-database-1 psql -U latentum -Atc 'SELECT version FROM schema_versions' latentumdb")


@pytest.mark.matrix
def test_blue_green_keeps_the_old_set_for_an_instant_rollback(app: AppHost) -> None:
    before, after = app.tag, app.another()
    with app.load() as results:
        done = playbook("rolling_update", policies(strategy="blue_green", keep_for=600), images(after), FORCE, limit=app.name)
        assert done.returncode == 0, done.stdout[-3000:]
        assert app.running() == sorted([f"{after} healthy", f"{before} healthy"] * 2)
        assert app.servers() == 2
        back = app.opsctl("rollback", "--json")
    assert back.returncode == 0, back.stderr
    none_lost(results)
    app.settled(before)
    assert f"{SERVICE}: healthy" not in json.loads(back.stdout)["seconds"] or json.loads(back.stdout)["seconds"][f"{SERVICE}: healthy"] < 1


def test_scaling_loses_no_request(app: AppHost) -> None:
    tag = app.tag
    with app.load() as results:
        for count in (4, 2):
            done = app.opsctl("scale", f"{SERVICE}={count}")
            assert done.returncode == 0, done.stdout + done.stderr
            app.settled(tag, count)
    none_lost(results)


def test_what_has_one_writer_is_down_for_a_moment_and_says_so(app: AppHost) -> None:
    tag = app.tag
    with app.load(keepalive=2, new=2) as results:
        done = app.opsctl("deploy", "--recreate", "cache")
    assert done.returncode == 0, done.stdout + done.stderr
    (result,) = results
    assert result.failed > 0
    assert all("503" in kind for kind in result.failures), result.failures
    assert "maintenance page for api-gateway" in done.stdout
    app.settled(tag)


def test_an_unsafe_update_is_refused_with_the_line_to_change(app: AppHost) -> None:
    before = app.live()
    done = playbook(
        "rolling_update", {"stack_policies": []}, images(app.tag), {"rolling_update_recreate": ["database", "cache"]}, limit=app.name
    )
    assert done.returncode != 0
    for line in ("compose.services.database.volumes", "compose.services.cache.volumes", "services.database.update.strategy: recreate"):
        assert line in done.stdout, done.stdout[-3000:]
    assert app.live() == before


def test_a_second_deployment_is_told_who_is_at_it(app: AppHost) -> None:
    tag = app.tag
    first = app.background("deploy", "--recreate", SERVICE)
    eventually(lambda: "rollout.json" in app.sh(f"ls {STATE}"), "the first one has begun")
    second = app.opsctl("deploy", "--recreate", SERVICE)
    assert second.returncode == 1
    assert "is locked by root" in second.stderr
    assert first.wait(timeout=120) == 0, first.stdout.read() if first.stdout else ""
    app.settled(tag)


def test_a_check_tells_the_plan_and_changes_nothing(app: AppHost) -> None:
    before, tag = app.live(), app.tag
    done = playbook("rolling_update", policies(), images(app.another()), FORCE, limit=app.name, arguments=("--check", "--diff"))
    assert done.returncode == 0, done.stdout[-3000:]
    assert "api-gateway: replace 2 by 2 containers (rolling, 2 at once)" in done.stdout
    assert app.live() == before
    app.settled(tag)


@pytest.mark.parametrize(
    "moment", [pytest.param("wait until", marks=pytest.mark.matrix), "drain", pytest.param("observe", marks=pytest.mark.matrix)]
)
def test_a_killed_rollout_is_finished_by_the_next_run(app: AppHost, moment: str) -> None:
    tag = app.another()
    with app.load() as results:
        rollout = app.background("deploy", "--force", "--image", f"{SERVICE}={REGISTRY}/{SERVICE}:{tag}")
        assert rollout.stdout
        for line in rollout.stdout:
            if moment in line:
                break
        app.sh("pkill -9 -f 'latentum_ops.[c]li.*deploy'")
        rollout.wait(timeout=30)
        time.sleep(3)
        done = app.deploy(tag, "--force")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "found an interrupted deploy" in done.stdout
    none_lost(results)
    app.settled(tag)


@pytest.mark.matrix
def test_a_killed_rollout_is_taken_back_when_another_release_comes(app: AppHost) -> None:
    tag = app.tag
    with app.load() as results:
        rollout = app.background("deploy", "--image", f"{SERVICE}={REGISTRY}/{SERVICE}:1.2.0-slow", "--force")
        eventually(lambda: len(app.running()) == 4, "new containers stand beside the old", 30)
        app.sh("pkill -9 -f 'latentum_ops.[c]li.*deploy'")
        rollout.wait(timeout=30)
        done = app.opsctl("rollback")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "it was taken back; that was the rollback" in done.stdout
    none_lost(results)
    app.settled(tag)


def test_a_restart_of_the_host_in_the_middle_leaves_traffic_on_healthy_containers(app: AppHost) -> None:
    tag = app.tag
    rollout = app.background("deploy", "--image", f"{SERVICE}={REGISTRY}/{SERVICE}:1.2.0-broken", "--force")
    eventually(lambda: len(app.running()) == 4, "new containers stand beside the old", 30)
    done = execute(["python3", "tests/hosts/hosts.py", "restart", app.name])
    assert done.returncode == 0, done.stderr
    rollout.wait(timeout=60)
    eventually(lambda: app.sh("systemctl is-active docker nginx", check=False).split() == ["active", "active"], "services are back")
    eventually(lambda: app.running().count(f"{tag} healthy") == 2, "the old containers are healthy again")
    with app.load() as results:
        time.sleep(3)
        again = app.opsctl("deploy")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "it was taken back" in again.stdout
    none_lost(results)
    assert set(results[0].versions) == {tag}
    app.settled(tag)
