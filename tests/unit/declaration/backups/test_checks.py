# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the declaration says what is backed up, what it refuses, and what the backups are given."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.declaration.backups.derive import backup_authorities, backup_config
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import load, problems
from ansible_collections.latentum.ops.plugins.module_utils.declaration.services.derive import secret_entries
from ansible_collections.latentum.ops.plugins.module_utils.declaration.updates.derive import rollout_hooks
from ansible_collections.latentum.ops.plugins.module_utils.declaration.watchdog.derive import watchdog_config

from ..samples import REMOVED, changed, put
from .samples import AGE, AGE_SECRET, CERTIFICATE

STORE = "/etc/latentum-ops/secrets/acme"
OFFSITE: dict[str, Any] = {
    "name": "offsite",
    "repository": "s3:https://s3.example.com/bucket/acme",
    "environment": {"AWS_ACCESS_KEY_ID": "s3_key", "AWS_SECRET_ACCESS_KEY": "s3_secret"},
}
BACKUPS: dict[str, Any] = {"targets": [OFFSITE], "escrow": {"recipients": [AGE]}}
# With a cache, a second database server, and volumes of every kind.
BASE: list[tuple[str, Any]] = [
    ("secrets.s3_key", {"kind": "provided", "value": "AKIA"}),
    ("secrets.s3_secret", {"kind": "provided", "value": "hunter2"}),
    ("compose.services.cache", {"image": "redis:8", "volumes": ["cache-data:/data"], "networks": ["backend"]}),
    ("compose.services.web.volumes", ["uploads:/uploads", "models:/models:ro", "scratch:/scratch", "/srv/bind:/b", "/anonymous"]),
    ("compose.services.worker.volumes", ["uploads:/uploads:ro", {"type": "volume", "source": "models", "target": "/models"}]),
    (
        "compose.volumes",
        {
            "data": None,
            "cache-data": None,
            "uploads": {"name": "acme-uploads"},
            "models": {"driver": "local"},
            "scratch": {"driver_opts": {"type": "tmpfs", "device": "tmpfs"}},
            "unused": None,
        },
    ),
    ("services.web.allow", ["shared_volume"]),
    ("services.worker", {"allow": ["shared_volume"]}),
    ("services.cache", {"update": {"strategy": "recreate"}}),
    ("services.database", {"update": {"strategy": "recreate"}}),
]


def declared(*changes: tuple[str, Any]) -> dict[str, Any]:
    """The faultless declaration with backups, and these changes."""
    return changed(*copy.deepcopy(BASE), ("backups", copy.deepcopy(BACKUPS)), *copy.deepcopy(changes))


def config(*changes: tuple[str, Any]) -> dict[str, Any]:
    return backup_config(load(declared(*changes)))


