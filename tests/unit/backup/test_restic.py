# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A target: what is asked of restic, what its answers mean, and what each fault is called. Answers are recorded ones, see replay.py."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.backup import restic
from ansible_collections.latentum.ops.plugins.module_utils.backup.restic import Repository, Snapshot, TargetError, pick
from ansible_collections.latentum.ops.plugins.module_utils.backup.restic_errors import kind_of
from ansible_collections.latentum.ops.plugins.module_utils.backup.restic_process import Watch
from ansible_collections.latentum.ops.plugins.module_utils.contracts.backup_settings import Target

from .replay import VERSIONS, Replay

DATA = "/srv/record/data"
S3 = "s3:https://s3.example.test:9000/backups/shop"
SFTP = "sftp:backup@sftp.example.test:/backups/shop"


@pytest.fixture(params=VERSIONS)
def replay(request: pytest.FixtureRequest, tmp_path: Path) -> Replay:
    return Replay(tmp_path, request.param)


def backup(repo: Repository, *paths: str, **how: Any) -> Snapshot:
    return repo.backup(paths or (DATA,), ["stack:shop", "kind:backup"], host="web-a", **how)


# -- faults --------------------------------------------------------------------------------------------------------------

SNAPSHOT = "d" * 64
FAULTS: dict[str, tuple[Callable[[Repository], object], type[TargetError], str]] = {
    "wrong key": (lambda repo: repo.reachable(), restic.WrongKey, "put the right key in place"),
    "backup, unread": (backup, restic.Unread, "/proc/self/mem: failed to save /proc/self/mem"),
    "backup, missing": (backup, restic.Unread, "/srv/nowhere: does not exist"),
    "backup, all missing": (lambda repo: backup(repo, "/srv/nowhere"), restic.Unread, "/srv/nowhere: does not exist"),
    "backup, damaged": (backup, restic.Damaged, "could be damaged"),
    "ls, missing": (lambda repo: repo.ls("deadbeef", DATA), restic.Missing, "deadbeef"),
    "restore, nothing": (lambda repo: repo.restore(SNAPSHOT, "/x", include=["/srv/nowhere"]), restic.Missing, "that matches /srv/nowhere"),
    "restore, damaged": (lambda repo: repo.restore(SNAPSHOT, "/x"), restic.Damaged, "ciphertext verification failed"),
    "locked": (lambda repo: repo.prune(), restic.Locked, "already locked by PID"),
    "check, damaged": (lambda repo: repo.check(1, 1), restic.Damaged, "contains"),
    "check, lost": (lambda repo: repo.check(1, 1), restic.Damaged, "does not exist"),
    "prune, lost": (lambda repo: repo.prune(), restic.Damaged, "offsite"),
    "snapshots, damaged": (lambda repo: repo.snapshots(), restic.Damaged, "invalid data returned"),
    "config lost": (lambda repo: repo.ensure(), restic.Damaged, "no file `config`"),
    "full": (lambda repo: (repo.ensure(), backup(repo)), restic.Full, "no space left on device"),
    "forget, refused": (lambda repo: repo.forget({"last": 1}), restic.Denied, "declare it `append_only`"),
    "missing on rest": (lambda repo: repo.restore(SNAPSHOT, "/x"), restic.Missing, "does not exist"),
    "denied by s3": (lambda repo: repo.reachable(), restic.Denied, "request signature we calculated does not match"),
    "denied by rest": (lambda repo: repo.reachable(), restic.Denied, "401 Unauthorized"),
    "denied by sftp": (lambda repo: repo.reachable(), restic.Denied, "Permission denied"),
    "untrusted s3": (lambda repo: repo.reachable(), restic.Untrusted, "certificate signed by unknown authority"),
    "untrusted sftp": (lambda repo: repo.reachable(), restic.Untrusted, "HOST IDENTIFICATION HAS CHANGED"),
    "nobody on rest": (lambda repo: repo.reachable(1.0), restic.Unreachable, "connection refused"),
    "nobody on sftp": (lambda repo: repo.reachable(), restic.Unreachable, "port 23: Connection refused"),
}


@pytest.mark.parametrize("scenario", FAULTS)
def test_each_fault_has_its_name_and_says_what_to_do(replay: Replay, scenario: str) -> None:
    ask, kind, words = FAULTS[scenario]
    address = SFTP if scenario.endswith("sftp") else S3
    with pytest.raises(TargetError) as raised:
        ask(replay.says(scenario).repository(repository=address))
    assert raised.type is kind, raised.value
    assert raised.value.target == "offsite"
    assert str(raised.value).startswith("target offsite ") and words in str(raised.value)
    assert "\n" not in str(raised.value) and "github.com" not in str(raised.value)


