# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An older engine on a host is replaced by rolling_update alone, under load; a newer one stays."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest
import yaml
from conftest import FORCE, INVENTORY, ROOT, STACK, AppHost, eventually, execute, images, none_lost, playbook

OLDER = "c9c0a13"  # the last commit whose engine had no version
HOME = "/usr/lib/latentum-ops"
DAEMON = "latentum-ops-watchdog.service"
VERSION = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]


def daemon(app: AppHost) -> str:
    """The process that watches, once it has said that it is ready."""
    eventually(lambda: app.sh(f"systemctl is-active {DAEMON}", check=False) == "active", f"{DAEMON} is active")
    return app.sh(f"systemctl show --property MainPID --value {DAEMON}")


@pytest.fixture
def older(app: AppHost) -> Iterator[str]:
    """The host with the engine, the command and the running daemon of that commit; gives the daemon's process."""
    packed = subprocess.run(["git", "archive", OLDER, "plugins/module_utils"], cwd=ROOT, capture_output=True, check=False)
    if packed.returncode:
        # A shallow clone has no older engine to upgrade from; the workflows fetch all of it, and a unit test holds them to that.
        pytest.skip(f"the history of this checkout does not reach back to {OLDER}")
    app.sh("apt-get install --yes --quiet python3-docker")
    app.sh(f"cd {HOME} && rm -rf engines engine.json latentum_ops && mkdir latentum_ops")
    unpack = ["docker", "exec", "--interactive", app.name, "tar", "-x", "--strip-components=2", f"--directory={HOME}/latentum_ops"]
    subprocess.run(unpack, input=packed.stdout, check=True)
    app.sh("sed -i 's/latentum_ops[.]cli/latentum_ops.opsctl/' /usr/local/sbin/opsctl")
    app.sh(f"systemctl restart {DAEMON}")
    yield daemon(app)
    # Whatever the test saw: the next one finds the present engine.
    if "engine.json" not in app.sh(f"ls {HOME}"):
        assert playbook("site", limit=app.name, arguments=("--tags", "opsctl")).returncode == 0


@pytest.fixture
def recorded(app: AppHost) -> Iterator[dict[str, object]]:
    """What the host says about its engine; a test may write something else there."""
    text = app.sh(f"cat {HOME}/engine.json")
    yield json.loads(text)
    record(app, json.loads(text))


def record(app: AppHost, engine: dict[str, object]) -> None:
    app.sh(f"echo '{json.dumps(engine)}' > {HOME}/engine.json")


@pytest.mark.matrix
def test_an_older_engine_is_replaced_by_a_rolling_update_alone(app: AppHost, older: str) -> None:
    reason = "kept over the upgrade"
    assert app.opsctl("maintenance", "on", "--reason", reason, "--for", "1h", "--scope", f"{STACK}/cache").returncode == 0
    before, old, tag = app.live(), app.tag, app.another()

    refused = execute(
        ["ansible", app.name, "-i", INVENTORY, "--become", "-m", "latentum.ops.compose_rollout", "-a", f"stack={STACK} state=rolled_back"]
    )
    assert refused.returncode != 0
    assert "the engine on this host is older" in refused.stdout and "--tags opsctl" in refused.stdout, refused.stdout
    assert app.live() == before

    with app.load() as results:
        done = playbook("rolling_update", images(tag), FORCE, limit=app.name)
    assert done.returncode == 0, done.stdout
    none_lost(results)
    app.settled(tag)
    # The engine, its command, and the daemon that runs it.
    assert json.loads(app.sh(f"cat {HOME}/engine.json"))["version"] == VERSION
    assert app.opsctl("version").stdout.startswith(VERSION)
    assert app.sh(f"ls -A {HOME}/latentum_ops") == "__init__.py"
    assert daemon(app) != older
    # What the older one wrote. Its release, which knew no routes, is adopted with those that nginx has, so it has another id now.
    assert reason in app.opsctl("maintenance", "list").stdout
    assert old in app.opsctl("releases").stdout
    assert app.opsctl("maintenance", "off", "--scope", f"{STACK}/cache").returncode == 0
    with app.load() as results:
        done = playbook("rollback", limit=app.name)
    assert done.returncode == 0, done.stdout
    none_lost(results)
    app.settled(old)


def test_a_newer_engine_stays_and_is_worked_beside(app: AppHost, recorded: dict[str, object]) -> None:
    newer = {**recorded, "version": "99.0.0", "digest": "9" * 64}
    record(app, newer)
    process, tag = daemon(app), app.another()
    done = playbook("rolling_update", images(tag), FORCE, limit=app.name)
    assert done.returncode == 0, done.stdout
    assert "the engine on this host is newer (99.0.0 (999999999999))" in " ".join(done.stdout.split()), done.stdout
    assert json.loads(app.sh(f"cat {HOME}/engine.json")) == newer
    assert daemon(app) == process
    app.settled(tag)


@pytest.mark.matrix
def test_state_that_cannot_be_read_is_left_alone(app: AppHost, recorded: dict[str, object]) -> None:
    record(app, {**recorded, "version": "99.0.0", "state_format": 99})
    before, tag = app.live(), app.tag
    done = playbook("rolling_update", images(app.another()), FORCE, limit=app.name)
    assert done.returncode != 0
    assert "writes state files of format 99" in " ".join(done.stdout.split()), done.stdout
    assert app.live() == before
    app.settled(tag)