def entries(*changes: tuple[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in secret_entries(load(declared(*changes)))}


def test_nothing_declared_is_nothing_backed_up() -> None:
    for nothing in ([], [("backups", None)]):
        declaration = load(changed(*nothing))
        assert backup_config(declaration) == {}
        assert backup_authorities(declaration) == []
        assert [one["name"] for one in secret_entries(declaration)] == ["database_password", "database_url", "api_key"]
        assert watchdog_config(declaration)["backup_max_age"] == 0


def test_a_target_and_an_escrow_are_enough() -> None:
    assert config() == {
        "stack": "acme",
        "directory": "/opt/acme",
        "schedule": "*-*-* 02:30",
        "jitter": 900,
        "wal_every": 60,
        "verify": "always",
        "retention": {"daily": 30, "weekly": 8, "monthly": 12, "yearly": 0},
        "keep_bases": 2,
        "rpo": 3600,
        "rto": 14400,
        "stale_after": 93600,
        "clusters": [
            {
                "service": "database",
                "engine": "postgresql",
                "admin": "app",
                "databases": ["app"],
                "password_file": f"{STORE}/backup_replication_database",
            }
        ],
        "caches": [],
        "volumes": [
            {"name": "cache-data", "services": ["cache"], "mode": "live", "exclude": [], "before": [], "after": []},
            {"name": "uploads", "services": ["web", "worker"], "mode": "live", "exclude": [], "before": [], "after": []},
            {"name": "models", "services": ["worker", "web"], "mode": "live", "exclude": [], "before": [], "after": []},
        ],
        "paths": [],
        "checks": [],
        "targets": [
            {
                "name": "offsite",
                "repository": "s3:https://s3.example.com/bucket/acme",
                "key_file": f"{STORE}/backup_key_offsite",
                "environment": {"AWS_ACCESS_KEY_ID": f"{STORE}/s3_key", "AWS_SECRET_ACCESS_KEY": f"{STORE}/s3_secret"},
                "append_only": False,
                "upload_limit": 0,
                "ssh_key_file": "",
                "ca_file": "",
            }
        ],
        "escrow": {"recipients": [AGE], "vault": False},
    }


FULL: list[tuple[str, Any]] = [
    ("secrets.ssh_key", {"kind": "ed25519"}),
    ("secrets.cache_password", {"kind": "password"}),
    (
        "backups",
        {
            "schedule": "Sun *-*-* 03:00 Europe/Berlin",
            "jitter": "30m",
            "wal_every": 0,
            "verify": "weekly",
            "keep_bases": "4",
            "retention": {"daily": 7, "yearly": 3},
            "rpo": "5m",
            "rto": 7200,
            "stale_after": "10d",
            "targets": [
                {**OFFSITE, "append_only": True, "upload_limit": 2048, "ca": CERTIFICATE},
                {"name": "near-by", "repository": "sftp://backup@nas.example.com:2222//srv/acme", "ssh_key_secret": "ssh_key"},
                {"name": "server", "repository": "rest:http://10.0.0.7:8000/acme/", "allow": ["plain_http"]},
                {"name": "disk", "repository": "/srv/backup/acme/"},
            ],
            "escrow": {"recipients": [AGE, f" {AGE}\n"], "vault": True},
            "caches": [{"service": "cache", "password_secret": "cache_password"}],
            "volumes": {
                "uploads": {"mode": "paused", "exclude": ["*.tmp"], "before": [["sync", 1]], "after": [["rm", "-f", "/x"], ["true"]]},
                "models": {"mode": "skip"},
                "data": {"mode": "skip"},
                "scratch": {"mode": "skip"},
            },
            "paths": ["/srv/files/", "/etc/acme"],
            "checks": [
                {"database": "app", "query": "SELECT count(*) FROM users;", "at_least": 1},
                {"database": "app", "query": "with x as (select ';' as \";\") select now() from x", "newest": "26h"},
            ],
        },
    ),
]


def test_everything_written() -> None:
    told = config(*FULL)
    numbers = ("schedule", "jitter", "wal_every", "verify", "keep_bases", "rpo", "rto", "stale_after")
    assert [told[name] for name in numbers] == ["Sun *-*-* 03:00 Europe/Berlin", 1800, 0, "weekly", 4, 300, 7200, 864000]
    assert told["retention"] == {"daily": 7, "weekly": 8, "monthly": 12, "yearly": 3}
    assert told["escrow"] == {"recipients": [AGE], "vault": True}
    assert told["caches"] == [{"service": "cache", "password_file": f"{STORE}/cache_password"}]
    assert told["paths"] == ["/srv/files", "/etc/acme"]
    assert told["volumes"] == [
        {
            "name": "uploads",
            "services": ["web", "worker"],
            "mode": "paused",
            "exclude": ["*.tmp"],
            "before": [["sync", "1"]],
            "after": [["rm", "-f", "/x"], ["true"]],
        }
    ]
    assert told["checks"] == [
        {"service": "database", "database": "app", "query": "SELECT count(*) FROM users", "at_least": 1.0, "newest": None},
        {
            "service": "database",
            "database": "app",
            "query": "with x as (select ';' as \";\") select now() from x",
            "at_least": None,
            "newest": 93600,
        },
    ]
    offsite, near, server, disk = told["targets"]
    assert (offsite["append_only"], offsite["upload_limit"]) == (True, 2048)
    assert offsite["ca_file"] == "/etc/latentum-ops/backup/acme/offsite.pem"
    assert near["repository"] == "sftp://backup@nas.example.com:2222//srv/acme"
    assert (near["key_file"], near["ssh_key_file"]) == (f"{STORE}/backup_key_near_by", f"{STORE}/ssh_key")
    assert (server["repository"], server["environment"]) == ("rest:http://10.0.0.7:8000/acme/", {})
    assert (disk["repository"], disk["ca_file"]) == ("/srv/backup/acme", "")
    authority = {"path": "/etc/latentum-ops/backup/acme/offsite.pem", "content": CERTIFICATE}
    assert backup_authorities(load(declared(*FULL))) == [authority]


def test_no_value_of_a_secret_is_in_it() -> None:
    assert "hunter2" not in json.dumps(config(*FULL))
    assert "hunter2" not in repr(load(declared(*FULL)).parts["backups"])


def test_results_can_be_changed_without_harm() -> None:
    declaration = load(declared(*FULL))
    told, text = backup_config(declaration), json.dumps(backup_config(declaration))
    told["retention"].clear(), told["targets"][0]["environment"].clear(), told["volumes"][0]["before"].clear(), told["checks"][0].clear()
    assert json.dumps(backup_config(declaration)) == text


# -- databases ------------------------------------------------------------------------------------------------------------


def second_server(name: str = "series") -> list[tuple[str, Any]]:
    """Another PostgreSQL server, named so that neither Barman nor a secret can have its name as it is."""
    service = {"image": "postgres:17", "networks": ["backend"], "secrets": ["database_password"], "volumes": ["series:/d"]}
    stack = declared()
    services = {**stack["compose"]["services"], "Time-Series.2": {**service, "healthcheck": {"test": "x"}}}
    common = {"engine": "postgresql", "user": "postgres", "password_secret": "database_password"}
    return [
        ("compose.services", services),
        ("compose.volumes.series", None),
        ("services", {**stack["services"], "Time-Series.2": {"update": {"strategy": "recreate"}}}),
        ("databases[1]", {"service": "Time-Series.2", "name": name, **common}),
        ("databases[2]", {"service": "database", "name": "extra", **common}),
    ]


def test_a_server_is_one_cluster_whatever_number_of_databases_it_has() -> None:
    told = config(*second_server())
    assert [(one["service"], one["admin"], one["databases"]) for one in told["clusters"]] == [
        ("database", "app", ["app", "extra"]),
        ("Time-Series.2", "postgres", ["series"]),
    ]
    assert told["clusters"][1]["password_file"] == f"{STORE}/backup_replication_time_series_2"
    assert "series" not in [one["name"] for one in told["volumes"]]


def test_a_check_of_a_name_that_two_servers_have_says_which() -> None:
    check = {"database": "app", "service": "Time-Series.2", "query": "SELECT 1", "at_least": 1}
    (told,) = config(*second_server("app"), ("backups.checks", [check]))["checks"]
    assert told["service"] == "Time-Series.2"
    (found,) = problems(declared(*second_server("app"), ("backups.checks", [{**check, "service": None}])))
    assert (found.key, found.fix) == ("backups.checks[0].service", "add service: Time-Series.2 or database")


# -- volumes --------------------------------------------------------------------------------------------------------------


def volumes(*changes: tuple[str, Any]) -> dict[str, list[str]]:
    return {one["name"]: one["services"] for one in config(*changes)["volumes"]}


def test_the_volume_of_a_cache_is_backed_up_by_its_own_engine() -> None:
    assert "cache-data" in volumes()
    assert "cache-data" not in volumes(("backups.caches", [{"service": "cache"}]))
    assert config(("backups.caches", [{"service": "cache"}]))["caches"] == [{"service": "cache", "password_file": ""}]


def test_a_volume_that_a_server_only_reads_is_not_its_data() -> None:
    mounts = ["data:/var/lib/postgresql/data", "uploads:/import:ro"]
    assert volumes(("compose.services.database.volumes", mounts))["uploads"] == ["web", "worker", "database"]


def test_what_is_not_kept_here_is_skipped_by_name_only_so_that_nobody_believes_it_is_backed_up() -> None:
    outside = [("compose.volumes.models", {"external": True}), ("compose.volumes.uploads", {"driver_opts": {"type": "nfs"}})]
    found = problems(declared(*outside))
    assert [(one.key, one.value) for one in found] == [("backups.volumes.uploads", "elsewhere"), ("backups.volumes.models", "external")]
    assert "{models: {mode: skip}}" in found[1].fix
    assert list(volumes(*outside, ("backups.volumes", {"models": {"mode": "skip"}, "uploads": {"mode": "skip"}}))) == ["cache-data"]
    assert problems(changed(*outside)) == ()
    assert problems(declared(("compose.volumes.data", {"external": True}), ("compose.volumes.unused", {"external": True}))) == ()


def test_commands_run_in_a_service_that_stays_up() -> None:
    mounts = ("compose.services.migrate.volumes", ["uploads:/u"])
    first = {name: value for name, value in declared(mounts)["compose"]["services"].items() if name in ("migrate",)}
    services = {**first, **{name: value for name, value in declared()["compose"]["services"].items() if name not in first}}
    assert volumes(("compose.services", services))["uploads"] == ["web", "worker", "migrate"]


# -- secrets --------------------------------------------------------------------------------------------------------------


def test_backups_make_their_own_secrets_without_a_container_that_reads_them() -> None:
    found = entries(*FULL)
    key = {"kind": "token", "encoding": "hex", "bytes": 32, "consumers": [], "environment": []}
    names = [name for name in found if name.startswith("backup_")]
    assert names == [*(f"backup_key_{name}" for name in ("offsite", "near_by", "server", "disk")), "backup_replication_database"]
    assert found["backup_key_near_by"] == {"name": "backup_key_near_by", **key}
    replication = {"kind": "password", "length": 32, "consumers": [], "environment": []}
    assert found["backup_replication_database"] == {"name": "backup_replication_database", **replication}


@pytest.mark.parametrize(
    "own",
    [{"kind": "provided", "value": "hunter2"}, {"kind": "token"}, {"kind": "password", "length": 40}, {"kind": "token", "value": "x"}],
)
@pytest.mark.parametrize("name", ["backup_key_offsite", "backup_replication_database"])
def test_a_declared_secret_takes_the_place_of_one_that_would_be_made(name: str, own: dict[str, Any]) -> None:
    assert problems(declared((f"secrets.{name}", own))) == ()
    listed = [one for one in secret_entries(load(declared((f"secrets.{name}", own)))) if one["name"] == name]
    assert [(one["kind"], one.get("value")) for one in listed] == [(own["kind"], own.get("value"))]
    unused = problems(changed((f"secrets.{name}", own)))
    assert [one.key for one in unused] == [f"secrets.{name}"]


@pytest.mark.parametrize(
    ("secret", "change"),
    [
        (("secrets.spare", {"kind": "provided", "value": "v"}), ("backups.targets[0].environment.AWS_SESSION_TOKEN", "spare")),
        (("secrets.spare", {"kind": "password"}), ("backups.caches", [{"service": "cache", "password_secret": "spare"}])),
        (
            ("secrets.spare", {"kind": "rsa"}),
            ("backups.targets[1]", {"name": "nas", "repository": "sftp:b@nas:/acme", "ssh_key_secret": "spare"}),
        ),
    ],
)
def test_what_backups_read_is_used(secret: tuple[str, Any], change: tuple[str, Any]) -> None:
    assert [one.key for one in problems(declared(secret))] == ["secrets.spare"]
    assert problems(declared(secret, change)) == ()


# -- promises -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "age"),
    [
        ([], 93600),
        ([("backups.stale_after", "50h")], 180000),
        ([("backups.verify", "weekly")], 698400),
        ([("watchdog", {"backup_max_age": "30h"})], 108000),
        ([("watchdog", {"backup_max_age": "9d"}), ("backups.verify", "weekly")], 777600),
    ],
)
def test_the_watchdog_looks_at_the_age_of_backups(changes: list[tuple[str, Any]], age: int) -> None:
    assert watchdog_config(load(declared(*changes)))["backup_max_age"] == age


