# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A wildcard certificate, which only DNS can prove: a name server that takes updates (RFC 2136), and an authority that asks it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from test_alone import INVENTORY, reach

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests/hosts"))

from services import PREFIX, ZONE, ZONE_KEY

ROOT = Path(__file__).resolve().parents[3]
HOST = "role-certbot"
TLS = f"/etc/latentum-ops/tls/{ZONE}"


def run(*argv: str) -> str:
    """A command on the controller; its failure is the test's."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=ROOT, env={**os.environ, "ANSIBLE_NOCOLOR": "1"})
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


def apply(folder: Path, *arguments: str) -> str:
    """The role, with the address of the name server and the key for its updates."""
    address = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    server = run("docker", "inspect", "--format", address, f"{PREFIX}names").strip()
    variables = folder / "variables.json"
    variables.write_text(json.dumps({"name_server": server, "update_key": ZONE_KEY}))
    return run("ansible-playbook", "-i", INVENTORY, "molecule/roles/by_dns.yml", "-e", f"@{variables}", *arguments)


@pytest.mark.matrix
def test_a_wildcard_is_issued_and_renewed_by_dns(tmp_path: Path) -> None:
    assert ZONE_KEY not in apply(tmp_path, "-vvv")
    host = reach(HOST)
    assert ZONE_KEY not in host.check_output("sudo journalctl --no-pager --output=cat")
    shown = host.check_output(f"sudo openssl x509 -noout -issuer -ext subjectAltName -in {TLS}/fullchain.pem")
    assert f"DNS:*.{ZONE}" in shown and f"DNS:{ZONE}" in shown and "Pebble" in shown
    assert host.check_output("sudo stat --format '%a %U' /etc/letsencrypt/updates.ini") == "600 root"
    assert "changed=0" in apply(tmp_path), "a second run issues nothing"
    before = host.check_output(f"sudo openssl x509 -noout -serial -in {TLS}/fullchain.pem")
    # The timer's own command, told that it is time.
    host.check_output(f"sudo certbot renew --quiet --no-random-sleep-on-renew --force-renewal --cert-name {ZONE}")
    assert host.check_output(f"sudo openssl x509 -noout -serial -in {TLS}/fullchain.pem") != before
