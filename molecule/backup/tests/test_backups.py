# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups are made, proven, and brought back; whatever goes wrong on the way is said, costs nothing, and is made good."""

from __future__ import annotations

import re
import secrets
import time

import pytest
from conftest import DATABASE, Kept, Servers, Writer, wait_for

SECRETS = ["s3-word-of-the-test", "rest-word-of-the-test", "vault-word-of-the-test"]


def between(least: float, most: float) -> float:
    return least + (most - least) * secrets.randbelow(10**6) / 1e6


def stamp(at: float) -> str:
    """As people write a moment, to the microsecond."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at)) + f".{round(at % 1 * 1e6):06d}+00"


def test_a_backup_reaches_every_target_and_is_proven(rows: Kept, writer: Writer) -> None:
    said = rows.opsctl("backup run", timeout=600)
    assert "can be restored" in said
    for check in ("pg_amcheck", "dump of latentumdb", "cache: ", "volume models-data", "SELECT max(at) FROM rows"):
        assert re.search(rf"^ok .*{re.escape(check)}", said, re.MULTILINE), check
    state = rows.state()
    assert set(state["targets"]) == {"offsite", "vault", "nas"}
    assert all(one["error"] == "" and one["snapshot"] for one in state["targets"].values())
    assert state["restorable"] == state["backup"]["at"]
    # The next proof takes another target: each of them has its turn.
    first = state["verify"]["target"]
    rows.opsctl("backup verify", timeout=300)
    assert rows.state()["verify"]["target"] != first
    listed = rows.opsctl("backup list")
    assert listed.count("restored and checked") >= 2
    assert "latentum" in rows.opsctl("status")


def test_no_secret_is_shown_or_kept_elsewhere(rows: Kept) -> None:
    keys = rows.sh(
        "cat /etc/latentum-ops/secrets/latentum/backup_key_offsite /etc/latentum-ops/secrets/latentum/backup_replication_database"
    )
    for secret in [*SECRETS, *keys.split()]:
        assert len(secret) > 15
        places = (
            "/var/lib/latentum-ops/backups/*.json /etc/latentum-ops/backup /etc/latentum-ops/barman /etc/systemd/system /run/latentum-ops"
        )
        found = rows.run(
            f"grep -rlF -e {secret} {places};"
            f" journalctl --no-pager | grep -F -e {secret}; ps axww -o args | grep -F -e {secret} | grep -v grep"
        )
        assert found.out == "", secret


def test_recovery_to_random_seconds_gives_what_was_acknowledged_by_then(rows: Kept, writer: Writer) -> None:
    time.sleep(20)
    known = writer.acknowledged()
    assert len(known) > 100
    moments = [between(known[20][1], known[-20][1]) for _one in range(2)]
    rows.sh(f"docker kill {DATABASE}")  # crashed: what was acknowledged is in the stream all the same
    wait_for("Docker or the watchdog starts it again", rows.healthy, 90)
    for moment in sorted(moments, reverse=True):
        # Rows of which nobody can say on which side of the moment they were committed are left out of the comparison.
        before = max(number for number, at in known if at < moment)
        after = min(number for number, at in known if at > moment + 0.2)
        said = rows.opsctl(f"restore database database --to '{stamp(moment)}' --yes", timeout=400)
        assert "restored" in said
        newest = int(rows.sql("SELECT max(id) FROM rows"))
        assert before <= newest < after, (before, newest, after)
        assert int(rows.sql("SELECT count(*) FROM rows")) == newest + 1, "a row is missing in between"
        rows.opsctl("restore confirm")
    # It can be backed up as before, and its new history be recovered.
    assert "can be restored" in rows.opsctl("backup run", timeout=600)


def test_the_latest_is_everything_that_was_acknowledged(rows: Kept, writer: Writer) -> None:
    time.sleep(5)
    rows.sh(f"docker kill {DATABASE}")
    known = writer.acknowledged() if rows.healthy() else []
    wait_for("it runs again", rows.healthy, 90)
    known = known or writer.acknowledged()
    rows.opsctl("restore database database --yes", timeout=400)
    assert int(rows.sql("SELECT max(id) FROM rows")) >= known[-1][0]
    rows.opsctl("restore undo", timeout=200)
    wait_for("it runs again", rows.healthy, 60)
    assert int(rows.sql("SELECT max(id) FROM rows")) >= known[-1][0]


def test_a_killed_receiver_catches_up(rows: Kept, writer: Writer) -> None:
    unit = "latentum-ops-wal@latentum.database"
    rows.sh(f"systemctl stop {unit}")
    time.sleep(10)
    known = writer.acknowledged()
    rows.sh(f"systemctl start {unit}")
    rows.sql("SELECT pg_switch_wal()", "postgres")
    caught = "SELECT bool_and(pg_current_wal_lsn() = write_lsn) FROM pg_stat_replication WHERE application_name = 'latentum-ops-wal'"
    wait_for("all WAL is received", lambda: rows.sql(caught, "postgres") == "t", 60)
    moment = known[-1][1] + 0.3
    rows.opsctl(f"restore database database --to '{stamp(moment)}' --yes", timeout=400)
    assert int(rows.sql("SELECT max(id) FROM rows")) >= known[-1][0]
    rows.opsctl("restore undo", timeout=200)


def test_a_target_that_is_away_is_told_and_gets_what_it_missed(rows: Kept, servers: Servers) -> None:
    servers.pause("s3")
    said = rows.opsctl("backup run --no-verify", rc=1, timeout=600)
    assert "!! offsite" in said
    state = rows.state()
    assert state["targets"]["offsite"]["error"]
    assert state["targets"]["offsite"]["since"] > 0
    assert state["targets"]["vault"]["pushed"] == state["targets"]["nas"]["pushed"] > state["targets"]["offsite"]["pushed"]
    servers.go_on("s3")
    wait_for("the timer brings it", lambda: rows.state()["targets"]["offsite"]["pushed"] == state["backup"]["at"], 180)
    assert rows.state()["targets"]["offsite"]["error"] == ""


def test_a_wrong_key_is_said_and_harms_nothing(rows: Kept) -> None:
    key = "/etc/latentum-ops/secrets/latentum/backup_key_nas"
    rows.sh(f"cp -p {key} /root/key; echo wrong > {key}")
    try:
        said = rows.opsctl("backup run --no-verify", rc=1, timeout=600)
        assert "!! nas" in said
        assert "key" in said
    finally:
        rows.sh(f"mv /root/key {key}")
    rows.opsctl("backup verify --target nas", timeout=300)


@pytest.mark.parametrize("what", ["bits", "dump"])
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
        said = rows.opsctl("backup verify --target vault", rc=1, timeout=400)
        assert "CANNOT BE RESTORED" in said
        assert re.search(r"^!! .*(dump of latentumdb|restore)", said, re.MULTILINE), said
        assert rows.state()["restorable"] == before
        assert not rows.state()["verify"]["ok"]
        wait_for("the watchdog tells", lambda: "backup latentum" in rows.opsctl("incidents"), 60)
    finally:
        if what == "bits":
            servers.sh("rm -rf /data/rest/keep; mv /data/rest.whole /data/rest/keep")
    assert "can be restored" in rows.opsctl("backup run", timeout=600)


def test_nothing_is_replaced_without_a_word(rows: Kept) -> None:
    started = rows.sh(f"docker inspect --format '{{{{.State.StartedAt}}}}' {DATABASE}")
    said = rows.opsctl("restore everything --from offsite", rc=3)
    assert "will be lost" in said
    assert "nothing was changed" in said
    for words, why in (
        ("database nothing --yes", "no database"),
        ("database database --to '2020-01-01 00:00:00+00' --yes", "the first moment"),
        ("database database --to '2020-01-01 00:00:00' --yes", "zone"),
        (f"database database --to '{stamp(time.time() + 3600)}' --yes", "has not come"),
        ("volume models-data --snapshot ffffffff --from nas --yes", "no backup"),
        ("everything --from nowhere --yes", "no target"),
    ):
        assert why in rows.opsctl(f"restore {words}", rc=1), words
    assert rows.sh(f"docker inspect --format '{{{{.State.StartedAt}}}}' {DATABASE}") == started


def test_a_restore_that_is_killed_anywhere_comes_to_a_safe_end(rows: Kept) -> None:
    rows.opsctl("backup run --no-verify", timeout=600)
    rows.sql("INSERT INTO rows SELECT max(id) + 1 FROM rows")
    newest = int(rows.sql("SELECT max(id) FROM rows"))
    whole = {newest, newest - 1}
    for seconds in (1.5, between(3, 8), between(8, 14)):
        rows.run(f"timeout --signal=KILL {seconds:.2f} opsctl restore database database --from nas --yes", 300)
        rows.run("opsctl restore resume", 300)
        wait_for("the database serves", rows.healthy, 90)
        assert int(rows.sql("SELECT max(id) FROM rows")) in whole
        rows.run("opsctl restore confirm")
        assert "not within" not in rows.run("docker ps --all --filter label=com.latentum.ops.throwaway --quiet").out
    rows.opsctl("backup run --no-verify", timeout=600)


def test_volumes_caches_files_and_dumps_come_back(rows: Kept) -> None:
    models = rows.sh("docker volume inspect --format '{{.Mountpoint}}' latentum_models-data")
    whole = rows.sh(f"cd {models} && find . -type f -exec sha256sum {{}} + | sort")
    cli = "docker exec latentum-cache-1 sh -c 'REDISCLI_AUTH=$(cat /run/secrets/cache_password) exec redis-cli \"$@\"' sh"
    rows.sh(f"{cli} SET kept yes")
    rows.opsctl("backup run --no-verify", timeout=600)
    rows.sh(f"{cli} SET kept no; rm {models}/weights.bin")
    rows.opsctl("restore volume models-data --from vault --yes", timeout=200)
    assert rows.sh(f"cd {models} && find . -type f -exec sha256sum {{}} + | sort") == whole
    rows.opsctl("restore confirm")
    rows.opsctl("restore cache cache --from nas --yes", timeout=200)
    assert rows.sh(f"{cli} GET kept") == "yes"
    rows.opsctl("restore confirm")
    rows.opsctl("restore files /opt/latentum/compose.yaml /etc/nginx --from nas --into /root/back")
    assert rows.sh("cmp /root/back/opt/latentum/compose.yaml /opt/latentum/compose.yaml && ls /root/back/etc/nginx")
    rows.opsctl("restore dump latentumdb --table rows --from offsite --into second")
    assert int(rows.sql("SELECT count(*) FROM rows", "second")) > 0
