# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The units of role exporters: what they start, what they may, and that nothing of the packages ever runs beside them."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ...free_ports import free_port
from ..routes.nginx_runs import Service
from .rendered import PROGRAMS, ROLE, Rendered

UNITS = tuple(f"latentum-ops-{name}-exporter.service" for name in ("node", "requests", "nginx", "blackbox"))
PLACES = "latentum-ops-database-exporters.path"
ANALYZE = shutil.which("systemd-analyze") or ""


def test_off_leaves_nothing(rendered: Mapping[str, Rendered]) -> None:
    off = rendered["off"]
    assert off.files == {} and off.variables["chosen"] == [] and off.variables["checks"] == []
    assert off.variables["others"] == [*UNITS, PLACES] and not any(off.variables["preflight"].values())
    # And what was there goes.
    purged = [(entry["directory"], entry["pattern"]) for entry in off.variables["purge"]]
    assert ("/etc/systemd/system", "latentum-ops-*-exporter.service") in purged
    assert ["systemctl", "daemon-reload"] in off.variables["activate"]


def test_what_is_chosen_is_there_and_the_rest_is_ended(rendered: Mapping[str, Rendered]) -> None:
    assert rendered["all"].variables["units"] == list(UNITS) and rendered["all"].variables["others"] == [PLACES]
    assert rendered["on"].variables["others"] == [UNITS[3], PLACES]
    assert rendered["node"].variables["units"] == [UNITS[0]]
    for variant in ("on", "all", "node"):
        there = {path.rpartition("/")[2] for path in rendered[variant].files if path.endswith(".service")}
        assert there == set(rendered[variant].variables["units"])


def test_the_packages_own_units_are_masked_before_their_packages_come(rendered: Mapping[str, Rendered]) -> None:
    """They start at once, most of them on all addresses."""
    assert rendered["on"].variables["masks"] == [
        {"path": f"/etc/systemd/system/{name}.service", "state": "link", "target": "/dev/null"} for name in PROGRAMS[:3]
    ]
    tasks = yaml.safe_load((ROLE / "tasks/install.yml").read_text())
    order = [next(key for key in task if key.startswith("latentum.ops.")) for task in tasks]
    assert order == ["latentum.ops.config_set", "latentum.ops.packages"]
    assert tasks[0]["latentum.ops.config_set"]["files"] == "{{ __exporters_masks }}"


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_listens_on_loopback_only(rendered: Mapping[str, Rendered], unit: str) -> None:
    command = " ".join(rendered["all"].command(unit))
    addresses = re.findall(r"address[= ](\S+)", command)
    assert addresses and all(address.startswith("127.0.0.1") for address in addresses), command
    settings = rendered["all"].unit(unit)
    assert (
        settings["User"] == settings["Group"]
        and settings["User"][0] in rendered["all"].files["/etc/sysusers.d/latentum-ops-exporters.conf"]
    )


def test_an_address_of_ipv6_is_what_mtail_takes(rendered: Mapping[str, Rendered]) -> None:
    command = rendered["elsewhere"].command(UNITS[1])
    assert "--address=::1" in command and "--port=4903" in command


@pytest.mark.skipif(not ANALYZE, reason="no systemd-analyze here")
@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_is_sandboxed(rendered: Mapping[str, Rendered], unit: str, tmp_path: Path) -> None:
    """At most 3.0, of 10, by systemd's own judgement; the reasons of what is left are in the units."""
    path = tmp_path / unit
    path.write_text(rendered["all"].files[f"/etc/systemd/system/{unit}"])
    judged = subprocess.run(
        [ANALYZE, "security", "--offline=true", "--no-pager", "--threshold=30", str(path)], capture_output=True, text=True, check=False
    )
    assert "Unknown" not in judged.stderr and "ignoring" not in judged.stderr, judged.stderr
    assert judged.returncode == 0, judged.stdout[-600:] + judged.stderr


def started(command: list[str], program: str, replaced: Mapping[str, str]) -> tuple[subprocess.Popen[str], str]:
    """A program with the arguments of its unit, but for paths and ports of this machine, and its numbers."""
    port = free_port()
    words = [program]
    for word in command[1:]:
        word = re.sub(r"(127\.0\.0\.1:)\d+$", rf"\g<1>{port}", word) if "listen-address" in word else word
        word = re.sub(r"^--port=.*", f"--port={port}", word)
        for path, here in replaced.items():
            word = word.replace(path, here)
        words.append(word)
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
                return process, answer.read().decode()
        except OSError:
            time.sleep(0.1)
    process.kill()
    raise AssertionError(f"{words} does not answer: {process.communicate()[0]}")


@pytest.mark.parametrize(
    ("unit", "program", "shown"),
    [
        (
            UNITS[0],
            PROGRAMS[0],
            ["node_uname_info", "node_cpu_seconds_total", "node_filesystem_avail_bytes", "node_timex_offset_seconds", "mine 1"],
        ),
        (UNITS[1], PROGRAMS[1], ["go_goroutines"]),
        (UNITS[2], PROGRAMS[2], ["nginx_up 1", "nginx_connections_active 3"]),
        (UNITS[3], PROGRAMS[3], ["blackbox_exporter_config_last_reload_successful 1"]),
    ],
)
def test_the_program_takes_the_arguments_of_its_unit(
    rendered: Mapping[str, Rendered], unit: str, program: str, shown: list[str], tmp_path: Path
) -> None:
    found = shutil.which(program)
    if not found:
        pytest.skip(f"no {program} on this machine")
    replaced: dict[str, str] = {}
    for path in ("/etc/latentum-ops/exporters", "/var/lib/prometheus/node-exporter", "/var/log/nginx"):
        replaced[path] = str(tmp_path / path.lstrip("/"))
        (tmp_path / path.lstrip("/")).mkdir(parents=True)
    (tmp_path / "var/lib/prometheus/node-exporter/own.prom").write_text("mine 1\n")
    for path, content in rendered["all"].files.items():
        if path.startswith("/etc/latentum-ops/exporters/"):
            (tmp_path / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path.lstrip("/")).write_text(content)
    nginx = Service()
    status = "Active connections: 3 \nserver accepts handled requests\n 10 10 20 \nReading: 0 Writing: 1 Waiting: 2 \n"
    nginx.replies["/nginx_status"] = (200, {"Content-Type": "text/plain"}, status)
    replaced["127.0.0.1:8081"] = nginx.address
    process, numbers = started(rendered["all"].command(unit), found, replaced)
    process.terminate()
    said, _nothing = process.communicate(timeout=30)
    nginx.close()
    assert [name for name in shown if name not in numbers] == [], said


def test_the_checkers_are_the_programs_themselves(rendered: Mapping[str, Rendered], tmp_path: Path) -> None:
    """What they refuse never replaces what runs."""
    checks: list[list[str]] = rendered["all"].variables["checks"]
    assert [check[0] for check in checks] == ["mtail", "prometheus-blackbox-exporter"]
    for check in checks:
        if not shutil.which(check[0]):
            pytest.skip(f"no {check[0]} on this machine")
        for content, taken in ((None, True), ("broken: [", False)):
            folder = tmp_path / f"{check[0]}-{taken}"
            for path, text in rendered["all"].files.items():
                if path.startswith("/etc/latentum-ops/exporters/"):
                    place = folder / path.lstrip("/")
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.write_text(text if content is None else content)
            here: list[Any] = [word.replace("/etc/latentum-ops", f"{folder}/etc/latentum-ops") for word in check]
            done = subprocess.run(here, capture_output=True, text=True, check=False, timeout=60)
            assert (done.returncode == 0) is taken, done.stdout + done.stderr
