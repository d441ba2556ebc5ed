# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The matrix of faults: each is real, found in time, healed, and told once when it opens and once when it ends."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator

import harness
import pytest
from conftest import HOST, RECEIVERS, URL, Inbox, Watched, execute, hosts_tool, wait_for, well

ROOT_CERTIFICATE = "pebble-root"
REQUESTS = "/run/latentum-ops-steward/requests"


@pytest.mark.parametrize("signal", ["KILL", pytest.param("TERM", marks=pytest.mark.matrix)])
def test_a_killed_container_is_out_started_and_told_once(host: Watched, inbox: Inbox, signal: str) -> None:
    address = host.address(host.gateway)
    load = harness.Load(harness.CLIENT_CONTAINER, URL, hosts_tool("path", ROOT_CERTIFICATE), keepalive=4, new=1)
    load.start()
    try:
        host.sh(f"docker kill --signal {signal} {host.gateway}")
        wait_for("out of rotation", lambda: f"{address}:8080" not in host.servers(), 5)
        messages = inbox.story("latentum/api-gateway")
        result = load.stop()
    finally:
        load.abandon()
    assert len(host.servers()) == 2
    # What was in the killed container's hands is lost with it; nothing after it is.
    assert result.failed <= 10, result
    assert result.requests > 500, result
    assert f"started {host.gateway}" in messages[-1].text
    assert [message.what for message in inbox.mail() if message.key == "latentum/api-gateway"] == ["open", "end"]
    assert not [message for message in inbox.pager() if message.key == "latentum/api-gateway"]  # one of two: a warning, nobody is woken


def test_what_a_killed_database_drags_along_is_one_incident(host: Watched, inbox: Inbox) -> None:
    """It hangs: nothing ends, every connection waits. Docker needs three health checks to see it, its dependents fail at once."""
    host.hang("latentum-database-1")
    messages = inbox.story("latentum/database", 180)
    well(host)
    assert inbox.opened() == {"latentum/database"}
    assert [message.what for message in inbox.pager()] == ["open", "end"]
    assert "Affected" in messages[-1].text
    assert "api-gateway" in messages[-1].text
    assert "restarted latentum-database-1" in messages[-1].text


@pytest.mark.matrix
def test_a_hung_container_is_taken_out_and_restarted(host: Watched, inbox: Inbox) -> None:
    address, before = host.address(host.gateway), host.started(host.gateway)
    host.hang(host.gateway)
    wait_for("out of rotation", lambda: f"{address}:8080" not in host.servers(), 40)
    inbox.story("latentum/api-gateway", 120)
    assert host.started(host.gateway) != before
    assert len(host.servers()) == 2


@pytest.mark.matrix
def test_a_paused_container_goes_on(host: Watched, inbox: Inbox) -> None:
    address, before = host.address(host.gateway), host.started(host.gateway)
    host.sh(f"docker pause {host.gateway}")
    wait_for("out of rotation", lambda: f"{address}:8080" not in host.servers(), 5)
    inbox.story("latentum/api-gateway")
    assert host.started(host.gateway) == before
    assert len(host.servers()) == 2


@pytest.mark.matrix
def test_a_container_that_was_cut_off_is_back_in_its_network(host: Watched, inbox: Inbox) -> None:
    address = host.address(host.gateway)
    host.sh(f"docker network disconnect latentum_backend {host.gateway}")
    messages = inbox.story("latentum/api-gateway", 120)
    assert "cut off from its network latentum_backend" in messages[0].text
    assert "put" in messages[-1].text
    networks = host.sh(f"docker inspect --format '{{{{json .NetworkSettings.Networks}}}}' {host.gateway}")
    assert "latentum_backend" in networks
    assert address


def test_healthy_for_docker_but_500_for_clients(host: Watched, inbox: Inbox) -> None:
    wait_for("both served", lambda: len(host.servers("faults_web")) == 2, 20)
    address = host.address("faults-web-1")
    host.sh("docker exec faults-web-1 touch /dev/shm/fail")
    wait_for("out of rotation", lambda: f"{address}:8000" not in host.servers("faults_web"), 10)
    wait_for("shown", lambda: [container["container"] for container in host.service("faults/web")["out"]] == ["faults-web-1"], 5)
    messages = inbox.story("faults/web")
    assert "answered 500" in messages[0].text
    assert "restarted faults-web-1" in messages[-1].text
    assert "https://wiki.example.test/faults/web" in messages[0].text
    assert len(host.servers("faults_web")) == 2


