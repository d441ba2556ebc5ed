# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Role deploy_hook as Ansible renders it: who may read what, which unit may do what, and what goes with the last stack."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.delivery import RECEIVER_SOCKET
from ansible_collections.latentum.ops.plugins.module_utils.core import paths
from ansible_collections.latentum.ops.plugins.module_utils.delivery import credentials, queue, settings, worker
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.engine import DAEMONS
from ansible_runs import AnsibleRuns

from ...delivery.samples import SETTINGS
from ..rendering import Rendered, render

ROLE = Path(__file__).resolve().parents[4] / "roles/deploy_hook"
OTHER = {"files": [{"path": "/etc/latentum-ops/delivery/blog.json"}, {"path": "/etc/latentum-ops/delivery/shop.json"}], "matched": 2}
VARIANTS: dict[str, dict[str, Any]] = {
    "one": {"deploy_hook_configs": {"shop": SETTINGS, "blog": {}}, "__deploy_hook_there": {"files": [], "matched": 0}},
    "none": {"deploy_hook_configs": {"shop": {}, "blog": {}}, "__deploy_hook_there": OTHER},
    "another inventory": {"deploy_hook_configs": {"shop": {}}, "__deploy_hook_there": OTHER, "nginx_source": "nginx"},
}
OWN = {name: f"__deploy_hook_{name}" for name in ("used", "gone", "running_units", "service_units")}
ANALYZE = shutil.which("systemd-analyze") or ""
UNITS = "/etc/systemd/system/"


@pytest.fixture(scope="module")
def made(ansible: AnsibleRuns, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rendered]:
    return render(
        Rendered, ROLE, "__deploy_hook_unit_files + __deploy_hook_files", OWN, VARIANTS, ansible, tmp_path_factory.mktemp("deploy-hook")
    )


def test_the_settings_are_what_the_engine_reads(made: dict[str, Rendered], tmp_path: Path) -> None:
    path = str(settings.file_of("shop"))
    (tmp_path / "shop.json").write_text(made["one"].files[path])
    loaded = settings.load("shop", tmp_path)
    assert loaded is not None and loaded.to_dict()["services"] == json.loads(made["one"].files[path])["services"]
    assert made["one"].files[str(settings.file_of("blog"))] == "", "a stack that declares none loses its file"


def test_the_role_stays_while_a_stack_of_the_host_needs_it(made: dict[str, Rendered]) -> None:
    assert [made[name].variables["used"] for name in VARIANTS] == [True, False, True]
    gone = {entry["path"] for entry in made["none"].variables["gone"]}
    assert {path for path in made["one"].files if "latentum-ops-" in path} == gone


def test_nginx_alone_reaches_the_receiver(made: dict[str, Rendered]) -> None:
    for variant, group in (("one", "www-data"), ("another inventory", "nginx")):
        listening = made[variant].unit("latentum-ops-receiver.socket")
        assert (listening["ListenStream"], listening["SocketMode"]) == ([RECEIVER_SOCKET], ["0660"])
        assert (listening["SocketUser"], listening["SocketGroup"]) == (["root"], [group])


def test_the_receiver_can_do_nothing_but_answer_and_write_into_the_inbox(made: dict[str, Rendered]) -> None:
    unit = made["one"].unit("latentum-ops-receiver.service")
    assert unit["User"] == unit["Group"] == [queue.GROUP] and "SupplementaryGroups" not in unit
    assert unit["ReadWritePaths"] == [f"{paths.DELIVERIES}/inbox"] and unit["ProtectSystem"] == ["strict"]
    assert unit["CapabilityBoundingSet"] == [""] and unit["PrivateNetwork"] == ["yes"] and unit["RestrictAddressFamilies"][-1] == "AF_UNIX"
    hidden = " ".join(unit["InaccessiblePaths"]).split()
    assert {f"-{paths.SECRETS}", "-/run/docker.sock", "-/run/systemd/private", f"-{paths.DELIVERIES}/queue"} <= set(hidden)
    assert unit["SyslogIdentifier"] == ["latentum-ops-receiver"]
    assert (
        re.search(r"_daemon = (\S+)", (ROLE.parent / "fail2ban/templates/etc/fail2ban/filter.d/ops-deploy-hook.local.j2").read_text())[1]
        == (  # type: ignore[index]
            unit["SyslogIdentifier"][0]
        )
    )


def test_the_folders_are_there_at_boot_with_the_owners_that_the_queue_gives_them(made: dict[str, Rendered]) -> None:
    lines = [line.split() for line in made["one"].files["/etc/tmpfiles.d/latentum-ops-delivery.conf"].splitlines() if line.startswith("d ")]
    folders = {words[1]: words[2] for words in lines}
    assert all(words[3:5] == ["root", queue.GROUP] for words in lines)
    assert folders[str(credentials.FOLDER.parent)] == "0750"
    assert [folders[f"{paths.DELIVERIES}{name}"] for name in ("", "/inbox", "/status", "/queue")] == ["0750", "0770", "0750", "0700"]
    assert queue.GROUP in made["one"].files["/etc/sysusers.d/latentum-ops-delivery.conf"]


def test_a_delivery_is_a_unit_of_its_own_that_may_take_its_time(made: dict[str, Rendered]) -> None:
    unit = made["one"].unit(worker.UNIT.format(""))
    assert made["one"].command(worker.UNIT.format(""))[1:] == ["deploys", "execute", "%i"]
    assert (unit["Type"], unit["TimeoutStartSec"], unit["KillMode"]) == (["oneshot"], ["infinity"], ["mixed"])
    assert "WantedBy" not in unit, "only the queue begins one"


def test_the_queue_may_write_what_was_delivered(made: dict[str, Rendered]) -> None:
    unit = made["one"].unit("latentum-ops-delivery.service")
    assert f"-{paths.DELIVERED}" in unit["ReadWritePaths"] and str(paths.DELIVERED) in made["one"].files
    assert "User" not in unit and made["one"].variables["running_units"][0] == "latentum-ops-delivery.service"


def test_a_new_engine_restarts_both_and_no_delivery() -> None:
    from fnmatch import fnmatch

    restarted = {
        unit: any(fnmatch(unit, pattern) for pattern in DAEMONS)
        for unit in (
            "latentum-ops-delivery.service",
            "latentum-ops-receiver.service",
            "latentum-ops-delivery@3f2a.service",
            "latentum-ops-receiver.socket",
        )
    }
    assert list(restarted.values()) == [True, True, False, False]


@pytest.mark.skipif(not ANALYZE, reason="systemd is not here")
def test_systemd_understands_every_line(made: dict[str, Rendered], tmp_path: Path) -> None:
    files = []
    for path, text in made["one"].files.items():
        if path.startswith(UNITS):
            files.append(tmp_path / path.removeprefix(UNITS).replace("@.", "@3f2a90c1."))
            files[-1].write_text(re.sub(r"^(Exec\w+)=\S+", r"\1=/bin/true", text, flags=re.MULTILINE))
    done = subprocess.run([ANALYZE, "verify", *map(str, files)], capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if str(tmp_path) in line or "latentum" in line]
    assert len(files) == 4 and ours == []
