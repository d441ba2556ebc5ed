# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator finds on the host."""

from __future__ import annotations

import json

import pytest
from conftest import HOSTS, INVENTORY, SECRETS, STACK, Production, eventually, once, recap, site

SERVICES = {"api-gateway": 2, "model-server": 1, "worker": 1, "database": 1, "cache": 1}


def containers(production: Production) -> list[dict[str, object]]:
    """`docker inspect` of the stack's containers."""
    ids = production.root(f"docker ps --quiet --filter label=com.docker.compose.project={STACK}")
    inspected: list[dict[str, object]] = json.loads(production.root("docker inspect " + " ".join(ids.split())))
    return inspected


def test_every_service_runs_with_its_replicas_and_is_healthy(production: Production) -> None:
    seen: dict[str, int] = {}
    for container in containers(production):
        seen[container["Config"]["Labels"]["com.docker.compose.service"]] = (
            seen.get(container["Config"]["Labels"]["com.docker.compose.service"], 0) + 1
        )
        assert container["State"]["Health"]["Status"] == "healthy", container["Name"]
    assert seen == SERVICES


def test_containers_have_what_production_must_have(production: Production) -> None:
    for container in containers(production):
        settings = container["HostConfig"]
        assert settings["LogConfig"] == {"Type": "json-file", "Config": {"max-file": "5", "max-size": "10m"}}, container["Name"]
        assert settings["RestartPolicy"]["Name"] in {"unless-stopped", "always"}
        assert "no-new-privileges:true" in settings["SecurityOpt"] or "no-new-privileges" in settings["SecurityOpt"]
        assert settings["Init"] is True
        assert settings["PidsLimit"] == 4096, container["Name"]
        assert not settings["Privileged"]


def test_no_container_process_is_root(production: Production) -> None:
    for container in containers(production):
        # With an init the first process may be root's only if the image says so; ours do not.
        users = production.root(f"docker top {container['Id']} -eo pid,uid,args").splitlines()[1:]
        assert users
        assert not [line for line in users if line.split()[1] == "0"], users


def test_a_backend_network_has_no_way_out(production: Production) -> None:
    networks = json.loads(
        production.root(f"docker network inspect $(docker network ls -q --filter label=com.docker.compose.project={STACK})")
    )
    internal = {network["Labels"]["com.docker.compose.network"]: network["Internal"] for network in networks}
    assert internal["backend"] is True, internal


def test_each_container_reads_its_own_secrets_and_no_others(production: Production) -> None:
    for container in containers(production):
        service = container["Config"]["Labels"]["com.docker.compose.service"]
        mounted = {
            mount["Destination"]: mount["Source"] for mount in container["Mounts"] if mount["Destination"].startswith("/run/secrets/")
        }
        assert all(source.startswith(f"{SECRETS}/services/{service}/") for source in mounted.values()), mounted
        for path in mounted:
            size = production.root(f"docker exec {container['Id']} sh -c 'wc -c < {path}'")
            assert int(size) > 0, f"{service} cannot read {path}"


def test_secret_files_are_private(production: Production) -> None:
    assert production.root(f"stat -c '%a %U' {SECRETS}") == "700 root"
    readable = production.root(f"find {SECRETS} -type f -perm /077 -printf '%m %p\\n'")
    assert readable == ""
    unprivileged = production.inside.run(f"cat {SECRETS}/database_password")
    assert unprivileged.rc != 0


def test_both_hosts_hold_the_same_secrets() -> None:
    if len(HOSTS) < 2:
        pytest.fail("the scenario must have two hosts")
    import testinfra

    sums = set()
    for name in HOSTS:
        host = testinfra.get_host(f"ansible://{name}?ansible_inventory={INVENTORY}")
        shown = host.run("sudo sh -c %s", f"cd {SECRETS} && find services -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum")
        assert shown.rc == 0, shown.stderr
        sums.add(shown.stdout)
    assert len(sums) == 1


