# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collector: what containers, nginx, auditd and the journal write, into the tree, each record once."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core import paths
from ansible_collections.latentum.ops.plugins.module_utils.logs import collector as collector_module
from ansible_collections.latentum.ops.plugins.module_utils.logs import sources
from ansible_collections.latentum.ops.plugins.module_utils.logs.collector import Collector
from ansible_collections.latentum.ops.plugins.module_utils.logs.records import decode, safe
from ansible_collections.latentum.ops.plugins.module_utils.logs.search import Search
from ansible_collections.latentum.ops.plugins.module_utils.logs.settings import Settings

from .docker_logs import PART, Containers


@pytest.fixture(autouse=True)
def _each_look_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector_module, "SEARCH", 0.0)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    for name in ("tree", "state", "containers"):
        (tmp_path / name).mkdir()
    return Settings("web1", tmp_path / "tree", tmp_path / "state", str(tmp_path / "containers"), mask=False)


@pytest.fixture
def containers(settings: Settings) -> Containers:
    return Containers(Path(settings.containers))


def collect(settings: Settings) -> Collector:
    """Read all that is there, and end."""
    collector = Collector(settings)
    while collector.look():
        pass
    collector.close()
    return collector


def texts(settings: Settings, service: str = "") -> list[str]:
    return [found.text for found in Search(settings.tree, lambda place: service in ("", place.service)).history()]


def files(settings: Settings) -> list[str]:
    return sorted("/".join(path.parts[-3:]) for path in settings.tree.glob("*/*/*/*"))


def lines_of(settings: Settings) -> int:
    return sum(path.read_bytes().count(b"\n") for path in settings.tree.glob("*/*/*/*"))


def test_a_tree_by_day_host_stack_and_service(settings: Settings, containers: Containers) -> None:
    for stack, service in (("shop", "api"), ("shop", "web"), ("blog", "api")):
        containers.add(stack, service).write(f"hello of {service} in {stack}")
    containers.add("", "", name="by-hand").write("hello")
    collect(settings)
    assert files(settings) == [
        "web1/_host/by-hand.application.jsonl",
        "web1/blog/api.application.jsonl",
        "web1/shop/api.application.jsonl",
        "web1/shop/web.application.jsonl",
    ]
    (path,) = settings.tree.glob("*/web1/shop/api.application.jsonl")
    record = decode(path.read_bytes())
    assert record and record["text"] == "hello of api in shop" and record["number"] == 1 and record["at"].startswith("2027-01-15T08:00:00")


def test_replicas_of_a_service_share_a_file_in_the_order_of_time(settings: Settings, containers: Containers) -> None:
    first, second = containers.add("shop", "api", name="shop-api-1"), containers.add("shop", "api", name="shop-api-2")
    second.clock = first.clock
    for number in range(20):
        (first, second)[number % 2].write(f"line {number:02d}")
    collect(settings)
    assert files(settings) == ["web1/shop/api.application.jsonl"]
    assert texts(settings) == [f"line {number:02d}" for number in range(20)]


@pytest.mark.parametrize("name", ["..", ".", "", "a/../../etc/passwd", "naïve café", "x" * 300, "new\nline", "#2", "-rf", "CON"])
def test_names_that_lead_elsewhere(name: str, settings: Settings, containers: Containers) -> None:
    containers.add(name or "x", name, name=name).write("hello")
    collect(settings)
    (path,) = [path for path in settings.tree.rglob("*") if path.is_file()]
    assert len(path.relative_to(settings.tree).parts) == 4 and texts(settings) == ["hello"]
    assert safe(name) not in ("", ".", "..") and "/" not in safe(name) and len(safe(name)) <= 48


@pytest.mark.parametrize("size", [PART - 1, PART, PART + 1, 2 * PART, 100_000])
def test_what_docker_cuts_is_joined(size: int, settings: Settings, containers: Containers) -> None:
    api = containers.add("shop", "api")
    api.write("a" * size)
    api.write("after")
    collect(settings)
    assert texts(settings) == ["a" * size, "after"]


