# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The timers of role backup as Ansible renders them: one for all data, or one a plan, and which of before have to go."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ansible_runs import AnsibleRuns

from .plays import told
from .test_nginx_templates import RENDER

ROLE = Path(__file__).resolve().parents[3] / "roles/backup"
CONFIG: dict[str, Any] = {"stack": "shop", "schedule": "*-*-* 02:30", "wal_every": 60, "jitter": 900, "clusters": [{"service": "database"}]}
PLANS = [{"name": "database", "schedule": "*-*-* 02:00"}, {"name": "full", "schedule": "*-*-01 04:00"}]
VARIANTS = {"whole": CONFIG, "plans": {**CONFIG, "plans": PLANS}}
UNITS = "/etc/systemd/system/latentum-ops-"
# Timers on the host: of before, of another stack whose name begins alike, and of what is declared.
THERE = [f"{UNITS}backup@{name}.timer" for name in ("shop", "shop.former", "shop.full")]


@pytest.fixture(scope="module")
def rendered(ansible: AnsibleRuns, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Of each variant the files by path, the units that run, and those that go."""
    folder = tmp_path_factory.mktemp("backup")
    (folder / "templates").symlink_to(ROLE / "templates")
    (folder / "action_plugins").mkdir()
    (folder / "action_plugins/render.py").write_text(RENDER)
    tasks: list[dict[str, Any]] = []
    for name, config in VARIANTS.items():
        given = {"backup_config": config, "backup_authorities": [], "__backup_timers_there": {"files": [{"path": path} for path in THERE]}}
        tasks.append({"name": f"Render {name}", "render": {"files": "{{ __backup_unit_files }}"}, "vars": given, "register": "shown"})
        known = {"files": "{{ shown.files }}", "units": "{{ __backup_running_units }}", "gone": "{{ __backup_timers_gone }}"}
        tasks.append({"name": name, "ansible.builtin.debug": {"msg": {**known, "purge": "{{ __backup_timer_purge }}"}}, "vars": given})
    return told(ansible, folder, tasks, [ROLE / "defaults/main.yml", ROLE / "vars/main.yml"])


def timers(rendered: dict[str, dict[str, Any]], variant: str) -> dict[str, str]:
    """The timers of backups: instance, and what is in it."""
    found = {file["path"]: file["content"] for file in rendered[variant]["files"]}
    return {match[1]: text for path, text in found.items() if (match := re.fullmatch(rf"{UNITS}backup@(.+)\.timer", path))}


def test_without_plans_there_is_the_one_timer(rendered: dict[str, dict[str, Any]]) -> None:
    (timer,) = timers(rendered, "whole").items()
    assert timer[0] == "shop" and "OnCalendar=*-*-* 02:30\n" in timer[1]
    assert "Description=When the stack shop is backed up\n" in timer[1]
    push, wal = "latentum-ops-push@shop.timer", "latentum-ops-wal@shop.database.service"
    assert rendered["whole"]["units"] == ["latentum-ops-backup@shop.timer", push, wal]


def test_each_plan_has_a_timer_at_its_own_times(rendered: dict[str, dict[str, Any]]) -> None:
    found = timers(rendered, "plans")
    times = {name: re.findall(r"^OnCalendar=(.*)$", text, re.MULTILINE) for name, text in found.items()}
    assert times == {"shop.database": ["*-*-* 02:00"], "shop.full": ["*-*-01 04:00"]}
    assert rendered["plans"]["units"][:2] == [f"latentum-ops-backup@shop.{name}.timer" for name in ("database", "full")]
    services = [
        {file["path"]: file["content"] for file in rendered[name]["files"] if "backup@shop" not in file["path"]} for name in VARIANTS
    ]
    assert services[0] == services[1] and len(services[0]) == 5  # those of all stacks, the push, and what all want of the disk


def test_what_is_declared_no_more_goes_and_no_timer_of_another_stack(rendered: dict[str, dict[str, Any]]) -> None:
    assert rendered["plans"]["gone"] == ["latentum-ops-backup@shop.former.timer", "latentum-ops-backup@shop.timer"]
    assert rendered["whole"]["gone"] == ["latentum-ops-backup@shop.former.timer", "latentum-ops-backup@shop.full.timer"]
    patterns = [rule["pattern"] for rule in rendered["plans"]["purge"]]
    others = [Path(f"latentum-ops-backup@{name}.timer") for name in ("shop2", "shop-x.files", "shop2.files")]
    assert not [path for path in others for pattern in patterns if path.match(pattern)]
    assert all(any(Path(path).match(pattern) for pattern in patterns) for path in THERE)


def test_what_a_unit_wants_of_the_disk_is_wanted_for_as_long_as_the_host_is_up(rendered: dict[str, dict[str, Any]]) -> None:
    """On cgroups v1 a controller that nobody wants any more is taken from containers: after a backup none could be entered."""
    found = {file["path"]: file["content"] for file in rendered["whole"]["files"]}
    assert any(re.search(r"^IOWeight=", text, re.MULTILINE) for text in found.values())
    (kept,) = (text for path, text in found.items() if path.startswith("/etc/systemd/system/-.slice.d/"))
    assert re.search(r"^\[Slice\]\nIOAccounting=yes$", kept, re.MULTILINE)
