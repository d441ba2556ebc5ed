# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How repositories are reached: no secret outside of files of root, and no protocol that nobody has allowed."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.builds.access import BuildRefused, access, masker_of
from ansible_collections.latentum.ops.plugins.module_utils.contracts.image_build import ImageBuild

Write = Callable[[str, str], None]
HTTPS = ImageBuild("web", "https://git.example.com:8443/shop/web.git", "v1", credentials="git_token")
SSH = ImageBuild("web", "git@git.example.com:shop/web.git", "v1", ssh_key="deploy_key", known_hosts=("git.example.com ssh-ed25519 AAAA",))


@pytest.mark.parametrize(
    ("written", "line"),
    [
        ("robot:to/ken@1\n", "https://robot:to%2Fken%401@git.example.com:8443\n"),
        ("only-a-token\n", "https://token:only-a-token@git.example.com:8443\n"),
    ],
)
def test_git_itself_finds_the_credentials_in_the_file_and_nowhere_else(host: Path, secret: Write, written: str, line: str) -> None:
    secret("git_token", written)
    with access("shop", HTTPS, ["https"]) as reached:
        file = Path(reached.options[-1].rpartition("=")[2])
        assert file.read_text() == line and file.stat().st_mode & 0o777 == 0o600
        assert "ken" not in " ".join([*reached.options, *reached.environment.values()])
        argv = ["git", *reached.options, "credential", "fill"]
        asked = "protocol=https\nhost=git.example.com:8443\n\n"
        environment = {"PATH": "/usr/bin:/bin", **reached.environment}
        filled = subprocess.run(argv, input=asked, env=environment, capture_output=True, text=True, check=True).stdout
        assert f"password={written.strip().partition(':')[2] or written.strip()}\n" in filled
    assert not file.parent.exists()


def test_a_key_whose_last_line_has_no_end_gets_one(host: Path, secret: Write) -> None:
    secret("deploy_key", "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----")
    with access("shop", SSH, ["ssh"]) as reached:
        ssh = shlex.split(reached.environment["GIT_SSH_COMMAND"])
        key = Path(ssh[ssh.index("-i") + 1])
        assert key.read_text().endswith("KEY-----\n") and key.stat().st_mode & 0o777 == 0o600
        assert {"BatchMode=yes", "StrictHostKeyChecking=yes", "IdentitiesOnly=yes"} <= set(ssh)
        known = next(word for word in ssh if word.startswith("UserKnownHostsFile="))
        assert Path(known.partition("=")[2]).read_text() == "git.example.com ssh-ed25519 AAAA\n"


def test_a_secret_that_is_not_here_is_named(host: Path) -> None:
    with (
        pytest.raises(BuildRefused, match=r"builds.web.credentials: .*/secrets/shop/git_token cannot be read"),
        access("shop", HTTPS, ["https"]),
    ):
        pass


def test_a_file_of_the_host_that_builds(host: Path) -> None:
    (host / "token").write_text("abcdef")
    build = ImageBuild("web", HTTPS.repository, "v1", credentials=str(host / "token"))
    with access("shop", build, ["https"]) as reached:
        assert "abcdef" in reached.secrets


@pytest.mark.parametrize("address", ["file:///srv/web.git", "https://git.example.com/web.git"])
def test_a_protocol_that_is_not_allowed(host: Path, address: str) -> None:
    with pytest.raises(BuildRefused, match="stack_build_protocols"), access("shop", ImageBuild("web", address, "v1"), ["ssh"]):
        pass


def test_values_are_hidden_also_line_by_line() -> None:
    assert masker_of(["first-line\nsecond-line\n"]).mask("a first-line b second-line c") == "a ******** b ******** c"
    assert masker_of(["on"]).mask("short on") == "short on"
