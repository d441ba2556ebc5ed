# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets get other values under load: no request is lost, the old values are dead, a kill or an ill service leaves nothing half done."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import harness
import pytest
from conftest import HOST, URL, Inbox, Watched, execute, hosts_tool, wait_for, well

STORE = "/etc/latentum-ops/secrets/latentum"
JOURNAL = "/var/lib/latentum-ops/rotations/latentum/journal.jsonl"
NAMES = ("database_password", "cache_password", "api_key")
# What a client does with a password: over the network, as the services do.
ASK_DATABASE = (
    "docker exec -i latentum-database-1 sh -c "
    """'read p; PGPASSWORD=$p psql -At -h database -U {login} latentumdb -c "SELECT current_user" 2>&1'"""
)
ASK_CACHE = "docker exec -i latentum-cache-1 sh -c 'read p; REDISCLI_AUTH=$p redis-cli ping 2>&1'"


@contextmanager
def loaded(host: Watched) -> Iterator[dict[str, Any]]:
    """Requests that use the database and the cache, jobs of the worker, and the route behind the API key; what came of them afterwards."""
    result: dict[str, Any] = {}
    predict = "end=$(($(date +%s) + 3000)); while [ ! -e /tmp/rotation-stop ] && [ $(date +%s) -lt $end ]; do "
    predict += f"curl -sk -o /dev/null -w '%{{http_code}}\\n' '{URL}/predict?input=1,2'; sleep 0.25; done"
    execute(["docker", "exec", harness.CLIENT_CONTAINER, "rm", "-f", "/tmp/rotation-stop", "/tmp/rotation-codes"])
    execute(["docker", "exec", "--detach", harness.CLIENT_CONTAINER, "sh", "-c", f"{{ {predict}; }} >/tmp/rotation-codes"])
    load = harness.Load(harness.CLIENT_CONTAINER, URL, hosts_tool("path", "pebble-root"), keepalive=4, new=1, post=1, jobs=1)
    load.start()
    try:
        yield result
        time.sleep(2)
        result["load"] = load.stop()
    finally:
        load.abandon()
        execute(["docker", "exec", harness.CLIENT_CONTAINER, "touch", "/tmp/rotation-stop"])
        codes = execute(["docker", "exec", harness.CLIENT_CONTAINER, "cat", "/tmp/rotation-codes"]).stdout.split()
        result["predict"] = {code: codes.count(code) for code in set(codes)}
    assert host.gateway


def nothing_lost(result: dict[str, Any]) -> None:
    """Every request was answered as it should be."""
    assert result["load"].failed == 0 and result["load"].requests > 500, result["load"]
    assert set(result["predict"]) == {"200"} and result["predict"]["200"] > 10, result["predict"]


def value(host: Watched, name: str) -> str:
    return host.sh(f"cat {STORE}/{name}")


def login(host: Watched) -> str:
    """The role that logs in now."""
    return str(json.loads(host.sh(f"cat {STORE}/metadata.json"))["database_password"].get("login") or "latentum")


def lets_in(host: Watched, role: str, password: str) -> bool:
    return host.sh(f"printf '%s\\n' '{password}' | {ASK_DATABASE.format(login=role)}", check=False) == "latentum"


def pong(host: Watched, password: str) -> bool:
    return "PONG" in host.sh(f"printf '%s\\n' '{password}' | {ASK_CACHE}", check=False)


def rotate(host: Watched, *words: str, check: bool = True) -> str:
    return host.sh(f"opsctl rotate --stack latentum --wait 120 {' '.join(words)} 2>&1", check=check)


def started(host: Watched, *services: str) -> dict[str, str]:
    return {service: host.started(f"latentum-{service}-1") for service in services}


def entries(host: Watched) -> list[dict[str, Any]]:
    return [json.loads(line) for line in host.sh(f"cat {JOURNAL}").splitlines()]


def dead(host: Watched, role: str, old: dict[str, str]) -> None:
    """None of the old values opens anything, and each of the new ones does."""
    assert not lets_in(host, role, old["database_password"]) and lets_in(host, login(host), value(host, "database_password"))
    assert not pong(host, old["cache_password"]) and pong(host, value(host, "cache_password"))
    server = host.sh("docker ps --filter label=com.docker.compose.service=model-server --format '{{.Names}}' | head -n1")
    # The host has no curl: what an HTTP client says of each key.
    ask = (
        "import sys, urllib.request as r\n"
        f"q = r.Request('http://{host.address(server)}:8081/predict?input=1', headers={{'Authorization': 'Bearer ' + sys.argv[1]}})\n"
        "try: print(r.urlopen(q, timeout=10).status)\nexcept r.HTTPError as error: print(error.code)"
    )
    codes = [host.sh(f"python3 -c \"{ask}\" '{key}'") for key in (old["api_key"], value(host, "api_key"))]
    assert codes == ["401", "200"]


