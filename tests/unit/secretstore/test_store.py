# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store: made once, owned by its readers, whole after a crash, the same on several hosts, and silent about values."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import bcrypt
import pytest
from ansible.errors import AnsibleFilterError
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
from ansible_collections.latentum.ops.plugins.filter.secrets import secrets_leader
from ansible_collections.latentum.ops.plugins.module_utils.core import paths, process
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.secretstore import kinds, sealing
from ansible_collections.latentum.ops.plugins.module_utils.secretstore.kinds import SecretError
from ansible_collections.latentum.ops.plugins.module_utils.secretstore.store import FORMER, Store
from ansible_collections.latentum.ops.plugins.modules import secret_store, secret_store_info

COLLECTIONS = Path(__file__).parents[3] / ".collections"
PASSWORD = {"name": "password", "kind": "password", "consumers": [{"service": "database", "uid": 999, "gid": 998}]}
URL = {
    "name": "url",
    "kind": "template",
    "template": "x://app:{{ password | urlencode }}@db",
    "consumers": [{"service": "api", "uid": 10001, "gid": 10001}],
    "environment": [{"service": "worker", "variable": "URL"}],
}
ENTRIES = [URL, PASSWORD, {"name": "admin", "kind": "htpasswd", "user": "admin"}, {"name": "hash", "kind": "bcrypt", "of": "password"}]


@pytest.fixture(autouse=True)
def cheap_bcrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lowest cost that bcrypt has, for this process and the engines that it starts; test_kinds looks at the real one."""
    monkeypatch.setattr(kinds, "BCRYPT_COST", 4)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = Store("shop", tmp_path)
    found.folder.mkdir(parents=True)
    return found


def tree(folder: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """Every file with its mode, owner and content, but the lock."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mode & 0o7777, path.stat().st_uid, path.stat().st_gid, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def test_everything_is_made_once_and_belongs_to_its_reader(store: Store) -> None:
    outcome = store.ensure(ENTRIES)
    assert sorted(outcome.created) == ["admin", "hash", "password", "url"]
    before = tree(store.folder)
    assert before["password"][:3] == (0o600, 0, 0)
    assert before["services/database/password"] == (0o400, 999, 998, before["password"][3])
    assert before["services/api/url"][:3] == (0o400, 10001, 10001)
    assert before["env/worker.env"][:3] == (0o600, 0, 0)
    assert store.folder.stat().st_mode & 0o777 == 0o700
    again = store.ensure(ENTRIES)
    assert not again.changed and (again.created, again.updated, again.services) == ([], [], [])
    assert tree(store.folder) == before


def test_a_check_makes_nothing(store: Store) -> None:
    assert store.ensure(ENTRIES, check_mode=True).changed
    assert tree(store.folder) == {}


def test_another_value_from_outside_is_a_new_version_down_to_its_readers(store: Store) -> None:
    store.ensure(ENTRIES)
    given = [{**PASSWORD, "value": "p@ss/w:rd%"} if entry is PASSWORD else entry for entry in ENTRIES]
    outcome = store.ensure(given)
    assert sorted(outcome.updated) == ["hash", "password", "url"]
    assert outcome.services == ["api", "database", "worker"]
    assert (store.folder / "services/api/url").read_text() == "x://app:p%40ss%2Fw%3Ard%25@db"
    assert {name: one["version"] for name, one in store.metadata().items()} == {"admin": 1, "hash": 2, "password": 2, "url": 2}
    assert not store.ensure(given).changed
    # The value stays when it is not given any more.
    assert not store.ensure(ENTRIES).changed


@pytest.mark.parametrize("value", ["a\r\nb", "a\rb", "end\n", " x ", "ü€", "'\"$#\\"])
def test_values_stay_as_they_are_byte_by_byte(store: Store, value: str) -> None:
    entry = {"name": "given", "kind": "provided", "value": value, "consumers": [{"service": "api", "uid": 1, "gid": 1}]}
    store.ensure([entry])
    assert (store.folder / "services/api/given").read_bytes() == value.encode()
    assert not store.ensure([entry]).changed


def test_drift_is_repaired(store: Store) -> None:
    store.ensure(ENTRIES)
    wanted = tree(store.folder)
    (store.folder / "services/database/password").write_text("other")
    os.chown(store.folder / "services/api/url", 0, 0)
    (store.folder / "password").chmod(0o644)
    (store.folder / "services/api/stale").write_text("nobody's")
    assert store.ensure(ENTRIES).services == ["database"]
    assert tree(store.folder) == wanted