def test_parts_of_both_outputs_between_each_other(settings: Settings, containers: Containers) -> None:
    api = containers.add("shop", "api")
    api.part("out-1 ", "stdout")
    api.part("err-1 ", "stderr")
    api.part("out-2 ", "stdout")
    api.part("err-2\n", "stderr")
    api.part("out-3\n", "stdout")
    collect(settings)
    assert sorted(texts(settings)) == ["err-1 err-2", "out-1 out-2 out-3"]


def test_a_part_is_joined_over_a_restart_and_a_rotation(settings: Settings, containers: Containers) -> None:
    api = containers.add("shop", "api", max_file=3)
    api.part("begin ")
    collect(settings)
    api.rotate()
    api.part("middle ")
    collect(settings)
    assert texts(settings) == []
    api.part("end\n")
    collect(settings)
    assert texts(settings) == ["begin middle end"]


def test_a_line_without_an_end_is_taken_after_a_while(settings: Settings, containers: Containers, monkeypatch: pytest.MonkeyPatch) -> None:
    containers.add("shop", "api").part("no end")
    collector = Collector(settings)
    collector.look()
    assert collector.records == 0
    monkeypatch.setattr(sources, "UNENDED", -1.0)
    collector.look()
    collector.close()
    assert texts(settings) == ["no end"]


def test_a_line_that_never_ends_comes_in_pieces_and_whole(settings: Settings, containers: Containers) -> None:
    api = containers.add("shop", "api")
    api.write("0123456789abcdef" * (3 << 16))
    collect(settings)
    assert len(texts(settings)) == 3 and "".join(texts(settings)) == "0123456789abcdef" * (3 << 16)


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00\x00\x00\n",
        b"\n",
        b"{}\n",
        b"[1]\n",
        b'{"log": 7, "time": "x"}\n',
        b'{"log": "cut',
        b"\xff\xfe\n",
        b"{" * 20_000 + b"\n",
        b"null\n",
    ],
)
def test_what_is_no_record_of_docker_stops_nothing(raw: bytes, settings: Settings, containers: Containers) -> None:
    api = containers.add("shop", "api", max_file=2)
    api.write("before")
    api.raw(raw)
    if not raw.endswith(b"\n"):
        api.rotate()
    api.write("after")
    collect(settings)
    shown = texts(settings)
    assert [text for text in shown if text in ("before", "after")] == ["before", "after"]
    assert len(shown) == 2 + bool(raw.strip(b"\0\r\n "))


def test_multi_line_text_is_a_record_a_line_in_order(settings: Settings, containers: Containers) -> None:
    api = containers.add("shop", "api")
    trace = ["Traceback (most recent call last):", '  File "a.py", line 1, in <module>', "", 'ValueError: \t\\ "x"']
    for line in trace:
        api.write(line)
    collect(settings)
    assert texts(settings) == trace


@pytest.mark.parametrize("compress", [False, True])
def test_a_restart_over_rotations(compress: bool, settings: Settings, containers: Containers) -> None:
    """What imfile of rsyslog loses, or sends twice: the collector is stopped, and the file that it has read is called otherwise then."""
    api = containers.add("shop", "api", max_file=5, compress=compress)
    written = 0
    for rotations in (0, 1, 0, 2, 3):
        for _number in range(100):
            api.write(f"line {written:05d}")
            written += 1
        for _turn in range(rotations):
            api.rotate()
            api.write(f"line {written:05d}")
            written += 1
        collect(settings)
    assert texts(settings) == [f"line {number:05d}" for number in range(written)]
    assert lines_of(settings) == written


def test_rotated_away_while_nobody_read_is_a_gap_that_is_counted(settings: Settings, containers: Containers) -> None:
    api = containers.add("shop", "api", max_file=2)
    api.write("first")
    collect(settings)
    for number in range(3):
        api.rotate()
        api.write(f"file {number}")
    collector = collect(settings)
    assert texts(settings) == ["first", "file 1", "file 2"]
    assert sum(known["gaps"] for known in collector._known.values()) == 1


