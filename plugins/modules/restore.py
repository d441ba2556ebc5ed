#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a backup holds, in its place again."""

from __future__ import annotations

DOCUMENTATION = r"""
module: restore
short_description: Restore databases, caches, volumes and files of a stack
version_added: "0.1.0"
description:
  - Says what will be restored, from where, and what will be lost; does it only with O(confirmed=true).
  - What is restored is made ready and proven beside the production, and then takes its place.
  - What it replaces is kept until O(state=confirmed).
  - The module works detached on the host, and its progress is shown while it does.
author:
  - The latentum.ops contributors (@latentum)
extends_documentation_fragment:
  - latentum.ops.attributes
attributes:
  check_mode:
    support: full
    details: The plan is said, nothing is changed.
  diff_mode:
    support: none
options:
  stack:
    description: Which stack.
    type: str
    required: true
  state:
    description:
      - V(restored) restores; V(resumed) brings an interrupted restore to a safe end.
      - V(undone) puts back what a restore replaced; V(confirmed) removes it.
    type: str
    choices: [restored, resumed, undone, confirmed]
    default: restored
  kind:
    description:
      - What is restored.
      - V(files) and V(dump) are brought beside what is there. They replace nothing, and need no O(confirmed).
    type: str
    choices: [database, cache, volume, everything, files, dump]
    default: everything
  name:
    description: Which database (or its service), which service of a cache, or which volume. Not with V(everything) and V(files) of O(kind).
    type: str
    default: ""
  paths:
    description: With O(kind=files), which files and folders of the host, each by its whole path.
    type: list
    elements: str
    default: []
  table:
    description: With O(kind=dump), only this table, with its schema before a dot where it has one.
    type: str
    default: ""
  into:
    description:
      - With O(kind=files), an empty folder of the host; a new one below C(/var/lib/latentum-ops/restored) unless given.
      - With O(kind=dump), a database that does not exist yet; the name of the dumped one with C(_restored) unless given.
    type: str
    default: ""
  to:
    description:
      - The moment to which databases are restored, with its zone, such as C(2026-11-20 14:03:07+00).
      - All that there is unless given.
    type: str
    default: ""
  source:
    description: From which target; V(local) for what this host holds. The best unless given.
    type: str
    default: ""
  snapshot:
    description: Which snapshot of the target.
    type: str
    default: ""
  plan:
    description: Only from backups of this plan of C(backups.plans). Of each part the newest backup that has it unless given.
    type: str
    default: ""
  confirmed:
    description: Somebody has read the plan and wants it.
    type: bool
    default: false
  confirm:
    description:
      - The environment that is meant. A host whose environment is protected (M(latentum.ops.host_environment)) is changed only with its
        name, and no host that knows its own is changed with another one. C(ops_confirm) in the playbooks.
      - Wanted where something is replaced, and for V(undone) and V(confirmed) of O(state); not in check mode.
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
- name: Go back to the second before the accident
  latentum.ops.restore:
    stack: shop
    kind: database
    name: shop
    to: "2026-11-20 14:03:07+00"
    confirmed: true

- name: Look at one table as it was, in a database of its own
  latentum.ops.restore:
    stack: shop
    kind: dump
    name: shop
    table: orders
    into: shop_yesterday

- name: It is as it should be
  latentum.ops.restore:
    stack: shop
    state: confirmed
"""

RETURN = r"""
lines:
  description: What was done.
  returned: success
  type: list
  elements: str
  sample: ["database shop: restored"]
plan:
  description: What was said before.
  returned: with O(state=restored), where something is replaced
  type: list
  elements: str
  sample: ["what was written after 2026-11-20 14:03:07.000000+00 will be lost: the work of 8 s"]
upto:
  description: The last moment that is there again, in seconds since 1970.
  returned: with O(state=restored), where something is replaced
  type: float
  sample: 1795278762.3
checks:
  description: What the questions of the declaration found afterwards.
  returned: with O(state=restored), where something is replaced
  type: list
  elements: dict
  sample: [{"name": "SELECT count(*) FROM orders", "ok": true, "found": "605, at least 1 expected"}]
seconds:
  description: How long it took.
  returned: success
  type: float
  sample: 37.7
"""

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.backup import origins, restoring, restoring_beside, settings
from ansible_collections.latentum.ops.plugins.module_utils.backup.restic_errors import TargetError
from ansible_collections.latentum.ops.plugins.module_utils.backup.settings import BackupError
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import DockerUnavailable, Engine
from ansible_collections.latentum.ops.plugins.module_utils.core import detached
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.core.locks import LockHeld
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError
from ansible_collections.latentum.ops.plugins.module_utils.core.progress import Progress
from ansible_collections.latentum.ops.plugins.module_utils.core.version import EngineSkew, require_compatible
from ansible_collections.latentum.ops.plugins.module_utils.maintenance.protection import NotConfirmed, require_confirmed

