# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of the backups of a stack: read, chosen, refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.backup import settings
from ansible_collections.latentum.ops.plugins.module_utils.backup.settings import BackupError, Settings
from ansible_collections.latentum.ops.plugins.module_utils.contracts.backup_settings import Cache, Check, Cluster, Escrow, Target, Volume

from . import fakes
from .fakes import Host

host = fakes.host

CONTENT: dict[str, Any] = {
    "stack": "shop",
    "directory": "/opt/shop",
    "wal_every": 30,
    "retention": {"daily": 7},
    "keep_bases": 3,
    "rpo": 600,
    "rto": 1200,
    "stale_after": 90000,
    "clusters": [{"service": "database", "engine": "postgresql", "admin": "root", "databases": ["orders", "users"], "password_file": "/p"}],
    "caches": [{"service": "cache", "password_file": ""}],
    "volumes": [
        {
            "name": "files",
            "services": ["web"],
            "mode": "paused",
            "exclude": ["*.tmp"],
            "before": [["sync", "-f"]],
            "after": [["touch", "x"]],
        }
    ],
    "paths": ["/srv/files"],
    "checks": [{"service": "database", "database": "orders", "query": "SELECT 1", "at_least": 1.0, "newest": None}],
    "targets": [{"name": "offsite", "repository": "s3:x", "key_file": "/k", "environment": {"A": "/a"}}],
    "escrow": {"recipients": ["age1x"], "vault": False},
}


def declared(host: Host, name: str = "shop", text: str | None = None, **changed: Any) -> None:
    (host.root / "etc" / f"{name}.json").write_text(json.dumps({**CONTENT, "stack": name, **changed}) if text is None else text)


def test_everything_of_the_file_is_there_and_typed(host: Host) -> None:
    declared(host)
    assert settings.load() == Settings(
        stack="shop",
        directory="/opt/shop",
        wal_every=30,
        retention={"daily": 7},
        keep_bases=3,
        rpo=600,
        rto=1200,
        stale_after=90000,
        clusters=(Cluster("database", "root", ("orders", "users"), "/p"),),
        caches=(Cache("cache"),),
        volumes=(Volume("files", ("web",), "paused", ("*.tmp",), (("sync", "-f"),), (("touch", "x"),)),),
        paths=("/srv/files",),
        checks=(Check("database", "orders", "SELECT 1", 1.0),),
        targets=(Target("offsite", "s3:x", "/k", {"A": "/a"}),),
        escrow=Escrow(("age1x",), vault=False),
    )


def test_what_a_newer_role_writes_does_not_stop_an_older_engine(host: Host) -> None:
    declared(host, schedule="daily", clusters=[{**CONTENT["clusters"][0], "compression": "zstd"}])
    assert settings.load().clusters[0].service == "database"


def test_the_only_stack_need_not_be_named(host: Host) -> None:
    declared(host, "blog")
    assert settings.load().stack == settings.load("blog").stack == "blog" and settings.stacks() == ["blog"]


def test_of_several_stacks_one_must_be_named(host: Host) -> None:
    declared(host, "shop")
    declared(host, "blog")
    with pytest.raises(BackupError, match=r"backups of blog, shop: say --stack"):
        settings.load()
    assert settings.load("shop").stack == "shop"


@pytest.mark.parametrize(("stack", "words"), [("", "no backups declared"), ("shop", "shop: no backups are declared.*none")])
def test_a_host_without_backups_says_so(stack: str, words: str, host: Host) -> None:
    with pytest.raises(BackupError, match=words):
        settings.load(stack)


def test_an_unknown_stack_is_refused_with_the_known_ones(host: Host) -> None:
    declared(host)
    with pytest.raises(BackupError, match=r"blog: no backups are declared.*shop"):
        settings.load("blog")


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"stack": "shop"}',
        '{"stack": "shop", "directory": "/x", "targets": [], "clusters": [{"service": "x"}]}',
        "[]",
    ],
)
def test_a_damaged_file_says_how_to_get_it_back(text: str, host: Host) -> None:
    declared(host, text=text)
    with pytest.raises(BackupError, match=r"shop\.json is damaged.*--tags backup"):
        settings.load()


@pytest.mark.parametrize("name", ["database", "orders", "users"])
def test_a_cluster_is_found_by_its_service_and_by_each_of_its_databases(name: str) -> None:
    assert Settings.from_dict(CONTENT).cluster(name).service == "database"


def test_an_unknown_database_is_refused_with_the_known_names() -> None:
    with pytest.raises(BackupError, match=r"'cache' is no database of shop: write one of database, orders, users"):
        Settings.from_dict(CONTENT).cluster("cache")
    with pytest.raises(BackupError, match="write one of none"):
        Settings.from_dict({**CONTENT, "clusters": []}).cluster("database")


def test_staging_and_server_belong_to_the_stack(host: Host) -> None:
    found = Settings.from_dict(CONTENT)
    assert found.staging == host.backups / "shop" and found.server(found.clusters[0]) == "shop.database"
