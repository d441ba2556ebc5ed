# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hardening promises, asked of the programs and the kernel that it is about."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from conftest import Production, eventually, once

IMAGES = {
    "redis": ("latentum/redis:8", "/data", ""),
    "postgres": ("latentum/postgres:17", "/var/lib/postgresql/data", "-e POSTGRES_PASSWORD=x"),
}


@contextmanager
def crashing(production: Production, service: str, options: str = "") -> Iterator[str]:
    """A database with a volume of its own, ended by a segmentation fault as its kernel saw one; yields the volume's folder."""
    image, folder, variables = IMAGES[service]
    name = f"core-{service}"
    run = f"docker run --detach --init --name {name} --volume {name}:{folder} {variables} {options} registry.example.test:5000/{image}"
    arguments = " redis-server --dir /data" if service == "redis" else ""
    try:
        production.root(run + arguments)
        first = production.root(f"docker inspect --format '{{{{.State.Pid}}}}' {name}")
        # The program itself, in its own folder: init stays above it, and an entrypoint would still be a shell.
        program = f"pgrep --parent {first} --exact {service}.*"
        eventually(lambda: production.inside.run("sudo sh -c %s", f"{program} && ls /proc/$({program})/cwd/").rc == 0, f"{name} runs", 60)
        if service == "postgres":
            eventually(lambda: "ready to accept" in production.root(f"docker logs {name} 2>&1"), "PostgreSQL is ready", 60)
        production.root(f"kill -SEGV $({program})")
        eventually(lambda: production.root(f"docker inspect --format '{{{{.State.ExitCode}}}}' {name}") == "139", f"{name} crashes", 60)
        yield production.root(f"docker volume inspect --format '{{{{.Mountpoint}}}}' {name}")
    finally:
        production.root(f"docker rm --force {name}; docker volume rm --force {name}")


@once
def test_a_crash_leaves_no_memory_in_a_volume(production: Production) -> None:
    for service in IMAGES:
        with crashing(production, service) as folder:
            assert production.root(f"find {folder} -name 'core*'") == "", service


@pytest.mark.matrix
@once
def test_a_dump_that_somebody_asked_for_is_told_and_not_removed(production: Production) -> None:
    """The kernel is this machine's, and nothing here changes where it writes dumps to: where that is elsewhere, a file stands for one."""
    with crashing(production, "redis", "--ulimit core=-1") as folder:
        there = production.root(f"find {folder} -name 'core*'")
        if not there:
            there = f"{folder}/core.7"
            production.root(rf"printf '\177ELF\002\001\001\000\000\000\000\000\000\000\000\000\004\000' > {there}")
        production.root(f"mkdir {folder}/core; echo 1 > {folder}/core/core.js")
        told = json.loads(production.root("opsctl status --json"))["core_files"]
        assert [(dump["path"], dump["volume"]) for dump in told] == [(there, "core-redis")]
        assert f"!! {there}" in " ".join(production.root("opsctl status").split())
        assert production.root(f"ls {there}") == there


def test_nothing_that_systemd_starts_dumps_its_memory(production: Production) -> None:
    assert production.root("systemctl show --property DefaultLimitCORE --value") == "0"
    for unit in ("docker", "containerd"):
        assert production.root(f"systemctl show --property LimitCORESoft --value {unit}") == "0"
    assert production.root("grep --only-matching 'Max core file size *[0-9a-z]*' /proc/$(pidof dockerd)/limits").endswith(" 0")
    # Of the kernel, which these hosts share with the machine that they run on, and which is not theirs.
    assert "core_pattern" not in production.root("cat /etc/sysctl.d/90-latentum-ops.conf")
