# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel settings are told honestly, and permissions are only ever taken away."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig import modes, sysctl
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.entries import EntryError


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kernel with four settings, one of which keeps what it has."""
    monkeypatch.setattr(sysctl, "PROC", tmp_path)
    for name, value in {
        "kernel/a": "0\n",
        "net/ipv4/conf/eth0.100/b": "4096\t16384\n",
        "kernel/fixed": "2\n",
        "kernel/same": "1\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(value)
    real = Path.write_text

    def write(path: Path, text: str) -> int:
        if path.name == "fixed":
            raise PermissionError(1, "Operation not permitted")
        return real(path, text)

    monkeypatch.setattr(Path, "write_text", write)
    return tmp_path


WANTED = {"kernel.a": 1, "net.ipv4.conf.eth0/100.b": "4096 32768", "kernel.fixed": "0", "kernel.same": 1, "kernel.no.such": 1}


def test_what_can_be_set_is_set_and_the_rest_is_told(proc: Path) -> None:
    outcome = sysctl.apply(WANTED)
    assert outcome.changed == {"kernel.a": ("0", "1"), "net.ipv4.conf.eth0/100.b": ("4096 16384", "4096 32768")}
    assert outcome.missing == ["kernel.no.such"]
    assert outcome.refused == {"kernel.fixed": "Operation not permitted, stays 2"}
    assert (proc / "kernel/a").read_text() == "1\n"
    assert sysctl.apply(WANTED).changed == {}


def test_a_check_changes_nothing(proc: Path) -> None:
    assert "kernel.a" in sysctl.apply(WANTED, check_mode=True).changed
    assert (proc / "kernel/a").read_text() == "0\n"


def test_a_value_that_is_accepted_but_not_kept_is_refused(proc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "write_text", lambda path, text: len(text))
    assert sysctl.apply({"kernel.a": 1}).refused == {"kernel.a": "the kernel keeps 0"}


def test_keys_are_read_as_sysctl_reads_them(proc: Path) -> None:
    assert sysctl.path_of("net/ipv4/conf/eth0.100/b") == proc / "net/ipv4/conf/eth0.100/b"
    assert sysctl.path_of("net.ipv4.conf.eth0/100.b") == proc / "net/ipv4/conf/eth0.100/b"


def test_permissions_are_taken_away_and_never_given(tmp_path: Path) -> None:
    for name, mode in {"open": 0o755, "strict": 0o600, "home": 0o700}.items():
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
    (tmp_path / "link").symlink_to("open")
    found = modes.differing(modes.parse_modes({f"{tmp_path}/*": "0750", f"{tmp_path}/no": "0600"}))
    assert found == {tmp_path / "open": (0o755, 0o750)}


@pytest.mark.parametrize("raw", [{"etc/x": "0600"}, {"/etc/x": "rw"}])
def test_malformed_modes_are_refused(raw: dict[str, str]) -> None:
    with pytest.raises(EntryError, match="paths: "):
        modes.parse_modes(raw)
