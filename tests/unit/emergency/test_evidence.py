# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence: one archive for root alone, whose files have their hashes, without a secret, and complete as far as the host allows."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core import paths
from ansible_collections.latentum.ops.plugins.module_utils.emergency import evidence
from ansible_collections.latentum.ops.plugins.module_utils.emergency.evidence import Archive

from . import places
from .places import Place

place = places.place
COMMANDS = (("who.txt", ("echo", "root pts/0")), ("gone.txt", ("no-such-program",)), ("bad.txt", ("false",)))


def host(root: Path) -> Path:
    """Files of a host."""
    for path, text in {
        "etc/passwd": "root:x:0:0\nada:x:1000:1000\n",
        "etc/group": "root:x:0:\n",
        "etc/cron.d/miner": "* * * * * root /tmp/.x --pass=hunter2hunter2\n",
        "etc/systemd/system/evil.service": "[Service]\nExecStart=/tmp/.x\n",
        "usr/bin/ls": "binary",
        "var/log/auth.log": "Accepted publickey for ada\n",
        "home/ada/.ssh/authorized_keys": "not a key\n",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def collected(place: Place) -> Archive:
    return evidence.collect(lambda _line: None, host(place.root / "host"), COMMANDS)


def unpacked(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {member.name.partition("/")[2]: (tar.extractfile(member) or io.BytesIO()).read() for member in tar}


def test_it_has_what_somebody_looks_for(place: Place) -> None:
    files = collected(place).files
    assert b"root pts/0" in files["who.txt"] and b"ada:x:1000" in files["accounts.txt"]
    assert b"/tmp/.x" in files["starting/etc/cron.d/miner"] and b"Accepted publickey" in files["logs/auth.log"]
    assert hashlib.sha256(b"binary").hexdigest().encode() in files["sha256.txt"] and b"evil.service" in files["sha256.txt"]
    assert b"home/ada/.ssh/authorized_keys" in files["authorized_keys.txt"]
    assert b"python" in files["programs.txt"]
    assert not [name for name in files if name.startswith("/")]


def test_what_cannot_be_collected_says_so_and_hides_nothing_else(place: Place) -> None:
    archive = collected(place)
    assert b"could not be collected" in archive.files["gone.txt"] and b"exit status 1" in archive.files["bad.txt"]
    assert b"gone.txt" in archive.files["gaps.txt"] and "who.txt" in archive.files


def test_no_value_of_the_secret_store_is_in_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = paths.SECRETS / "shop"
    folder.mkdir(parents=True)
    (folder / "password").write_text("hunter2hunter2")
    from ansible_collections.latentum.ops.plugins.module_utils.core import masking

    monkeypatch.setattr(evidence, "mask", masking.Masker(["hunter2hunter2"]).mask)
    assert not [name for name, content in collected(place).files.items() if b"hunter2hunter2" in content]


def test_the_archive_is_for_root_alone_and_each_file_has_its_hash(place: Place, tmp_path: Path) -> None:
    path, digest = evidence.write(collected(place), "about\n", tmp_path / "evidence")
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
    files = unpacked(path)
    listed = dict(reversed(line.split("  ", 1)) for line in files.pop("MANIFEST.sha256").decode().splitlines())
    assert listed == {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    assert files["ABOUT.txt"] == b"about\n"


def test_a_program_that_was_removed_is_marked(tmp_path: Path) -> None:
    for pid, program in ((12, "/usr/bin/sshd"), (13, "/usr/bin/x (deleted)"), (14, "/dev/shm/y")):
        folder = tmp_path / str(pid)
        folder.mkdir()
        (folder / "exe").symlink_to(program)
        (folder / "cwd").symlink_to("/")
    (tmp_path / "15").mkdir()  # has ended meanwhile
    lines = list(evidence._programs(tmp_path))
    assert [("!!" in line) for line in lines] == [False, True, True] and "removed" in lines[1]


def test_without_docker_there_is_the_rest(place: Place) -> None:
    place.dockerd.close()
    (place.root / "docker.sock").unlink()
    archive = collected(place)
    assert [gap for gap in archive.gaps if gap.startswith("containers")] and "accounts.txt" in archive.files