def test_rotated_away_between_two_looks_is_a_gap_that_is_counted(settings: Settings, containers: Containers) -> None:
    """The file that is open is read to its end all the same."""
    api = containers.add("shop", "api", max_file=2)
    api.write("first")
    collector = Collector(settings)
    collector.look()
    api.write("second")
    for number in range(3):
        api.rotate()
        api.write(f"file {number}")
    collector.look()
    collector.close()
    assert texts(settings) == ["first", "second", "file 1", "file 2"]
    assert sum(known["gaps"] for known in collector._known.values()) == 1


def test_a_file_that_is_truncated_is_read_from_its_beginning(settings: Settings, containers: Containers) -> None:
    """Docker's max-file of 1, or copytruncate."""
    api = containers.add("shop", "api", max_file=1)
    collector = Collector(settings)
    for number in range(3):
        api.write(f"a longer line before {number}")
    collector.look()
    api.rotate()
    api.write("after")
    collector.look()
    collector.close()
    assert texts(settings) == [f"a longer line before {number}" for number in range(3)] + ["after"]


def test_a_new_file_that_gets_the_inode_of_a_removed_one(tmp_path: Path, settings: Settings, containers: Containers) -> None:
    """ext4 gives it again at once. Whether this file system does is not ours to say: the state is made to look so."""
    api = containers.add("shop", "api", max_file=3)
    for number in range(5):
        api.write(f"old {number}")
    collect(settings)
    state = json.loads((settings.state / "collected.json").read_text())
    api.rotate()
    for number in range(9):
        api.write(f"new {number}")
    (known,) = state["sources"].values()
    known["state"]["position"]["inode"] = api.path.stat().st_ino
    (settings.state / "collected.json").write_text(json.dumps(state))
    collect(settings)
    assert texts(settings) == [f"old {number}" for number in range(5)] + [f"new {number}" for number in range(9)]


def test_a_container_that_is_removed_is_read_to_its_end(settings: Settings, containers: Containers) -> None:
    api = containers.add("shop", "api")
    api.write("one")
    collector = Collector(settings)
    collector.look()
    api.write("two")
    api.remove()
    collector.look()
    collector.close()
    assert texts(settings) == ["one", "two"]
    assert json.loads((settings.state / "collected.json").read_text())["sources"] == {}


def test_a_container_with_another_driver_is_passed_over(settings: Settings, containers: Containers) -> None:
    containers.add("shop", "db", driver=False)
    (Path(settings.containers) / "half-made").mkdir()
    broken = containers.add("shop", "odd")
    (broken.folder / "config.v2.json").write_text("{")
    collect(settings)
    assert files(settings) == []


class Killed(BaseException):
    """SIGKILL, as far as a test may."""