def test_database_cache_and_key_under_load(host: Watched, inbox: Inbox) -> None:
    """From the single role of the image to the first of the two, in one run with the others."""
    old, role = {name: value(host, name) for name in NAMES}, login(host)
    servers = started(host, "database", "cache")
    with loaded(host) as result:
        said = rotate(host, *NAMES)
        assert lets_in(host, login(host), value(host, "database_password")) and login(host) != role
        rotate(host, "--finish", "--now")
    nothing_lost(result)
    assert started(host, "database", "cache") == servers, "a server goes on"
    dead(host, role, old)
    steps = [entry["step"] for entry in entries(host)]
    for step in ("prepared", "accepted", "switched", "rolled", "revoked", "shredded"):
        assert step in steps
    text = host.sh(f"cat {JOURNAL} {JOURNAL.replace('journal.jsonl', 'state.json')}; ls {STORE}/rotation")
    assert not any(secret in text + said for secret in [*old.values(), *(value(host, name) for name in NAMES)])
    assert f"{NAMES[0]}." not in text
    # What the watchdog asks of the cache by the password itself goes on, and nobody was told of anything.
    well(host)
    assert not {key for key in inbox.opened() if key.startswith("latentum/")}
    # The servers start by themselves with the new values.
    host.sh("docker restart latentum-cache-1")
    wait_for("the cache", lambda: pong(host, value(host, "cache_password")), 60)


@pytest.mark.matrix
def test_a_second_run_of_the_site_changes_nothing_afterwards(host: Watched) -> None:
    said = host.sh("opsctl deploy --stack latentum --dry-run --no-backup")
    assert "nothing to do" in said


@pytest.mark.matrix
@pytest.mark.parametrize("attempt", range(4))
def test_a_kill_at_a_random_moment_and_a_second_run(host: Watched, inbox: Inbox, attempt: int) -> None:
    """SIGKILL to the process and to what it has started; from the first second to the end of the second rollout."""
    old, role = {name: value(host, name) for name in NAMES}, login(host)
    patience = random.uniform(attempt * 18, attempt * 18 + 18)  # noqa: S311 - a moment, no secret
    with loaded(host) as result:
        host.sh(
            f"setsid opsctl rotate --stack latentum {' '.join(NAMES)} >/tmp/rotation.log 2>&1 & "
            f"sleep {patience:.2f}; kill -KILL -- -$! 2>/dev/null; wait; true"
        )
        interrupted = "found an interrupted" in rotate(host)
        if interrupted:
            assert "finished first" in rotate(host, "--finish")
        elif value(host, NAMES[0]) == old[NAMES[0]]:
            rotate(host, *NAMES)
        rotate(host, "--finish", "--now")
    nothing_lost(result)
    dead(host, role, old)
    assert not host.sh(f"ls {STORE}/rotation")
    assert inbox.raw("pagerduty") == []


@pytest.mark.matrix
def test_a_service_that_does_not_become_healthy_takes_it_back(host: Watched) -> None:
    """The server lets the next role in and then turns applications away: a gateway with it never becomes healthy."""
    old, role = {name: value(host, name) for name in NAMES}, login(host)
    following = "latentum_b" if role == "latentum_a" else "latentum_a"
    function = f"""CREATE OR REPLACE FUNCTION turn_away() RETURNS event_trigger LANGUAGE plpgsql AS \\$f\\$ BEGIN
      IF session_user = '{following}' AND current_setting('application_name') <> 'latentum.ops' THEN RAISE EXCEPTION 'turned away'; END IF;
    END \\$f\\$; CREATE EVENT TRIGGER turn_away ON login EXECUTE FUNCTION turn_away()"""
    sql = "docker exec -i latentum-database-1 psql -At -U latentum latentumdb"
    host.sh(f'echo "{function}" | {sql}')
    try:
        with loaded(host) as result:
            said = rotate(host, "database_password", "cache_password", check=False)
        nothing_lost(result)
    finally:
        host.sh(f'echo "DROP EVENT TRIGGER turn_away; DROP FUNCTION turn_away" | {sql}')
    assert "it was taken back, the value from before counts" in said and "api-gateway" in said
    assert login(host) == role and {name: value(host, name) for name in NAMES} == old
    assert lets_in(host, role, old["database_password"]) and pong(host, old["cache_password"])
    assert not lets_in(host, following, value(host, "database_password"))
    assert entries(host)[-1]["step"] == "taken back" and not host.sh(f"ls {STORE}/rotation")
    assert "found an interrupted" not in rotate(host)
    release = json.loads(host.sh("opsctl releases --stack latentum --json"))
    assert next(one for one in release["releases"] if one["live"])["state"] == "good", "the release is not what failed"


@pytest.mark.matrix
def test_an_age_is_told(host: Watched, inbox: Inbox) -> None:
    """Made older than it is declared to be."""
    script = 'sed -i \'s/"updated": [0-9.]*/"updated": 1700000000.0/\' /var/lib/latentum-ops/stacks/latentum/secret_ages.json'
    kept = host.sh("cat /var/lib/latentum-ops/stacks/latentum/secret_ages.json")
    try:
        host.sh(script)
        wait_for("told", lambda: "host/secret latentum api_key" in inbox.opened(), 120)
        assert "!! secret api_key of latentum is" in host.sh("opsctl status --stack latentum --wide")
        assert "opsctl rotate" in host.sh("opsctl runbook secret-rotation")
    finally:
        host.sh(f"cat > /var/lib/latentum-ops/stacks/latentum/secret_ages.json <<'X'\n{kept}\nX")
    inbox.story("host/secret latentum api_key", 120)


def test_what_cannot_be_rotated_is_refused(host: Watched) -> None:
    assert "secret database_url is made of database_password; rotate that" in rotate(host, "database_url", check=False)
    assert "is not declared to rotate" in rotate(host, "smtp_password", check=False)
    assert HOST and "database as" in rotate(host)