def test_healing_that_does_not_help_ends_with_a_human_and_never_empties_the_upstream(host: Watched, inbox: Inbox) -> None:
    host.sh("for one in 1 2; do docker exec faults-web-$one touch /tmp/fail; done")
    wait_for("breaker", lambda: host.service("faults/web")["breaker"], 90)
    heals = host.service("faults/web")["heals"]
    try:
        # All of them fail: then all of them are asked.
        wait_for("both served", lambda: len(host.servers("faults_web")) == 2, 20)
        time.sleep(8)
        assert host.service("faults/web")["heals"] == heals
    finally:
        host.sh("for one in 1 2; do docker exec faults-web-$one rm /tmp/fail; done")
    messages = inbox.story("faults/web")
    assert "human" in [message.what for message in messages]


@pytest.mark.matrix
def test_a_crash_loop_is_one_incident(host: Watched, inbox: Inbox) -> None:
    host.sh("docker exec faults-loop-1 touch /tmp/crash")
    wait_for("breaker", lambda: host.service("faults/loop")["breaker"], 60)
    assert "ended with exit code 3" in host.status()["incidents"][0]["cause"]
    # A human: a new container, without the file that kills it.
    host.sh("docker rm --force faults-loop-1; opsctl deploy --stack faults --wait 60")
    messages = inbox.story("faults/loop")
    assert [message.what for message in messages].count("human") == 1


@pytest.mark.matrix
def test_killed_for_memory(host: Watched, inbox: Inbox) -> None:
    host.sh("docker exec faults-hog-1 touch /dev/shm/hog")
    messages = inbox.story("faults/hog")
    assert "killed for memory" in messages[0].text
    assert "password=not-for-anybody" not in messages[0].text
    assert host.service("faults/hog")["healthy"] == 1


@pytest.mark.matrix
def test_a_missing_container_is_brought_back_by_the_steward(host: Watched, inbox: Inbox) -> None:
    host.sh("docker rm --force latentum-worker-1")
    messages = inbox.story("latentum/worker", 120)
    assert "brought the missing containers" in messages[-1].text
    assert host.service("latentum/worker")["healthy"] == 1


def test_the_steward_does_only_what_is_declared(host: Watched) -> None:
    """Also where the gate, which refuses it first, has let it through."""
    request = json.dumps({"stack": "latentum", "service": "cache", "remedy": "rollback", "at": int(time.time())})
    before = host.sh("cat /var/lib/latentum-ops/stacks/latentum/live.json")
    host.sh(f"mkdir -p -m 700 {REQUESTS}; echo '{request}' > {REQUESTS}/latentum.cache.rollback.json")
    wait_for("an answer", lambda: "not among the declared" in host.sh("journalctl -u latentum-ops-steward --no-pager"), 20)
    assert host.sh("cat /var/lib/latentum-ops/stacks/latentum/live.json") == before


@pytest.mark.matrix
def test_twenty_services_fail_at_once(host: Watched, inbox: Inbox) -> None:
    """Each is an incident, and is healed; whoever wants few messages gets few, that name them all."""
    host.sh("docker kill " + " ".join(f"faults-s{number}-1" for number in range(1, 21)))
    wait_for(
        "all told",
        lambda: len([message for message in inbox.chat() if message.what == "end" and message.key.startswith("faults/s")]) == 20,
        120,
    )
    for number in range(1, 21):
        whats = [message.what for message in inbox.chat() if message.key == f"faults/s{number}"]
        assert whats == ["open", "end"]
    wait_for("digests", lambda: all(f"faults/s{number}" in str(inbox.raw("any")) for number in range(1, 21)), 90)
    assert len(inbox.raw("any")) <= 10


@pytest.mark.matrix
def test_dockerd_killed(host: Watched, inbox: Inbox) -> None:
    before = host.started(host.gateway)
    host.sh("kill -KILL $(pidof dockerd)")
    messages = inbox.story("host/docker", 120)
    assert "docker" in messages[0].text
    assert host.started(host.gateway) == before
    well(host)
    assert inbox.opened() == {"host/docker"}


