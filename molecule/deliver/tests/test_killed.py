# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kills: whatever is killed while releases come, none is lost, none is done twice, and no request."""

from __future__ import annotations

import json
import random
import time

import pytest
from conftest import GOOD, STACK, Forge, Host, eventually, none_lost

KILLS = 25
VICTIMS = ("latentum-ops-receiver.service", "latentum-ops-delivery.service", "latentum-ops-delivery@*.service")


@pytest.mark.matrix
def test_no_delivery_is_lost_and_none_is_done_twice(hosts: tuple[Host, Host], forge: Forge) -> None:
    host, chance = hosts[0], random.Random(17)  # noqa: S311 - the same moments each time
    commits: list[str] = []
    with host.load(keepalive=2, new=1, post=1) as results:
        for number in range(KILLS):
            if number % 5 == 0:
                tag = GOOD[len(commits) % len(GOOD)]
                commit = f"{number:08x}" * 5
                # A receiver that was killed while it answered: the caller asks again, and is told that it came.
                statuses = [status for status, _text in forge.call(host, f"refs/tags/v{tag}", commit, "--times", "2")]
                assert 202 in statuses, statuses
                commits.append(commit)
            time.sleep(chance.uniform(0.0, 4.0))
            host.sh(f"systemctl kill --signal SIGKILL '{chance.choice(VICTIMS)}' 2> /dev/null || true", check=False)
        for commit in commits:
            # What was killed is begun again after a minute.
            assert host.ended(commit, 900)["state"] in ("succeeded", "superseded")
    none_lost(results)
    entries = host.deploys()
    assert [sum(entry["commit"] == commit for entry in entries) for commit in commits] == [1] * len(commits)
    lines = [json.loads(line) for line in host.sh(f"cat /var/lib/latentum-ops/stacks/{STACK}/journal.jsonl").splitlines()]
    for entry in entries:
        went_live = [line for line in lines if line.get("attempt") == f"delivery-{entry['id']}" and line.get("step") == "live"]
        assert len(went_live) <= 1, went_live
    live = next(entry for entry in entries if entry["state"] == "succeeded")["live"]
    host.settled(live)
    assert host.opsctl("whatruns", "--stack", STACK).returncode == 0


@pytest.mark.matrix
def test_what_waits_survives_a_restart_of_the_host(hosts: tuple[Host, Host], forge: Forge) -> None:
    host, commit = hosts[1], "0badcafe" * 5
    assert forge.call(host, "refs/tags/approved-2", commit)[0][0] == 202
    host.sh("systemctl kill --signal SIGKILL latentum-ops-delivery.service latentum-ops-receiver.service", check=False)
    eventually(lambda: host.of(commit).get("state") == "waiting for approval", "it waits on")
    done = host.opsctl("approve", host.of(commit)["id"], "--stack", STACK, "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert host.ended(commit)["state"] == "succeeded"
    host.settled("1.4.0")
