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


@pytest.fixture
def links(proc: Path) -> Path:
    """A kernel with interfaces, one of which was there before anybody set anything."""
    for name, value in {"all": 0, "default": 0, "eth0": 1, "eth0.100": 1, "veth1": 0, "docker0": 1}.items():
        for family in ("ipv4", "ipv6"):
            (proc / f"net/{family}/conf/{name}").mkdir(parents=True, exist_ok=True)
            (proc / f"net/{family}/conf/{name}/accept_redirects").write_text(f"{value}\n")
    return proc


def test_a_star_is_each_interface_that_is_there(links: Path) -> None:
    pattern = {"net.ipv6.conf.*.accept_redirects": 0}
    would = sysctl.apply(pattern, check_mode=True).changed
    assert sorted(would) == [f"net.ipv6.conf.{name}.accept_redirects" for name in ("docker0", "eth0", "eth0/100")]
    assert sysctl.apply(pattern).changed == would
    assert (links / "net/ipv6/conf/eth0.100/accept_redirects").read_text() == "0\n"
    assert (links / "net/ipv4/conf/eth0/accept_redirects").read_text() == "1\n"
    assert sysctl.apply(pattern).changed == {}
    (links / "net/ipv6/conf/wg0").mkdir()
    (links / "net/ipv6/conf/wg0/accept_redirects").write_text("1\n")  # a link that came since
    assert list(sysctl.apply(pattern).changed) == ["net.ipv6.conf.wg0.accept_redirects"]


def test_a_key_of_its_own_wins_over_a_star_wherever_it_stands(links: Path) -> None:
    settings = {
        "net.ipv6.conf.eth0.accept_redirects": 2,
        "net.ipv6.conf.*.accept_redirects": 0,
        "net.ipv6.conf.docker0.accept_redirects": None,
    }
    assert set(sysctl.apply(settings).changed) == {"net.ipv6.conf.eth0.accept_redirects", "net.ipv6.conf.eth0/100.accept_redirects"}
    assert [(links / f"net/ipv6/conf/{name}/accept_redirects").read_text() for name in ("eth0", "docker0")] == ["2\n", "1\n"]
    assert sysctl.wanted_of(settings, "net.ipv6.conf.eth0.accept_redirects") == 2
    assert sysctl.wanted_of(settings, "net/ipv6/conf/eth0.100/accept_redirects") == 0
    assert sysctl.wanted_of(settings, "net.ipv6.conf.docker0.accept_redirects") is None
    assert sysctl.wanted_of(settings, "net.ipv6.neigh.eth0.accept_redirects") is None


def test_a_kernel_without_ipv6_is_no_error(proc: Path) -> None:
    outcome = sysctl.apply({"net.ipv6.conf.*.accept_ra": 0})
    assert outcome.missing == ["net.ipv6.conf.*.accept_ra"] and not outcome.changed


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
