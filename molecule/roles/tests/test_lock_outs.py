# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mistakes that shut the controller out of a host: each takes itself back, without anybody.

What is wrong is wrong in a way that no check can know beforehand: the network between, the address somebody comes from, a file that
somebody else has put there and nobody has loaded yet. Each run fails; some seconds later the host is as it was, and lets people in.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from test_alone import INVENTORY

ROOT = Path(__file__).resolve().parents[3]
REVERT = 12  # seconds, for all of these
ELSEWHERE = "ops@203.0.113.7"


@dataclass(frozen=True)
class Door:
    """A host, seen from beneath: without its SSH server, its firewall and its sudo."""

    host: str
    folder: Path
    since: float = field(default_factory=time.time)

    def sh(self, command: str) -> str:
        argv = [sys.executable, str(ROOT / "tests/hosts/hosts.py"), "exec", self.host, "--", "sh", "-c", command]
        return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout

    def begin(self, role: str, variables: Mapping[str, Any], part: str = "") -> subprocess.Popen[str]:
        """Apply a role, as an operator does, with a mistake in it.

        :param part: no more of it than this file; then nothing happens for minutes.
        """
        included = {"name": f"latentum.ops.{role}", **({"tasks_from": part} if part else {})}
        tasks: list[dict[str, Any]] = [{"name": "Role", "ansible.builtin.include_role": included}]
        if part:
            tasks.append({"name": "Something takes long", "ansible.builtin.pause": {"minutes": 10}})
        facts = {"gather_facts": True, "gather_subset": ["min", "distribution"]}
        play = [{"hosts": self.host, "become": True, **facts, "tasks": tasks}]
        (self.folder / "play.json").write_text(json.dumps(play))
        (self.folder / "variables.json").write_text(json.dumps(variables))
        argv = ["ansible-playbook", "-i", INVENTORY, str(self.folder / "play.json"), "-e", f"@{self.folder / 'variables.json'}"]
        # Each connection is a new one: one that is kept would go on to serve whoever is shut out.
        options = {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_SSH_ARGS": "-o ControlMaster=no -o ControlPath=none", "ANSIBLE_TIMEOUT": "5"}
        environment = {**os.environ, **options, "ANSIBLE_ROLES_PATH": str(ROOT / "roles")}
        return subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def state(self) -> str:
        """All that decides who gets in."""
        files = "/etc/ssh/sshd_config /etc/ssh/sshd_config.d /etc/sudoers /etc/sudoers.d /etc/pam.d /etc/ufw /etc/default/ufw"
        rules = "iptables-save | grep -E '^-A|^:' | sed 's/ \\[.*//'; ip6tables-save | grep -E '^-A|^:' | sed 's/ \\[.*//'"
        return self.sh(f"find {files} -type f -print0 2>/dev/null | sort -z | xargs -0 sha256sum; {rules}; sshd -T | sort")

    def lets_in(self) -> bool:
        """Whether the controller gets in and becomes root."""
        argv = ["ansible", "-i", INVENTORY, self.host, "-b", "-m", "ansible.builtin.raw", "-a", "id -u"]
        options = {"ANSIBLE_SSH_ARGS": "-o ControlMaster=no -o ControlPath=none", "ANSIBLE_TIMEOUT": "5"}
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60, cwd=ROOT, env={**os.environ, **options})
        return done.returncode == 0

    def waits(self) -> bool:
        """A change waits for its confirmation."""
        return "latentum-ops-revert-" in self.sh("systemctl list-units --plain --no-legend 'latentum-ops-revert-*.timer'")

    def comes_back_as(self, before: str) -> None:
        until = time.monotonic() + REVERT + 60
        while self.waits() or self.state() != before:
            assert time.monotonic() < until, "it stays as the mistake has made it"
            time.sleep(1)
        assert "was not confirmed: taking it back" in self.sh(f"journalctl --no-pager -t latentum-ops --since @{int(self.since)}")
        assert self.lets_in()
        assert self.sh("ls /var/lib/latentum-ops/config-sets") == "", "nothing is left that a boot would take back"


@pytest.fixture
def door(tmp_path: Path) -> Callable[[str], Door]:
    return lambda host: Door(host, tmp_path)


def of_ssh(**more: Any) -> dict[str, Any]:
    return {"ssh_hardening_revert_after": REVERT, **more}


