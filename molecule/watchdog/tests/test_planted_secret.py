# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service gives its own password away, and one that only the watchdog has: in its health check, its log, a job, a release that fails.

Who hears of it is asked for both: every receiver, the journal and syslog, incidents, the status page, opsctl and the run. The words around
the secrets must have come. What each kind of secret looks like in each form is the matter of test_secrecy and of tests/unit/secrecy.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml
from conftest import HOST, URL, Watched, execute, undisturbed, wait_for

SERVICE, CONTAINER = "faults/s18", "faults-s18-1"
MAILED, KILLED = "latentum/cache", "latentum-cache-1"  # of the stack whose alerts go by mail and to the pager, and which has a status page
IMAGE = "registry.example.test:5000/latentum/api-gateway:1.0.0"
CLIENT = "latentum-ops-test-client"
OWN = "/etc/latentum-ops/secrets/faults/leak_password"
# Of another stack, and for no container at all: its mail route logs in with it, and its dead man's switch is asked by it.
OPERATORS = "/etc/latentum-ops/secrets/latentum"
UNKNOWN = {
    "a key of AWS": "AKIA" + "QWERTYUIOP123456",
    "a token": "Wq8-zebra-unknown-token",
    "the body of a key": "MC4CAQAwBQYDK2VwBCIEIGq8zebraunknownkeybodyqwertyuiopasdfgh",
}
STACK = "/etc/latentum-ops/stacks/leaky.json"
RELEASE = {
    "name": "Roll out what never gets healthy",
    "hosts": HOST,
    "become": True,
    "gather_facts": False,
    "ignore_errors": True,
    "tasks": [
        {
            "name": "Rollout",
            "latentum.ops.compose_rollout": {
                "stack": "leaky",
                "services": [{"service": "talk"}],
                "policies": [{"service": "talk", "healthy_timeout": 30}],
                "compose": {
                    "services": {
                        "talk": {
                            "image": IMAGE,
                            "init": True,
                            "entrypoint": ["sh", "-c", "cat /words/all; exec sleep infinity"],
                            "volumes": ["/run/leaky:/words:ro"],
                            "healthcheck": {"test": "tail -n 4 /words/all; exit 1", "interval": "1s", "retries": 1},
                        }
                    }
                },
            },
        }
    ],
}

AROUND = "here it begins"  # what stands before and after the secrets in each text
# What a channel is asked by, and what must have come by it.
ON_HOST = {
    "opsctl status": ("opsctl status --wide; opsctl status --json", SERVICE.partition("/")[2]),
    "opsctl incidents": ("opsctl incidents", AROUND),
    "opsctl incident": ("opsctl incident --since 1h --steps", AROUND),
    "opsctl check": ("opsctl check --all", "ok"),
    "opsctl logs": ("opsctl logs --stack faults s18 --lines 200", AROUND),
    "opsctl jobs": ("opsctl jobs --stack faults; opsctl jobs --json", "leak"),
    "opsctl jobs log": ("opsctl jobs log --stack faults leak; opsctl jobs log --stack faults leak --json", "job begins"),
    "opsctl history": ("opsctl history --stack leaky; opsctl history --stack faults", "unhealthy"),
    "opsctl releases": ("opsctl releases --stack leaky", "failed"),
    "journal": ("journalctl --no-pager", AROUND),
    "journal of the job": ("journalctl --no-pager -u latentum-ops-job-faults-leak", "job begins"),
    "syslog": ("journalctl --no-pager --output=verbose; cat /var/log/syslog /var/log/user.log /var/log/daemon.log 2>/dev/null", AROUND),
    "log files": ("cat /var/log/latentum-ops/* /var/log/nginx/* 2>/dev/null", '"path":'),
    "incidents' files and other state": (
        "find /var/lib/latentum-ops /run/latentum-ops /run/latentum-ops-watchdog -type f -exec cat {} +",
        AROUND,
    ),
    "metrics": (
        "python3 -c \"import urllib.request as r; print(r.urlopen('http://127.0.0.1:9753/metrics').read().decode())\"",
        "latentum_ops_watchdog_",
    ),
}
RECEIVERS = {"slack": AROUND, "mail": AROUND, "pagerduty": AROUND, "any": "faults/s18"}
CHANNELS = {
    **{channel: around for channel, (_ask, around) in ON_HOST.items()},
    **{f"receiver: {kind}": around for kind, around in RECEIVERS.items()},
    "opsctl health": AROUND,
    "status page": '"subject": "cache"',
    "output of the run": AROUND,
}
PLANTED: dict[str, list[str]] = {}  # what must not be read anywhere, by a name that may be


def forms(value: str) -> list[str]:
    """As programs print it."""
    return [
        value,
        f"postgres://user:{quote(value, safe='')}@database/x",
        f"Authorization: Basic {base64.b64encode(f'user:{value}'.encode()).decode()}",
        json.dumps({"settings": {"value": value}}),
    ]


def pieces(value: str) -> list[str]:
    """Parts of these forms that nobody may read."""
    encoded = base64.b64encode(f"user:{value}".encode()).decode()
    return [value, quote(value, safe=""), encoded[8:-4]]


