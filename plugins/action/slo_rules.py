# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the rule files of objectives on the controller, and reports what a Prometheus has measured of them. Reaches no host."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.latentum.ops.plugins.module_utils.contracts.error_budget import SloSettings
from ansible_collections.latentum.ops.plugins.module_utils.core.atomic_files import read_text, write_atomic
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError, run
from ansible_collections.latentum.ops.plugins.module_utils.declaration.slos.derive import slo_settings
from ansible_collections.latentum.ops.plugins.module_utils.slo.budget import strictest
from ansible_collections.latentum.ops.plugins.module_utils.slo.measured import Measured, measure, unmeasured
from ansible_collections.latentum.ops.plugins.module_utils.slo.picture import picture
from ansible_collections.latentum.ops.plugins.module_utils.slo.rules import is_ours, rule_file
from ansible_collections.latentum.ops.plugins.module_utils.slo.source import Source, SourceError
from ansible_collections.latentum.ops.plugins.module_utils.slo.table import as_data, table
from ansible_collections.latentum.ops.plugins.plugin_utils.environments import declarations

OPTIONS = {
    "folder": {"type": "path", "default": "slo"},
    "prometheus": {"type": "str", "default": ""},
    "timeout": {"type": "float", "default": 10.0},
}
_MODE = 0o644
Stacks = dict[str, SloSettings | None]  # by name; None without objectives


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no type hints
    """Of the hosts' variables only what is declared is read. A Prometheus is asked before anything is written."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """What was written, and the table."""
        super().run(tmp, task_vars)
        _validated, given = self.validate_argument_spec(argument_spec=OPTIONS)
        variables = task_vars or {}
        stacks = declared(variables["hostvars"], list(variables["ansible_play_hosts_all"]))
        folder, now = Path(given["folder"]).absolute(), time.time()
        measured = _measured(stacks, given, now)
        wanted = {f"slo-{stack}.yml": rule_file(stack, slo.objectives) if slo else None for stack, slo in stacks.items()}
        _judge({name: text for name, text in wanted.items() if text})
        changes = _changes(folder, wanted)
        pictures = {f"slo-{one.objective.stack}-{one.objective.name}.svg": picture(one, now) for one in measured if given["prometheus"]}
        diff = [_diff(folder / name, text) for name, text in changes.items()]
        if not self._task.check_mode:
            _write(folder, {**changes, **pictures})
        return {
            "changed": bool(changes),
            "files": [str(folder / name) for name, text in wanted.items() if text],
            "pictures": [str(folder / name) for name in pictures],
            "objectives": [as_data(one) for one in measured],
            "state": strictest(one.state for one in measured).value,
            "table": table(measured, measured=bool(given["prometheus"])),
            "diff": diff,
        }


def declared(hostvars: Mapping[str, Any], hosts: list[str]) -> Stacks:
    """The objectives of the stacks of some hosts, by the name of the stack.

    :raises AnsibleActionFail: a declaration is wrong, or two hosts declare one stack with different objectives.
    """
    stacks: Stacks = {}
    origin: dict[str, str] = {}
    for host in hosts:
        for declaration in declarations(host, hostvars[host]):
            derived = slo_settings(declaration)
            # Each host may reach its Prometheus by another address.
            settings = SloSettings.from_dict({**derived, "prometheus": ""}) if derived else None
            stack = declaration.name
            if stacks.setdefault(stack, settings) != settings:
                raise AnsibleActionFail(
                    f"slos: {host} declares stack {stack} with other objectives than {origin[stack]}; one rule file cannot have both:"
                    f" choose the hosts of one environment, -e ops_hosts={host}, with an slo_folder of its own. Nothing was changed."
                )
            origin.setdefault(stack, host)
    return stacks


def _measured(stacks: Stacks, given: Mapping[str, Any], now: float) -> list[Measured]:
    known = [settings for settings in stacks.values() if settings]
    if not given["prometheus"]:
        return [unmeasured(objective, settings.policy, now) for settings in known for objective in settings.objectives]
    try:
        source = Source(given["prometheus"], given["timeout"])
        return [entry for settings in known for entry in measure(settings.objectives, source, now, settings.policy, history=True)]
    except SourceError as error:
        raise AnsibleActionFail(f"slo_prometheus: {error} Nothing was changed.") from None


def _judge(files: Mapping[str, str]) -> None:
    """What Prometheus would refuse is not written, where its own checker is on the controller."""
    if not (promtool := shutil.which("promtool")) or not files:
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            Path(folder, name).write_text(text)
        try:
            run([promtool, "check", "rules", *(str(Path(folder, name)) for name in files)])
        except CommandError as error:
            raise AnsibleActionFail(f"promtool refuses the rules: {error}. Nothing was changed.") from error


def _changes(folder: Path, wanted: Mapping[str, str | None]) -> dict[str, str | None]:
    """The files that differ; None for one that goes: of a stack without objectives, and only where it is ours."""
    changes: dict[str, str | None] = {}
    for name, text in wanted.items():
        there = read_text(folder / name)
        if there == text:
            continue
        if there is not None and not is_ours(there):
            raise AnsibleActionFail(
                f"{folder / name}: is there, and not of this playbook: move it away, or choose another slo_folder. Nothing was changed."
            )
        changes[name] = text
    return changes


def _write(folder: Path, files: Mapping[str, str | None]) -> None:
    try:
        if files:
            folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            if text is None:
                (folder / name).unlink(missing_ok=True)
            else:
                write_atomic(folder / name, text, _MODE, os.geteuid(), os.getegid())
    except OSError as error:
        raise AnsibleActionFail(f"slo_folder: {folder} cannot be written ({error}): give a folder that is yours, -e slo_folder=…") from None


def _diff(file: Path, text: str | None) -> dict[str, str]:
    return {"before": read_text(file) or "", "after": text or "", "before_header": str(file), "after_header": str(file)}
