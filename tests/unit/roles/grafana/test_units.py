# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit of role grafana, and what it writes for it: what it starts, what it may, and where its secrets are."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from .rendered import FOLDER, ROLE, SECRETS, UNIT, Rendered

ANALYZE = shutil.which("systemd-analyze") or ""
STORE = "/etc/latentum-ops/secrets/shop"


def dashboards(rendered: Rendered) -> set[str]:
    """Their names."""
    return {Path(path).stem for path in rendered.files if path.startswith(f"{FOLDER}/dashboards/")}


def tasks_of(name: str) -> list[dict[str, Any]]:
    """The tasks in a file of the role."""
    tasks: list[dict[str, Any]] = yaml.safe_load((ROLE / f"tasks/{name}.yml").read_text())
    return tasks


def test_off_leaves_nothing(rendered: Mapping[str, Rendered]) -> None:
    off = rendered["off"]
    assert off.files == {} and off.variables["restart"] == [] and off.variables["masks"] == []
    assert off.variables["preflight"] == {"programs": []} and off.variables["activate"] == [["systemctl", "daemon-reload"]]
    purged = {f"{entry['directory']}/{entry['pattern']}" for key in ("purge", "unit_purge") for entry in off.variables[key]}
    assert {f"{FOLDER}/grafana.ini", f"{FOLDER}/dashboards/*.json", "/etc/systemd/system/latentum-ops-grafana*"} <= purged


def test_what_is_measured_is_shown(rendered: Mapping[str, Rendered]) -> None:
    assert rendered["on"].variables["problems"] == []
    assert dashboards(rendered["on"]) == {"overview", "service", "host", "containers", "nginx", "objectives"}
    assert dashboards(rendered["alone"]) == {"overview"}
    assert dashboards(rendered["elsewhere"]) == {"overview", "service", "host", "nginx", "objectives", "databases", "logs"}
    # As role monitoring, of all stacks of the host, whichever a run works on.
    assert dashboards(rendered["two stacks"]) == dashboards(rendered["on"])
    sources = yaml.safe_load(rendered["on"].files[f"{FOLDER}/provisioning/datasources/latentum-ops.yml"])["datasources"]
    assert [source["url"] for source in sources] == ["http://127.0.0.1:9090", "http://127.0.0.1:9093"]
    assert sources[0]["jsonData"]["timeInterval"] == "10s"


def test_braces_of_grafana_are_not_ansibles(rendered: Mapping[str, Rendered]) -> None:
    document = json.loads(rendered["on"].files[f"{FOLDER}/dashboards/host.json"])
    legends = {target["legendFormat"] for panel in document["panels"] for target in panel.get("targets", ())}
    assert "{{instance}} {{mountpoint}}" in legends
    assert "$__file{/run/credentials/" in rendered["on"].files[f"{FOLDER}/grafana.ini"]


def test_its_secrets_are_files_of_its_unit_and_stand_nowhere(rendered: Mapping[str, Rendered]) -> None:
    on = rendered["on"]
    loaded = [f"admin_password:{STORE}/grafana_admin_password", f"secret_key:{STORE}/grafana_secret_key"]
    assert on.unit(UNIT)["LoadCredential"] == loaded
    assert on.unit(SECRETS[0])["PathChanged"] == [f"{STORE}/grafana_admin_password", f"{STORE}/grafana_secret_key"]
    for name in ("admin_password", "secret_key"):
        assert f"$__file{{/run/credentials/{UNIT}/{name}}}" in on.files[f"{FOLDER}/grafana.ini"]
    assert rendered["alone"].unit(UNIT)["LoadCredential"] == ["admin_password:/root/password", "secret_key:/root/key"]


def test_a_password_that_changes_holds_from_the_next_start_on(rendered: Mapping[str, Rendered], tmp_path: Path) -> None:
    """Grafana reads it from its configuration for a new database only. The program stands in for its command line."""
    (line,) = rendered["on"].unit(UNIT)["ExecStartPre"]
    assert line.startswith("-")  # where it cannot, there are dashboards all the same
    shell, option, script = shlex.split(line[1:])
    assert (shell, option) == ("/bin/sh", "-c") and "${" not in script  # which systemd would fill in
    database, program = tmp_path / "grafana.db", tmp_path / "grafana"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" > {tmp_path}/arguments\ncat > {tmp_path}/read\n')
    program.chmod(0o755)
    (tmp_path / "admin_password").write_text("of the store")
    script = script.replace("/var/lib/latentum-ops-grafana/grafana.db", str(database))
    script = script.replace("/usr/share/grafana/bin/grafana", str(program))
    started = ["sh", "-c", script]
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path), "PATH": "/usr/bin:/bin"}
    assert subprocess.run(started, env=environment, check=False).returncode == 0 and not (tmp_path / "read").exists()
    database.touch()
    assert subprocess.run(started, env=environment, check=False).returncode == 0
    assert (tmp_path / "read").read_text() == "of the store"
    said = (tmp_path / "arguments").read_text()
    assert "admin reset-admin-password --password-from-stdin" in said and "of the store" not in said


def test_the_packages_own_unit_is_masked_before_the_package_comes(rendered: Mapping[str, Rendered]) -> None:
    assert [mask["path"] for mask in rendered["on"].variables["masks"]] == ["/etc/systemd/system/grafana-server.service"]
    order = [next(key for key in task if "." in key) for task in tasks_of("install")]
    assert order == ["latentum.ops.config_set", "ansible.builtin.deb822_repository", "latentum.ops.packages"]
    (program,) = rendered["on"].variables["preflight"]["programs"]
    assert (program["theirs"], program["address"]) == ("grafana-server.service", "127.0.0.1:3000")


def test_for_a_grafana_of_ones_own_nothing_but_its_files_is_there(rendered: Mapping[str, Rendered]) -> None:
    only = rendered["files only"]
    assert dashboards(only) == dashboards(rendered["on"])
    assert not [path for path in only.files if "systemd" in path or path.endswith(".ini") or "sysusers" in path]
    assert only.variables["preflight"] == {"programs": []} and only.variables["masks"] == [] and only.variables["restart"] == []


def test_it_reaches_beyond_loopback_only_where_somebody_is_asked_there(rendered: Mapping[str, Rendered]) -> None:
    assert rendered["on"].unit(UNIT)["IPAddressDeny"] == ["any"]
    assert "IPAddressDeny" not in rendered["elsewhere"].unit(UNIT)


def test_what_is_read_at_its_start_only_starts_it_again(rendered: Mapping[str, Rendered]) -> None:
    assert rendered["on"].variables["restart"] == [["systemctl", "try-restart", UNIT]]


@pytest.mark.skipif(not ANALYZE, reason="no systemd-analyze here")
def test_it_is_sandboxed(rendered: Mapping[str, Rendered], tmp_path: Path) -> None:
    """At most 3.0, of 10, by systemd's own judgement."""
    path = tmp_path / UNIT
    path.write_text(rendered["on"].files[f"/etc/systemd/system/{UNIT}"])
    judged = subprocess.run(
        [ANALYZE, "security", "--offline=true", "--no-pager", "--threshold=30", str(path)], capture_output=True, text=True, check=False
    )
    assert "Unknown" not in judged.stderr and "ignoring" not in judged.stderr, judged.stderr
    assert judged.returncode == 0, judged.stdout[-600:] + judged.stderr
