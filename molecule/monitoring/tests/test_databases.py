# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases of a real stack are measured: without a port, with a role and a password of their own, and wherever their containers go."""

from __future__ import annotations

import json
from urllib.parse import quote

from conftest import Inbox, Measured, wait_for

DATABASE, CACHE = "latentum-ops-postgresql-exporter@latentum.database", "latentum-ops-redis-exporter@latentum.cache"
ROLE = "latentum_ops_metrics"
FOLDER = "/etc/latentum-ops/secrets/latentum"


def numbers(host: Measured, query: str) -> list[tuple[dict[str, str], float]]:
    """What Prometheus has now."""
    found = json.loads(host.got(f"http://127.0.0.1:9090/api/v1/query?query={quote(query)}") or "{}")
    return [(series["metric"], float(series["value"][1])) for series in found.get("data", {}).get("result", [])]


def is_one(host: Measured, query: str) -> bool:
    """It has one series, and that is 1."""
    return [value for _labels, value in numbers(host, query)] == [1.0]


def sql(host: Measured, statement: str) -> str:
    """What the server says to its superuser, by its socket."""
    return host.sh(f'docker exec -i latentum-database-1 psql -XqAt -U latentum -d latentumdb -c "{statement}"')


def test_both_are_measured_with_stack_and_service(host: Measured) -> None:
    for query in ('pg_up{stack="latentum",service="database"}', 'redis_up{stack="latentum",service="cache"}'):
        wait_for(query, lambda query=query: is_one(host, query), 120)
    ((labels, rows),) = numbers(host, "latentum_jobs_known")
    assert labels["service"] == "database" and "server" not in labels and rows == float(sql(host, "SELECT count(*) FROM jobs"))
    assert [labels["key"] for labels, _size in numbers(host, 'redis_key_size{key="latentum:jobs"}')] == ["latentum:jobs"]
    assert numbers(host, "latentum_ops_connections_usable")[0][1] > 10


def test_the_role_may_look_and_the_exporter_has_no_way_to_docker(host: Measured) -> None:
    assert sql(host, f"SELECT rolsuper OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = '{ROLE}'") == "f"  # noqa: S608 - a constant
    password = f"{FOLDER}/metrics_password_database"  # by its file: the command that looks for it is a process as well
    assert host.sh(f"cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' ' ' | grep -cF --file={password} || true") == "0"
    assert host.sh(f"journalctl --no-pager -u 'latentum-ops-*' | grep -cF --file={password} || true") == "0"
    for unit, user in ((DATABASE, "latentum-postgresql"), (CACHE, "latentum-redis")):
        process = host.sh(f"systemctl show --property=MainPID --value {unit}")
        assert host.sh(f"stat -c %U /proc/{process}") == user
        assert "docker" not in host.sh(f"id -nG {user}")
        assert host.sh(f"setpriv --reuid={user} --clear-groups cat {FOLDER}/metrics_password_database", check=False) == ""
    listening = {line.split()[3] for line in host.sh("ss -Hltn").splitlines()}
    assert {address for address in listening if address.rpartition(":")[2] in ("9187", "9121")} == {"127.0.0.1:9187", "127.0.0.1:9121"}
    assert host.sh("docker port latentum-database-1; docker port latentum-cache-1") == ""


def test_a_container_that_is_replaced_is_followed(host: Measured) -> None:
    """Nobody runs a playbook for it."""
    look = "docker inspect latentum-cache-1 --format '{{.Id}}'"
    before = host.sh(look)
    host.sh("opsctl deploy --recreate cache")
    after = host.sh(look)
    assert after != before
    wait_for("its place", lambda: after in host.sh("cat /run/latentum-ops-databases/applied.json"), 60)
    address = host.sh("docker inspect latentum-cache-1 --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}'")
    assert f'REDIS_ADDR="redis://{address}:6379"' in host.sh("cat /run/latentum-ops-databases/latentum.cache.env")
    wait_for("redis_up 1", lambda: is_one(host, 'redis_up{service="cache"}'), 60)


def test_a_password_that_is_rotated_by_hand_is_put_right(host: Measured) -> None:
    sql(host, f"ALTER ROLE {ROLE} PASSWORD 'by hand'")
    sql(host, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{ROLE}'")  # noqa: S608 - a constant
    wait_for("pg_up 0", lambda: [value for _labels, value in numbers(host, "pg_up")] == [0.0], 60)
    host.sh("systemctl start latentum-ops-database-exporters")
    wait_for("pg_up 1", lambda: is_one(host, "pg_up"), 60)


def test_a_secret_that_changes_is_handed_over(host: Measured) -> None:
    file = f"{FOLDER}/metrics_password_database"
    before = host.sh(f"systemctl show --property=MainPID --value {DATABASE}")
    host.sh(f"cp --preserve {file} {file}.new && printf another-word-%s $(date +%s) > {file}.new && mv {file}.new {file}")
    wait_for("another life", lambda: host.sh(f"systemctl show --property=MainPID --value {DATABASE}") not in (before, "0"), 60)
    wait_for("pg_up 1", lambda: is_one(host, "pg_up"), 60)


def test_a_long_queue_is_one_message_and_its_end(host: Measured, inbox: Inbox) -> None:
    redis = 'docker exec -i latentum-cache-1 sh -c \'REDISCLI_AUTH="$(cat /run/secrets/cache_password)" redis-cli "$@"\' sh'
    host.sh(f"{redis} RPUSH queue:of:the:test 1 2 3 4 5")
    try:
        wait_for("a message", inbox.told, 240)
    finally:
        host.sh(f"{redis} DEL queue:of:the:test")
    wait_for("its end", lambda: len(inbox.told()) > 1, 120)
    assert inbox.told() == ["WARNING latentum: 5 wait in queue:of:the:test", "ENDED latentum: 5 wait in queue:of:the:test"]


def test_an_exporter_that_is_turned_off_leaves_nothing(host: Measured) -> None:
    """What starts them is stopped by the role; the exporters end with it."""
    host.sh("systemctl stop latentum-ops-database-exporters.path")
    try:
        for unit in (DATABASE, CACHE):
            wait_for(f"the end of {unit}", lambda unit=unit: host.sh(f"systemctl is-active {unit}", check=False) != "active", 60)
    finally:
        host.sh("systemctl start latentum-ops-database-exporters.path latentum-ops-database-exporters.service")
    wait_for("both again", lambda: is_one(host, "pg_up") and is_one(host, "redis_up"), 120)
