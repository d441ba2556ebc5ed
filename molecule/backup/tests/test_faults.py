# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever goes wrong on the way is said, costs nothing, and is made good."""

from __future__ import annotations

import re
import time

import pytest
from conftest import Kept, Servers, Writer, between, execute, stamp, wait_for

SECRETS = "/etc/latentum-ops/secrets/latentum"


@pytest.mark.matrix
def test_a_killed_receiver_catches_up(rows: Kept, writer: Writer) -> None:
    unit = "latentum-ops-wal@latentum.database"
    rows.sh(f"systemctl stop {unit}")
    wait_for("rows that it does not get", lambda: len(writer.acknowledged()) > 100, 60)
    known = writer.acknowledged()
    rows.sh(f"systemctl start {unit}")
    end = rows.sql("SELECT pg_current_wal_lsn()", "postgres")
    lag = "SELECT max(pg_wal_lsn_diff(:'end', write_lsn)) FROM pg_stat_replication"
    wait_for("all WAL is received", lambda: float(rows.sql(lag, "postgres", end=end) or 1) <= 0, 60)
    moment = known[-1][1] + 0.3
    rows.opsctl(f"restore database database --to '{stamp(moment)}' --yes", timeout=400)
    assert int(rows.sql("SELECT max(id) FROM rows")) >= known[-1][0]
    rows.opsctl("restore undo", timeout=200)


def test_a_target_that_is_away_is_told_and_gets_what_it_missed(rows: Kept, servers: Servers) -> None:
    servers.pause("s3")
    output = rows.opsctl("backup run --no-verify", rc=1, timeout=600)
    assert "!! offsite" in output
    state = rows.state()
    assert state["targets"]["offsite"]["error"]
    assert state["targets"]["offsite"]["since"] > 0
    assert state["targets"]["vault"]["pushed"] == state["targets"]["nas"]["pushed"] > state["targets"]["offsite"]["pushed"]
    # An hour of it, without the hour: the watchdog and the next pushes count from what is noted.
    rows.engine(f"from latentum_ops.backup import state; state.note('latentum', 'targets', 'offsite', since={time.time() - 3600})")
    match = wait_for("the watchdog tells", lambda: re.search(r"offsite.*; since (\d+) min", rows.incidents()), 60)
    assert int(match[1]) >= 60
    servers.go_on("s3")
    wait_for("the timer brings it", lambda: rows.state()["targets"]["offsite"]["pushed"] == state["backup"]["at"], 180)
    assert rows.state()["targets"]["offsite"]["error"] == ""


@pytest.mark.matrix
def test_wrong_keys_and_expired_credentials_are_said_and_harm_nothing(rows: Kept) -> None:
    # To rclone, a secret that is not the right one and one that has expired are the same: the signature does not match.
    wrong = ("backup_key_nas", "s3_secret_key", "rest_password")
    for name in wrong:
        rows.sh(f"cp -p {SECRETS}/{name} /root/{name}; echo wrong > {SECRETS}/{name}")
    try:
        output = rows.opsctl("backup run --no-verify", rc=1, timeout=600)
        assert re.search(r"!! .*nas holds a repository that this host's key does not open", output, re.MULTILINE), output
        for name in ("offsite", "vault"):
            assert re.search(rf"!! .*{name} refuses access.*put valid credentials into the secrets", output, re.MULTILINE), output
        assert "no target took the backup; it is kept on this host" in output
    finally:
        for name in wrong:
            rows.sh(f"mv /root/{name} {SECRETS}/{name}")
    # The backup was not lost: it is brought as it was.
    rows.opsctl("backup push")
    state = rows.state()
    assert {target["pushed"] for target in state["targets"].values()} == {state["backup"]["at"]}
    rows.opsctl("backup verify --target nas")


@pytest.mark.matrix
def test_a_full_target_is_said_and_gets_what_it_missed(rows: Kept, servers: Servers, models: str) -> None:
    servers.sh("dd if=/dev/zero of=/data/sftp/fill bs=1M 2>/dev/null || true; df /data/sftp")
    rows.sh(f"head -c 3000000 /dev/urandom > {models}/more.bin")
    try:
        output = rows.opsctl("backup run --no-verify", rc=1, timeout=600)
        assert re.search(r"!! .*nas is full.*make room there", output, re.MULTILINE), output
    finally:
        servers.sh("rm /data/sftp/fill")
    rows.opsctl("backup push")
    assert rows.state()["targets"]["nas"]["pushed"] == rows.state()["backup"]["at"]
    rows.opsctl("backup verify --target nas")