MISTAKES = {
    "the port is not forwarded": ("role-ssh-hardening", "ssh_hardening", of_ssh(ssh_hardening_port=2222)),
    "a user from another address": ("role-ssh-hardening", "ssh_hardening", of_ssh(ssh_hardening_allow_users=[ELSEWHERE])),
    "the firewall is closed": (
        "role-firewall",
        "firewall",
        {"firewall_ssh_port": 2222, "firewall_allow_without_ssh": True, "firewall_revert_after": REVERT},
    ),
}


@pytest.mark.parametrize(
    "mistake", [pytest.param(name, marks=() if name == "a user from another address" else pytest.mark.matrix) for name in MISTAKES]
)
def test_a_mistake_takes_itself_back(door: Callable[[str], Door], mistake: str) -> None:
    host, role, variables = MISTAKES[mistake]
    at = door(host)
    assert at.lets_in()
    before = at.state()
    run = at.begin(role, variables)
    said, _nothing = run.communicate(timeout=300)
    assert run.returncode != 0, said
    at.comes_back_as(before)


@pytest.mark.matrix
def test_a_file_that_nobody_has_loaded_is_not_loaded_by_us(door: Callable[[str], Door]) -> None:
    """Taking our own change back would not help: sshd would read that file again."""
    at = door("role-ssh-hardening")
    before = at.state()
    at.sh("echo 'AuthorizedKeysFile /nowhere' >/etc/ssh/sshd_config.d/00-somebody.conf")
    try:
        run = at.begin("ssh_hardening", of_ssh(ssh_hardening_banner="/etc/motd"))
        said, _nothing = run.communicate(timeout=300)
        assert run.returncode != 0 and "remove that line (/etc/ssh/sshd_config.d/00-somebody.conf:1)" in said, said
        assert at.lets_in() and not at.waits()
    finally:
        at.sh("rm /etc/ssh/sshd_config.d/00-somebody.conf")
    assert at.state() == before


@pytest.mark.matrix
@pytest.mark.parametrize("then", ["nobody does anything", "somebody presses the reset button"])
def test_a_controller_that_dies_before_it_confirms(door: Callable[[str], Door], then: str) -> None:
    at = door("role-ssh-hardening")
    before = at.state()
    # A good change; nobody is there to say so.
    another = f"/etc/banner-{time.monotonic_ns()}"
    given = of_ssh(ssh_hardening_banner=another, ssh_hardening_revert_after=600 if "reset" in then else REVERT)
    run = at.begin("ssh_hardening", given, "configure")
    until = time.monotonic() + 120
    while not at.waits():
        assert run.poll() is None and time.monotonic() < until, "nothing waits for a confirmation"
    run.kill()
    run.communicate(timeout=30)
    assert at.state() != before
    if "reset" in then:
        subprocess.run([sys.executable, str(ROOT / "tests/hosts/hosts.py"), "restart", at.host], check=True, timeout=300)
    at.comes_back_as(before)


@pytest.mark.matrix
def test_sudo_and_pam_take_themselves_back(door: Callable[[str], Door], tmp_path: Path) -> None:
    """Nobody becomes root any more once PAM's files are read anew: a module that is not there, in a profile that nobody had applied."""
    at = door("role-access")
    anna, eve = ({"name": name, "keys": [{"key": _key(tmp_path / name)}], "scopes": [{"level": "admin"}]} for name in ("anna", "eve"))
    settled = at.begin("access", {"ops_operators": [anna, eve]})
    said, _nothing = settled.communicate(timeout=300)
    assert settled.returncode == 0, said
    before = at.state()
    profile = "Name: broken\\nDefault: yes\\nPriority: 999\\nAccount-Type: Primary\\nAccount:\\n\\trequisite pam_is_not_there.so\\n"
    at.sh(f"printf '{profile}' >/usr/share/pam-configs/broken")
    try:
        run = at.begin("access", {"ops_operators": [anna, {**eve, "break_glass": True}], "access_revert_after": 30})
        said, _nothing = run.communicate(timeout=300)
        assert run.returncode != 0 and "sudo: " in said, said
        at.comes_back_as(before)
    finally:
        at.sh("rm -f /usr/share/pam-configs/broken; pam-auth-update --package")
    assert at.lets_in()


def _key(path: Path) -> str:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path.with_suffix(".pub").read_text().strip()
