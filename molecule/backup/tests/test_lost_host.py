# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host is gone. What is left: the declaration, the off-site backups, and the keys that were encrypted to people."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest
from conftest import FIRST, SPARE, Kept, Writer, execute, playbook, wait_for


@pytest.fixture(scope="module")
def ephemeral() -> Path:
    return Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])


def test_a_lost_host_is_built_again_elsewhere(rows: Kept, models: str, ephemeral: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows.sh("systemctl start latentum-ops-backup@latentum.service", timeout=600)  # the first, if no other test has run
    writer = Writer(rows)
    writer.start()
    wait_for("rows", lambda: len(writer.acknowledged()) > 20, 60)
    written = time.time()
    wait_for("they are pushed", lambda: rows.state()["targets"]["offsite"].get("wal", 0) > written, 120)
    writer.stop()
    known = writer.acknowledged()
    whole = rows.sh(f"cd {models} && find . -type f -exec sha256sum {{}} + | sort")
    secret = rows.sh("sha256sum < /etc/latentum-ops/secrets/latentum/database_password")
    word = ephemeral / "vault-word"
    word.write_text("vault-word-of-the-test\n")
    gone = time.time()
    assert execute(["docker", "rm", "--force", "--volumes", FIRST]).returncode == 0

    # The people who have the identity, and those who know the vault's password, get the same.
    kept = ephemeral / "escrow" / f"{FIRST}.latentum"
    identity = execute([sys.executable, "tests/hosts/hosts.py", "path", "age-identity"]).stdout.strip()
    opened = execute(["age", "--decrypt", "--identity", identity, f"{kept}.age"]).stdout
    assert json.loads(opened) == json.loads(execute(["ansible-vault", "view", "--vault-password-file", str(word), f"{kept}.vault"]).stdout)

    given = {"dr_hosts": SPARE, "dr_bundle": f"{kept}.age", "dr_identity": identity, "dr_from": "offsite"}
    given["dr_lost"] = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(gone + 1))
    given["dr_report_folder"] = f"{ephemeral}/drills"
    rc, output = playbook("dr_drill", SPARE, "-e", json.dumps(given), timeout=1200)
    assert rc == 0, output[-6000:]

    spare = Kept(SPARE)
    wait_for("the database serves", spare.healthy, 60)
    newest = int(spare.sql("SELECT max(id) FROM rows"))
    assert int(spare.sql("SELECT count(*) FROM rows")) == newest + 1
    lost = [at for number, at in known if number > newest]
    assert not lost or gone - min(lost) <= 60, "more is lost than the declaration promises"
    assert spare.sh(f"cd {models} && find . -type f -exec sha256sum {{}} + | sort") == whole
    assert spare.sh("sha256sum < /etc/latentum-ops/secrets/latentum/database_password") == secret

    report = json.loads(next((ephemeral / "drills").glob("*.json")).read_text())
    assert 0 < float(report["rto"]) <= float(report["rto_promised"])
    assert 0 <= float(report["rpo"]) <= float(report["rpo_promised"])
    assert report["checks"]
    text = next((ephemeral / "drills").glob("*.md")).read_text()
    assert "kept" in text
    with capsys.disabled():
        print(f"\n{text}\nRTO {float(report['rto']):.1f} s, RPO {float(report['rpo']):.1f} s, rows lost: {len(lost)}")