def test_what_was_not_read_is_named_and_the_snapshot_known(replay: Replay) -> None:
    with pytest.raises(restic.Unread) as raised:
        backup(replay.says("backup, unread").repository())
    assert list(raised.value.files) == ["/proc/self/mem"]
    assert len(raised.value.snapshot) == 64


def test_where_restic_names_no_file_all_paths_are_suspect(replay: Replay) -> None:
    with pytest.raises(restic.Unread) as raised:
        backup(replay.runs({"verb": "backup", "rc": 3, "err": ["Warning: at least one source file could not be read\n"]}).repository())
    assert list(raised.value.files) == [DATA]


def test_many_unread_files_are_counted() -> None:
    error = restic.Unread("offsite", {f"/srv/{number}": "why" for number in range(9)}, "")
    assert "/srv/0: why; /srv/1: why; /srv/2: why and 6 more" in str(error)


def test_a_damaged_snapshot_hides_no_other(replay: Replay) -> None:
    with pytest.raises(restic.Damaged) as raised:
        replay.says("snapshots, damaged").repository().snapshots()
    assert raised.value.readable and all(isinstance(one, Snapshot) for one in raised.value.readable)


def test_a_crash_of_restic_is_told_as_one(replay: Replay) -> None:
    crash = {"verb": "ls", "rc": 2, "err": ["panic: runtime error: invalid memory address\n", "goroutine 1 [running]:\n", "main.main()\n"]}
    with pytest.raises(TargetError, match=r"made restic crash \(panic: runtime error"):
        replay.runs(crash).repository().ls("a", "/")


def test_what_only_looked_damaged_while_others_wrote_is_no_damage(replay: Replay) -> None:
    replay.runs({"verb": "check", "rc": 1, "err": ["pack abc: does not exist\n", "Fatal: repository contains errors\n"]}, {"verb": "check"})
    replay.repository().check(1, 7)
    first, second = (one["argv"] for one in replay.asked())
    assert "--no-lock" in first and "--no-lock" not in second
    assert "--read-data-subset=1/7" in first and "--read-data-subset=1/7" in second


def test_a_check_that_could_not_fetch_tells_no_damage(replay: Replay) -> None:
    words = ["Load(<data/abcd>, 0, 0) failed: dial tcp 192.0.2.1:443: connect: connection refused\n", "Fatal: repository contains errors\n"]
    with pytest.raises(restic.Unreachable):
        replay.runs({"verb": "check", "rc": 1, "err": words}).repository().check(1, 1)


def test_a_full_disk_of_this_host_is_not_a_full_target(replay: Replay) -> None:
    words = '{"message_type":"error","error":{"message":"write /x/a: no space left on device"},"during":"restore","item":"/a"}\n'
    with pytest.raises(TargetError, match="has more than fits into /x") as raised:
        replay.runs({"verb": "restore", "rc": 1, "err": [words]}).repository().restore(SNAPSHOT, "/x")
    assert not isinstance(raised.value, restic.Full)


@pytest.mark.parametrize(
    "words, kind",
    [
        ("Stat: Storage backend has reached its minimum free drive threshold.", restic.Full),
        ("unexpected HTTP response (507): 507 Insufficient Storage", restic.Full),
        ("client.PutObject: The provided token has expired.", restic.Denied),
        ("Stat: The difference between the request time and the server's time is too large.", restic.Denied),
        ("unexpected HTTP response (503): 503 Service Unavailable", restic.Unreachable),
        ("client.PutObject: We encountered an internal error. Internal Error", restic.Unreachable),
        ("ssh command exited: exit status 255", restic.Unreachable),
        ('Get "https://s3.example.test/": x509: certificate has expired', restic.Untrusted),
        ("Load(<index/0123456789>, 0, 0) failed: The specified key does not exist.", restic.Damaged),
        ("open /srv/file: permission denied", TargetError),
        ("something new", TargetError),
    ],
)
def test_words_of_other_stores(words: str, kind: type[TargetError]) -> None:
    assert kind_of(words) is kind


# -- answers -------------------------------------------------------------------------------------------------------------


