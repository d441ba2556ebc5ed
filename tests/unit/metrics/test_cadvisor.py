# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, types, labels and values are cAdvisor's: of our list of its definitions, over groups whose numbers are drawn anew."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.metrics import cpu
from ansible_collections.latentum.ops.plugins.module_utils.metrics.families import FAMILIES
from prometheus_client.parser import text_string_to_metric_families

from . import cadvisor
from .trees import LAYOUTS, V1_FILES, V2_FILES, Tree, of, parsed

# Lines that a kernel has beside those that count, of a group of Linux 6.18 in version 1 and in version 2.
MORE_V1 = (
    "rss_huge 0\nshmem 17\nmapped_file 3\ndirty 0\nwriteback 0\npgpgin 9\npgpgout 4\nworkingset_refault_file 2\npgfault 5\npgmajfault 0\n"
)
MORE_V1 += "".join(f"total_{line}\n" for line in MORE_V1.splitlines())
MORE_V2 = "kernel_stack 1\npagetables 2\nsec_pagetables 0\npercpu 3\nsock 0\nvmalloc 0\nshmem 4\nzswap 0\nfile_mapped 5\nslab 6\n"
MORE_V2 += "workingset_refault_anon 0\npgscan 7\npgfault 8\npgmajfault 9\nthp_fault_alloc 0\n"
# Numbers that have a meaning of their own: a limit, a period, parts of names.
_KEPT = re.compile(r"cpu\.(?:max|cfs_period_us|cfs_quota_us|weight|shares)|cgroup\.procs|pids\.max")


def drawn(files: Mapping[str, str], chance: random.Random) -> dict[str, str]:
    """The same files with other numbers, up to beyond 32 bits; names of devices and what is not a number stay."""
    found = {}
    for name, text in files.items():
        number = re.compile(r"(?<=[ =])\d+(?=\s|$)" if " " in text else r"\d+")
        found[name] = text if _KEPT.fullmatch(name) else number.sub(lambda _old: str(chance.randrange(1, 1 << 40)), text)
    return found


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("seed", range(5))
def test_values_are_those_of_cadvisors_definitions(tmp_path: Path, layout: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "TICK", cadvisor.TICKS)
    chance = random.Random(seed)  # noqa: S311 - no secret is made of it
    tree = Tree(tmp_path, layout)
    identity = tree.add(1)
    if tree.version == 2:
        group = drawn({**V2_FILES, "memory.stat": V2_FILES["memory.stat"] + MORE_V2}, chance)
        expected = cadvisor.version_2(group)
        written = {"": group}
    else:
        memory = {**V1_FILES["memory"], "memory.stat": V1_FILES["memory"]["memory.stat"] + MORE_V1}
        written = {name: drawn(files, chance) for name, files in {**V1_FILES, "memory": memory}.items()}
        expected = cadvisor.version_1(written)
    for controller, files in written.items():
        for name, content in files.items():
            tree.write(tree.folder(identity, controller) / name, content)
    samples = parsed(tree.exporter().scrape())
    for name, value in expected.items():
        assert of(samples, name, id=tree.path(identity)) == [pytest.approx(value)], name
    not_of_files = {"container_processes", "container_start_time_seconds", "container_last_seen"}
    assert {name for name in cadvisor.METRICS if "network" not in name} == set(expected) | not_of_files


@pytest.mark.parametrize("layout", LAYOUTS)
def test_names_types_and_labels_are_those_of_cadvisor(tmp_path: Path, layout: str) -> None:
    tree = Tree(tmp_path, layout)
    tree.add(1)
    shown: dict[str, tuple[str, set[str]]] = {}
    for family in text_string_to_metric_families(tree.exporter().scrape().decode()):
        for sample in family.samples:
            labels = {label for label in sample.labels if not label.startswith(cadvisor.FROM_DOCKER)}
            # The parser gives a counter without the ending one.
            name = sample.name if sample.name in FAMILIES else sample.name.removesuffix("_total")
            shown[name] = (family.type, shown.get(name, ("", set()))[1] | labels)
    of_machine = {name: (kind, set()) for name, kind in cadvisor.OF_MACHINE.items()}
    wanted = {name: (kind, labels | cadvisor.OF_CONTAINERS) for name, (kind, labels) in cadvisor.METRICS.items()}
    assert {name: about for name, about in shown.items() if name not in cadvisor.OWN} == wanted | of_machine


def test_every_family_is_cadvisors_or_has_a_name_of_ours() -> None:
    assert set(FAMILIES) == {*cadvisor.METRICS, *cadvisor.OF_MACHINE, *cadvisor.OWN}
    assert all(name.startswith("latentum_ops_") for name in cadvisor.OWN)
    assert {name: kind for name, (kind, _about) in FAMILIES.items() if name not in cadvisor.OWN} == {
        **{name: kind for name, (kind, _labels) in cadvisor.METRICS.items()},
        **cadvisor.OF_MACHINE,
    }


def test_what_published_dashboards_ask_for_is_there() -> None:
    assert set(FAMILIES) >= cadvisor.ASKED_BY_DASHBOARDS
