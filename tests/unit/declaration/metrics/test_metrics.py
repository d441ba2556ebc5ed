# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exporters of databases, declared: what follows from the rest of the declaration, and what is refused with which words."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.database_exporters import DatabaseExporter
from ansible_collections.latentum.ops.plugins.module_utils.declaration import loader
from ansible_collections.latentum.ops.plugins.module_utils.declaration.metrics.derive import claims, database_exporters
from ansible_collections.latentum.ops.plugins.module_utils.declaration.services.derive import secret_entries

COMPOSE = """
services:
  db: {image: 'postgres:17.2', healthcheck: {test: [CMD, 'true']}, secrets: [db_password]}
  cache: {image: 'redis:7.4', healthcheck: {test: [CMD, 'true']}}
  pooler: {image: 'acme/pgbouncer:1', healthcheck: {test: [CMD, 'true']}}
  web: {image: 'acme/web:1', healthcheck: {test: [CMD, 'true']}, deploy: {replicas: 2}}
  host: {image: 'acme/host:1', healthcheck: {test: [CMD, 'true']}, network_mode: 'none'}
  job: {image: 'acme/job:1'}
secrets: {db_password: {file: ./db_password}}
"""
ONE = {"sql": "SELECT count(*) FROM documents"}


def stack(services: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A declaration with these services beside what each has."""
    own: dict[str, dict[str, Any]] = {"db": {"update": {"strategy": "recreate"}}, "job": {"expect": "completed"}}
    used = repr([services, more])
    return {
        "name": "shop",
        "contact": "ops@example.com",
        "compose": COMPOSE,
        "services": {name: {**own.get(name, {}), **services.get(name, {})} for name in {**own, **services}},
        "secrets": {name: {"kind": "password"} for name in ("db_password", "word") if name == "db_password" or repr(name) in used},
        "databases": [{"service": "db", "name": "app", "user": "app", "password_secret": "db_password"}],
        **more,
    }


def measured(services: dict[str, Any], **more: Any) -> list[DatabaseExporter]:
    return [DatabaseExporter.from_dict(item) for item in database_exporters(loader.load(stack(services, **more)))]


def test_a_database_needs_nothing_but_the_wish() -> None:
    (db,) = measured({"db": {"metrics": {}}}, watchdog={"max_connections": 70, "max_replication_lag": "5m"})
    assert (db.kind, db.address, db.port, db.user, db.admin) == ("postgresql", "127.0.0.1:9187", 5432, "latentum_ops_metrics", "app")
    # Into no database with data, so that none is kept from being dropped.
    assert db.database == "postgres" and db.queries == ()
    assert db.password_file == "/etc/latentum-ops/secrets/shop/metrics_password_db"
    # Limits stand where the watchdog has them.
    assert (db.max_connections, db.max_lag) == (70, 300)
    assert db.unit == "latentum-ops-postgresql-exporter@shop.db.service"


def test_its_password_is_made_by_the_host_and_read_by_no_container() -> None:
    (entry,) = [entry for entry in secret_entries(loader.load(stack({"db": {"metrics": {}}}))) if entry["name"] == "metrics_password_db"]
    assert entry == {"name": "metrics_password_db", "kind": "password", "length": 32, "consumers": [], "environment": []}
    assert not any("metrics" in entry["name"] for entry in secret_entries(loader.load(stack({}))))


def test_queries_lead_to_their_database() -> None:
    query = {"sql": " SELECT state, count(*) FROM documents GROUP BY 1; ", "labels": ["state"], "max": 5, "for": "1h", "interval": "5m"}
    (db,) = measured({"db": {"metrics": {"queries": {"shop_documents_states": query}}}})
    (asked,) = db.queries
    assert db.database == "app" and asked.sql == "SELECT state, count(*) FROM documents GROUP BY 1"
    assert (asked.metric, asked.labels, asked.max, asked.patience, asked.interval, asked.series) == (
        "shop_documents_states", ("state",), 5, 3600, 300, 20
    )  # fmt: skip


def test_a_cache_takes_over_what_the_watchdog_knows_of_its_queues() -> None:
    watch = {"queues": [{"list": "jobs", "max": 100, "password_secret": "word"}, {"list": "mails", "max": 9}]}
    cache = {
        "watch": watch,
        "metrics": {"kind": "redis", "keys": [{"key": "mails", "max": 5, "for": "1m"}, {"key": "hits", "measure": "value", "db": 2}]},
    }
    (redis,) = measured({"cache": cache})
    assert redis.password_file.endswith("/shop/word") and redis.user == "" and redis.admin == ""
    assert [(key.key, key.db, key.measure, key.max, key.patience) for key in redis.keys] == [
        ("mails", 0, "size", 5, 60),
        ("hits", 2, "value", None, 600),
        ("jobs", 0, "size", 100, 600),
    ]


def test_a_pooler_and_a_role_of_ones_own() -> None:
    pooler = {"metrics": {"kind": "pgbouncer", "user": "stats", "password_secret": "word", "tls": True}}
    db = {"metrics": {"user": "watcher", "password_secret": "word", "exporter_port": 9200}}
    own, console = measured({"db": db, "pooler": pooler})
    assert (own.user, own.admin, own.address) == ("watcher", "", "127.0.0.1:9200")
    assert (console.database, console.port, console.address, console.tls) == ("pgbouncer", 6432, "127.0.0.1:9127", True)


def test_a_standby_is_asked_by_the_role_that_comes_from_its_primary() -> None:
    compose = COMPOSE.replace("  cache:", "  standby: {image: 'postgres:17.2', healthcheck: {test: [CMD, 'true']}}\n  cache:")
    standby = {"kind": "postgresql", "user": "latentum_ops_metrics", "password_secret": "metrics_password_db", "exporter_port": 9188}
    _db, below = measured({"db": {"metrics": {}}, "standby": {"metrics": standby}}, compose=compose)
    assert (below.service, below.user, below.admin) == ("standby", "latentum_ops_metrics", "")
    assert below.password_file == "/etc/latentum-ops/secrets/shop/metrics_password_db"


def test_ports_are_claimed_of_the_host() -> None:
    (claim,) = claims(loader.load(stack({"db": {"metrics": {}}})))
    assert claim.key == "services.db.metrics.exporter_port" and claim.shown == "127.0.0.1:9187" and claim.value.takes(9187)


def query(sql: str, **more: Any) -> dict[str, Any]:
    return {"db": {"metrics": {"queries": {"shop_one_two": {"sql": sql, **more}}}}}


def named(name: str) -> dict[str, Any]:
    return {"db": {"metrics": {"queries": {name: ONE}}}}


SQL, NAMED = "services.db.metrics.queries.shop_one_two", "services.db.metrics.queries"
TWO = [{"service": "db", "name": name, "user": "app", "password_secret": "db_password"} for name in ("app", "log")]
# (services, further keys, parts of the only problem)
REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[str, ...]]] = {
    "two statements": (query("SELECT 1; DROP TABLE users"), {}, (f"{SQL}.sql", "more than one statement")),
    "no select": (query("DELETE FROM documents"), {}, (f"{SQL}.sql", "SELECT or WITH")),
    "a write inside": (
        query("WITH gone AS (DELETE FROM documents RETURNING 1) SELECT count(*) FROM gone"),
        {},
        (f"{SQL}.sql", "DELETE", "only reads"),
    ),
    "a sequence": (query("SELECT nextval('orders')"), {}, (f"{SQL}.sql", "NEXTVAL")),
    "a comment": (query("SELECT 1 -- one"), {}, (f"{SQL}.sql", "comment", "help")),
    "a block comment": (query("SELECT 1 /* one"), {}, (f"{SQL}.sql", "comment")),
    "out of its brackets": (query("SELECT 1) AS q(value), (SELECT 2"), {}, (f"{SQL}.sql", "not closed")),
    "an open bracket": (query("SELECT count(* FROM documents"), {}, (f"{SQL}.sql", "not closed")),
    "dollar quotes": (query("SELECT $$a$$"), {}, (f"{SQL}.sql", "not closed")),
    "no query": ({"db": {"metrics": {"queries": {"shop_one_two": {}}}}}, {}, (f"{SQL}.sql", "is required")),
    "a name of an exporter": (named("pg_stat_mine"), {}, (f"{NAMED}.pg_stat_mine", "pg_", "shop_documents_uploaded")),
    "a name of the log": (named("http_requests_total"), {}, (f"{NAMED}.http_requests_total", "http_")),
    "one word": (named("documents"), {}, (f"{NAMED}.documents", "two or more")),
    "upper case": (named("Shop_Documents"), {}, (f"{NAMED}.Shop_Documents", "lower case")),
    "a label of the target": (query("SELECT 1, 2", labels=["stack"]), {}, (f"{SQL}.labels[0]", "each series has already")),
    "a label twice": (query("SELECT 1, 2, 3", labels=["a", "a"]), {}, (f"{SQL}.labels[1]", "twice")),
    "a label of the number": (query("SELECT 1, 2", labels=["value"]), {}, (f"{SQL}.labels", "number itself")),
    "many labels": (query("SELECT 1", labels=["a", "b", "c", "d"]), {}, (f"{SQL}.labels", "4 labels", "fewer columns")),
    "many series": (query("SELECT 1, 2", labels=["a"], series=5000), {}, (f"{SQL}.series", "5000", "from 1 to 200")),
    "a long wait": ({"db": {"metrics": {"timeout": "10m"}}}, {}, ("services.db.metrics.timeout", "between 1s and 1m")),
    "an unknown database": (
        {"db": {"metrics": {"database": "ap", "queries": {"shop_one_two": ONE}}}},
        {},
        ("services.db.metrics.database", "did you mean app?"),
    ),
    "two databases": (
        {"db": {"metrics": {"queries": {"shop_one_two": ONE}}}},
        {"databases": TWO},
        ("services.db.metrics.database", "is needed", "app, log"),
    ),
    "no database": (
        {"web": {"metrics": {}, "replicas": 1}},
        {},
        ("services.web.metrics.kind", "none of databases", "postgresql, redis, pgbouncer"),
    ),
    "another engine": ({"db": {"metrics": {"kind": "redis"}}}, {}, ("services.db.metrics.kind", "contradicts databases")),
    "an unknown engine": ({"cache": {"metrics": {"kind": "mysql"}}}, {}, ("services.cache.metrics.kind", "must be one of")),
    "an unknown service": ({"cash": {"metrics": {"kind": "redis"}}}, {}, ("services.cash", "not a service", "did you mean cache?")),
    "a job": ({"job": {"metrics": {"kind": "redis"}}}, {}, ("services.job.metrics", "stay up")),
    "no network": ({"host": {"metrics": {"kind": "redis"}}}, {}, ("services.host.metrics", "network_mode none")),
    "two containers": ({"web": {"metrics": {"kind": "redis"}}}, {}, ("services.web.metrics", "one container")),
    "the owner": (
        {"db": {"metrics": {"user": "app", "password_secret": "db_password"}}},
        {},
        ("services.db.metrics.user", "superuser", "pg_monitor"),
    ),
    "the superuser": ({"db": {"metrics": {"user": "postgres", "password_secret": "word"}}}, {}, ("services.db.metrics.user", "superuser")),
    "no password": ({"db": {"metrics": {"user": "watcher"}}}, {}, ("services.db.metrics.password_secret", "is needed with user")),
    "an unknown secret": (
        {"cache": {"metrics": {"kind": "redis", "password_secret": "wort"}}},
        {},
        ("services.cache.metrics.password_secret", "not declared"),
    ),
    "no user of a pooler": ({"pooler": {"metrics": {"kind": "pgbouncer"}}}, {}, ("services.pooler.metrics.user", "stats_users")),
    "queries of a cache": (
        {"cache": {"metrics": {"kind": "redis", "queries": {"shop_one_two": ONE}}}},
        {},
        ("services.cache.metrics.queries", "not for redis"),
    ),
    "keys of a database": ({"db": {"metrics": {"keys": [{"key": "jobs"}]}}}, {}, ("services.db.metrics.keys", "not for postgresql")),
    "a key twice": (
        {"cache": {"metrics": {"kind": "redis", "keys": [{"key": "a"}, {"key": "a"}]}}},
        {},
        ("services.cache.metrics.keys[1].key", "twice"),
    ),
    "a port twice": (
        {"cache": {"metrics": {"kind": "redis", "exporter_port": 9187}}, "db": {"metrics": {}}},
        {},
        (".metrics.exporter_port", "answers already", "such as 9188"),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_measured_is_refused(case: str) -> None:
    services, more, parts = REFUSED[case]
    problems = loader.problems(stack(services, **more))
    assert len(problems) == 1, [str(problem) for problem in problems]
    assert all(part in str(problems[0]) for part in parts), str(problems[0])


def test_one_metric_belongs_to_one_database() -> None:
    compose = COMPOSE.replace("  cache:", "  other: {image: 'postgres:17.2', healthcheck: {test: [CMD, 'true']}}\n  cache:")
    other = {
        "metrics": {
            "kind": "postgresql",
            "user": "watcher",
            "password_secret": "word",
            "exporter_port": 9188,
            "queries": {"shop_one_two": ONE},
        }
    }
    problems = loader.problems(stack({"db": {"metrics": {"queries": {"shop_one_two": ONE}}}, "other": other}, compose=compose))
    assert [str(problem).partition("\n")[0] for problem in problems] == [
        "services.other.metrics.queries.shop_one_two: is a metric of services.db.metrics already"
    ]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM documents WHERE note = 'a; b -- c ('",
        'SELECT max("update") FROM documents',
        "WITH recent AS (SELECT * FROM documents WHERE updated_at > now() - interval '1 day') SELECT count(*) FROM recent",
        "SELECT (SELECT 1) + (SELECT 2)",
    ],
)
def test_a_query_that_reads_is_taken(sql: str) -> None:
    assert measured(query(sql))[0].queries[0].sql == sql
