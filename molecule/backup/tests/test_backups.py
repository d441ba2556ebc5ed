# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups are made, proven, and brought back: to any second, and each thing for itself."""

from __future__ import annotations

import json
import os
import re
import time

import pytest
import unit_exposure
from conftest import DATABASE, SPARE, Kept, Writer, between, playbook, stamp, wait_for

# Moments that are recovered, at 20 s each; as many as somebody wants to wait for.
RECOVERIES = os.environ.get("RECOVERIES")
SECRETS = ["s3-word-of-the-test", "rest-word-of-the-test", "vault-word-of-the-test"]


@pytest.mark.parametrize("words", [[], pytest.param(["--check", "--diff"], marks=pytest.mark.matrix)], ids=["run", "check"])
def test_a_second_run_changes_nothing(host: Kept, words: list[str]) -> None:
    rc, output = playbook("site", host.name, "--tags", "backup", *words)
    assert rc == 0, output[-3000:]
    assert re.search(r"^TASK \[latentum\.ops\.backup : Configure .*\n(.*\n)?ok: ", output, re.MULTILINE), output[-3000:]
    assert re.search(rf"^{host.name} .*changed=0 ", output, re.MULTILINE), output[-3000:]


def test_no_service_of_the_host_is_exposed(host: Kept) -> None:
    """By systemd's own judgement of what is in force, and of no unit more than docs/reference/sandboxes.md says."""
    listed = host.sh("systemctl list-unit-files --no-legend --plain 'latentum-ops-*.service' | cut -d' ' -f1").split()
    running = host.sh("systemctl list-units --all --no-legend --plain 'latentum-ops-*@*.service' | cut -d' ' -f1").split()
    instances = {f"latentum-ops-{verb}@latentum.service" for verb in ("backup", "push")} | set(running)
    units = {unit for unit in listed if "@." not in unit} | instances
    units |= {f"{name}.service" for name in ("nginx", "fail2ban", "certbot", "ssh", "docker", "containerd")}
    scores = unit_exposure.scores_in(host.sh(f"systemd-analyze security --no-pager {' '.join(sorted(units))}"))
    assert set(scores) == units and "latentum-ops-wal@latentum.database.service" in scores
    assert unit_exposure.problems(scores) == []


@pytest.mark.matrix
def test_a_bare_host_can_be_checked_and_stays_bare() -> None:
    spare = Kept(SPARE)
    look = "dpkg-query --show | sha256sum; find /etc /opt /usr/local /usr/lib/latentum-ops /var/lib/latentum-ops -type f 2>/dev/null | sort"
    before = spare.run(look)
    rc, output = playbook("site", SPARE, "--check")
    assert rc == 0, output[-3000:]
    assert "TASK [latentum.ops.backup : Configure" in output
    assert spare.run(look) == before
    assert spare.run("command -v restic").rc != 0


def test_a_backup_reaches_every_target_and_is_proven(rows: Kept, writer: Writer) -> None:
    # As the timer does it: under the limits of the unit.
    rows.sh("systemctl start latentum-ops-backup@latentum.service", timeout=600)
    output = rows.sh("journalctl --unit latentum-ops-backup@latentum.service --output cat --no-pager")
    assert "can be restored" in output
    for check in ("pg_amcheck", "dump of latentumdb", "cache: ", "volume models-data", "SELECT max(at) FROM rows"):
        assert re.search(rf"^ok .*{re.escape(check)}", output, re.MULTILINE), check
    state = rows.state()
    assert set(state["targets"]) == {"offsite", "vault", "nas"}
    assert all(target["error"] == "" and target["snapshot"] for target in state["targets"].values())
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
        shown = rows.run(
            f"grep -rlF -e {secret} {places};"
            f" journalctl --no-pager | grep -F -e {secret}; ps axww -o args | grep -F -e {secret} | grep -v grep"
        )
        assert shown.out == "", secret