@pytest.mark.matrix
def test_whoever_has_the_host_cannot_remove_what_is_append_only(rows: Kept) -> None:
    # As somebody would who does not care for the declaration.
    look = "import dataclasses; from latentum_ops.backup import running, settings; found = settings.load()"
    look += "; one = next(one for one in found.targets if one.name == 'vault')"
    look += "; vault = running.repository(dataclasses.replace(one, append_only=False))"
    for _twice in range(2):
        rows.opsctl("backup run --no-verify", timeout=600)
    names = f"{look}; print(*(snapshot.id for snapshot in vault.snapshots()))"
    before = set(rows.engine(names).split())
    assert len(before) > 1
    done = rows.run(rows.engine_line(f"{look}; vault.forget({{'last': 1}})"))
    assert done.rc != 0
    assert "refuses" in done.out
    # A backup that the timer began meanwhile may have been added.
    assert before <= set(rows.engine(names).split())


@pytest.mark.parametrize("what", ["bits", pytest.param("dump", marks=pytest.mark.matrix)])
def test_damage_is_found_by_the_proof(rows: Kept, servers: Servers, what: str) -> None:
    before = rows.state()["restorable"]
    if what == "bits":
        # In every pack: the proof brings all of the newest snapshot back.
        flip = "for f in $(find /data/rest/keep/data -type f); do printf X | dd of=$f bs=1 seek=100 conv=notrunc 2>/dev/null; done"
        servers.sh("cp -a /data/rest/keep /data/rest.whole; " + flip)
    else:
        rows.opsctl("backup run --no-verify", timeout=600)
        dump = "/var/lib/latentum-ops/backups/latentum/dumps/database.latentumdb.dump"
        # As if the run had written half of it: the targets are told that they lack this backup.
        rows.sh(f'truncate --size=-2000 {dump}; sed -i \'s/"pushed": [0-9.]*/"pushed": 1.0/\' /var/lib/latentum-ops/backups/latentum.json')
        rows.opsctl("backup push", timeout=300)
    try:
        output = rows.opsctl("backup verify --target vault", rc=1, timeout=400)
        assert "CANNOT BE RESTORED" in output
        assert re.search(r"^!! .*(dump of latentumdb|restore)", output, re.MULTILINE), output
        assert rows.state()["restorable"] == before
        assert not rows.state()["verify"]["ok"]
        pattern = r"the last backup of latentum could not be restored: .*(dump of latentumdb|restore)"
        wait_for("the watchdog tells", lambda: re.search(pattern, rows.incidents()), 60)
    finally:
        if what == "bits":
            servers.sh("rm -rf /data/rest/keep; mv /data/rest.whole /data/rest/keep")
    assert "can be restored" in rows.opsctl("backup run", timeout=600)


@pytest.mark.matrix
def test_a_host_that_dies_in_a_backup_goes_on(rows: Kept, writer: Writer) -> None:
    """The power is gone for its processes; its disk keeps what was written (a container has no cache of its own to lose)."""
    known = []
    for seconds in (between(1, 4), between(4, 10)):
        execute(["docker", "exec", "--detach", rows.name, "opsctl", "backup", "run"])
        time.sleep(seconds)
        known = writer.acknowledged()
        for verb in ("kill", "start"):
            assert execute(["docker", verb, rows.name]).returncode == 0
        wait_for("the stack is there again", lambda: rows.run("systemctl is-active docker").rc == 0 and rows.healthy(), 120)
        writer.start()
    output = rows.opsctl("backup run", timeout=600)
    assert "can be restored" in output
    assert int(rows.sql("SELECT max(id) FROM rows")) >= known[-1][0]
    # What was acknowledged until the end is in the stream: recovered from it, not from the data folder.
    rows.opsctl(f"restore database database --to '{stamp(known[-1][1] + 0.3)}' --yes", timeout=400)
    assert int(rows.sql("SELECT max(id) FROM rows")) >= known[-1][0]
    rows.opsctl("restore undo", timeout=200)


def test_a_restore_that_is_killed_anywhere_comes_to_a_safe_end(rows: Kept, matrix: bool) -> None:
    rows.opsctl("backup run --no-verify", timeout=600)
    rows.sql("INSERT INTO rows SELECT max(id) + 1 FROM rows")
    newest = int(rows.sql("SELECT max(id) FROM rows"))
    whole = {newest, newest - 1}
    for seconds in (1.5, between(3, 8), between(8, 14)) if matrix else (between(3, 14),):
        rows.run(f"timeout --signal=KILL {seconds:.2f} opsctl restore database database --from nas --yes", 300)
        rows.run("opsctl restore resume", 300)
        assert rows.sh("docker ps --all --quiet --filter label=com.latentum.ops.throwaway") == ""
        wait_for("the database serves", rows.healthy, 90)
        assert int(rows.sql("SELECT max(id) FROM rows")) in whole
        rows.run("opsctl restore confirm")
    rows.opsctl("backup run --no-verify", timeout=600)
