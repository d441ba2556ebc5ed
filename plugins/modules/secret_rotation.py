#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets of a stack that get other values while their consumers go on."""

from __future__ import annotations

DOCUMENTATION = r"""
module: secret_rotation
short_description: Replace secrets of a stack without losing a request
version_added: "0.1.0"
description:
  - Gives secrets other values, by the rotation that is declared for each. Whoever checks one takes both values first, then the services
    that read it are replaced by the rollout of any release, and then the value from before is good no more.
  - What is under way is in a journal on the host. A run that was killed is gone on with by the next one. A service that does not become
    healthy takes all of it back.
  - The secrets have to be in the store of this host, see M(latentum.ops.secret_store).
  - No value is in a result, a diff, a journal or a log.
author:
  - The latentum.ops contributors (@latentum)
extends_documentation_fragment:
  - latentum.ops.attributes
attributes:
  check_mode:
    support: full
    details: Returns the plan, and refuses what cannot be rotated by name.
  diff_mode:
    support: none
options:
  stack:
    description: Name of the stack.
    type: str
    required: true
  secrets:
    description:
      - Names of the secrets, for O(state=rotated).
      - V(all) in place of names means each one that is declared to rotate, V(due) those that are older than they are declared to be.
      - Of both, secrets whose value comes from outside are left out unless O(values) has another one.
    type: list
    elements: str
    default: []
  state:
    description:
      - V(rotated) gives the secrets other values, after going on with what was interrupted.
      - V(finished) goes on with what was interrupted, and ends values from before whose grace time is over.
      - V(repaired) lets database servers take what the store has, after a backup from before a rotation was restored.
      - V(initial) lets the owners of databases log in themselves again, before a server begins anew with empty data.
    type: str
    choices: [rotated, finished, repaired, initial]
    default: rotated
  values:
    description: Values that come from outside, such as a vault, by the names of their secrets.
    type: dict
    default: {}
  now:
    description: With O(state=finished), values from before end also before their grace time is over. What still uses one is ended.
    type: bool
    default: false
  wait:
    description: Seconds to wait for somebody else's work on the stack.
    type: float
    default: 60.0
seealso:
  - module: latentum.ops.secret_store
"""

EXAMPLES = r"""
- name: Give the database of the shop another password
  latentum.ops.secret_rotation:
    stack: shop
    secrets: [database_password]

- name: End values from before whose grace time is over
  latentum.ops.secret_rotation:
    stack: shop
    state: finished
"""

RETURN = r"""
plan:
  description: Each secret with its age, its kind, who checks it, and the services that are replaced.
  returned: O(state=rotated)
  type: list
  elements: dict
  sample: [{secret: database_password, age: 7776000, every: 7776000, late: false, kind: postgresql, server: database, login: shop_a,
    replaced: [api (rolling)], before: gone}]
table:
  description: The plan as lines for a person.
  returned: O(state=rotated)
  type: list
  elements: str
  sample: ["   secret             age   every  kind"]
rotated:
  description: Names of the secrets that have another value.
  returned: success
  type: list
  elements: str
  sample: [database_password]
revoked:
  description: Names of those whose value from before is good no more.
  returned: success
  type: list
  elements: str
  sample: [database_password]
shredded:
  description: Names of those whose value from before is gone.
  returned: success
  type: list
  elements: str
  sample: []
waiting:
  description: Names of those whose value from before is still good.
  returned: success
  type: list
  elements: str
  sample: [api_key]
repaired:
  description: Names of those that their server takes again, or that their owner logs in with again.
  returned: success
  type: list
  elements: str
  sample: []
rolled:
  description: What was replaced.
  returned: success
  type: list
  elements: str
  sample: ["api: replace 2 by 2 containers (rolling, 1 at once): a secret of it was changed"]
lines:
  description: What was done, step by step.
  returned: success
  type: list
  elements: str
  sample: ["database_password: has another value, and shop_b logs in with it"]
"""