def test_a_week_without_a_word_is_not_stale() -> None:
    assert config(("backups.verify", "weekly"))["stale_after"] == 8 * 86400 + 7200


# -- refusals -------------------------------------------------------------------------------------------------------------


def at(key: str, value: Any) -> list[tuple[str, Any]]:
    return [(f"backups.{key}", value)]


def target(**keys: Any) -> list[tuple[str, Any]]:
    """A second target of such keys."""
    return [("backups.targets[1]", {"name": "other", "repository": "/srv/backup/acme", **keys})]


def check(**keys: Any) -> list[tuple[str, Any]]:
    return at("checks", [{"database": "app", "query": "SELECT 1", "at_least": 1, **keys}])


def volume(name: str, **keys: Any) -> list[tuple[str, Any]]:
    return at("volumes", {name: keys})


ONE = "backups.targets[1]"
REFUSED: list[tuple[list[tuple[str, Any]], str, str]] = [
    (at("shedule", "daily"), "backups.shedule", "did you mean schedule?"),
    (at("schedule", "30 2 * * *"), "backups.schedule", "*-*-* 02:30"),
    (at("schedule", "*-*-* 02:30\nExecStart=/bin/true"), "backups.schedule", "systemd-analyze"),
    (at("schedule", "nightly"), "backups.schedule", "hourly"),
    (at("jitter", "2d"), "backups.jitter", "between 0s and 24h"),
    (at("wal_every", "2h"), "backups.wal_every", "between 0s and 1h"),
    ([*at("wal_every", "10m"), *at("rpo", "5m")], "backups.wal_every", "at most 300s"),
    (at("verify", "never"), "backups.verify", "always, weekly"),
    (at("keep_bases", 0), "backups.keep_bases", "1 to 30"),
    (at("keep_bases", 31), "backups.keep_bases", "1 to 30"),
    (at("retention", {"daily": -1}), "backups.retention.daily", "0 to"),
    (at("retention", {"hourly": 1}), "backups.retention.hourly", "use one of daily"),
    (at("retention", {"daily": 0, "weekly": 0, "monthly": 0}), "backups.retention", "daily: 30"),
    (at("rpo", "soon"), "backups.rpo", "number with its unit"),
    (at("rto", 0), "backups.rto", "between 1s"),
    (at("stale_after", "1s"), "backups.stale_after", "between 1m"),
    ([*at("verify", "weekly"), *at("stale_after", "26h")], "backups.stale_after", "8d, or verify: always"),
    ([*at("verify", "weekly"), ("watchdog", {"backup_max_age": "26h"})], "watchdog.backup_max_age", "8d, or verify: always"),
    # Targets
    (at("targets[1]", "/srv/backup/acme"), "backups.targets[1]", "write a mapping"),
    (target(name=None), f"{ONE}.name", "add name"),
    (target(name="Offsite 2"), f"{ONE}.name", "lower case letters"),
    (target(name="offsite"), f"{ONE}.name", "another name"),
    ([*target(name="a-b"), *at("targets[2]", {"name": "a_b", "repository": "/srv/other/acme"})], "backups.targets[2].name", "another name"),
    (target(repository=None), f"{ONE}.repository", "add repository"),
    (target(repository=OFFSITE["repository"]), f"{ONE}.repository", "remove one of the two"),
    (target(repository="s3:https://S3.example.com:443/bucket/acme/"), f"{ONE}.repository", "remove one of the two"),
    (target(repository="/srv/backup/acme/../x"), f"{ONE}.repository", "path from the root"),
    (target(repository="/backup"), f"{ONE}.repository", "folder of its own"),
    (target(repository="backup/acme"), f"{ONE}.repository", "s3:https://host/bucket/path"),
    (target(repository="b2:bucket:acme"), f"{ONE}.repository", "s3:https://host/bucket/path"),
    (target(repository="s3:s3.example.com/bucket"), f"{ONE}.repository", "s3:https://host/bucket/path"),
    (target(repository="s3://s3.example.com/bucket"), f"{ONE}.repository", "s3:https://host/bucket/path"),
    (target(repository="s3:https://s3.example.com/"), f"{ONE}.repository", "s3:https://host/bucket/path"),
    (target(repository="s3:https://s3.example.com/bucket?x=1"), f"{ONE}.repository", "letters, digits"),
    (target(repository="s3:https://s3.example.com:70000/bucket"), f"{ONE}.repository", "s3:https://host/bucket/path"),
    (target(repository="s3:https://key:hunter2@s3.example.com/bucket"), f"{ONE}.repository", "AWS_ACCESS_KEY_ID: name_of_a_secret"),
    (target(repository="rest:https://user:hunter2@r.example.com/acme"), f"{ONE}.repository", "RESTIC_REST_USERNAME: name_of_a_secret"),
    (target(repository="rest:https://user@r.example.com/acme"), f"{ONE}.repository", "RESTIC_REST_USERNAME"),
    (target(repository="rest:https://user:hun/ter2@r.example.com/acme"), f"{ONE}.repository", "rest:https://host/path"),
    (target(repository="rest:r.example.com"), f"{ONE}.repository", "rest:https://host/path"),
    (target(repository="rest:http://r.example.com/acme"), f"{ONE}.repository", "allow: [plain_http]"),
    (target(repository="s3:http://s3.example.com/bucket"), f"{ONE}.repository", "write https://"),
    (target(allow=["plain_http"]), f"{ONE}.allow[0]", "remove it"),
    (target(repository="rest:https://r.example.com/", allow=["plain_http"]), f"{ONE}.allow[0]", "remove it"),
    (target(allow=["no_escrow"]), f"{ONE}.allow[0]", "plain_http"),
    (target(repository="sftp:nas"), f"{ONE}.repository", "sftp:user@host:/path"),
    (target(repository="sftp:b@nas:~/acme"), f"{ONE}.repository", "sftp:user@host:/path"),
    (target(repository="sftp:-oProxyCommand=x@nas:/acme"), f"{ONE}.repository", "sftp:user@host:/path"),
    (target(repository="sftp:b@-nas:/acme"), f"{ONE}.repository", "sftp:user@host:/path"),
    (target(repository="sftp:b:hunter2@nas:/acme"), f"{ONE}.repository", "ssh_key_secret"),
    (target(repository="sftp://b:hunter2@nas/acme"), f"{ONE}.repository", "ssh_key_secret"),
    (target(repository="/opt/acme/backups"), f"{ONE}.repository", "/srv/backup"),
    ([("directory", "/srv/app/acme"), *target(repository="/srv/app")], f"{ONE}.repository", "/srv/backup"),
    (target(repository="/var/lib/docker/volumes/backup"), f"{ONE}.repository", "/srv/backup"),
    (target(repository="/var/lib/latentum-ops/backups/x"), f"{ONE}.repository", "/srv/backup"),
    ([*target(), *at("targets[2]", {"name": "c", "repository": "/srv/backup/acme/c"})], "backups.targets[2].repository", "of its own"),
    (target(environment={"A": "s3_key"}), f"{ONE}.environment", "remove it"),
    (target(repository="sftp:b@nas:/acme", environment={"A": "s3_key"}), f"{ONE}.environment", "ssh_key_secret"),
    (target(repository="rest:https://r.example.com/", environment=["s3_key"]), f"{ONE}.environment", "AWS_ACCESS_KEY_ID: s3_access_key"),
    (at("targets[0].environment.AWS-TOKEN", "s3_key"), "backups.targets[0].environment.AWS-TOKEN", "such as AWS_ACCESS_KEY_ID"),
    (at("targets[0].environment.RESTIC_PASSWORD", "s3_key"), "backups.targets[0].environment.RESTIC_PASSWORD", "made and kept"),
    (at("targets[0].environment.LD_PRELOAD", "s3_key"), "backups.targets[0].environment.LD_PRELOAD", "remove it"),
    (at("targets[0].environment.AWS_TOKEN", "s3_kye"), "backups.targets[0].environment.AWS_TOKEN", "did you mean s3_key?"),
    (at("targets[0].environment.AWS_TOKEN", "zzz"), "backups.targets[0].environment.AWS_TOKEN", "{kind: provided, value: …}"),
    (at("targets[0].environment.AWS_TOKEN", "hunter2/+"), "backups.targets[0].environment.AWS_TOKEN", "lower case"),
    (target(append_only="yes"), f"{ONE}.append_only", "true or false"),
    (target(upload_limit=-1), f"{ONE}.upload_limit", "0 to"),
    (target(ssh_key_secret="s3_key"), f"{ONE}.ssh_key_secret", "remove it"),
    (target(repository="sftp:b@nas:/acme", ssh_key_secret="zzz"), f"{ONE}.ssh_key_secret", "{zzz: {kind: ed25519}}"),
    (target(repository="sftp:b@nas:/acme", ssh_key_secret="api_key"), f"{ONE}.ssh_key_secret", "kind: ed25519"),
    (target(ca=CERTIFICATE), f"{ONE}.ca", "remove it"),
    (target(repository="rest:http://r/", allow=["plain_http"], ca=CERTIFICATE), f"{ONE}.ca", "remove it"),
    (at("targets[0].ca", "/etc/ssl/ca.pem"), "backups.targets[0].ca", "-----BEGIN CERTIFICATE-----"),
    (at("targets[0].ca", CERTIFICATE[:200]), "backups.targets[0].ca", "in PEM"),
    (at("targets[0].ca", "ü" + CERTIFICATE), "backups.targets[0].ca", "in PEM"),
    (at("targets[0].ca", f"-----BEGIN PRIVATE KEY-----\n{CERTIFICATE}"), "backups.targets[0].ca", "treat the key as lost"),
    # Escrow
    (at("escrow", REMOVED), "backups.escrow", "backups.allow: [no_escrow]"),
    (at("escrow", {"recipients": []}), "backups.escrow", "age1…"),
    (at("escrow", {"recipients": AGE}), "backups.escrow.recipients", "write a list"),
    (at("escrow", AGE), "backups.escrow", "recipients"),
    (at("escrow", {"recipients": ["ops@example.com"]}), "backups.escrow.recipients[0]", "age-keygen"),
    (at("escrow.recipients[1]", AGE_SECRET), "backups.escrow.recipients[1]", "public half"),
    (at("escrow", {"vault": "yes"}), "backups.escrow.vault", "true or false"),
    (at("allow", ["no_escrow"]), "backups.allow[0]", "remove it"),
    ([*at("allow", ["no_escrow"]), *at("escrow", {"vault": True})], "backups.allow[0]", "remove it"),
    (at("allow", ["plain_http"]), "backups.allow[0]", "no_escrow"),
    # Caches
    (at("caches", [{"password_secret": "s3_key"}]), "backups.caches[0].service", "add service"),
    (at("caches", [{"service": "cahce"}]), "backups.caches[0].service", "did you mean cache?"),
    (at("caches", [{"service": "cache"}, {"service": "cache"}]), "backups.caches[1].service", "remove one"),
    (at("caches", [{"service": "database"}]), "backups.caches[0].service", "from caches"),
    (at("caches", [{"service": "cache", "password_secret": "zzz"}]), "backups.caches[0].password_secret", "{kind: password}"),
    (at("caches", [{"service": "cache", "password": "hunter2"}]), "backups.caches[0].password", "did you mean password_secret?"),
    # Volumes
    (volume("upload"), "backups.volumes.upload", "did you mean uploads?"),
    (volume("unused"), "backups.volumes.unused", "remove it"),
    (volume("uploads", mode="stopped"), "backups.volumes.uploads.mode", "live, paused, skip"),
    (volume("data"), "backups.volumes.data.mode", "mode: skip"),
    (volume("data", mode="paused"), "backups.volumes.data.mode", "mode: skip"),
    ([*volume("cache-data", mode="live"), *at("caches", [{"service": "cache"}])], "backups.volumes.cache-data.mode", "mode: skip"),
    (volume("scratch"), "backups.volumes.scratch.mode", "mode: skip"),
    (volume("uploads", mode="skip", exclude=["*.tmp"]), "backups.volumes.uploads.exclude", "remove it"),
    (volume("uploads", mode="skip", before=[["sync"]]), "backups.volumes.uploads.before", "remove it"),
    (volume("uploads", exclude="*.tmp"), "backups.volumes.uploads.exclude", "write a list"),
    (volume("uploads", exclude=["a\nb"]), "backups.volumes.uploads.exclude[0]", "*.tmp"),
    (volume("uploads", before=["sync"]), "backups.volumes.uploads.before[0]", "write a list"),
    (volume("uploads", after=[["sync"], []]), "backups.volumes.uploads.after[1]", "remove it"),
    (
        [("compose.services.migrate.volumes", ["unused:/u"]), *volume("unused", before=[["sync"]])],
        "backups.volumes.unused.before",
        "remove it",
    ),
    # Folders of the host
    (at("paths", ["srv/files"]), "backups.paths[0]", "path from the root"),
    (at("paths", ["/etc"]), "backups.paths[0]", "folder of its own"),
    (at("paths", ["/var/lib/docker/volumes"]), "backups.paths[0]", "under volumes"),
    (at("paths", ["/var/lib/barman"]), "backups.paths[0]", "prepared"),
    (at("paths", ["/srv/files", "/srv/files/a"]), "backups.paths[1]", "inside the other"),
    ([*target(), *at("paths", ["/srv/backup"])], "backups.paths[0]", "keep the two apart"),
    # Checks
    (check(database=None), "backups.checks[0].database", "add database"),
    (check(database="ap"), "backups.checks[0].database", "did you mean app?"),
    (check(service="web"), "backups.checks[0].service", "use one of database"),
    (check(query=None), "backups.checks[0].query", "add query"),
    (check(query="DELETE FROM users"), "backups.checks[0].query", "SELECT or WITH"),
    (check(query="SELECTED"), "backups.checks[0].query", "SELECT or WITH"),
    (check(query="SELECT 1; DROP TABLE users"), "backups.checks[0].query", "a check of its own"),
    (check(at_least=None), "backups.checks[0].at_least", "newest: 26h"),
    (check(newest="1h"), "backups.checks[0].newest", "remove one of the two"),
    (check(at_least="many"), "backups.checks[0].at_least", "number such as 1"),
    (check(at_least=None, newest="lately"), "backups.checks[0].newest", "number with its unit"),
    (at("checks", ["SELECT 1"]), "backups.checks[0]", "write a mapping"),
    # Secrets that backups make
    ([("secrets.backup_key_offsite", {"kind": "rsa"})], "secrets.backup_key_offsite.kind", "kind: token"),
    ([("secrets.backup_replication_database", {"kind": "uuid"})], "secrets.backup_replication_database.kind", "make it themselves"),
    ([("secrets.backup_key_elsewhere", {"kind": "token"})], "secrets.backup_key_elsewhere", "remove it"),
]


