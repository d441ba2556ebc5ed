# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers repeat secrets of each kind: in the log, in health checks, in a release that fails. No front of the host gives one away.

The store is another stack's: a container may write what any other was given. What each front does with one text is tested at length by
tests/unit/secrecy; here are a real engine, real receivers and real files.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from conftest import HOST, ROOT, URL, Watched, execute, undisturbed

sys.path.insert(0, str(ROOT / "tests/unit/core"))
import planted

STORE = "/etc/latentum-ops/secrets/planted"
STACK = "/etc/latentum-ops/stacks/planted.json"  # by which opsctl knows it
WORDS = "/run/planted"
IMAGE = "registry.example.test:5000/latentum/api-gateway:1.0.0"
CLIENT = "latentum-ops-test-client"
KINDS = ("password", "lines")  # the others are of the matrix
FORMS = ("base64", "quoted for a URL", "on one line", "as it is")  # the last lines are those that an incident keeps
REPEATED = "connect 10.0.0.1 with ********"  # a line of the containers: what stands around a value is no secret
DOWN = "faults-s20-1"  # what fails while nobody heals it, for those who ask in the meantime
TELLING = "faults-s19-1"

# A release whose only container repeats it twice, in its log and in its health check, and never gets healthy; and a look at one that
# is not as expected.
PLAYBOOK = [
    {
        "name": "Ask for what is not so, and for what cannot be",
        "hosts": HOST,
        "become": True,
        "gather_facts": False,
        "ignore_errors": True,
        "tasks": [
            {
                "name": "Health",
                "latentum.ops.compose_health": {
                    "project": "faults",
                    "services": [{"service": TELLING.split("-")[1], "expect": "completed"}],
                    "timeout": 1,
                    "log_lines": 10_000,
                },
            },
            {
                "name": "Rollout",
                "latentum.ops.compose_rollout": {
                    "stack": "planted",
                    "services": [{"service": "talk"}],
                    "policies": [{"service": "talk", "healthy_timeout": 30}],
                    "compose": {
                        "services": {
                            "talk": {
                                "image": IMAGE,
                                "init": True,
                                "entrypoint": ["sh", "-c", "cat /words/*; exec sleep infinity"],
                                "volumes": [f"{WORDS}:/words:ro"],
                                "healthcheck": {"test": "tail -n 3 /words/all; exit 1", "interval": "1s", "retries": 1},
                            }
                        }
                    },
                },
            },
        ],
    }
]

ON_HOST = {
    "opsctl status": "opsctl status --wide; opsctl status --json",
    "opsctl incidents": "opsctl incidents",
    "opsctl releases": "opsctl releases --stack planted; opsctl releases --stack faults",
    "opsctl history": "opsctl history --stack planted; opsctl history --stack faults; opsctl history --stack latentum",
    "journal": "journalctl --no-pager",
    "log files": "cat /var/log/latentum-ops/* /var/log/nginx/* 2>/dev/null || true",
    "metrics": "python3 -c \"import urllib.request as r; print(r.urlopen('http://127.0.0.1:9753/metrics').read().decode())\"",
    "metrics of containers": (
        "python3 -c \"import urllib.request as r; print(r.urlopen('http://127.0.0.1:9753/metrics/containers').read().decode())\""
    ),
    "state": "find /var/lib/latentum-ops /run/latentum-ops /run/latentum-ops-watchdog -type f -exec cat {} +",
}
# What each front says besides: a search in silence proves nothing.
KILLED = "latentum-cache-1 was killed by signal 9"
FRONTS = {
    "task output": REPEATED,
    "opsctl health": REPEATED,
    "status while it fails": REPEATED,
    "alerts": REPEATED,
    "state": REPEATED,
    "status page": '"subject": "cache"',
    "journal": KILLED,
    "opsctl incidents": KILLED,
    "opsctl history": "failed: talk: planted-talk-1 is unhealthy",
    "opsctl releases": "failed",
    "opsctl status": "faults-s20-1",
    "metrics": "latentum_ops_watchdog_",
    "log files": '"path":"/health"',
}


def values(kind: str) -> list[str]:
    return [value.strip() for way in planted.WAYS if (value := STORED[kind, way])]


STORED: dict[tuple[str, str], str] = {}


@pytest.fixture(scope="module")
def kinds(matrix: bool) -> tuple[str, ...]:
    return tuple(planted.KINDS) if matrix else KINDS


