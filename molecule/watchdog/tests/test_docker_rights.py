# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody who has taken the watchdog over: what Docker gives him, with exactly the rights of the daemon (user, groups, capabilities).

Before the socket proxy 40 of these 42 ways were open: group docker is root.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import ways
from conftest import Watched, execute, wait_for

IMAGE = "registry.example.test:5000/latentum/api-gateway:1.0.0"
UNIT = "latentum-ops-watchdog"
PROXY = "latentum-ops-socket-proxy"
STORED = "/etc/latentum-ops/secrets/faults/slack_webhook"
# Of the same host: a container of a watched stack, one of nobody's, and one that may go. Each carries words that nobody may read.
WORDS = {name: f"rights-{name}-5ed1c0ffee" for name in ("environment", "command", "label", "file", "log")}
CARRIED = (
    f"-e TOKEN={WORDS['environment']} -l rights.label={WORDS['label']} -v /run/rights-word:/run/secrets/word:ro --init --entrypoint sh"
)
SPEAKS = f"echo token={WORDS['log']}; cat /run/secrets/stored; exec sleep infinity # {WORDS['command']}"
CHECKED = (
    "--health-cmd 'cat /run/secrets/stored; exit 1' --health-interval 1s --health-retries 1 -v /run/rights-stored:/run/secrets/stored:ro"
)


def run_with_rights(host: Watched, argv: list[str]) -> str:
    """A program with the user, groups and capabilities that the daemon has now, and the file systems that it sees."""
    pid = host.sh(f"systemctl show --property MainPID --value {UNIT}")
    status = dict(line.split(":\t", 1) for line in host.sh(f"cat /proc/{pid}/status").splitlines() if ":\t" in line)
    user, group = status["Uid"].split()[0], status["Gid"].split()[0]
    groups = ",".join(status["Groups"].split())
    held = [f"+cap_{number}" for number in range(64) if int(status["CapEff"], 16) >> number & 1]
    capabilities = ",".join(["-all", *held])
    setpriv = ["setpriv", "--reuid", user, "--regid", group, *(["--groups", groups] if groups else ["--clear-groups"])]
    setpriv += [f"--inh-caps={capabilities}", f"--ambient-caps={capabilities}", f"--bounding-set={capabilities}", "--no-new-privs"]
    done = execute(["docker", "exec", "dog-1", "nsenter", "--target", pid, "--mount", "--", *setpriv, *argv])
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def open_ways(host: Watched) -> Iterator[dict[str, str]]:
    """What each way gave."""
    remove = "docker rm --force --volumes faults-rights-1 rights-other rights-gone; docker network rm rights"
    remove = f"docker network disconnect --force rights faults-web-2; {remove}"
    clean = f"{remove}; docker image rm rights-committed rights-built; docker volume rm rights-volume; docker network rm rights-made"
    host.sh(f"{clean}; rm -rf /run/rights-word /run/rights-stored", check=False)
    host.sh(
        f"echo {WORDS['file']} > /run/rights-word; cat {STORED} > /run/rights-stored; chmod 644 /run/rights-*; docker network create rights"
    )
    labels = "-l com.docker.compose.project=faults -l com.docker.compose.service=rights -l com.docker.compose.oneoff=False"
    host.sh(f"docker run -d --name faults-rights-1 {labels} {CARRIED} {CHECKED} {IMAGE} -c '{SPEAKS}'")
    host.sh(f"docker run -d --name rights-other --network rights {CARRIED} {CHECKED} {IMAGE} -c '{SPEAKS}'")
    host.sh(f"docker run -d --name rights-gone --init --entrypoint sleep {IMAGE} infinity")
    identify = "docker inspect --format '{{.Id}}' "
    stored = host.sh(f"cat {STORED}")
    plan = {
        "image": IMAGE,
        "network": "rights",
        "words": {**WORDS, "stored": stored},
        "watched": host.sh(f"{identify} faults-rights-1"),
        "watched_name": "faults-rights-1",
        "other": host.sh(f"{identify} rights-other"),
        "other_name": "rights-other",
        "gone": host.sh(f"{identify} rights-gone"),
        "healed": host.sh(f"{identify} faults-web-2"),
    }
    log = "docker inspect --format '{{json .State.Health.Log}}' faults-rights-1"
    wait_for("a health check that tells the secret", lambda: stored in host.sh(log), 30)
    host.sh("mkdir -p /run/rights && cat > /run/rights/ways.py <<'WAYS'\n" + Path(ways.__file__).read_text() + "\nWAYS")
    try:
        argv = ["python3", "-B", "/run/rights/ways.py", base64.b64encode(json.dumps(plan).encode()).decode()]
        yield json.loads(run_with_rights(host, argv))
    finally:
        host.sh(f"{clean}; rm -rf /run/rights /run/rights-word /run/rights-stored", check=False)