BESIDE = ("files", "dump")  # kinds that replace nothing


def main() -> None:
    """Arguments in, outcome out."""
    module = AnsibleModule(
        argument_spec={
            "stack": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["restored", "resumed", "undone", "confirmed"], "default": "restored"},
            "kind": {"type": "str", "choices": [*restoring.KINDS, *BESIDE], "default": "everything"},
            "name": {"type": "str", "default": ""},
            "paths": {"type": "list", "elements": "str", "default": []},
            "table": {"type": "str", "default": ""},
            "into": {"type": "str", "default": ""},
            "to": {"type": "str", "default": ""},
            "source": {"type": "str", "default": ""},
            "snapshot": {"type": "str", "default": ""},
            "plan": {"type": "str", "default": ""},
            "confirmed": {"type": "bool", "default": False},
            "confirm": {"type": "str", "default": ""},
            "attempt": {"type": "str", "default": "ansible"},
            "detach": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    detached.leave(module, partial(carry_out, check=module.check_mode))


def carry_out(given: Mapping[str, Any], *, check: bool) -> dict[str, Any]:
    """The module's result, whether the work succeeds or is refused."""
    progress, began = Progress(given["stack"], given["attempt"]), time.monotonic()
    plan: list[str] = []
    restored: dict[str, Any] = {}
    try:
        if not check:
            require_compatible()
            if replaces(given):
                require_confirmed(f"restore of {given['stack']}", given["confirm"])
        configuration = settings.load(given["stack"])
        if given["state"] != "restored":
            lines = [] if check else _finish(given["state"], configuration, progress)
        elif given["kind"] in BESIDE:
            lines = [] if check else _beside(given, configuration, progress)
        else:
            at = origins.moment(given["to"]) if given["to"] else None
            request = restoring.Request(
                given["kind"], given["name"], at, given["source"], given["snapshot"], given["confirmed"] and not check, given["plan"]
            )
            report = restoring.restore(Engine(), configuration, request, progress, plan.extend)
            lines, checks = report.lines, [finding.as_dict() for finding in report.findings]
            restored = {"plan": plan, "upto": report.upto, "checks": checks}
    except restoring.Unconfirmed as error:
        if check:
            return {"changed": True, "plan": plan, "lines": [], "seconds": time.monotonic() - began}
        return failure("\n".join([*plan, str(error)]), plan=plan)
    except (NotConfirmed, BackupError, TargetError, CommandError, DockerUnavailable, EngineSkew, LockHeld, OSError, ValueError) as error:
        return failure(error, plan=plan)
    finally:
        progress.close()
    return {"changed": True, "lines": lines, "seconds": time.monotonic() - began, **restored}


def replaces(given: Mapping[str, Any]) -> bool:
    """What is there goes, or what it was replaced by; an interrupted restore was confirmed when it began."""
    if given["state"] == "restored":
        return bool(given["confirmed"]) and given["kind"] not in BESIDE
    return given["state"] in ("undone", "confirmed")


def _finish(state: str, configuration: settings.Settings, progress: Progress) -> list[str]:
    if state == "confirmed":
        return restoring.confirm(configuration)
    return (restoring.resume if state == "resumed" else restoring.undo)(Engine(), configuration, progress)


def _beside(given: Mapping[str, Any], configuration: settings.Settings, progress: Progress) -> list[str]:
    """Nothing is replaced."""
    place = (given["source"], given["snapshot"], given["into"], progress, given["plan"])
    if given["kind"] == "files":
        return restoring_beside.files(configuration, tuple(given["paths"]), *place)
    return restoring_beside.dump(Engine(), configuration, given["name"], given["table"], *place)


if __name__ == "__main__":
    main()