@pytest.fixture(scope="module")
def store(host: Watched, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The store as the engine makes it, on the host; its values stay here for the search."""
    made = planted.fill(tmp_path_factory.mktemp("secrets"))
    STORED.update({(kind, way): made.value(f"{kind}_{way}") or "" for kind in planted.KINDS for way in planted.WAYS})
    host.sh(f"rm -rf {STORE}")
    copied = execute(["docker", "cp", str(made.folder), f"{HOST}:{STORE}"])
    assert copied.returncode == 0, copied.stderr
    yield
    host.sh(
        f"rm -rf {STORE} {STACK} {WORDS} /opt/planted /run/latentum-ops/planted.* /var/lib/latentum-ops/stacks/planted;"
        " docker ps --all --quiet --filter label=com.docker.compose.project=planted | xargs -r docker rm --force"
    )


def put_into_log(host: Watched, container: str, lines: list[str]) -> None:
    """A container that runs already writes them."""
    argv = ["docker", "exec", "-i", container, "sh", "-c", "cat > /proc/1/fd/1"]
    done = execute(["docker", "exec", "-i", HOST, *argv], input="\n".join(["", *lines, ""]))
    assert done.returncode == 0, done.stderr


def lines_of(kind: str) -> list[str]:
    return [line for form in FORMS for value in values(kind) for line in planted.printed(value, form)]


@pytest.fixture(scope="module")
def fronts(host: Watched, store: None, kinds: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What each front says once everything has failed."""
    talkers = {kind: f"faults-s{number}-1" for number, kind in enumerate(kinds, 1)}
    every = [line for kind in kinds for line in lines_of(kind)]
    host.sh(f"mkdir -p {WORDS}; echo '{json.dumps({'name': 'planted', 'services': []})}' > {STACK}")
    execute(["docker", "exec", "-i", HOST, "sh", "-c", f"cat > {WORDS}/all"], input="\n".join(every) + "\n")
    for container, lines in [(DOWN, every), (TELLING, every), ("latentum-cache-1", every)] + [
        (talkers[kind], lines_of(kind)) for kind in kinds
    ]:
        put_into_log(host, container, lines)
    shown = {"task output": task_output(tmp_path_factory.mktemp("playbook"))}
    with undisturbed(host) as inbox:
        host.sh("systemctl stop latentum-ops-watchdog")
        host.sh(f"docker kill {DOWN}")
        shown["opsctl health"] = host.sh("opsctl health", check=False)
        shown["status while it fails"] = host.sh("opsctl status --wide; opsctl status --json", check=False)
        host.sh("systemctl start latentum-ops-watchdog")
        inbox.story("faults/s20")
        host.sh(f"docker kill latentum-cache-1 {' '.join(talkers.values())}")
        inbox.story("latentum/cache")
        for container in talkers.values():
            inbox.story(f"faults/{container.split('-')[1]}")
        shown |= {front: host.sh(ask, check=False) for front, ask in ON_HOST.items()}
        shown["alerts"] = json.dumps([inbox.raw(kind) for kind in ("slack", "mail", "pagerduty", "any")])
        shown["status page"] = "".join(
            execute(["docker", "exec", CLIENT, "curl", "-sk", f"{URL}/status/{page}"]).stdout for page in ("", "status.json")
        )
        yield shown


def task_output(folder: Path) -> str:
    (folder / "playbook.yml").write_text(yaml.safe_dump(PLAYBOOK, sort_keys=False))
    argv = ["ansible-playbook", "-vvv", "--diff", "-i", os.environ["MOLECULE_INVENTORY_FILE"], str(folder / "playbook.yml")]
    settings = {"ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"}
    done = execute(argv, env={**os.environ, **settings})
    assert done.stdout.count("...ignoring") == 2, done.stdout[-4000:] + done.stderr
    return done.stdout + done.stderr


def leaks(shown: str, kinds: tuple[str, ...]) -> list[str]:
    """Which secrets are in it, and in which form; never a value, as this goes into the log of the tests."""
    return [
        f"{kind}, given by {way}, {form}"
        for kind in kinds
        for way in planted.WAYS
        for form in FORMS
        if planted.found(shown, planted.pieces(STORED[kind, way].strip(), form))
    ]


@pytest.mark.parametrize("front", FRONTS)
def test_no_secret_comes_out(fronts: dict[str, str], kinds: tuple[str, ...], front: str) -> None:
    assert FRONTS[front] in fronts[front]
    assert leaks(fronts[front], kinds) == []


def test_the_search_can_find(fronts: dict[str, str], kinds: tuple[str, ...]) -> None:
    """What the containers really wrote has every secret in it."""
    assert set(leaks(fronts["task output"] + "\n".join(line for kind in kinds for line in lines_of(kind)), kinds)) >= {
        f"{kind}, given by {way}, {form}" for kind in kinds for way in planted.WAYS for form in FORMS
    }