def halves(value: str) -> list[str]:
    """On the two lines on which the health check has it."""
    return [value[: len(value) // 2], value[len(value) // 2 :]]


def words(values: dict[str, str]) -> str:
    """What the service says: little, since of a health check the last 300 characters are kept; the last value over two lines."""
    own, *others = values.values()
    broken = "\n    ".join(halves(own))
    return f"{AROUND}: {', '.join(others)}, {broken}, it ends here\n"


def log_lines(values: dict[str, str]) -> list[str]:
    unknown = [
        f"aws {UNKNOWN['a key of AWS']}, api_token={UNKNOWN['a token']} it is",
        f"-----BEGIN PRIVATE KEY-----\\n{UNKNOWN['the body of a key']}\\n-----END PRIVATE KEY-----",
    ]
    said = [f"{form}, end" for value in values.values() for form in forms(value)]
    return [f"{AROUND}, {line}" for line in [*unknown, *said]]


@pytest.fixture(scope="module")
def values(host: Watched) -> dict[str, str]:
    read = {
        "its own password": host.sh(f"cat {OWN}"),
        "smtp_password": host.sh(f"cat {OPERATORS}/smtp_password"),
        "deadman_url": host.sh(f"cat {OPERATORS}/deadman_url"),
    }
    assert all(len(value) >= 20 for value in read.values())
    PLANTED.update({name: pieces(value) for name, value in read.items()} | {name: [value] for name, value in UNKNOWN.items()})
    PLANTED["its own password"] += halves(read["its own password"])
    return read


def into(target: list[str], text: str) -> None:
    done = execute(["docker", "exec", "-i", HOST, *target], input=text)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def channels(host: Watched, values: dict[str, str]) -> Iterator[dict[str, str]]:
    """All that each channel has told once everything has happened."""
    spoken = "\n".join(log_lines(values)) + "\n"
    host.sh(f"mkdir -p /run/leaky; echo '{json.dumps({'name': 'leaky', 'services': []})}' > {STACK}")
    into(["sh", "-c", "cat > /run/leaky/all"], spoken + words(values))
    try:
        with undisturbed(host) as inbox, tempfile.TemporaryDirectory() as scratch:
            run = started_run(Path(scratch))
            host.sh("opsctl run --stack faults leak")
            for container in (CONTAINER, KILLED):
                into(["docker", "exec", "-i", container, "sh", "-c", "cat > /proc/1/fd/1"], f"\n{spoken}")
            into(["docker", "exec", "-i", CONTAINER, "sh", "-c", "cat > /dev/shm/new && mv /dev/shm/new /dev/shm/leak"], words(values))
            host.sh(f"docker kill {KILLED}")
            shown = {"opsctl health": wait_for("the failed health check", lambda: unhealthy(host), 60)}
            inbox.story(SERVICE, 120)
            inbox.story(MAILED, 120)
            run_output = run.communicate(timeout=120)[0]
            assert run_output.count("...ignoring") == 1, run_output[-3000:]
            shown["output of the run"] = run_output
            wait_for("the route of few messages", lambda: SERVICE in str(inbox.raw("any")), 60)
            shown |= {channel: host.sh(ask, check=False) for channel, (ask, _around) in ON_HOST.items()}
            shown |= {f"receiver: {kind}": json.dumps(inbox.raw(kind), ensure_ascii=False) for kind in RECEIVERS}
            shown["status page"] = "".join(
                execute(["docker", "exec", CLIENT, "curl", "-sk", f"{URL}/status/{page}"]).stdout for page in ("", "status.json")
            )
        yield shown
    finally:
        host.sh(
            f"rm -rf {STACK} /run/leaky /opt/leaky /run/latentum-ops/leaky.* /var/lib/latentum-ops/stacks/leaky;"
            " docker ps --all --quiet --filter label=com.docker.compose.project=leaky | xargs -r docker rm --force"
        )


def unhealthy(host: Watched) -> str:
    """What `opsctl health` says while the health check fails; empty before."""
    said = host.sh("opsctl health --stack faults; opsctl health --stack faults --json", check=False)
    return said if AROUND in said else ""


def started_run(folder: Path) -> subprocess.Popen[str]:
    """The rollout, beside everything else."""
    (folder / "playbook.yml").write_text(yaml.safe_dump([RELEASE], sort_keys=False))
    argv = ["ansible-playbook", "-vvv", "--diff", "-i", os.environ["MOLECULE_INVENTORY_FILE"], str(folder / "playbook.yml")]
    settings = {"ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"}
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, **settings})


def leaks(shown: str) -> list[str]:
    """What was read, by name: a value would go into the log of the tests."""
    return [name for name, parts in PLANTED.items() if any(part in shown or json.dumps(part)[1:-1] in shown for part in parts)]


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_planted_secret_comes_out_nowhere(channels: dict[str, str], channel: str) -> None:
    assert CHANNELS[channel] in channels[channel], "nothing came by it, so it says nothing"
    assert leaks(channels[channel]) == []


def test_the_search_can_find(values: dict[str, str], channels: dict[str, str]) -> None:
    """What the service really said has all of it."""
    assert channels and set(leaks("\n".join(log_lines(values)) + words(values))) == set(PLANTED)
    assert all(len(parts) < 2 or parts[0] in "\n".join(log_lines(values)) for parts in PLANTED.values())
