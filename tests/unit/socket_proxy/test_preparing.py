# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What root prepares for the proxy: a policy from the settings of the watchdog, and the secrets of all stacks."""

from __future__ import annotations

import grp
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.freshness import Freshness
from ansible_collections.latentum.ops.plugins.module_utils.core import atomic_files, paths, published_secrets
from ansible_collections.latentum.ops.plugins.module_utils.secretstore.store import Store
from ansible_collections.latentum.ops.plugins.module_utils.socket_proxy import policy, preparing
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes import commands

SHOP = {
    "stack": "shop",
    "services": [
        {"service": "web", "probes": [{"kind": "http", "name": "h", "timeout": 1, "interval": 5, "port": 80}]},
        {"service": "db", "probes": [{"kind": "postgresql", "name": "p", "timeout": 1, "interval": 5, "user": "u", "database": "d"}]},
        {"service": "queue", "heal": "none", "probes": [{"kind": "command", "name": "c", "timeout": 1, "interval": 5, "argv": ["ok", 1]}]},
    ],
    "freshness": [
        {"name": "rows", "kind": "query", "newest": 60, "service": "db", "database": "d", "user": "u", "sql": "SELECT now()"},
        {"name": "dump", "kind": "file", "newest": 60, "service": "db", "path": "/dump"},
        {"name": "page", "kind": "url", "newest": 60, "service": "web", "path": "/", "port": 80},
    ],
}


@pytest.fixture
def watched(tmp_path: Path) -> Path:
    watched = tmp_path / "watchdog"
    watched.mkdir()
    (watched / "shop.json").write_text(json.dumps(SHOP))
    (watched / "host.json").write_text(json.dumps({"container_metrics": False}))
    return watched


def test_what_is_declared_and_nothing_else_may_be_done(watched: Path) -> None:
    derived = preparing.derive(watched)
    assert derived.stacks == {"shop"} and derived.metrics is False
    assert derived.healed == {("shop", "web"), ("shop", "db")}
    assert derived.files == {("shop", "db"): {"/dump"}}
    assert derived.commands[("shop", "queue")] == {("ok", "1")}
    query = commands.of_query(Freshness.from_dict(SHOP["freshness"][0]))
    assert len(derived.commands[("shop", "db")]) == 2 and tuple(query) in derived.commands[("shop", "db")]
    assert policy.Policy.from_json(derived.to_json()).to_json() == derived.to_json()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"stacks": 1}'])
def test_a_policy_that_is_none_is_not_read(text: str) -> None:
    with pytest.raises(ValueError, match="no policy"):
        policy.Policy.from_json(text)


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "known"
    monkeypatch.setattr(published_secrets, "FOLDER", folder)
    monkeypatch.setattr(paths, "SECRETS", tmp_path / "secrets")
    monkeypatch.setattr(grp, "getgrnam", lambda _name: SimpleNamespace(gr_gid=os.getgid()))
    return folder


def test_secrets_are_hidden_from_the_moment_on_at_which_they_are_stored(published: Path, tmp_path: Path) -> None:
    published_secrets.publish()
    masker = published_secrets.PublishedMasker()
    assert masker.mask("a-new-secret stands here") == "a-new-secret stands here"
    store = Store("shop", tmp_path / "secrets")
    with store.locked():
        store.ensure([{"name": "new", "kind": "provided", "value": "a-new-secret"}])
    assert masker.mask("a-new-secret stands here") == "******** stands here"
    assert (published / "values.json").stat().st_mode & 0o777 == 0o440 and published.stat().st_mode & 0o777 == 0o750


@pytest.mark.parametrize("damaged", [False, True])
def test_a_secret_that_somebody_writes_by_hand_is_found(published: Path, tmp_path: Path, damaged: bool) -> None:
    published_secrets.refresh()
    assert not published.exists(), "nobody wants them"
    published_secrets.publish()
    (paths.SECRETS / "shop").mkdir(parents=True)
    (paths.SECRETS / "shop" / "key").write_text("edited-by-hand")
    if damaged:
        (published / "values.json").write_text('["of another version"]')
    published_secrets.refresh()
    assert published_secrets.PublishedMasker().mask("edited-by-hand") == "********"
    written = (published / "values.json").stat().st_mtime_ns
    published_secrets.refresh()
    assert (published / "values.json").stat().st_mtime_ns == written, "what is published is what is stored"


def test_nothing_is_published_where_nobody_wants_it(published: Path, tmp_path: Path) -> None:
    with Store("shop", tmp_path / "secrets").locked():
        pass
    assert not published.exists()


def test_secrets_that_are_not_known_are_no_reason_to_show_anything(published: Path) -> None:
    with pytest.raises(OSError):
        published_secrets.PublishedMasker().mask("text")
    published.mkdir()
    (published / "values.json").write_text("[]")
    with pytest.raises(OSError, match="damaged"):
        published_secrets.PublishedMasker().mask("text")


def test_another_policy_holds_from_the_next_request_on_and_a_damaged_one_never(tmp_path: Path, watched: Path) -> None:
    path = tmp_path / "policy.json"
    with pytest.raises(OSError):
        policy.PolicyFile(path)
    path.write_text(policy.Policy().to_json())
    file = policy.PolicyFile(path)
    assert file.current().stacks == set()
    atomic_files.write_atomic(path, preparing.derive(watched).to_json(), 0o440, os.getuid(), os.getgid())
    assert file.current().stacks == {"shop"}
    atomic_files.write_atomic(path, "{", 0o440, os.getuid(), os.getgid())
    assert file.current().stacks == {"shop"}
