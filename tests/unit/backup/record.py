# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write down what a real restic says, for the tests that replay it: every operation, and every fault that can be made.

Run by root on a throw-away host with the engine (role opsctl), restic, this file, and from `hosts.py path` the files `ca`, `sftp-key` and
`targets` under these names: ``python3 record.py /root > recorded/restic-0.19.json``. It fills /srv and mounts a small tmpfs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

WORK = Path("/srv/record")
REPO, DATA, KEY = WORK / "repository", WORK / "data", WORK / "key"

# Stands before restic: passes everything on as it comes, and writes it down.
WRAPPER = """#!/usr/bin/python3
import json, re, signal, subprocess, sys, threading
from pathlib import Path
argv = sys.argv[1:]
run = subprocess.Popen(["restic", *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
said, ended = {"out": [], "err": []}, []
def stop(*_):
    ended.append(True)
    run.terminate()
signal.signal(signal.SIGTERM, stop)
def follow(name, source, sink):
    for line in source:
        said[name].append(line)
        sink.write(line)
        sink.flush()
threads = [threading.Thread(target=follow, args=one) for one in (("out", run.stdout, sys.stdout), ("err", run.stderr, sys.stderr))]
for one in threads: one.start()
for one in threads: one.join()
log = re.search("-E ([^ ]+)", " ".join(argv))
ssh = Path(log[1]).read_text() if log and Path(log[1]).exists() else ""
verb = next(one for one in argv if one in "cat init backup snapshots restore ls dump forget prune check unlock".split())
with open("/srv/record/said.jsonl", "a") as file:
    file.write(json.dumps({"verb": verb, "rc": run.wait(), **said, "ssh": ssh, "waits": bool(ended)}) + "\\n")
sys.exit(run.returncode)
"""