def test_a_repository_is_made_once(replay: Replay) -> None:
    assert replay.says("created", "present").repository().ensure() == "created"
    assert replay.repository().ensure() == "present"
    assert replay.says("no bucket").repository(repository=S3).reachable() == "absent"


def test_a_backup_and_how_it_is_found_again(replay: Replay) -> None:
    made = backup(replay.says("backup").repository(), time=1800000000.9, exclude=["*.tmp"])
    assert made.id == replay.ids()["first"] and made.short == made.id[:8]
    assert (made.files, made.bytes, made.time) == (2, 300013, 1800000000.0)
    assert 300000 < made.added < 310000 and 0 < made.seconds < 60
    argv = replay.asked()[0]["argv"]
    assert argv[argv.index("backup") :] == [
        "backup", "--host=web-a", "--tag=stack:shop", "--tag=kind:backup", "--exclude=*.tmp", "--time=2027-01-15 08:00:00", "--no-scan",
        "--", DATA,
    ]  # fmt: skip
    found = replay.says("snapshots").repository().snapshots(["stack:shop", "kind:backup"], "web-a")
    assert [one.id for one in found] == [replay.ids()["first"], replay.ids()["second"]]
    assert (found[0].bytes, found[0].files, found[0].host, found[0].paths) == (300013, 2, "web-a", (DATA,))
    assert 86400 < found[1].time - found[0].time < 3 * 86400
    assert {"--tag=stack:shop,kind:backup", "--host=web-a", "--no-lock"} <= set(replay.asked()[0]["argv"])
    assert replay.says("snapshots, none").repository().snapshots(["kind:none"]) == []


def test_progress_is_told(replay: Replay) -> None:
    status = '{"message_type":"status","percent_done":%s,"total_bytes":200,"bytes_done":%s}\n'
    summary = '{"message_type":"summary","snapshot_id":"abc","backup_start":"2026-11-21T17:34:37.01063591Z"}\n'
    heard: list[tuple[float, int]] = []
    replay.runs({"verb": "backup", "out": [status % (0.25, 50), "no JSON\n", status % (1, 200), summary]})
    made = backup(replay.repository(), tell=lambda percent, count: heard.append((percent, count)))
    assert heard == [(25.0, 50), (100.0, 200)]
    assert made.time == pytest.approx(1795282477.01, abs=0.01)
    assert replay.asked()[0]["env"]["RESTIC_PROGRESS_FPS"] == "1" and "--no-scan" not in replay.asked()[0]["argv"]


def test_what_a_snapshot_holds(replay: Replay) -> None:
    found = replay.says("ls").repository().ls(replay.ids()["second"], DATA)
    assert {(one.path, one.type, one.size) for one in found} == {(f"{DATA}/large", "file", 300000), (f"{DATA}/sub", "dir", 0)}
    assert all(one.time > 1.7e9 for one in found)


def test_what_came_back_and_what_was_there(replay: Replay) -> None:
    first = replay.says("restore", "restore, again").repository().restore("abc", "/x", include=["*.pdf"], subpath="/srv")
    again = replay.repository().restore("abc", "/x", verify=False)
    assert first.bytes == 300013 and not first.skipped
    assert again.bytes == 0 and again.skipped == 2
    asked = [one["argv"][one["argv"].index("restore") :] for one in replay.asked()]
    assert asked == [
        ["restore", "--target=/x", "--include=*.pdf", "--verify", "--sparse", "abc:/srv"],
        ["restore", "--target=/x", "--sparse", "abc"],
    ]


def test_what_is_there_already_has_been_found(replay: Replay) -> None:
    """A restore of everything asks each part's backup for its facts, and several parts may come from one."""
    replay.runs({"verb": "restore", "out": ['{"message_type":"summary","total_files":0,"files_skipped":1,"bytes_skipped":812}\n']})
    assert replay.repository().restore("abc", "/x", include=["/facts.json"]).skipped == 1


def test_a_restic_without_sparse_files_restores_all_the_same(replay: Replay) -> None:
    old = {"verb": "restore", "rc": 1, "err": ["unknown flag: --sparse\n"]}
    replay.runs(old, {"verb": "restore", "out": ['{"message_type":"summary","total_files":1,"files_restored":1}\n']})
    assert replay.repository().restore("abc", "/x").files == 1
    assert ["--sparse" in run["argv"] for run in replay.asked()] == [True, False]


