#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup now, and its proof."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup
short_description: Back up a stack now, and prove that it can be restored
version_added: "0.1.0"
description:
  - Writes a backup of what role C(backup) was told about to every target, brings one back beside the production, and questions it.
  - The module works detached on the host, and its progress is shown while it does.
author:
  - The latentum.ops contributors (@latentum)
extends_documentation_fragment:
  - latentum.ops.attributes
attributes:
  check_mode:
    support: full
    details: Nothing is written or restored.
  diff_mode:
    support: none
options:
  stack:
    description: Which stack.
    type: str
    required: true
  make:
    description: Make a backup; V(false) to prove one that is there.
    type: bool
    default: true
  verify:
    description: Bring a backup back beside the production, and question it.
    type: bool
    default: true
  plan:
    description:
      - Which plan of C(backups.plans) is made, or proven. Those that together take everything unless given, and with O(make=true) each that
        has made no backup yet.
    type: str
    default: ""
  target:
    description: Of which target a backup is proven with O(make=false); the one that was proven longest ago unless given.
    type: str
    default: ""
  snapshot:
    description: Which snapshot is proven with O(make=false); the newest unless given.
    type: str
    default: ""
  attempt:
    description: Names this run for those who follow it; the action sets it.
    type: str
    default: ansible
  detach:
    description: Work on in a process of its own, whose progress and result M(latentum.ops.job_progress) reads. The action sets it.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Back the shop up before a migration
  latentum.ops.backup:
    stack: shop

- name: Back up what the plan of the databases takes
  latentum.ops.backup:
    stack: shop
    plan: database

- name: Prove the newest backup of a target
  latentum.ops.backup:
    stack: shop
    make: false
    target: offsite
"""

RETURN = r"""
snapshots:
  description: Ids of the new snapshots by target, with plans by plan and target, such as C(database/offsite).
  returned: success
  type: dict
  sample: {"offsite": "14eca5d2c1f0"}
checks:
  description: What the proof found; empty without O(verify).
  returned: success
  type: list
  elements: dict
  sample: [{"name": "database: pg_amcheck", "ok": true, "found": "no damage, 1.1 s"}]
table:
  description: The same as aligned text.
  returned: success
  type: str
  sample: "ok  database: pg_amcheck: no damage, 1.1 s"
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.backup import catalogue, plans, running, settings, verification
from ansible_collections.latentum.ops.plugins.module_utils.backup.restic_errors import TargetError
from ansible_collections.latentum.ops.plugins.module_utils.backup.settings import BackupError
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import DockerUnavailable, Engine
from ansible_collections.latentum.ops.plugins.module_utils.core import detached
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.core.locks import LockHeld
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError
from ansible_collections.latentum.ops.plugins.module_utils.core.progress import Progress
from ansible_collections.latentum.ops.plugins.module_utils.core.version import EngineSkew, require_compatible


def main() -> None:
    """Arguments in, outcome out."""
    module = AnsibleModule(
        argument_spec={
            "stack": {"type": "str", "required": True},
            "make": {"type": "bool", "default": True},
            "verify": {"type": "bool", "default": True},
            "plan": {"type": "str", "default": ""},
            "target": {"type": "str", "default": ""},
            "snapshot": {"type": "str", "default": ""},
            "attempt": {"type": "str", "default": "ansible"},
            "detach": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    if module.check_mode:
        module.exit_json(changed=module.params["make"], snapshots={}, checks=[], table="")
    detached.leave(module, carry_out)


def carry_out(given: Mapping[str, Any]) -> dict[str, Any]:
    """The module's result, whether the backup and its proof succeed or not."""
    progress = Progress(given["stack"], given["attempt"])
    snapshots, checks, table, errors = {}, [], "", {}
    try:
        require_compatible()
        configuration = settings.load(given["stack"])
        if given["plan"] or configuration.plans:
            return each_plan(configuration, given, progress)
        if given["make"]:
            outcome = running.backup(Engine(), configuration, progress)
            snapshots, errors = outcome.snapshots, outcome.errors
        if given["verify"]:
            named = {} if given["make"] else {"name": given["target"], "snapshot": given["snapshot"]}
            verdict = verification.verify(Engine(), configuration, progress, **named)
            checks, table = [finding.as_dict() for finding in verdict.findings], catalogue.verdict_table(verdict)
            if not verdict.ok:
                errors["proof"] = verdict.error or "nothing was found"
    except (BackupError, TargetError, CommandError, DockerUnavailable, EngineSkew, LockHeld, OSError, ValueError) as error:
        return failure(error)
    finally:
        progress.close()
    result = {"changed": given["make"], "snapshots": snapshots, "checks": checks, "table": table}
    if errors:
        return failure("; ".join(f"{name}: {text}" for name, text in errors.items()), **result)
    return result


def each_plan(configuration: settings.Settings, given: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """The plan that is named, or those that take everything together; one that fails costs the others nothing."""
    make, target, snapshot = given["make"], given["target"], given["snapshot"]
    views = plans.due(configuration, given["plan"]) if make else plans.to_verify(configuration, given["plan"], target, snapshot)
    named = {} if make else {"target": target, "snapshot": snapshot}
    turns = plans.carry_out(Engine(), views, progress, make=make, proves=lambda _view: given["verify"], **named)
    made = [(turn, turn.outcome.snapshots if turn.outcome else {}) for turn in turns]
    result = {
        "changed": make,
        "snapshots": {f"{turn.settings.plan}/{name}": identity for turn, snapshots in made for name, identity in snapshots.items()},
        "checks": [finding.as_dict() for turn in turns if turn.verdict for finding in turn.verdict.findings],
        "table": "\n".join(map(plans.table, turns)),
    }
    errors = [f"plan {turn.settings.plan or 'of everything'}, {name}: {text}" for turn in turns for name, text in turn.errors.items()]
    return failure("; ".join(errors), **result) if errors else result


if __name__ == "__main__":
    main()
