# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both applications on one host: what is done to one is nothing to the other, and the secrets of both are seen nowhere."""

from __future__ import annotations

import json

import pytest
from conftest import CLIENT, HOST, MARKET, NEUROCORE, execute, playbook, request, sh

STACKS = ("neurocore", "market-ml")
# On the host: how many values there are, and then each place where one is seen.
LOOK = """
import json, pathlib, subprocess, sys

def shown(*argv):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=True)
    return done.stdout

values = {}
for path in pathlib.Path("/etc/latentum-ops/secrets", sys.argv[1]).rglob("*"):
    if path.is_file() and path.suffix != ".json":  # the store's own notes have no value in them
        for line in path.read_text(errors="replace").splitlines():
            # Of a configuration only its passwords.
            parts = [part.split('"')[0] for part in line.split('password="')[1:]] or [line]
            values.update({part: path.name for part in parts if len(part) >= 16 and "=" not in part})
names = shown("docker", "ps", "-q", "--filter", f"label=com.docker.compose.project={sys.argv[1]}").split()
places = {"docker inspect": shown("docker", "inspect", *names), "processes": shown("ps", "axww", "-o", "args")}
places.update({f"logs of {name}": shown("docker", "logs", name) for name in names})
print(len(values))
for place, text in places.items():
    for value, name in values.items():
        if value in text:
            print(f"{name} in {place}")
"""


def state(stack: str) -> list[str]:
    """Containers with their starts, and the release that is live."""
    started = (
        f"docker ps -q --filter label=com.docker.compose.project={stack} | xargs docker inspect -f '{{{{.Id}}}} {{{{.State.StartedAt}}}}'"
    )
    return sh(f"{started} | sort; cat /var/lib/latentum-ops/stacks/{stack}/live.json").splitlines()


def test_everything_of_both_is_well() -> None:
    shown = json.loads(sh("opsctl health --json"))
    assert shown["ok"] and sorted(entry["stack"] for entry in shown["stacks"]) == sorted([*STACKS, "gate"])


@pytest.mark.parametrize("stack", STACKS)
def test_no_value_of_a_secret_is_in_a_container_its_logs_or_a_list_of_processes(stack: str) -> None:
    """What the host made and what it was given; what is public by its nature is none."""
    done = execute(["docker", "exec", "-i", HOST, "python3", "-", stack], text_in=LOOK)
    assert done.returncode == 0, done.stderr
    looked, *places = done.stdout.splitlines()
    assert int(looked) >= 8 and places == []


def test_an_update_of_one_and_its_rollback_are_nothing_to_the_other() -> None:
    before = state("market-ml")
    # A second run of this test meets a release that was rolled back by hand, which nothing brings back by itself.
    versions = {"neurocore_version": "1.1.0", "neurocore_worker_version": "1.1.0", "rolling_update_force": True}
    playbook("rolling_update", {"ops_only": "neurocore", **versions})
    assert request(f"https://{NEUROCORE}/api/version").document["version"] == "1.1.0"
    playbook("rollback", {"ops_only": "neurocore"})
    assert request(f"https://{NEUROCORE}/api/version").document["version"] == "1.0.0"
    assert state("market-ml") == before


def test_a_name_of_neither_is_answered_by_neither() -> None:
    argv = [
        "docker",
        "exec",
        CLIENT,
        "curl",
        "-sk",
        "--max-time",
        "10",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "https://apps.example.test/",
    ]
    assert execute(argv).stdout in ("000", "404", "421", "444")
    assert request(f"https://{MARKET}/health").status == request(f"https://{NEUROCORE}/").status == 200