def test_one_file_comes_back_as_it_is(replay: Replay, tmp_path: Path) -> None:
    with (tmp_path / "small").open("wb") as file:
        replay.says("dump").repository().dump("abc", f"{DATA}/sub/small", file)
    assert (tmp_path / "small").read_text() == "a small file\n"
    with (tmp_path / "none").open("wb") as file, pytest.raises(restic.Missing):
        replay.says("dump, missing").repository().dump("abc", f"{DATA}/sub/none", file)


def test_the_rest(replay: Replay) -> None:
    repo = replay.says("check", "prune", "unlock").repository()
    repo.check(1, 2)
    assert repo.prune()
    repo.unlock_stale()
    locks = [[option for option in one["argv"] if "lock" in option] for one in replay.asked()]
    assert locks == [["--no-lock"], ["--retry-lock=300s"], ["--no-lock", "unlock"]]


def test_forgetting_spares_what_is_protected(replay: Replay) -> None:
    doomed = replay.ids()["first"]
    assert replay.says("forget").repository().forget({"daily": 1, "weekly": 0}, tags=("stack:shop", "kind:backup")) == [doomed]
    dry, real = (one["argv"][one["argv"].index("forget") :] for one in replay.asked())
    assert dry == ["forget", "--dry-run", "--group-by=tags", "--tag=stack:shop,kind:backup", "--keep-daily=1"]
    assert real == ["forget", doomed]
    for mark in (doomed, doomed[:8]):
        assert replay.says("forget").repository().forget({"daily": 1}, protect={"", mark}) == []
        assert len(replay.asked()) == 1


def test_nothing_is_removed_from_an_append_only_target_nor_without_a_rule(replay: Replay) -> None:
    closed = replay.runs().repository(append_only=True)
    assert closed.forget({"daily": 1}) == [] and closed.prune() is False
    assert replay.repository().forget({"daily": 0, "yearly": 0}) == []
    assert replay.asked() == []


def test_the_latest_before_a_moment() -> None:
    known = [Snapshot(str(at), at, (), (), "web-a") for at in (30.0, 10.0, 20.0)]
    assert [pick(known, at) for at in (5.0, 20.0, 29.0, 99.0)] == [None, known[2], known[2], known[0]]


# -- access --------------------------------------------------------------------------------------------------------------


def test_no_secret_is_on_the_command_line_or_in_an_error(replay: Replay) -> None:
    secrets = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "hunter2hunter2"}
    files = {name: replay.secret(name, value) for name, value in secrets.items()}
    repo = replay.runs({"verb": "cat", "rc": 1, "err": ["Fatal: hunter2hunter2 of AKIAEXAMPLE\n"]}).repository(
        repository="rest:https://ops:pass%2Fword@rest.example.test/", environment=files
    )
    with pytest.raises(TargetError, match=r"\*{8} of \*{8}"):
        repo.reachable()
    asked = replay.asked()[0]
    assert not any(word in " ".join(asked["argv"]) for word in [*secrets.values(), "pass", "the key"])
    assert {name: asked["env"][name] for name in secrets} == secrets
    assert asked["env"]["RESTIC_PASSWORD_FILE"] == str(replay.folder / "key") and "RESTIC_PASSWORD" not in asked["env"]
    assert set(repo._access.secrets()) == {*secrets.values(), "pass%2Fword", "pass/word"}


