# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hook that certbot runs for each renewed certificate, with nginx and systemd played by small programs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

HOOK = Path(__file__).resolve().parents[3] / "roles/certbot/files/latentum-ops-deploy.sh"


@pytest.fixture
def lineage(tmp_path: Path) -> Path:
    """A certificate as certbot keeps it."""
    folder = tmp_path / "live" / "shop"
    folder.mkdir(parents=True)
    (folder / "privkey1.pem").write_text("key")
    (folder / "privkey1.pem").chmod(0o644)
    (folder / "privkey.pem").symlink_to("privkey1.pem")
    return folder


def run_hook(lineage: Path, *, active: int = 0, test: int = 0, reload: int = 0) -> tuple[int, list[str]]:
    """Exit status, and what was run, in order."""
    tools = lineage.parents[1] / "bin"
    tools.mkdir()
    log = tools / "log"
    programs = {
        "systemctl": f"case $1 in is-active) exit {active};; esac; exit {reload}",
        "nginx": f"echo 'no such directive' >&2; exit {test}",
        "logger": "exit 0",
    }
    for name, body in programs.items():
        (tools / name).write_text(f'#!/bin/sh\necho "{name} $*" >> {log}\n{body}\n')
        (tools / name).chmod(0o755)
    environment = {"PATH": f"{tools}:{os.environ['PATH']}", "RENEWED_LINEAGE": str(lineage), "RENEWED_DOMAINS": "shop.example.com"}
    done = subprocess.run(["sh", str(HOOK)], env=environment, capture_output=True, text=True, check=False, timeout=20)
    return done.returncode, log.read_text().splitlines()


def test_a_renewed_certificate_is_tested_and_served(lineage: Path) -> None:
    rc, ran = run_hook(lineage)
    assert rc == 0
    assert ran[:3] == ["systemctl is-active --quiet nginx.service", "nginx -t -q", "systemctl reload nginx.service"]
    assert "renewed for shop.example.com and served" in ran[3]
    assert (lineage / "privkey1.pem").stat().st_mode & 0o777 == 0o600


def test_nothing_is_reloaded_that_nginx_refuses(lineage: Path) -> None:
    rc, ran = run_hook(lineage, test=1)
    assert rc == 1
    assert not [line for line in ran if line.startswith("systemctl reload")]
    assert "no such directive" in ran[-1] and "daemon.err" in ran[-1]


def test_a_failed_reload_is_told(lineage: Path) -> None:
    rc, ran = run_hook(lineage, reload=1)
    assert rc == 1
    assert "could not be reloaded" in ran[-1]


def test_no_nginx_is_no_failure(lineage: Path) -> None:
    rc, ran = run_hook(lineage, active=3)
    assert rc == 0
    assert not [line for line in ran if line.startswith("nginx ")]
