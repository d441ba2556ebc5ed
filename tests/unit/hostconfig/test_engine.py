# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine is installed as a whole or not at all, a newer one stays, and there is no moment without one."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import tarfile
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core.version import EngineVersion, digest, installed, tree_files
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig import engine, transaction
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.engine import EngineRefused, Host, Installation
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.entries import Entry
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.transaction import ConfigSetError
from ansible_collections.latentum.ops.plugins.plugin_utils import engine_source

from .conftest import Systemd

SAYS = "from ..words import WORD\nprint(WORD)\n"


def files(word: str) -> dict[str, bytes]:
    """A small engine that says a word, and another one when it is asked late."""
    return {
        "cli/__init__.py": b"",
        "cli/__main__.py": SAYS.encode(),
        "words.py": f"WORD = {word!r}\n".encode(),
        "late/__init__.py": f"WORD = {word!r}\n".encode(),
    }


def packed(content: Mapping[str, bytes]) -> bytes:
    """As the controller packs it."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return gzip.compress(raw.getvalue())


@pytest.fixture
def host(tmp_path: Path, systemd: Systemd) -> Host:
    """A host without an engine."""
    return Host(tmp_path / "lib", tmp_path / "lock", tmp_path / "share")


def install(host: Host, word: str, version: str = "1.0.0", extra: tuple[Entry, ...] = (), *, check_mode: bool = False) -> Installation:
    content = files(word)
    wanted = EngineVersion(version, digest(content), 1)
    return host.install(wanted, extra, packed(content), check_mode=check_mode)


def said(host: Host) -> str:
    """What the installed engine says."""
    argv = ["env", f"PYTHONPATH={host.home}", sys.executable, "-B", "-m", "latentum_ops.cli"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


def test_a_bare_host_gets_it_and_a_second_run_changes_nothing(host: Host, systemd: Systemd) -> None:
    assert install(host, "one").changed
    assert said(host) == "one"
    assert installed(host.home) == EngineVersion("1.0.0", digest(files("one")), 1)
    names = ("auth.service", "log-collector", "log-forwarder", "log-sinks", "socket-proxy.service", "upstreams", "watchdog")
    own = [f"latentum-ops-{name}*" for name in names]
    assert ["systemctl", "try-restart", *own] in systemd.calls
    systemd.calls.clear()
    again = host.install(EngineVersion("1.0.0", digest(files("one")), 1), ())
    assert (again.changed, again.wanting) == (False, False)
    assert not any("try-restart" in call for call in systemd.calls)


def test_shells_complete_the_engine_that_is_in_use(host: Host) -> None:
    install(host, "one")
    places = [host.share / path for path in engine.COMPLETION.values()]
    assert [place.read_text().strip() for place in places] == ["one"] * 3  # the small engine says its word whatever it is asked
    assert {place.stat().st_mode & 0o777 for place in places} == {0o644}
    assert install(host, "two").changes == []  # told by version and digest, as the engine itself
    assert [place.read_text().strip() for place in places] == ["two"] * 3
    places[0].unlink()
    assert install(host, "two").changed and places[0].exists() and not install(host, "two").changed
    install(host, "one", "0.9.0")
    assert places[0].read_text().strip() == "two"


def test_without_an_archive_it_is_only_asked_for(host: Host) -> None:
    asked = host.install(EngineVersion("1.0.0", digest(files("one")), 1), ())
    assert asked.wanting and asked.before is None
    assert not host.home.exists()


def test_the_layout_without_folders_is_replaced_and_its_files_go(host: Host) -> None:
    for name, content in files("old").items():
        path = host.package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (host.package / "flat.py").write_text("")
    done = install(host, "new")
    assert done.before == EngineVersion()
    assert said(host) == "new"
    assert [path.name for path in host.package.iterdir()] == ["__init__.py"]


def test_a_newer_engine_stays_with_its_files(host: Host, tmp_path: Path) -> None:
    install(host, "new", "1.10.0")
    unit = Entry(tmp_path / "unit", content=b"older")
    done = install(host, "old", "1.9.0", (unit,))
    assert done.kept and not done.changed
    assert said(host) == "new"
    assert not unit.path.exists()


def test_another_build_of_the_same_version_is_installed(host: Host) -> None:
    install(host, "one")
    assert install(host, "two").changed
    assert said(host) == "two"


def test_a_file_changed_by_hand_is_put_right(host: Host) -> None:
    install(host, "one")
    current = host.current()
    assert current is not None
    (current / "latentum_ops" / "words.py").write_text("WORD = 'forged'\n")
    assert said(host) == "forged"
    assert install(host, "one").changed
    assert said(host) == "one"


def test_the_one_before_is_kept_for_what_still_runs_and_no_other(host: Host) -> None:
    for word in ("one", "two", "three"):
        install(host, word)
    assert sorted(path.name for path in host.engines.iterdir()) == sorted(digest(files(word))[:12] for word in ("two", "three"))


def test_an_engine_that_does_not_start_never_takes_effect(host: Host) -> None:
    install(host, "one")
    broken = {**files("two"), "late/__init__.py": b"WORD = (\n"}  # no program imports it at its start
    with pytest.raises(EngineRefused, match=r"the one that was there stays: (.|\n)*SyntaxError"):
        host.install(EngineVersion("2.0.0", digest(broken), 1), (), packed(broken))
    assert said(host) == "one"
    assert len(list(host.engines.iterdir())) == 1


def test_an_archive_that_was_damaged_is_refused(host: Host) -> None:
    with pytest.raises(EngineRefused, match="damaged on its way"):
        host.install(EngineVersion("1.0.0", digest(files("other")), 1), (), packed(files("one")))
    with pytest.raises(EngineRefused, match="refused"):
        host.install(EngineVersion("1.0.0", digest(files("one")), 1), (), b"no archive")
    with pytest.raises(EngineRefused, match="no plain file below it"):
        host.install(EngineVersion("1.0.0", "0" * 64, 1), (), packed({"../escaped.py": b""}))
    assert list(host.engines.iterdir()) == []


def test_a_refused_command_brings_the_old_engine_back(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = tmp_path / "opsctl"
    monkeypatch.setattr(engine, "COMMAND", command)
    install(host, "one")
    with pytest.raises(ConfigSetError, match="the old files are back"):
        install(host, "two", "2.0.0", (Entry(command, content=b"#!/bin/sh\nexit 3\n", mode=0o755),))
    assert said(host) == "one"
    assert not command.exists()
    assert installed(host.home) == EngineVersion("1.0.0", digest(files("one")), 1)


def test_check_mode_says_the_same_and_changes_nothing(host: Host, tmp_path: Path) -> None:
    unit = Entry(tmp_path / "unit", content=b"text")
    before = install(host, "one", extra=(unit,), check_mode=True)
    assert before.changed
    assert not host.home.exists() and not unit.path.exists() and not host.lock.exists()
    shown = host.install(EngineVersion("1.0.0", digest(files("one")), 1), (unit,), check_mode=True)
    assert [change.entry.path for change in shown.changes] == [unit.path]


def test_a_run_killed_in_between_is_finished_by_the_next(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    install(host, "one")

    class Killed(BaseException):
        """Stands for SIGKILL: nothing is tidied up."""

    def die(*_arguments: object, **_options: object) -> Installation:
        raise Killed

    monkeypatch.setattr(engine, "apply", die)
    with pytest.raises(Killed):
        install(host, "two")
    monkeypatch.setattr(engine, "apply", transaction.apply)
    assert said(host) == "one"
    assert install(host, "two").changed
    assert said(host) == "two"


def test_it_can_be_imported_at_every_moment(host: Host) -> None:
    install(host, "one")
    heard: list[str] = []
    done = threading.Event()

    def listen() -> None:
        while not done.is_set():
            heard.append(said(host))

    listener = threading.Thread(target=listen)
    listener.start()
    for number in range(6):
        install(host, f"word{number}")
    done.set()
    listener.join()
    assert len(heard) > 3
    assert set(heard) <= {"one", *(f"word{number}" for number in range(6))}


def test_what_runs_goes_on_with_the_engine_it_began_with(host: Host) -> None:
    install(host, "one")
    code = "import latentum_ops.words as w; print(w.WORD, flush=True); input(); import latentum_ops.late as l; print(l.WORD)"
    argv = ["env", f"PYTHONPATH={host.home}", sys.executable, "-B", "-c", code]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "one\n"
        install(host, "two")
        assert running.communicate("\n")[0] == "one\n"


def test_the_archive_of_the_collection_is_its_engine() -> None:
    content = gzip.decompress(engine_source.archive())
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        unpacked = {member.name: (tar.extractfile(member) or io.BytesIO()).read() for member in tar}
    assert unpacked == tree_files(engine_source.SOURCE)
    assert engine_source.own_engine().digest == digest(unpacked)
    assert "cli/__main__.py" in unpacked and not any(name.endswith(".pyc") for name in unpacked)


def test_the_record_is_one_line_of_json(host: Host) -> None:
    install(host, "one")
    recorded = json.loads((host.home / "engine.json").read_text())
    assert recorded == {"version": "1.0.0", "digest": digest(files("one")), "state_format": 1}