def main(folder: Path) -> None:
    """Record everything, and write it as one JSON object: by scenario, the runs in order."""
    sys.path.insert(0, "/usr/lib/latentum-ops")
    from latentum_ops.backup import restic, restic_access  # type: ignore[import-not-found]
    from latentum_ops.contracts.backup_settings import Target  # type: ignore[import-not-found]

    restic_access.LOCK_WAIT = 1
    targets = json.loads((folder / "targets").read_text())
    shutil.rmtree(WORK, ignore_errors=True)
    (DATA / "sub").mkdir(parents=True)
    (DATA / "large").write_bytes(os.urandom(300_000))
    (DATA / "sub" / "small").write_text("a small file\n")
    (WORK / "known_hosts").write_text(targets["sftp"]["known_hosts"] + "\n")
    (WORK / "wrong_hosts").write_text(
        targets["sftp"]["known_hosts"].replace("AAAAC3NzaC1lZDI1NTE5AAAAI", "AAAAC3NzaC1lZDI1NTE5AAAAIA")[:-1] + "\n"
    )
    for name, word in (("key", "the key of the record"), ("wrong", "another key"), ("word", "a wrong word of the record")):
        (WORK / name).write_text(word + "\n")
    (WORK / "wrapper").write_text(WRAPPER)
    (WORK / "wrapper").chmod(0o755)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", WORK / "other_key"], check=True)

    def repository(kind: str = "folder", program: str = "restic", known_hosts: str = "known_hosts", **other: Any) -> Any:
        target: dict[str, Any] = {"name": kind, "repository": str(REPO), "key_file": str(KEY)}
        if kind != "folder":
            about = targets[kind]
            for variable, value in about["environment"].items():
                (WORK / variable).write_text(value + "\n")
            target |= {"repository": f"{about['repository']}/record-{os.getpid()}", "append_only": about["append_only"]}
            target |= {"environment": {variable: str(WORK / variable) for variable in about["environment"]}, "ca_file": str(folder / "ca")}
            target["ssh_key_file"] = str(folder / "sftp-key") if kind == "sftp" else ""
        return restic.Repository(Target(**{**target, **other}), program=program, known_hosts=WORK / known_hosts, cache=WORK / "cache")

    recorded: dict[str, list[dict[str, Any]]] = {}

    def record(name: str, ask: Callable[[Any], Any], kind: str = "folder", **other: Any) -> Any:
        """One scenario: what this asks of restic is written down."""
        (WORK / "said.jsonl").unlink(missing_ok=True)
        result: Any = None
        with suppress(restic.TargetError):
            result = ask(repository(kind, program=str(WORK / "wrapper"), **other))
        recorded[name] = [json.loads(line) for line in (WORK / "said.jsonl").read_text().splitlines()]
        print(name, [one["rc"] for one in recorded[name]], file=sys.stderr)
        return result

    def backup(repo: Any, *paths: str, tag: str = "kind:backup", **how: Any) -> Any:
        return repo.backup(paths or [DATA], ["stack:shop", tag], host="web-a", **how)

    day = 86400.0
    record("created", lambda repo: repo.ensure())
    record("present", lambda repo: repo.ensure())
    record("wrong key", lambda repo: repo.reachable(), key_file=str(WORK / "wrong"))
    first = record("backup", lambda repo: backup(repo, time=time.time() - 2 * day, tell=lambda _percent, _bytes: None))
    record("backup, unread", lambda repo: backup(repo, str(DATA), "/proc/self/mem", tag="kind:broken"))
    record("backup, missing", lambda repo: backup(repo, str(DATA), "/srv/nowhere", tag="kind:broken"))
    record("backup, all missing", lambda repo: backup(repo, "/srv/nowhere"))
    second = backup(repository())
    backup(repository(), tag="kind:wal")
    record("snapshots", lambda repo: repo.snapshots(["stack:shop", "kind:backup"], "web-a"))
    record("snapshots, none", lambda repo: repo.snapshots(["kind:none"]))
    record("ls", lambda repo: repo.ls(second.id, str(DATA)))
    record("ls, missing", lambda repo: repo.ls("deadbeef", str(DATA)))
    record("restore", lambda repo: repo.restore(second.id, WORK / "back", tell=lambda _percent, _bytes: None))
    record("restore, again", lambda repo: repo.restore(second.id, WORK / "back"))
    record("restore, nothing", lambda repo: repo.restore(second.id, WORK / "none", include=["/srv/nowhere"]))
    for name, path in (("dump", "sub/small"), ("dump, missing", "sub/none")):
        with (WORK / "dumped").open("wb") as file:
            record(name, lambda repo, path=path, file=file: repo.dump(second.id, f"{DATA}/{path}", file))  # type: ignore[misc]
    record("check", lambda repo: repo.check(1, 2))
    record("forget", lambda repo: repo.forget({"daily": 1}, tags=("stack:shop", "kind:backup")))
    record("prune", lambda repo: repo.prune())
    record("unlock", lambda repo: repo.unlock_stale())

    environment = {**os.environ, "RESTIC_REPOSITORY": str(REPO), "RESTIC_PASSWORD_FILE": str(KEY)}
    holder = subprocess.Popen(["restic", "backup", "--stdin", "--quiet"], stdin=subprocess.PIPE, env=environment)
    while not list((REPO / "locks").iterdir()):
        time.sleep(0.1)
    record("locked", lambda repo: repo.prune())
    holder.kill()
    holder.wait()
    repository().unlock_stale()

    whole = WORK / "whole"
    shutil.copytree(REPO, whole)
    packs = sorted((one for one in (REPO / "data").rglob("*") if one.is_file()), key=lambda one: -one.stat().st_size)

    def damaged(paths: list[Path], act: Callable[[Path], None]) -> None:
        for old in (REPO, WORK / "cache", WORK / "back"):
            shutil.rmtree(old, ignore_errors=True)
        shutil.copytree(whole, REPO)
        for path in paths:
            act(path)

    def flip(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[40] ^= 0xFF
        path.chmod(0o600)
        path.write_bytes(content)

    damaged(packs[:1], flip)
    record("check, damaged", lambda repo: repo.check(1, 1))
    record("restore, damaged", lambda repo: repo.restore(second.id, WORK / "back"))
    damaged(packs[1:], flip)
    record("ls, damaged", lambda repo: repo.ls(second.id, str(DATA)))
    record("backup, damaged", backup)
    damaged(packs, Path.unlink)
    record("check, lost", lambda repo: repo.check(1, 1))
    record("prune, lost", lambda repo: repo.prune())
    damaged([REPO / "snapshots" / second.id], flip)
    record("snapshots, damaged", lambda repo: repo.snapshots())
    damaged([REPO / "config"], Path.unlink)
    record("config lost", lambda repo: repo.ensure())

    small = WORK / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=500k", "tmpfs", small], check=True)
    record(
        "full", lambda repo: (repo.ensure(), (DATA / "more").write_bytes(os.urandom(900_000)), backup(repo)), repository=str(small / "r")
    )
    (DATA / "more").unlink()
    subprocess.run(["umount", small], check=True)

    for kind in ("s3", "rest", "sftp"):
        repository(kind).ensure()
    one = backup(repository("rest"))
    backup(repository("rest"))
    record("forget, refused", lambda repo: repo.forget({"last": 1}), "rest", append_only=False)
    record("missing on rest", lambda repo: repo.restore("d" * 64, WORK / "none"), "rest")
    wrong = {"AWS_ACCESS_KEY_ID": str(WORK / "AWS_ACCESS_KEY_ID"), "AWS_SECRET_ACCESS_KEY": str(WORK / "word")}
    record("denied by s3", lambda repo: repo.reachable(), "s3", environment=wrong)
    wrong = {"RESTIC_REST_USERNAME": str(WORK / "RESTIC_REST_USERNAME"), "RESTIC_REST_PASSWORD": str(WORK / "word")}
    record("denied by rest", lambda repo: repo.reachable(), "rest", environment=wrong)
    record("denied by sftp", lambda repo: repo.reachable(), "sftp", ssh_key_file=str(WORK / "other_key"))
    record("untrusted s3", lambda repo: repo.reachable(), "s3", ca_file="")
    record("untrusted sftp", lambda repo: repo.reachable(), "sftp", known_hosts="wrong_hosts")
    record("no bucket", lambda repo: repo.reachable(), "s3", repository="s3:https://s3.example.test:9000/nowhere/shop")
    record("nobody on rest", lambda repo: repo.reachable(6), "rest", repository="rest:https://rest.example.test:8001/")
    record("nobody on sftp", lambda repo: repo.reachable(6), "sftp", repository="sftp://backup@sftp.example.test:23//backups")
    recorded["ids"] = [{"first": first.id, "second": second.id, "rest": one.id}]
    json.dump(recorded, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    threading.excepthook = lambda about: os._exit(1)
    main(Path(sys.argv[1]))