@pytest.mark.parametrize("way", ways.WAYS)
def test_a_way_to_root_or_to_a_secret_is_closed(open_ways: dict[str, str], way: str) -> None:
    assert open_ways[way] == ""


def test_the_watchdog_is_no_member_of_group_docker(host: Watched) -> None:
    pid = host.sh(f"systemctl show --property MainPID --value {UNIT}")
    groups = host.sh(f"sed -n 's/^Groups:\\s*//p' /proc/{pid}/status").split()
    assert host.sh("getent group docker").split(":")[2] not in groups


def test_the_proxy_has_no_capability_and_no_network(host: Watched) -> None:
    pid = host.sh(f"systemctl show --property MainPID --value {PROXY}")
    status = host.sh(f"cat /proc/{pid}/status")
    assert [line.split()[1] for line in status.splitlines() if line.startswith("Cap")] == ["0000000000000000"] * 5
    assert host.sh(f"nsenter --target {pid} --net cat /proc/net/dev").count(":") == 1  # loopback
    assert host.sh(f"ps -o user:32= -p {pid}").strip() == "latentum-socket-proxy"


def test_nobody_else_may_ask_the_proxy(host: Watched) -> None:
    ask = f"import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/{PROXY}/watchdog.sock'); s.sendall(b'x'); print(s.recv(99))"
    assert "403" in host.sh(f'python3 -c "{ask}"')  # root has the engine itself
    assert "Permission denied" in host.sh(f'setpriv --reuid nobody --regid nogroup --clear-groups python3 -c "{ask}" 2>&1', check=False)


def test_the_watchdog_goes_on_when_the_proxy_is_started_again(host: Watched) -> None:
    events = host.status()["loop"]["events"]
    host.sh(f"systemctl kill --signal KILL {PROXY}")
    wait_for("the proxy", lambda: host.sh(f"systemctl is-active {PROXY}", check=False) == "active", 20)
    host.sh("docker restart faults-s18-1")
    wait_for("events through a new proxy", lambda: host.status()["loop"]["events"] > events, 20)
    # On a slow machine a start takes longer than the watchdog waits before it tells that nobody answers; then it tells the end, too.
    wait_for("no incident", lambda: "host/docker" not in [incident["key"] for incident in host.status()["incidents"]], 60)


def test_a_secret_is_hidden_from_the_moment_on_at_which_it_is_stored(host: Watched) -> None:
    """A store that is written tells whoever masks, without a restart."""
    assert "rights-new-secret" not in host.sh("cat /run/latentum-ops-known-secrets/values.json")
    script = "\n".join(
        [
            "import sys",
            "sys.path.insert(0, '/usr/lib/latentum-ops')",
            "from latentum_ops.secretstore.store import Store",
            "store = Store('rights')",
            "with store.locked():",
            "    store.ensure([{'name': 'new', 'kind': 'provided', 'value': 'rights-new-secret'}])",
        ]
    )
    try:
        host.sh(f'python3 -B -c "{script}"')
        assert "rights-new-secret" in host.sh("cat /run/latentum-ops-known-secrets/values.json")
        assert host.sh("stat -c '%a %U %G' /run/latentum-ops-known-secrets/values.json") == "440 root latentum-socket-proxy"
    finally:
        host.sh("rm -rf /etc/latentum-ops/secrets/rights")