@pytest.mark.parametrize(
    "unit", ["ssh", "docker", "nginx", "fail2ban", "ufw", "certbot.timer", "latentum-ops-watchdog", "unattended-upgrades"]
)
def test_units_are_active_and_come_back_at_boot(production: Production, unit: str) -> None:
    assert production.root(f"systemctl is-active {unit}") == "active"
    assert production.root(f"systemctl is-enabled {unit}") == "enabled"


def test_no_unit_failed(production: Production) -> None:
    failed = production.root("systemctl list-units --failed --plain --no-legend | awk '{print $1}'").split()
    assert set(failed) <= {"systemd-modules-load.service"}, failed


def test_fail2ban_watches_ssh_and_nginx(production: Production) -> None:
    jails = production.root("fail2ban-client status")
    for jail in ("sshd", "recidive", "nginx-limit-req"):
        assert jail in jails


def test_docker_keeps_forwarding_after_hardening(production: Production) -> None:
    assert production.root("sysctl -n net.ipv4.ip_forward") == "1"
    daemon = json.loads(production.root("cat /etc/docker/daemon.json"))
    assert daemon["live-restore"] is True
    assert daemon["userland-proxy"] is False
    assert daemon["no-new-privileges"] is True


def test_a_restarted_container_is_found_again(production: Production) -> None:
    container = production.root("docker ps -q --filter label=com.docker.compose.service=api-gateway | head -1")
    production.root(f"docker restart {container}")
    eventually(lambda: production.root("opsctl upstreams show").count(":8080") >= 2, "both replicas are upstreams again", 60)
    assert production.healthy()


def test_status_is_a_table_and_json(production: Production) -> None:
    shown = json.loads(production.root("opsctl status --json"))
    assert shown
    table = production.root("opsctl status")
    for word in ("api-gateway", "healthy", production.domain):
        assert word in table


def test_a_second_run_in_check_mode_has_nothing_to_say() -> None:
    result = site("--check", "--diff")
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-2000:]
    counted = recap(result.stdout)
    assert {host for host in counted if host in HOSTS} == set(HOSTS)
    assert {host: numbers["changed"] for host, numbers in counted.items()} == dict.fromkeys(counted, 0), result.stdout[-6000:]
    assert "\n+++ " not in result.stdout


NEWER = """
mkdir -p /run/newer; cat > /run/newer/Packages <<'EOF'
Package: runc
Version: 99-1
Architecture: all
Maintainer: somebody <somebody@example.test>
Filename: ./runc.deb
Size: 1
SHA256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
Description: a newer one
EOF
echo 'deb [trusted=yes] file:/run/newer ./' > /etc/apt/sources.list.d/newer.list
chmod 755 /run/newer; chmod 644 /run/newer/Packages /etc/apt/sources.list.d/newer.list # the watchdog has no rights of root
"""
LISTS = "apt-get update -o Dir::Etc::sourcelist=/etc/apt/sources.list.d/newer.list -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0"


@once
def test_an_update_of_the_engine_that_is_held_back_is_told_with_the_one_command(production: Production) -> None:
    command = "sudo apt-get install --only-upgrade runc"

    def told() -> list[str]:
        open_ones = json.loads(production.root("opsctl incidents --json"))["incidents"]
        return [incident["cause"] for incident in open_ones if incident["subject"] == "held updates"]

    try:
        production.root(NEWER + LISTS)
        updates = json.loads(production.root("opsctl status --json"))["updates"]
        assert [(held["package"], held["available"]) for held in updates["held"]] == [("runc", "99-1")] and updates["command"] == command
        eventually(lambda: bool(told()), "the watchdog tells it", 60)
        assert len(told()) == 1 and f"`{command}`" in told()[0]
    finally:
        production.root("rm -rf /run/newer /etc/apt/sources.list.d/newer.list /var/lib/apt/lists/_run_newer_*; touch /var/lib/apt/lists")
    eventually(lambda: not told(), "it ends with the update", 60)
