# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the group of a container is: both drivers, any parent, hosts that are containers, and paths that must not be believed."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.metrics.cgroups import Cgroup, Hierarchy, find, hierarchies

ID = "97366d4e259148c0198456c3420241315bbfce7ba458b71ef5424f6284026e6d"
OUTER = "c10508243a05c92e8199137288165243f7a4000d36769be3087d9ddc1e233c1d"


def made(base: Path, *paths: str) -> None:
    for path in paths:
        Path(f"{base}{path}").mkdir(parents=True)


def two(base: Path) -> Hierarchy:
    return Hierarchy(("unified",), "/", str(base))


@pytest.mark.parametrize(
    "path",
    [f"/docker/{ID}", f"/system.slice/docker-{ID}.scope", f"/shop.slice/shop-api.slice/docker-{ID}.scope", f"/custom/parent/{ID}"],
)
def test_the_group_is_where_the_kernel_says(tmp_path: Path, path: str) -> None:
    made(tmp_path, path)
    assert find([two(tmp_path)], ID, f"0::{path}\n") == Cgroup(path, {"unified": f"{tmp_path}{path}"})


@pytest.mark.parametrize(
    ("parent", "path"),
    [
        ("", f"/docker/{ID}"), ("", f"/system.slice/docker-{ID}.scope"), ("/custom/parent/", f"/custom/parent/{ID}"),
        ("shop-api.slice", f"/shop.slice/shop-api.slice/docker-{ID}.scope"), ("machine.slice", f"/machine.slice/docker-{ID}.scope"),
    ],
)  # fmt: skip
def test_where_the_kernel_may_not_be_asked_the_usual_places_are_looked_at(tmp_path: Path, parent: str, path: str) -> None:
    made(tmp_path, path)
    cgroup = find([two(tmp_path)], ID, "", parent)
    assert cgroup is not None and cgroup.path == path


@pytest.mark.parametrize("below", ["/init.scope", "/init", "/system.slice/cron.service"])
def test_a_container_that_has_moved_its_first_process_below_is_counted_whole(tmp_path: Path, below: str) -> None:
    made(tmp_path, f"/docker/{ID}{below}")
    cgroup = find([two(tmp_path)], ID, f"0::/docker/{ID}{below}\n")
    assert cgroup is not None and cgroup.path == f"/docker/{ID}"


def test_a_controller_that_says_root_is_never_the_whole_host(tmp_path: Path) -> None:
    """As seen on a host that is a container under version 1: systemd in it had moved everything out of one controller."""
    memory, blkio, pids = (Hierarchy((name,), "/", f"{tmp_path}/{name}") for name in ("memory", "blkio", "pids"))
    made(tmp_path, f"/memory/docker/{ID}", f"/blkio/docker/{ID}", "/pids")
    cgroup = find([memory, blkio, pids], ID, f"4:memory:/docker/{ID}\n7:blkio:/\n8:pids:/\n")
    assert cgroup == Cgroup(f"/docker/{ID}", {"memory": f"{tmp_path}/memory/docker/{ID}", "blkio": f"{tmp_path}/blkio/docker/{ID}"})


def test_on_a_host_that_is_a_container_the_group_of_the_inner_one_is_found(tmp_path: Path) -> None:
    made(tmp_path, f"/docker/{ID}/init.scope")
    nested = Hierarchy(("memory",), f"/docker/{OUTER}", str(tmp_path))
    cgroup = find([nested], ID, f"4:memory:/docker/{OUTER}/docker/{ID}/init.scope\n")
    assert cgroup == Cgroup(f"/docker/{OUTER}/docker/{ID}", {"memory": f"{tmp_path}/docker/{ID}"})


@pytest.mark.parametrize("path", [f"/../{ID}", f"/docker/../../{ID}", "/", "/user.slice", f"/docker/{ID[:12]}"])
def test_a_path_that_leads_out_or_elsewhere_is_not_followed(tmp_path: Path, path: str) -> None:
    made(tmp_path, "/mount", f"/{ID}", f"/docker/{ID[:12]}")
    assert find([two(tmp_path / "mount")], ID, f"0::{path}\n") is None


def test_mounts_are_read_with_spaces_and_the_one_that_shows_most_wins() -> None:
    text = (
        "33 32 0:29 /docker/a /mnt/bind rw - cgroup cgroup rw,memory\n"
        "34 32 0:29 / /sys/fs/my\\040cgroup/memory rw - cgroup cgroup rw,memory\n"
        "35 32 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:3 master:1 - cgroup cgroup rw,cpu,cpuacct\n"
        "36 32 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
        "37 32 0:32 / /sys/fs/cgroup/unified rw - cgroup2 none rw\n"
        "38 1 0:33 / /proc rw - proc proc rw\n39 short\n"
    )
    assert hierarchies(text) == [
        Hierarchy(("memory",), "/", "/sys/fs/my cgroup/memory"),
        Hierarchy(("cpu", "cpuacct"), "/", "/sys/fs/cgroup/cpu,cpuacct"),
        Hierarchy(("unified",), "/", "/sys/fs/cgroup/unified"),
    ]


def test_a_mount_that_another_one_hides_is_passed_over(tmp_path: Path) -> None:
    """As on a host whose systemd knows version 2 alone, while Docker has the controllers of version 1 elsewhere."""
    made(tmp_path, "/elsewhere/memory", f"/elsewhere/memory/docker/{ID}", "/unified")
    points = (("/hidden/memory", "cgroup", "rw,memory"), ("/elsewhere/memory", "cgroup", "rw,memory"), ("/unified", "cgroup2", "rw"))
    lines = [f"36 25 0:32 / {tmp_path}{point} rw,relatime - {kind} cgroup {options}" for point, kind, options in points]
    membership = f"4:memory:/docker/{ID}\n0::/system.slice/containerd.service\n"
    group = find(hierarchies("\n".join(lines)), ID, membership)
    assert group and group.folders == {"memory": f"{tmp_path}/elsewhere/memory/docker/{ID}"}


def test_controllers_that_are_mounted_together_share_a_folder(tmp_path: Path) -> None:
    made(tmp_path, f"/docker/{ID}")
    cgroup = find([Hierarchy(("cpu", "cpuacct"), "/", str(tmp_path))], ID, f"5:cpu,cpuacct:/docker/{ID}\n")
    assert cgroup is not None and cgroup.of("cpu") == cgroup.of("cpuacct") == f"{tmp_path}/docker/{ID}"


def test_a_group_that_is_gone_has_no_generation(tmp_path: Path) -> None:
    made(tmp_path, "/a")
    cgroup = Cgroup("/a", {"unified": f"{tmp_path}/a"})
    assert cgroup.generation()
    (tmp_path / "a").rmdir()
    assert cgroup.generation() == ()