def test_copies_of_a_release_to_return_to_stay(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service gets another name: a rollback starts it under the old one, which reads the old copies."""
    monkeypatch.setattr(paths, "RELEASES", tmp_path / "stacks")
    store.ensure(ENTRIES)
    old = store.folder / "services/former/password"
    old.parent.mkdir()
    release = tmp_path / "stacks" / store.stack / "releases/3f2a90c1d4e7/compose.yaml"
    release.parent.mkdir(parents=True)
    release.write_text(f"secrets:\n  former.password:\n    file: {old}\n")

    def left(**options: bool) -> bool:
        old.write_text("word")
        store.ensure(ENTRIES, **options)
        return old.exists()

    assert left()
    assert not left(purge=True)
    release.unlink()
    assert not left()


def test_what_is_not_declared_any_more_is_kept_until_purged(store: Store) -> None:
    store.ensure(ENTRIES)
    value = store.value("admin")
    less = [entry for entry in ENTRIES if entry["name"] != "admin"]
    assert store.ensure(less).retired == ["admin"]
    assert (store.folder / "retired/admin").read_text() == value
    assert (store.folder / "retired/admin.password").exists()
    assert not store.ensure(less).changed
    purged = store.ensure(less, purge=True)
    assert purged.changed and not [*(store.folder / "retired").iterdir()]
    assert not store.ensure(less, purge=True).changed


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([{"name": "p", "kind": "provided"}], r"secrets\.p: is provided from outside"),
        ([PASSWORD, PASSWORD], r"password is declared twice"),
        ([{"name": "h", "kind": "bcrypt", "of": "none"}], r"secrets\.h\.of: none is no secret"),
        ([{**URL, "name": n, "template": "{{ " + o + " }}"} for n, o in (("a", "b"), ("b", "a"))], r"made of each other"),
    ],
)
def test_a_refusal_changes_nothing(store: Store, entries: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(SecretError, match=message):
        store.ensure(entries)
    assert tree(store.folder) == {}


def test_a_stack_is_one_folder(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="stack"):
        Store("../etc", tmp_path)


@pytest.mark.parametrize("damage", ["{", "[1]", '{"password": 1}'])
def test_damaged_metadata_is_said_and_can_be_made_anew(store: Store, damage: str) -> None:
    store.ensure(ENTRIES)
    value = store.value("password")
    (store.folder / "metadata.json").write_text(damage)
    with pytest.raises(SecretError, match="is damaged: remove it"):
        store.ensure(ENTRIES)
    (store.folder / "metadata.json").unlink()
    assert store.ensure(ENTRIES).updated == []
    assert store.value("password") == value


# Kills itself at the N-th rename of a file into its place; the new content is in a temporary file then.
KILLED = """
import json, os, pathlib, signal, sys
from ansible_collections.latentum.ops.plugins.module_utils.secretstore import kinds
from ansible_collections.latentum.ops.plugins.module_utils.secretstore.store import Store
kinds.BCRYPT_COST = 4
left = int(sys.argv[2])
replace = pathlib.Path.replace
def counted(self, target):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(self, target)
pathlib.Path.replace = counted
store = Store("shop", pathlib.Path(sys.argv[1]))
with store.locked():
    store.ensure(json.loads(sys.argv[3]))
"""


def engine(code: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code, *arguments], env={**os.environ, "PYTHONPATH": str(COLLECTIONS)})


@pytest.mark.parametrize("at", [0, 1, 2, 3, 5, 7, 9, 50])
def test_a_kill_at_any_write_leaves_a_store_that_the_next_run_completes(tmp_path: Path, at: int) -> None:
    ended = engine(KILLED, str(tmp_path), str(at), json.dumps(ENTRIES)).wait(60)
    assert ended == (0 if at == 50 else -signal.SIGKILL)
    store = Store("shop", tmp_path)
    kept = {name: store.value(name) for name in ("password", "admin") if store.value(name)}
    with store.locked():
        store.ensure(ENTRIES)
    assert all(store.value(name) == value for name, value in kept.items()), "a value that was there was replaced"
    assert {path.name for path in store.folder.rglob(".*")} == {".store.key", ".lock"}, "a temporary file with a value was left"
    clear, line = store.value("admin.password"), store.value("admin")
    assert clear and line
    assert bcrypt.checkpw(clear.encode(), line.split(":")[1].encode()), "the clear password is not that of the line"
    assert not store.ensure(ENTRIES).changed


def test_two_writers_at_once_make_one_store(tmp_path: Path) -> None:
    writers = [engine(KILLED, str(tmp_path), "1000", json.dumps(ENTRIES)) for _number in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    store = Store("shop", tmp_path)
    assert {one["version"] for one in store.metadata().values()} == {1}
    assert not store.ensure(ENTRIES).changed


def test_another_host_opens_what_was_sealed_for_it_and_agrees(store: Store, tmp_path: Path) -> None:
    store.ensure(ENTRIES)
    other, third = Store("shop", tmp_path / "b"), Store("shop", tmp_path / "c")
    for one in (other, third):
        one.folder.mkdir(parents=True)
    sealed = store.seal({"b": other.invite(), "c": third.invite()})
    for value in (store.value("password"), store.value("admin.password")):
        assert value and value not in str(sealed)
    with pytest.raises(sealing.SealError):
        third.open(sealed["b"])
    other.open(sealed["b"])
    other.ensure(ENTRIES)
    assert tree(other.folder) == tree(store.folder)
    with pytest.raises(SecretError, match="state=invited"):
        other.open(sealed["b"])


@pytest.fixture
def identity(tmp_path: Path) -> tuple[Path, str]:
    """A file with a private key, and its recipient."""
    private, recipient = sealing.new_pair()
    path = tmp_path / "identity"
    path.write_text(private)
    return path, recipient


def test_sealed_data_that_was_touched_is_refused(identity: tuple[Path, str]) -> None:
    path, recipient = identity
    # More than age encrypts in one piece: the first is already decrypted when it finds the last one damaged.
    plain = json.dumps({"values": {"token": "planted-secret" * 10_000}})
    sealed = sealing.seal(plain, recipient)
    assert recipient.startswith("age1") and "planted" not in sealed
    assert sealing.unseal(sealed, path) == plain
    lines = sealed.splitlines()
    for place in (0, 1, 3, len(lines) // 2, -3, -1):
        broken = list(lines)
        broken[place] = broken[place][::-1]
        with pytest.raises(sealing.SealError) as caught:
            sealing.unseal("\n".join(broken) + "\n", path)
        assert "planted" not in json.dumps(failure(caught.value)), "what was decrypted before the damage is shown"
    with pytest.raises(sealing.SealError, match=r"recipient 'short'.* use what state=invited returned"):
        sealing.seal("value", "short")


def test_without_age_the_error_says_so(monkeypatch: pytest.MonkeyPatch, identity: tuple[Path, str]) -> None:
    path, recipient = identity
    monkeypatch.setenv("PATH", "/nowhere")
    for act in (sealing.new_pair, lambda: sealing.seal("value", recipient), lambda: sealing.unseal("sealed", path)):
        with pytest.raises(sealing.SealError, match="age is not installed on this host"):
            act()


def test_no_secret_stands_in_an_argv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[str] = []

    def watched(argv: Sequence[str], **options: Any) -> process.Result:
        seen.extend(argv)
        return process.run(argv, **options)

    monkeypatch.setattr(sealing, "run", watched)
    private, recipient = sealing.new_pair()
    (tmp_path / "identity").write_text(private)
    assert sealing.unseal(sealing.seal("planted-secret", recipient), tmp_path / "identity") == "planted-secret"
    assert not any("planted" in word or "AGE-SECRET" in word for word in seen)


def test_what_a_killed_run_of_the_own_box_left_is_made_anew(tmp_path: Path) -> None:
    """Until 0.1.0 an invitation was 32 raw bytes."""
    other = Store("shop", tmp_path / "b")
    other.folder.mkdir(parents=True)
    (other.folder / ".invitation").write_bytes(bytes(range(128, 160)))
    recipient = other.invite()
    bundle = {"key": "00" * 32, "values": {"token": "value"}, "metadata": {}}
    other.open(sealing.seal(json.dumps(bundle), recipient))
    assert other.value("token") == "value"


def known(*names: str, created: str = "2026-01-01T00:00:00Z", mark: str = "x") -> dict[str, dict[str, str]]:
    return {name: {"fingerprint": f"{mark}{name}", "created": created} for name in names}


def test_the_leader_is_the_most_complete_then_the_oldest_host() -> None:
    assert secrets_leader({"b": {}, "a": {}}) == "a"
    assert secrets_leader({"a": known("p"), "b": known("p", "q")}) == "b"
    assert secrets_leader({"a": known("p", created="2026-02-01T00:00:00Z"), "b": known("p")}) == "b"
    assert secrets_leader({"a": known("p"), "b": known("p", mark="y")}, "b") == "b"


def test_different_values_are_refused_by_host_and_name() -> None:
    with pytest.raises(AnsibleFilterError, match=r"a, b hold different values of the secret p: set secrets_leader"):
        secrets_leader({"a": known("p"), "b": known("p", mark="y")})
    with pytest.raises(AnsibleFilterError, match="not among the hosts"):
        secrets_leader({"a": {}}, "z")


PEM = "-----BEGIN PRIVATE KEY-----\nMIIfirst'quoted\"line\nsecondline\n"


@pytest.fixture
def call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[dict[str, Any], str]]:
    """Run a module as Ansible does; returns its result and everything that it printed or logged."""

    def run(module: Any, **arguments: Any) -> tuple[dict[str, Any], str]:
        logged: list[str] = []
        with (
            patch_module_args({"stack": "shop", **arguments}),
            mock.patch.object(basic.AnsibleModule, "log", lambda _self, message, log_args=None: logged.append(f"{message} {log_args}")),
            mock.patch.object(module, "Store", lambda stack: Store(stack, tmp_path)),
            pytest.raises(SystemExit),
        ):
            module.main()
        printed = capsys.readouterr().out
        return json.loads(printed), printed + "\n".join(logged)

    return run


def silent(shown: str, *values: str) -> None:
    for value in values:
        for line in value.splitlines():
            assert line not in shown and json.dumps(line)[1:-1] not in shown and repr(line)[1:-1] not in shown


def test_the_module_says_and_logs_no_value(call: Callable[..., tuple[dict[str, Any], str]], tmp_path: Path) -> None:
    pem = {"name": "pem", "kind": "provided", "value": PEM, "environment": [{"service": "api", "variable": "PEM"}]}
    result, shown = call(secret_store, entries=[*ENTRIES, pem])
    assert result["changed"] and len(result["created"]) == 5
    silent(shown, PEM, *(path.read_text() for path in (tmp_path / "shop").iterdir() if path.is_file() and path.name[0] not in ".m"))
    result, shown = call(secret_store, entries=[pem, {"name": "broken", "kind": "template", "template": "{{ none }}"}])
    assert result["failed"]
    silent(shown, PEM)
    result, shown = call(secret_store_info)
    assert set(result["secrets"]["pem"]) == {"kind", "version", "created", "updated", "fingerprint", "consumers", "age_days"}
    silent(shown, PEM, (tmp_path / "shop/password").read_text())


def test_a_value_that_is_also_a_name_hides_no_service(call: Callable[..., tuple[dict[str, Any], str]]) -> None:
    entry = {"name": "user", "kind": "provided", "value": "api", "consumers": [{"service": "api", "uid": 1, "gid": 1}]}
    call(secret_store, entries=[{**entry, "value": "first"}])
    result, _shown = call(secret_store, entries=[entry])
    assert result["services"] == ["api"]


def former(store: Store) -> set[str]:
    return {path.read_text() for path in (store.folder / FORMER).glob("*")}


def given(value: str) -> list[dict[str, object]]:
    uses = {"consumers": [{"service": "api", "uid": 1, "gid": 1}], "environment": [{"service": "worker", "variable": "TOKEN"}]}
    return [*ENTRIES, {"name": "token", "kind": "provided", "value": value, **uses}]


@pytest.mark.parametrize("way", ["another is given", "its file was removed"])
def test_what_a_value_was_is_kept_for_a_week_so_that_logs_do_not_show_it(way: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.ensure(given("first-value"))
    assert former(store) == set(), "a new value was none before"
    if way == "its file was removed":
        (store.folder / "token").unlink()
    outcome = store.ensure(given("second-value"), check_mode=True)
    assert outcome.changed and former(store) == set()
    store.ensure(given("second-value"))
    assert former(store) == {"first-value"} and not store.ensure(given("second-value")).changed
    assert {path.stat().st_mode & 0o777 for path in (store.folder / FORMER).rglob("*")} == {0o600}
    made = store.value("password") or ""
    (store.folder / "password").unlink()
    store.ensure(given("second-value"))
    assert made in former(store) and store.value("password") not in former(store)
    for path in (store.folder / FORMER).glob("*"):
        os.utime(path, (0, 0))
    assert not store.ensure(given("second-value")).changed and former(store) == set()
    store.ensure(given("third-value"), purge=True)
    assert former(store) == {"second-value"}, "containers that have it are running now"