def test_leftovers_of_a_shell_lead_nowhere(replay: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RESTIC_REPOSITORY_FILE", "RESTIC_PASSWORD", "AWS_PROFILE", "SSH_AUTH_SOCK", "HOME"):
        monkeypatch.setenv(name, "elsewhere")
    monkeypatch.setenv("https_proxy", "http://proxy.example.test:3128")
    replay.says("present").repository().reachable()
    environment = replay.asked()[0]["env"]
    assert "elsewhere" not in environment.values()
    assert environment["https_proxy"] == "http://proxy.example.test:3128" and environment["TZ"] == "UTC"


def test_a_rotated_secret_is_used_at_once(replay: Replay) -> None:
    repo = replay.says("present", "present").repository(environment={"B2_ACCOUNT_KEY": replay.secret("b2", "old")})
    repo.reachable()
    replay.secret("b2", "new")
    repo.reachable()
    assert [one["env"]["B2_ACCOUNT_KEY"] for one in replay.asked()] == ["old", "new"]


def test_how_each_kind_of_target_is_reached(replay: Replay) -> None:
    others = {"ca_file": "/etc/ca.pem", "upload_limit": 500, "ssh_key_file": "/etc/ssh key"}
    for address in (S3, SFTP):
        replay.says("present").repository(repository=address, **others).reachable()
        argv = replay.asked()[0]["argv"]
        assert {"--cacert=/etc/ca.pem", "--limit-upload=500", "--json", "--no-lock"} <= set(argv)
        ssh = [one for one in argv if one.startswith("sftp.args=")]
        assert bool(ssh) == (address == SFTP)
    assert "-o BatchMode=yes -o StrictHostKeyChecking=yes" in ssh[0] and "-o ConnectTimeout=" in ssh[0]
    assert f"-o UserKnownHostsFile={replay.folder}/known_hosts -o IdentitiesOnly=yes -i '/etc/ssh key'" in ssh[0]


def test_a_missing_secret_and_a_missing_program_are_told(replay: Replay, tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"its secret \S+/nowhere cannot be read \(No such file or directory\)"):
        replay.runs().repository(environment={"AWS_ACCESS_KEY_ID": str(tmp_path / "nowhere")}).reachable()
    replay.program.unlink()
    with pytest.raises(TargetError, match=r"restic is not installed: apply role backup"):
        replay.repository().reachable()


# -- time ----------------------------------------------------------------------------------------------------------------


def test_who_says_nothing_is_ended(replay: Replay) -> None:
    began = time.monotonic()
    with pytest.raises(restic.Unreachable, match="no answer within 0 s"):
        replay.runs({"verb": "cat", "waits": True}).repository().reachable(0.4)
    with pytest.raises(restic.Overdue, match="what was uploaded is kept"):
        backup(replay.runs({"verb": "backup", "waits": True}).repository(), deadline=0.4)
    with pytest.raises(restic.Unreachable):  # killed a second later
        replay.runs({"verb": "cat", "waits": True, "stubborn": True}).repository().reachable(0.4)
    assert time.monotonic() - began < 10


def test_a_listener_that_fails_ends_restic(replay: Replay) -> None:
    status = '{"message_type":"status","percent_done":0.5,"bytes_done":1}\n'

    def fail(_percent: float, _count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backup(replay.runs({"verb": "backup", "out": [status], "waits": True}).repository(), tell=fail)
    with pytest.raises(ProcessLookupError):
        os.kill(replay.asked()[0]["pid"], 0)


def test_patience_ends_when_nothing_helps_or_nobody_comes_back() -> None:
    line = "Save(<data/abcd>) returned error, retrying after 1.5s: {}"
    refused, denied = line.format("dial tcp 192.0.2.1:443: connection refused"), line.format("Access Denied")
    watch = Watch(patience=3600)
    assert [watch.hear(one) for one in (denied, denied)] == [False, True]
    watch = Watch(patience=3600)
    assert not any(watch.hear(refused) for _again in range(50))
    watch = Watch(patience=-1)
    assert not Watch(patience=0.5).hear(refused) and watch.hear(refused)
    watch = Watch(patience=3600)
    recovered = "Save(<data/abcd>) operation successful after 1 retries"
    assert not any(watch.hear(one) for one in (denied, recovered, denied, recovered)) and watch.last == ""


# -- the real one --------------------------------------------------------------------------------------------------------


def real() -> bool:
    """A restic with exit statuses for faults is installed here."""
    if shutil.which("restic") is None:
        return False
    words = subprocess.run(["restic", "version"], capture_output=True, text=True, check=False).stdout.split()
    return tuple(int(part) for part in words[1].split(".")[:2]) >= (0, 17)


@pytest.mark.skipif(not real(), reason="no restic 0.17 or later is installed; the recorded ones are replayed")
def test_there_and_back_with_the_real_program(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("a key\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "file").write_text("content")
    with (tmp_path / "data" / "sparse").open("wb") as sparse:
        sparse.truncate(64 << 20)
    target = Target("here", str(tmp_path / "repository"), str(tmp_path / "key"))
    repo = Repository(target, cache=tmp_path / "cache")
    assert (repo.reachable(), repo.ensure(), repo.ensure()) == ("absent", "created", "present")
    made = backup(repo, str(tmp_path / "data"))
    assert [one.id for one in repo.snapshots(["kind:backup"])] == [made.id]
    repo.restore(made.id, tmp_path / "back", subpath=str(tmp_path / "data"))
    assert (tmp_path / "back" / "file").read_text() == "content"
    back = (tmp_path / "back" / "sparse").stat()
    assert back.st_size == 64 << 20 and back.st_blocks * 512 < 1 << 20, "a sparse file took its full size"
    repo.check(1, 1)
