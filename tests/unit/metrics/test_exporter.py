# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scrape: names, types, labels and values for each layout of control groups; what breaks, dies or is asked for too often meanwhile."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.metrics import cpu, exporter, kernel_files
from ansible_collections.latentum.ops.plugins.module_utils.metrics.exporter import Busy
from ansible_collections.latentum.ops.plugins.module_utils.metrics.families import FAMILIES
from prometheus_client.parser import text_string_to_metric_families

from .trees import EXPECTED, V1_FILES, V2_FILES, Tree, event, of, parsed, remove


def test_every_value_is_that_of_the_files(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "TICK", 100)
    identity = tree.add(1)
    samples = parsed(tree.exporter().scrape())
    for name, expected in EXPECTED.items():
        assert of(samples, name, id=tree.path(identity)) == [pytest.approx(expected)], name
    # Shares of version 2 are made of the weight as cAdvisor makes them.
    assert of(samples, "container_spec_cpu_shares") == [512 if tree.version == 1 else 2 + 19 * 262142 // 9999]
    assert of(samples, "container_start_time_seconds") == [1795946400]
    assert of(samples, "container_last_seen")[0] == pytest.approx(time.time(), abs=5)
    assert of(samples, "container_scrape_error") == [0] and of(samples, "machine_memory_bytes") == [8000 * 1024]
    assert len(samples) == len(EXPECTED) + 1 + 2 + 3


def test_every_family_has_the_type_of_cadvisor_and_help(tree: Tree) -> None:
    tree.add(1)
    text = tree.exporter().scrape().decode()
    kinds = {
        name if name in FAMILIES else f"{name}_total": family.type
        for family in text_string_to_metric_families(text)
        for name in [family.name]
    }
    assert len(kinds) == len(FAMILIES)
    gauges = {name for name, kind in kinds.items() if kind == "gauge"}
    assert {name for name in gauges if not name.startswith(("container_spec", "machine", "container_memory"))} == {
        "container_processes", "container_start_time_seconds", "container_last_seen", "container_scrape_error",
    }  # fmt: skip
    assert kinds["container_memory_failcnt"] == "counter" and {
        kinds[name] for name in kinds if "memory" in name and "failcnt" not in name
    } == {"gauge"}
    for name in FAMILIES:
        assert re.search(rf"^# HELP {name} [A-Z01].*\.\n# TYPE {name} (gauge|counter)\n{name}[ {{]", text, re.MULTILINE), name


def test_labels_are_a_fixed_list(tree: Tree) -> None:
    identity = tree.add(1, **{"com.example.token": "s3cret", "com.docker.compose.config-hash": "a" * 64})
    text = tree.exporter().scrape()
    assert b"hunter2" not in text and b"s3cret" not in text and b"config_hash" not in text
    ((_name, labels),) = [key for key in parsed(text) if key[0] == "container_memory_rss"]
    assert dict(labels) == {
        "id": tree.path(identity),
        "name": "shop-api-1",
        "image": "registry.example.test/shop/api:1",
        "container_label_com_docker_compose_project": "shop",
        "container_label_com_docker_compose_service": "api",
        "container_label_com_docker_compose_container_number": "1",
    }
    extra = {key[0]: set(dict(key[1])) - set(dict(labels)) for key in parsed(text)}
    assert extra["container_cpu_usage_seconds_total"] == {"cpu"}
    assert extra["container_fs_reads_total"] == {"device"} and extra["container_network_receive_bytes_total"] == {"interface"}
    assert b'cpu="total"' in text and b'device="/dev/sda"' in text and b'interface="eth0"' in text and b'"lo"' not in text


def test_a_name_that_must_be_escaped_and_a_container_without_labels_spoil_nothing(tree: Tree) -> None:
    document = tree.documents[tree.add(1)]
    document["Config"] = {"Image": 'a"b\\c\nd\ud800', "Labels": None}
    samples = parsed(tree.exporter().scrape())
    assert of(samples, "container_memory_rss", image='a"b\\c\nd?') == [52428800]


def test_a_container_that_is_gone_is_gone(tree: Tree) -> None:
    first, second = tree.add(1), tree.add(2)
    metrics = tree.exporter()
    assert len(of(parsed(metrics.scrape()), "container_last_seen")) == 2
    tree.end(first)
    del tree.documents[first]
    metrics.inventory.hear(event("destroy", first))
    text = metrics.scrape()
    assert first.encode() not in text and len(of(parsed(text), "container_last_seen", id=tree.path(second))) == 1


def test_one_whose_end_no_event_has_told_yet_has_no_numbers_and_a_stopped_one_keeps_what_ended_it(tree: Tree) -> None:
    identity = tree.add(1)
    metrics = tree.exporter()
    metrics.scrape()
    tree.end(identity)
    samples = parsed(metrics.scrape())
    assert {name for name, labels in samples if labels} == {"container_oom_events_total", "latentum_ops_container_restarts_total"}
    assert of(samples, "container_oom_events_total", id=tree.path(identity)) == [2]


def test_the_kill_that_ends_a_life_is_counted_and_no_counter_of_lives_falls(tree: Tree) -> None:
    identity = tree.add(1)
    metrics = tree.exporter()
    metrics.scrape()
    # Its first process is killed: the group, and with it the third kill, is gone before the next scrape.
    for _kill in range(3):
        metrics.inventory.hear(event("oom", identity))
    metrics.inventory.hear(event("die", identity))
    tree.again(identity, "2026-11-29T10:05:00Z", count=1)
    metrics.inventory.hear(event("start", identity, 1795946700.1))
    tree.write(tree.folder(identity, "memory") / ("memory.oom_control" if tree.version == 1 else "memory.events"), "oom_kill 0\n")
    samples = parsed(metrics.scrape())
    assert of(samples, "container_oom_events_total") == [3] and of(samples, "latentum_ops_container_restarts_total") == [1]
    assert of(samples, "container_start_time_seconds") == [1795946700]


def test_a_restart_that_no_event_has_told_yet_is_seen_by_its_new_group(tree: Tree) -> None:
    identity = tree.add(1)
    metrics = tree.exporter()
    metrics.scrape()
    tree.again(identity, "2026-11-29T10:05:00Z", count=1)
    samples = parsed(metrics.scrape())
    assert of(samples, "container_start_time_seconds") == [1795946700] and of(samples, "latentum_ops_container_restarts_total") == [1]
    metrics.inventory.hear(event("start", identity, 1795946700.1))
    assert of(parsed(metrics.scrape()), "latentum_ops_container_restarts_total") == [1]


@pytest.mark.parametrize("after", range(0, 13, 4))
def test_a_container_that_dies_while_it_is_read_leaves_no_half_of_its_numbers(
    plain: Tree, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity, other = plain.add(1), plain.add(2)
    metrics = plain.exporter()
    metrics.scrape()
    reads = 0

    def dying(folder: str | None, name: str) -> str:
        nonlocal reads
        if folder and identity in folder:
            reads += 1
            if reads > after:
                plain.unmake(identity)
        return kernel_files.read(folder, name)

    for module in (exporter, cpu, exporter.memory, exporter.block_io):
        monkeypatch.setattr(module, "read", dying)
    samples = parsed(metrics.scrape())
    lines = {name for name, labels in samples if ("name", "shop-api-1") in labels}
    whole = {name for name, labels in samples if ("name", "shop-api-2") in labels}
    assert lines in ({"container_oom_events_total", "latentum_ops_container_restarts_total"}, whole)
    assert reads <= after or lines != whole
    assert len(of(samples, "container_last_seen", id=plain.path(other))) == 1


@pytest.mark.parametrize(
    "content", [None, "", "max\n", "-1\n", "garbage", "a b c d\n\n\x00", "1" * 400, "nr_periods\nuser x\n8:0 Read\n8:0 =\n", "²\n"]
)
def test_any_file_may_be_missing_or_broken(plain: Tree, content: str | None) -> None:
    identity = plain.add(1)
    files = (
        [(controller, name) for controller, names in V1_FILES.items() for name in names]
        if plain.version == 1
        else [("", name) for name in V2_FILES]
    )
    whole = parsed(plain.exporter().scrape())
    for controller, name in files:
        file = plain.folder(identity, controller) / name
        before = file.read_bytes()
        file.unlink() if content is None else file.write_text(content)
        samples = parsed(plain.exporter().scrape())
        assert set(samples) <= set(whole), name
        assert len(samples) >= len(whole) - 8 and len(of(samples, "container_last_seen")) == 1, name
        file.write_bytes(before)


@pytest.mark.parametrize("broken", ["self/mountinfo", "1001/cgroup", "1001/net/dev", "meminfo"])
@pytest.mark.parametrize("content", [None, "", "garbage\n" * 3, "1:2\n" * 3, "a - cgroup\n:::\n0::\n"])
def test_any_file_of_proc_may_be_missing_or_broken(plain: Tree, broken: str, content: str | None) -> None:
    plain.add(1)
    file = plain.proc / broken
    file.unlink() if content is None else file.write_text(content)
    samples = parsed(plain.exporter().scrape())
    assert len(of(samples, "container_last_seen")) == 1
    # Without the membership the usual places of both drivers are looked at.
    assert of(samples, "container_memory_rss") == ([] if broken == "self/mountinfo" else [52428800])


def test_where_proc_hides_the_processes_of_others_there_is_no_traffic_and_it_is_said_once(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(exporter, "log", said.append)
    tree.add(1)
    tree.add(2)
    for pid in (1001, 1002):
        remove(tree.proc / str(pid))
    metrics = tree.exporter()
    for _scrape in range(2):
        samples = parsed(metrics.scrape())
        assert of(samples, "container_memory_rss") == [52428800] * 2 and not of(samples, "container_network_receive_bytes_total")
    assert len(said) == 1 and "hidepid" in said[0]


def test_networks_of_others_are_not_counted_twice_and_the_hosts_is_without_the_ends_of_containers(tree: Tree) -> None:
    tree.add(1, network="container:" + "a" * 64)
    tree.add(2, network="none")
    tree.add(3, network="host")
    line = " 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n"
    names = ("lo", "eth0", "veth12ab", "docker0", "br-1", "wlan0:1")
    tree.write(tree.proc / "1003/net/dev", "\n\n" + "".join(f"{name}:{line}" for name in names))
    samples = parsed(tree.exporter().scrape())
    shown = [dict(labels) for name, labels in samples if name == "container_network_receive_bytes_total"]
    assert [(labels["name"], labels["interface"]) for labels in shown] == [("shop-api-3", name) for name in ("eth0", "br-1", "wlan0:1")]


def test_fifty_containers_are_read_with_a_bounded_number_of_reads_and_no_question_to_the_engine(
    plain: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 51):
        plain.add(number)
    metrics = plain.exporter()
    parsed(metrics.scrape())
    assert len(plain.asked) == 51
    reads: list[str] = []

    def counted(folder: str | None, name: str) -> str:
        reads.append(name)
        return kernel_files.read(folder, name)

    for module in (exporter, cpu, exporter.memory, exporter.block_io):
        monkeypatch.setattr(module, "read", counted)
    plain.asked.clear()
    samples = parsed(metrics.scrape())
    assert len(of(samples, "container_memory_rss")) == 50 and not plain.asked
    assert len(reads) <= 50 * 20 + 1
    # One that is started again is the only one that is looked at again.
    metrics.inventory.hear(event("start", f"{7:064x}"))
    metrics.scrape()
    assert plain.asked == ["inspect 07"]


def test_a_storm_of_scrapes_reads_once(tmp_path: Path) -> None:
    tree, now = Tree(tmp_path, "v2"), [100.0]
    tree.add(1)
    metrics = tree.exporter(lambda: now[0])
    texts: list[bytes] = []
    threads = [threading.Thread(target=lambda: texts.append(metrics.scrape())) for _number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(texts) == 20 and len({id(text) for text in texts}) == 1 and tree.asked == ["list", "inspect 01"]
    tree.write(tree.folder(f"{1:064x}", "") / "memory.current", "5\n")
    now[0] += 0.9
    assert metrics.scrape() is texts[0]
    now[0] += 0.1
    assert of(parsed(metrics.scrape()), "container_memory_usage_bytes") == [5]


def test_who_waits_too_long_for_another_scrape_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = Tree(tmp_path, "v2")
    metrics, held, free = tree.exporter(), threading.Event(), threading.Event()

    def hang(_asked: str) -> None:
        held.set()
        free.wait(10)

    tree.broken = hang
    monkeypatch.setattr(exporter, "PATIENCE", 0.01)
    slow = threading.Thread(target=metrics.scrape)
    slow.start()
    held.wait(10)
    with pytest.raises(Busy, match="another scrape"):
        metrics.scrape()
    free.set()
    slow.join()


def test_without_an_engine_the_known_containers_are_read_and_the_list_is_said_to_be_old(tree: Tree) -> None:
    tree.add(1)
    metrics = tree.exporter()
    metrics.scrape()
    metrics.inventory.connect(None)
    samples = parsed(metrics.scrape())
    assert of(samples, "container_scrape_error") == [1] and of(samples, "container_memory_rss") == [52428800]


def test_before_the_engine_was_found_there_is_a_text_all_the_same(tree: Tree) -> None:
    metrics = tree.exporter()
    metrics.inventory.connect(None)
    assert of(parsed(metrics.scrape()), "container_scrape_error") == [1]


def test_devices_without_a_name_are_one_and_their_number_is_bounded(tmp_path: Path) -> None:
    tree = Tree(tmp_path, "v2")
    identity = tree.add(1)
    for number in range(100):
        (tree.system / f"dev/block/9:{number}").symlink_to(tmp_path / f"md{number}")
    lines = [
        f"{device} rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n"
        for device in ("259:1", "259:2", *(f"9:{number}" for number in range(100)))
    ]
    tree.write(tree.folder(identity, "") / "io.stat", "".join(lines))
    samples = parsed(tree.exporter().scrape())
    assert of(samples, "container_fs_writes_bytes_total", device="/dev/md5") == [2]
    values = of(samples, "container_fs_reads_bytes_total")
    assert len(values) == 64 and max(values) == 2


def test_without_limits_there_is_neither_quota_nor_throttling_and_the_limit_of_memory_is_0(tree: Tree) -> None:
    identity = tree.add(1)
    if tree.version == 1:
        tree.write(tree.folder(identity, "cpu") / "cpu.cfs_quota_us", "-1\n")
        tree.write(tree.folder(identity, "memory") / "memory.limit_in_bytes", "9223372036854771712\n")
    else:
        tree.write(tree.folder(identity, "") / "cpu.max", "max 100000\n")
        tree.write(tree.folder(identity, "") / "memory.max", "max\n")
    samples = parsed(tree.exporter().scrape())
    assert not [name for name, _labels in samples if "cfs" in name or name == "container_spec_cpu_quota"]
    assert of(samples, "container_spec_cpu_period") == [100000] and of(samples, "container_spec_memory_limit_bytes") == [0]


def test_a_working_set_is_never_negative(tree: Tree) -> None:
    identity = tree.add(1)
    tree.write(tree.folder(identity, "memory") / ("memory.usage_in_bytes" if tree.version == 1 else "memory.current"), "4096\n")
    assert of(parsed(tree.exporter().scrape()), "container_memory_working_set_bytes") == [0]


def test_without_accounting_of_swap_none_is_used(tree: Tree) -> None:
    identity = tree.add(1)
    if tree.version == 1:
        file = tree.folder(identity, "memory") / "memory.stat"
        file.write_text(file.read_text().replace("total_swap 4096\n", ""))
    else:
        (tree.folder(identity, "") / "memory.swap.current").unlink()
    assert of(parsed(tree.exporter().scrape()), "container_memory_swap") == [0]
