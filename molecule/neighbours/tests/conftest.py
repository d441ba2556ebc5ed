# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with several stacks: playbooks over it, what each stack has on it, and requests that must all be answered meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
HOST = "neighbours"
CLIENT = "latentum-ops-test-client"
INVENTORY = os.environ["MOLECULE_INVENTORY_FILE"]
TESTS = Path(__file__).parent


def execute(argv: list[str], timeout: float = 900) -> subprocess.CompletedProcess[str]:
    """A command on the controller; the caller judges its return code."""
    environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"}
    return subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False, cwd=ROOT, env=environment)


def command(name: str, *variables: dict[str, Any], arguments: tuple[str, ...] = ()) -> list[str]:
    """A playbook over the host."""
    argv = ["ansible-playbook", "-i", INVENTORY, f"playbooks/{name}.yml", "-e", f"ops_hosts={HOST}", *arguments]
    return argv + [word for document in variables for word in ("-e", json.dumps(document))]


def playbook(name: str, *variables: dict[str, Any], arguments: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """The same, run to its end."""
    done = execute(command(name, *variables, arguments=arguments))
    done.stdout += done.stderr
    return done


def only(*stacks: str) -> dict[str, Any]:
    """An inventory that knows these stacks and no others."""
    return {"ops_stacks": "{{ [" + ", ".join(f"neighbours_{stack}" for stack in stacks) + "] }}"}


def sh(script: str, *, check: bool = True) -> str:
    """A shell line as root on the host; what it printed."""
    done = execute(["docker", "exec", HOST, "sh", "-c", script])
    assert not check or done.returncode == 0, f"{script}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


def changes(output: str) -> list[str]:
    """The tasks that changed something on the host, from what a playbook said; the recap where it did not get so far."""
    assert f"{HOST} " in output.partition("PLAY RECAP")[2], output[-3000:]
    task, tasks = "", []
    for line in output.splitlines():
        if line.startswith("TASK ["):
            task = line.strip("* ")
        elif line.startswith("changed: ["):
            tasks.append(task)
    return tasks


def belongings(stack: str) -> dict[str, str]:
    """Everything that a stack has on the host, with what would tell that somebody touched it."""
    labelled = "--filter label=com.docker.compose.project={0}"
    scripts = {
        "containers": f"docker ps --all --no-trunc {labelled} --format '{{{{{{{{.ID}}}}}}}} {{{{{{{{.Names}}}}}}}}' | sort",
        "started": f"docker ps -q {labelled} | xargs -r docker inspect -f '{{{{{{{{.Id}}}}}}}} {{{{{{{{.State.StartedAt}}}}}}}}' | sort",
        "volumes": f"docker volume ls -q {labelled} | sort",
        # In the folder of a name that stacks share, its own.
        "files": "find /etc/latentum-ops /etc/nginx /etc/letsencrypt /opt /var/lib/latentum-ops/shares /etc/systemd/system -path '*{0}*'"
        " '(' '!' -path '/etc/nginx/sites.d/*.d/*' -o -name '{0}.*' ')' -type f -exec sha256sum {{}} + | sort -k2",
        "live": "cat /var/lib/latentum-ops/stacks/{0}/live.json 2>/dev/null; true",
        "rules": "ufw status | grep -w {0} | sort; true",
    }
    return {name: sh(script.format(stack)) for name, script in scripts.items()}


def unavoidable() -> bool:
    """Kept connections end at a reload of this nginx: `keepalive_min_timeout` is there since 1.27.4. Their requests are sent again."""
    version = sh("nginx -v 2>&1").rpartition("/")[2].split()[0]
    return tuple(int(part) for part in version.split(".")) < (1, 27, 4)


@contextmanager
def steady(stack: str, path: str = "/health") -> Iterator[dict[str, Any]]:
    """Requests to the name of a stack while the block runs; the result is in the dictionary afterwards."""
    root = execute([sys.executable, str(ROOT / "tests/hosts/hosts.py"), "path", "pebble-root"]).stdout.strip()
    execute(["docker", "cp", root, f"{CLIENT}:/tmp/root.pem"])
    stop = f"/tmp/stop-{time.time_ns()}"
    execute(["docker", "cp", str(TESTS / "steady.py"), f"{CLIENT}:/tmp/steady.py"])
    argv = ["docker", "exec", CLIENT, "python3", "/tmp/steady.py", f"https://{stack}.neighbours.example.test{path}", stop, "/tmp/root.pem"]
    requests: dict[str, Any] = {}
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield requests
    finally:
        execute(["docker", "exec", CLIENT, "touch", stop])
        output, _none = process.communicate(timeout=60)
    requests.update(json.loads(output.strip().splitlines()[-1]))
    if requests["closed"] and unavoidable():
        requests["closed"] = []


@contextmanager
def untouched(stack: str) -> Iterator[None]:
    """While the block runs, a stack loses no request, and afterwards everything of it is as it was."""
    before = belongings(stack)
    with steady(stack) as requests:
        yield
    assert belongings(stack) == before
    assert requests["lost"] == requests["closed"] == [] and requests["answered"] > 50, requests


def of_somebody_else() -> list[str]:
    """What somebody else has on the host (files/state.sh), a line each."""
    return sh("/root/state.sh").splitlines()


@pytest.fixture(scope="session", autouse=True)
def _somebody_else_is_served_all_the_time() -> Iterator[None]:
    """From before the first run of a playbook (prepare.yml) to the end."""
    yield
    execute(["docker", "exec", CLIENT, "touch", "/tmp/somebody.stop"])
    ours = float(sh("stat --format %W /etc/nginx/snippets/latentum-server.conf"))
    for what in ("project", "site"):
        deadline = time.monotonic() + 60
        while not (output := execute(["docker", "exec", CLIENT, "cat", f"/tmp/somebody.{what}"]).stdout) and time.monotonic() < deadline:
            time.sleep(0.5)
        requests = json.loads(output)
        assert requests["lost"] == [] and requests["answered"] > 1000, (what, requests["answered"], requests["lost"][:20])
        # The first reload is one of their configuration, in which kept connections end at once; after it ours has them kept for a while.
        ended = [at - ours for at in requests["closed"] if what == "project" or at > ours + 10]
        assert ended == [] or (what == "site" and unavoidable()), (what, requests)


@pytest.fixture(autouse=True)
def _nothing_of_somebody_else_is_touched() -> Iterator[None]:
    """By any test, nor by the run before the first."""
    yield
    before = sh("cat /root/state.before").splitlines()
    assert of_somebody_else() == before