@pytest.mark.parametrize("moment", ["before the files are synced", "before the state is written", "after the state is written"])
def test_a_crash_loses_and_doubles_nothing(
    moment: str, settings: Settings, containers: Containers, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = containers.add("shop", "api", max_file=3)
    for number in range(50):
        api.write(f"line {number:03d}")
    collect(settings)
    write_state = collector_module.write_state

    def killed(*given: object, **named: object) -> None:
        if moment == "after the state is written":
            write_state(*given, **named)  # type: ignore[arg-type]
        raise Killed

    for number in range(50, 100):
        api.write(f"line {number:03d}")
    api.rotate()
    for number in range(100, 150):
        api.write(f"line {number:03d}")
    collector = Collector(settings)
    with monkeypatch.context() as patch:
        patch.setattr(collector_module, "write_state", killed)
        if moment == "before the files are synced":
            patch.setattr(os, "fsync", killed)
        while collector.look():
            pass
        with pytest.raises(Killed):
            collector.checkpoint()
    collect(settings)
    assert texts(settings) == [f"line {number:03d}" for number in range(150)]
    assert lines_of(settings) == 150


def test_a_crash_after_midnight(settings: Settings, containers: Containers, monkeypatch: pytest.MonkeyPatch) -> None:
    api = containers.add("shop", "api")
    api.write("before")
    days = iter(["2026-11-29"] * 3 + ["2026-11-30"] * 9)
    day = [next(days)]
    collector = Collector(settings, lambda: day[0])
    collector.look()
    collector.checkpoint()
    day[0] = "2026-11-30"
    api.write("after")
    collector.look()
    for file in collector._files.values():
        file.flush()
    again = Collector(settings, lambda: day[0])
    again.look()
    again.close()
    assert texts(settings) == ["before", "after"] and lines_of(settings) == 2
    assert [path.parts[-4] for path in sorted(settings.tree.glob("*/*/*/*"))] == ["2026-11-29", "2026-11-30"]


def test_a_state_that_is_lost_loses_nothing(settings: Settings, containers: Containers) -> None:
    """It reads again what is there, under another number: rather twice than never."""
    api = containers.add("shop", "api", max_file=2)
    for number in range(3):
        api.write(f"line {number}")
    collect(settings)
    api.rotate()
    api.rotate()
    api.write("line 3")
    (settings.state / "collected.json").write_text("{broken")
    collect(settings)
    assert texts(settings)[-1] == "line 3" and set(texts(settings)) == {f"line {number}" for number in range(4)}


def test_secrets_do_not_reach_the_tree(settings: Settings, containers: Containers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "SECRETS", tmp_path / "secrets")
    (tmp_path / "secrets/shop").mkdir(parents=True)
    (tmp_path / "secrets/shop/db").write_text("s3cr3t-of-the-shop-93kd\n")
    api = containers.add("shop", "api")
    api.write("connects with s3cr3t-of-the-shop-93kd, password=hunter22")
    api.part("half a s3cr3t-of-")
    api.part("the-shop-93kd joined\n")
    collect(replace(settings, mask=True))
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*.jsonl"))
    assert b"s3cr3t" not in everything and b"hunter22" not in everything and b"joined" in everything


def test_files_are_for_their_owner_and_administrators(settings: Settings, containers: Containers) -> None:
    before = os.umask(0o027)
    try:
        containers.add("shop", "api").write("hello")
        collect(settings)
    finally:
        os.umask(before)
    for path in settings.tree.rglob("*"):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o007, path


# nginx, auditd, the journal


def access(**more: object) -> bytes:
    record = {"time": "2026-11-29T17:00:00+01:00", "id": "0123456789abcdef", "stack": "shop", "service": "web", "path": "/", **more}
    return json.dumps(record).encode() + b"\n"


def test_requests_stand_with_the_service_that_they_are_for(settings: Settings, tmp_path: Path) -> None:
    log = tmp_path / "access.json"
    log.write_bytes(
        access() + access(service="api") + access(stack="", service="") + access(stack="../..", service="x") + b"no json \xff\n"
    )
    collect(replace(settings, access=(str(log),)))
    assert files(settings) == [
        "web1/.._../x.access.jsonl",
        "web1/_host/nginx.access.jsonl",
        "web1/shop/api.access.jsonl",
        "web1/shop/web.access.jsonl",
    ]
    (found,) = Search(settings.tree, lambda place: place.service == "api").history()
    assert found.at == datetime(2026, 11, 29, 16, tzinfo=timezone.utc).timestamp() * 10**9
    assert "no json \\xff" in texts(settings, "nginx")


def test_nginx_writes_to_the_old_file_until_it_is_told(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("ansible_collections.latentum.ops.plugins.module_utils.logs.rotated.time.monotonic", lambda: now[0])
    log = tmp_path / "access.json"
    old = log.open("ab", buffering=0)
    old.write(access(path="/1"))
    collector = Collector(replace(settings, access=(str(log),)))
    collector.look()
    log.rename(f"{log}.1")
    new = log.open("ab", buffering=0)
    now[0] += 10
    collector.look()
    old.write(access(path="/2"))
    collector.look()
    new.write(access(path="/3"))
    for _turn in range(4):
        now[0] += 3
        collector.look()
    collector.close()
    assert [json.loads(text)["path"] for text in texts(settings)] == ["/1", "/2", "/3"]


def test_errors_of_nginx_and_records_of_auditd_have_their_time(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "error.log").write_text("2026/11/29 16:00:00 [error] 7#7: *1 open() failed\n")
    (tmp_path / "audit.log").write_text("type=USER_LOGIN msg=audit(1796000000.123:45): pid=1 res=success\ntype=BROKEN\n")
    collect(replace(settings, error=(str(tmp_path / "error.log"),), audit=(str(tmp_path / "audit.log"),)))
    assert files(settings) == ["web1/_host/auditd.audit.jsonl", "web1/_host/nginx.system.jsonl"]
    audited = list(Search(settings.tree, lambda place: place.kind == "audit").history())
    assert 1_796_000_000_123_000_000 in [found.at for found in audited] and len(audited) == 2


@pytest.fixture
def journalctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """A journal of tests: a program that speaks as journalctl does, over a file of entries."""
    entries = tmp_path / "entries"
    entries.touch()
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/journalctl"
    program.write_text(
        "#!/usr/bin/env python3\n"
        "import json, sys, time\n"
        "after = [word.partition('=')[2] for word in sys.argv if word.startswith('--after-cursor=')]\n"
        f"with open({str(entries)!r}) as file:\n"
        "    begun = not after\n"
        "    while True:\n"
        "        line = file.readline()\n"
        "        if not line:\n"
        "            time.sleep(0.02)\n"
        "            continue\n"
        "        if begun:\n"
        "            sys.stdout.write(line)\n"
        "            sys.stdout.flush()\n"
        "        begun = begun or json.loads(line)['__CURSOR'] == after[0]\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")

    def write(message: object, **fields: object) -> None:
        count = len(entries.read_text().splitlines())
        about = {"__CURSOR": f"s=a;i={count}", "__REALTIME_TIMESTAMP": str(1_796_000_000_000_000 + count), "MESSAGE": message, **fields}
        with entries.open("a") as file:
            file.write(json.dumps(about) + "\n")

    yield write


def until(collector: Collector, records: int) -> None:
    for _turn in range(3000):
        collector.look()
        if collector.records >= records:
            return
        time.sleep(0.02)
    raise AssertionError(f"{collector.records} of {records} records came")


def test_the_journal_over_a_restart(settings: Settings, journalctl: Callable[..., None]) -> None:
    settings = replace(settings, journal=True)
    journalctl("Started nginx", SYSLOG_IDENTIFIER="systemd", SYSLOG_FACILITY="3")
    journalctl("ann : COMMAND=/bin/ls", SYSLOG_IDENTIFIER="sudo", SYSLOG_FACILITY="10")
    collector = Collector(settings)
    until(collector, 2)
    collector.close()
    journalctl([104, 105, 255], SYSLOG_IDENTIFIER="odd")
    journalctl(["two", "texts"], _COMM="c")
    journalctl(None, SYSLOG_IDENTIFIER="empty")
    collector = Collector(settings)
    until(collector, 3)
    collector.close()
    assert files(settings) == ["web1/_host/journal.audit.jsonl", "web1/_host/journal.system.jsonl"]
    assert texts(settings) == ["Started nginx", "ann : COMMAND=/bin/ls", "hi\\xff", "two texts", ""]
    assert lines_of(settings) == 5


def test_a_host_without_a_journal_is_read_all_the_same(settings: Settings, containers: Containers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    containers.add("shop", "api").write("hello")
    collect(replace(settings, journal=True))
    assert texts(settings) == ["hello"]