from dataclasses import asdict
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.core.locks import LockHeld
from ansible_collections.latentum.ops.plugins.module_utils.rollout.deployment import EXPECTED
from ansible_collections.latentum.ops.plugins.module_utils.rotation import declared, plan
from ansible_collections.latentum.ops.plugins.module_utils.rotation.journal import Journal
from ansible_collections.latentum.ops.plugins.module_utils.rotation.refusal import RotationFailed
from ansible_collections.latentum.ops.plugins.module_utils.rotation.rolling import Rolling
from ansible_collections.latentum.ops.plugins.module_utils.rotation.rotating import Result, Rotation
from ansible_collections.latentum.ops.plugins.module_utils.secretstore.store import Store

ALL = "all"
DUE = "due"


class Module(AnsibleModule):  # type: ignore[misc]
    """A module whose journal line has no arguments: values would stand there escaped, and stay."""

    no_log_values: set[str]

    def _log_invocation(self) -> None:
        self.log(f"Invoked with stack={self.params['stack']} state={self.params['state']} secrets={', '.join(self.params['secrets'])}")

    def show_names(self) -> None:
        """Let results name secrets even when a value from outside happens to be such a name."""
        names = [self.params["stack"], *self.params["secrets"], *self.params["values"]]
        self.no_log_values = {value for value in self.no_log_values if not any(value in name for name in names)}


def chosen(store: Store, given: dict[str, Any]) -> list[declared.Rotating]:
    """The secrets that are meant.

    :raises RotationRefused: one of them cannot be rotated.
    """
    if given["secrets"] not in ([ALL], [DUE]):
        return declared.chosen(store, given["secrets"])
    secrets = declared.chosen(store, list(declared.every(store)))
    offered = [
        secret
        for secret in secrets
        if not secret.entry.get("given") or given["values"].get(secret.name) not in (None, store.value(secret.name))
    ]
    if given["secrets"] == [ALL]:
        return offered
    late = {row.secret for row in plan.rows(store, Journal(store.stack), offered, {}) if row.late}
    return [secret for secret in offered if secret.name in late]


def act(given: dict[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Names in, names out."""
    stack = given["stack"]
    store = Store(stack)
    if given["state"] != "rotated":
        rotation = Rotation.here(stack, wait=given["wait"])
        verbs = {"finished": lambda: rotation.finish(now=given["now"]), "repaired": rotation.repair, "initial": rotation.begin_anew}
        result = Result() if check_mode else verbs[given["state"]]()
        return {**asdict(result), "changed": result.changed}
    secrets = chosen(store, given)
    rows = plan.rows(store, Journal(stack), secrets, Rolling(stack, lambda _line: None).strategies())
    for secret in secrets:  # a value that nobody brings is refused in check mode as well
        secret.another(str(given["values"].get(secret.name) or ""), store.value(secret.name))
    shown = {"plan": plan.as_list(rows), "table": plan.table(rows).splitlines()}
    if check_mode:
        return {**asdict(Result()), **shown, "changed": bool(secrets)}
    values = {name: str(value) for name, value in given["values"].items()}
    result = Rotation.here(stack, wait=given["wait"]).rotate([secret.name for secret in secrets], values)
    return {**asdict(result), **shown, "changed": result.changed}


def main() -> None:
    """Arguments in, names out."""
    module = Module(
        argument_spec={
            "stack": {"type": "str", "required": True},
            "secrets": {"type": "list", "elements": "str", "default": [], "no_log": False},
            "state": {"type": "str", "choices": ["rotated", "finished", "repaired", "initial"], "default": "rotated"},
            "values": {"type": "dict", "default": {}, "no_log": True},
            "now": {"type": "bool", "default": False},
            "wait": {"type": "float", "default": 60.0},
        },
        supports_check_mode=True,
    )
    module.show_names()
    if module.params["state"] == "rotated" and not module.params["secrets"]:
        module.fail_json(**failure("write the names of secrets, or all, or due; nothing was changed"))
    try:
        result = act(module.params, check_mode=module.check_mode)
    except (*EXPECTED, RotationFailed, LockHeld, TimeoutError) as error:
        module.fail_json(**failure(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