def test_recovery_to_random_seconds_gives_what_was_acknowledged_by_then(rows: Kept, writer: Writer, matrix: bool) -> None:
    wait_for("some seconds of rows", lambda: len(writer.acknowledged()) > 100, 60)
    known = writer.acknowledged()
    moments = [between(known[20][1], known[-20][1]) for _one in range(int(RECOVERIES or (2 if matrix else 1)))]
    rows.sh(f"docker kill {DATABASE}")  # crashed: what was acknowledged is in the stream all the same
    wait_for("Docker or the watchdog starts it again", rows.healthy, 90)
    for moment in sorted(moments, reverse=True):
        # All that was acknowledged by then, and nothing that was written afterwards; in between, a row was on its way.
        acknowledged = max(number for number, at in known if at < moment)
        output = rows.opsctl(f"restore database database --to '{stamp(moment)}' --yes", timeout=400)
        assert "restored" in output
        newest = int(rows.sql("SELECT max(id) FROM rows"))
        assert newest >= acknowledged
        assert rows.sql("SELECT max(at) <= :'moment' FROM rows", moment=stamp(moment)) == "t"
        assert int(rows.sql("SELECT count(*) FROM rows")) == newest + 1, "a row is missing in between"
        rows.opsctl("restore confirm")
    # It can be backed up as before, and its new history be recovered.
    assert "can be restored" in rows.opsctl("backup run", timeout=600)


@pytest.mark.matrix
def test_the_latest_is_everything_that_was_acknowledged(rows: Kept, writer: Writer) -> None:
    wait_for("rows", lambda: len(writer.acknowledged()) > 50, 60)
    rows.sh(f"docker kill {DATABASE}")
    known = writer.acknowledged() if rows.healthy() else []
    wait_for("it runs again", rows.healthy, 90)
    known = known or writer.acknowledged()
    rows.opsctl("restore database database --yes", timeout=400)
    assert int(rows.sql("SELECT max(id) FROM rows")) >= known[-1][0]
    rows.opsctl("restore undo", timeout=200)
    wait_for("it runs again", rows.healthy, 60)
    assert int(rows.sql("SELECT max(id) FROM rows")) >= known[-1][0]


def test_nothing_is_replaced_without_a_word(rows: Kept) -> None:
    started = rows.sh(f"docker inspect --format '{{{{.State.StartedAt}}}}' {DATABASE}")
    output = rows.opsctl("restore everything --from offsite", rc=3)
    assert "will be lost" in output
    assert "nothing was changed" in output
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


def test_volumes_caches_files_and_dumps_come_back(rows: Kept, models: str) -> None:
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


@pytest.mark.matrix
def test_playbooks_do_it_from_the_controller(rows: Kept, models: str) -> None:
    rc, output = playbook("backup", rows.name)
    assert rc == 0, output[-3000:]
    assert "can be restored" in output
    there = rows.sql("SELECT count(*) FROM rows")
    rows.sh(f"rm {models}/deep/file")
    rc, output = playbook("restore", rows.name, "-e", "restore_kind=database restore_name=latentumdb restore_from=nas")
    assert rc != 0
    assert "will be lost" in output
    assert "nothing was changed" in output
    for given in (
        {"restore_kind": "files", "restore_paths": ["/etc/nginx"], "restore_from": "vault", "restore_into": "/root/brought"},
        {"restore_kind": "dump", "restore_name": "latentumdb", "restore_table": "rows", "restore_into": "third"},
        {"restore_kind": "volume", "restore_name": "models-data", "restore_from": "offsite", "backup_confirm_restore": True},
        {"restore_state": "confirmed"},
    ):
        rc, output = playbook("restore", rows.name, "-e", json.dumps(given))
        assert rc == 0, output[-3000:]
    assert rows.sh("ls /root/brought/etc/nginx")
    assert rows.sh(f"cat {models}/deep/file") == "small"
    assert rows.sql("SELECT count(*) FROM rows", "third") == there == rows.sql("SELECT count(*) FROM rows")