def test_nginx_killed(host: Watched, inbox: Inbox) -> None:
    host.sh("kill -KILL $(cat /run/nginx.pid)")
    inbox.story("host/nginx", 120)
    assert inbox.opened() == {"host/nginx"}
    done = execute(["docker", "exec", "latentum-ops-test-client", "curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", URL])
    assert done.stdout == "200"


@pytest.mark.matrix
def test_nginx_broken_by_hand(host: Watched, inbox: Inbox) -> None:
    host.sh("echo 'serverr {' > /etc/nginx/sites.d/zz-broken.conf")
    try:
        wait_for("told", lambda: "host/nginx configuration" in inbox.opened(), 40)
    finally:
        host.sh("rm /etc/nginx/sites.d/zz-broken.conf")
    messages = inbox.story("host/nginx configuration")
    assert "zz-broken.conf" in messages[0].text


@pytest.mark.matrix
def test_a_full_disk(host: Watched, inbox: Inbox) -> None:
    host.sh(
        "mkdir /root/log && cp -a /var/log/. /root/log/ && mount -t tmpfs -o size=64m tmpfs /var/log && cp -a /root/log/nginx /var/log/"
    )
    try:
        host.sh("head -c 80000000 /dev/zero > /var/log/filler || true")
        wait_for("told", lambda: "host/disk /var/log" in inbox.opened(), 40)
        host.sh("rm /var/log/filler")
        messages = inbox.story("host/disk /var/log")
        assert "% of the space" in messages[0].text
    finally:
        host.sh("umount --lazy /var/log; rm -r /root/log; systemctl reload nginx || systemctl restart nginx", check=False)


@pytest.mark.matrix
def test_a_certificate_that_ends_soon(host: Watched, inbox: Inbox) -> None:
    link, soon = f"/etc/latentum-ops/tls/{HOST}.example.test", "/etc/latentum-ops/tls/soon"
    host.sh(
        f"mkdir -p {soon} && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 5 -subj /CN=soon"
        f" -keyout {soon}/privkey.pem -out {soon}/fullchain.pem && readlink {link} > {soon}/before"
        f" && ln -sfn {soon} {link} && systemctl reload nginx"
    )
    try:
        wait_for("told", lambda: f"latentum/certificate:{HOST}.example.test" in inbox.opened(), 60)
    finally:
        host.sh(f"ln -sfn $(cat {soon}/before) {link} && systemctl reload nginx")
    messages = inbox.story(f"latentum/certificate:{HOST}.example.test", 90)
    assert "ends in 4 days" in messages[0].text


def test_the_watchdog_killed_in_mid_healing(host: Watched, inbox: Inbox) -> None:
    """A stopped process does not hear SIGTERM, so that the restart takes its whole grace period: time enough to be killed in it."""
    host.hang(host.gateway)
    wait_for("healing", lambda: f"restart {host.gateway}" in host.journal(inbox.since), 60)
    host.sh("systemctl kill --signal KILL latentum-ops-watchdog")
    # One incident for everybody. Who had accepted a message when the kill came may get that one once more: at least once, never not at all.
    for received in (inbox.chat, inbox.mail):
        wait_for("the end", lambda: "end" in [line.what for line in received() if line.key == "latentum/api-gateway"], 120)  # noqa: B023 - used at once
    time.sleep(1.5)  # nothing more comes
    for lines in (inbox.chat(), inbox.mail()):
        messages = [line for line in lines if line.key == "latentum/api-gateway"]
        assert list(dict.fromkeys(line.what for line in messages)) == ["open", "end"], messages
        assert len({re.search(r"Incident ([^\s\"]+)", line.text)[1] for line in messages}) == 1, messages  # type: ignore[index]
        assert messages[-1].what == "end" and [line.what for line in messages].count("end") == 1, messages
    assert len(host.servers()) == 2


def test_receivers_that_are_down_are_told_later_and_once(host: Watched, inbox: Inbox) -> None:
    execute(["docker", "exec", RECEIVERS, "touch", "/received/down"])
    try:
        host.sh("docker kill latentum-cache-1")
        wait_for("it was told in vain", lambda: host.status()["alerts"]["failed"], 90)
        assert not [message for message in inbox.chat() if message.key == "latentum/cache"]
        host.sh("systemctl kill --signal KILL latentum-ops-watchdog")
    finally:
        execute(["docker", "exec", RECEIVERS, "rm", "/received/down"])
    inbox.story("latentum/cache", 150)
    wait_for("mail", lambda: [message.what for message in inbox.mail() if message.key == "latentum/cache"] == ["open", "end"], 60)
    wait_for("pager", lambda: [message.what for message in inbox.pager() if message.key == "latentum/cache"] == ["open", "end"], 60)