@pytest.mark.parametrize(("changes", "key", "fix"), REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_refused(changes: list[tuple[str, Any]], key: str, fix: str) -> None:
    found = problems(declared(*changes))
    assert [one.key for one in found] == [key], found
    assert fix in found[0].fix
    assert not any(secret in str(found) for secret in ("hunter2", "ter2@", AGE_SECRET[20:]))


@pytest.mark.parametrize(
    ("backups", "keys"),
    [
        ("daily", ["backups"]),
        ([], ["backups"]),
        ({}, ["backups.targets", "backups.escrow"]),
        ({"escrow": {"vault": True}}, ["backups.targets"]),
        ({"escrow": {"vault": True}, "targets": []}, ["backups.targets"]),
        ({"escrow": {"vault": True}, "targets": "s3:https://key:hunter2@s3.example.com/bucket"}, ["backups.targets"]),
        ({"allow": ["no_escrow"], "targets": [{"name": "disk", "repository": "/srv/backup/acme"}]}, []),
    ],
)
def test_refused_as_a_whole(backups: Any, keys: list[str]) -> None:
    found = problems(changed(("backups", backups)))
    assert [one.key for one in found] == keys
    assert "hunter2" not in str(found)


def test_the_reason_for_an_escrow_is_told() -> None:
    (found,) = problems(declared(("backups.escrow", REMOVED)))
    assert "die with the host" in found.problem


def test_servers_whose_secret_would_be_one_are_refused() -> None:
    stack = declared(*second_server())
    services = stack["compose"]["services"]
    services["time.series-2"] = services["Time-Series.2"]
    stack["services"]["time.series-2"] = {"update": {"strategy": "recreate"}}
    stack["databases"].append({**stack["databases"][1], "service": "time.series-2"})
    assert ("databases[3].service", "give one of the two services another name") in [(one.key, one.fix) for one in problems(stack)]
    long = "d" * 45
    services[long] = services["Time-Series.2"]
    stack["services"][long] = {"update": {"strategy": "recreate"}}
    stack["databases"][3] = {**stack["databases"][1], "service": long}
    assert [one.key for one in problems(stack) if "at most 44" in one.fix] == ["databases[3].service"]
    assert not [one for one in problems({**stack, "backups": None}) if "44" in one.fix]


def test_a_wrong_compose_file_does_not_hide_what_is_wrong_here() -> None:
    found = {one.key for one in problems(declared(("compose", "services: ["), ("backups.escrow", REMOVED)))}
    assert {"compose", "backups.escrow"} <= found


# -- whatever is written --------------------------------------------------------------------------------------------------


def places(value: Any, key: str) -> Iterator[str]:
    """The dotted key of everything in a value."""
    yield key
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in inside:
        yield from places(item, f"{key}[{name}]" if isinstance(value, list) else f"{key}.{name}")


FULL_BACKUPS: dict[str, Any] = FULL[-1][1]
EVERYWHERE = list(places(FULL_BACKUPS, "backups"))
JUNK: list[Any] = [None, True, -1, 5, 1.5, "", "x", "\x00", "/", "sftp:", "s3:https://", [], [[]], ["x"], [None], {}, {"a": 1}, {"": None}]


# A tenth of the places always, spread over all sections; the rest in the matrix.
@pytest.mark.parametrize("place", [pytest.param(place, marks=[pytest.mark.matrix] * bool(at % 10)) for at, place in enumerate(EVERYWHERE)])
def test_whatever_is_written_is_read_or_refused_with_its_key(place: str) -> None:
    for junk in JUNK:
        stack = declared(*FULL)
        put(stack, place, copy.deepcopy(junk))
        found = problems(stack)
        if found:
            assert all(one.problem and one.fix for one in found)
        else:
            declaration = load(stack)
            assert json.loads(json.dumps(backup_config(declaration))) == backup_config(declaration)
            assert len({one["name"] for one in secret_entries(declaration)}) == len(secret_entries(declaration))


SECRET = "correct-Horse-battery-staple"
HIDDEN_PLACES = [
    place
    for place in EVERYWHERE
    if place.startswith(("backups.escrow", "backups.targets"))
    and not place.endswith((".name", "append_only", "upload_limit", "allow", "allow[0]"))  # what is no secret is shown
]


@pytest.mark.parametrize("place", [*HIDDEN_PLACES, "backups.caches[0].password_secret", "backups.password", "backups.targets[0].password"])
@pytest.mark.parametrize("form", ["{}", "AGE-SECRET-KEY-{}", "s3:https://key:{}@s3.example.com/bucket", "-----BEGIN PRIVATE KEY-----\n{}"])
def test_a_secret_in_the_wrong_place_is_not_shown(place: str, form: str) -> None:
    for value in (form.format(SECRET), [form.format(SECRET)], {form.format("x"): form.format(SECRET)}):
        stack = declared(*FULL)
        put(stack, place, value)
        found = problems(stack)
        assert found
        assert SECRET not in str(found)


@pytest.mark.parametrize(("backup", "seconds"), [({"max_age": "12h"}, 43200), ({}, 86400)])
def test_a_backup_before_each_deployment_is_told_to_both_who_deploy(backup: dict[str, Any], seconds: int) -> None:
    """The playbook has it from the hooks; `opsctl deploy` from the settings of the backups on the host."""
    made = load(declared(("update", {"backup": backup})))
    assert rollout_hooks(made)["backup_max_age"] == seconds == backup_config(made)["update_max_age"]
    assert "backup_max_age" not in rollout_hooks(load(declared())) and "update_max_age" not in backup_config(load(declared()))