def test_a_deployment_is_nobodys_incident(host: Watched, inbox: Inbox) -> None:
    done = execute(["docker", "exec", HOST, "opsctl", "deploy", "--stack", "latentum", "--recreate", "api-gateway", "--recreate", "cache"])
    assert done.returncode == 0, done.stdout + done.stderr
    well(host)
    time.sleep(5)
    assert inbox.chat() == []


@pytest.mark.matrix
def test_maintenance_by_playbook(host: Watched, inbox: Inbox) -> None:
    def playbook(*variables: str) -> None:
        argv = ["ansible-playbook", "-i", inventory(), "playbooks/maintenance.yml"]
        done = execute([*argv, *(word for document in variables for word in ("-e", document))])
        assert done.returncode == 0, done.stdout + done.stderr

    playbook("maintenance=on", "maintenance_for=10m", '{"maintenance_reason": "a new disk"}', "maintenance_scope=latentum/model-server")
    host.sh("docker stop latentum-model-server-1")
    time.sleep(8)
    assert host.service("latentum/model-server")["state"] == "maintenance"
    assert host.sh("docker inspect --format '{{.State.Running}}' latentum-model-server-1") == "false"
    assert inbox.chat() == []
    playbook("maintenance=off", "maintenance_scope=latentum/model-server")
    inbox.story("latentum/model-server")


def inventory() -> str:
    import os

    return os.environ["MOLECULE_INVENTORY_FILE"]


@pytest.mark.matrix
def test_a_host_restart_is_no_incident(host: Watched, inbox: Inbox) -> None:
    hosts_tool("restart", HOST)
    wait_for(
        "a new life", lambda: execute(["docker", "exec", HOST, "systemctl", "is-active", "latentum-ops-watchdog"]).returncode == 0, 120
    )
    well(host)
    time.sleep(5)
    assert [message for message in inbox.chat() if message.key.startswith(("latentum/", "faults/"))] == []


@pytest.fixture
def overloaded(host: Watched) -> Iterator[None]:
    """A host that stalls, and a watchdog that has patience with that."""
    settings = "/etc/latentum-ops/watchdog/host.json"

    def patience(seconds: float) -> None:
        wanted = f'"stall_patience": {seconds}'
        host.sh(f"sed -i 's/\"stall_patience\": [0-9.]*/{wanted}/' {settings} && grep -q '{wanted}' {settings}")
        host.sh("systemctl reload latentum-ops-watchdog.service")

    patience(300.0)
    spinning = "for one in $(seq 30); do (while :; do :; done) & done; wait"
    host.sh(f"systemd-run --quiet --unit=overload --property=RuntimeMaxSec=180 sh -c '{spinning}'")
    try:
        wait_for("pressure", lambda: float(re.findall(r"some avg10=([0-9.]+)", host.sh("cat /proc/pressure/cpu"))[0]) > 75, 60)
        yield
    finally:
        host.sh("systemctl stop overload.service", check=False)
        patience(0.0)


@pytest.mark.matrix
def test_on_an_overloaded_host_what_is_only_late_is_not_restarted_before_its_time(host: Watched, inbox: Inbox, overloaded: None) -> None:
    before = host.started("faults-web-1")
    host.hang("faults-web-1")

    def waits() -> bool:
        open_now = [incident for incident in host.status()["incidents"] if incident["key"] == "faults/web" and not incident["ended"]]
        return any("the host stalls (cpu" in what for incident in open_now for _at, what in incident["done"])

    wait_for("the incident that says that it waits", waits, 90)
    time.sleep(15)
    assert host.started("faults-web-1") == before
    # What has ended is started all the same.
    host.sh("docker kill faults-s1-1")
    wait_for("started", lambda: host.sh("docker inspect --format '{{.State.Running}}' faults-s1-1") == "true", 30)
    host.sh("systemctl stop overload.service")
    messages = inbox.story("faults/web", 120)
    assert host.started("faults-web-1") != before and "the host stalls" in messages[-1].text
