#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rolling updates of a Compose project."""

from __future__ import annotations

DOCUMENTATION = r"""
module: compose_rollout
short_description: Bring a Compose project to a release without losing a request
version_added: "0.1.0"
description:
  - Compares the running containers with the declared project and replaces what differs, service by service in the order of C(depends_on).
    Containers that somebody has started by hand under this name are kept by a first release where they are what it would start.
    Images are pulled first and pinned by digest. New containers are started beside the old ones, must become and stay healthy,
    get the traffic of nginx by one reload, and only when nobody waits for an answer of the old ones do those stop.
  - Any failure takes everything back that the run has done. What a killed run left behind is finished or taken back by the next one.
  - Every release is kept on the host, so that O(state=rolled_back) needs no argument.
  - Of a stack that was ejected and is deployed again, it removes what the ejection had left, where nobody has changed it since. Secrets
    that a container mounts, and backups by hand while the stack has no others, go with a later deployment.
  - Runs detached on the host and shows its progress line by line; a controller that goes away does not stop it.
author:
  - The latentum.ops contributors (@latentum)
extends_documentation_fragment:
  - latentum.ops.attributes
  - latentum.ops.confirmation
  - latentum.ops.expectations.services
attributes:
  check_mode:
    support: full
    details: Returns the plan and the digests that the registry has now. Nothing is pulled.
  diff_mode:
    support: full
options:
  stack:
    description: Name of the Compose project.
    type: str
    required: true
  state:
    description:
      - V(deployed) brings about what O(compose) declares.
      - V(rolled_back) returns to the last good release before the live one, or to the one named by O(to).
      - V(scaled) changes the numbers of containers to O(replicas) and nothing else.
    type: str
    choices: [deployed, rolled_back, scaled]
    default: deployed
  compose:
    description: The Compose project. Required for O(state=deployed).
    type: dict
  images:
    description: Service to image reference, in place of what O(compose) names; the result of M(latentum.ops.promotion).
    type: dict
    default: {}
  promoted_from:
    description: The environment and release that O(images) come from, kept with the release and in its journal.
    type: str
    default: ""
  site_run:
    description:
      - What is done where images were delivered to this host by themselves (role C(deploy_hook)) and O(compose) declares others.
      - V(adopt) keeps what was delivered, V(replace) brings what is declared, V(refuse) fails. O(images) are meant in any case.
      - The differences are in RV(delivered), and shown as warnings.
      - Empty for a stack without deliveries.
    type: str
    choices: ["", adopt, replace, refuse]
    default: ""
  directory:
    description: Where the project lives on the host; C(/opt/) and the name of the stack by default.
    type: path
  environment:
    description: Plain values for C(${NAME}) in the project. Not for secrets.
    type: dict
    default: {}
  services:
    required: false
    default: []
  policies:
    description: How each service is updated; the result of filter P(latentum.ops.rollout_policies#filter).
    type: list
    elements: dict
    default: []
    suboptions:
      # BEGIN OPTIONS rollout_policy.Policy
      service:
        description: Name of the service.
        type: str
        required: true
      strategy:
        description:
          - V(rolling) replaces batch by batch.
          - V(canary) gives the first new container a share of the traffic and judges it by what nginx saw.
          - V(blue_green) starts a whole new set, switches once, and keeps the old set running for a while.
          - V(recreate) stops the old containers first; nginx answers 503 with C(Retry-After) meanwhile.
        type: str
        choices: [rolling, canary, blue_green, recreate]
        default: rolling
      surge:
        description: New containers beside the old ones in one batch, as a number or a percentage of the replicas.
        type: str
        default: 100%
      min_healthy:
        description: How long a new container must stay healthy before it gets traffic, in seconds.
        type: float
        default: 5.0
      healthy_timeout:
        description: How long a new container may take to become healthy, in seconds; then everything is taken back.
        type: float
        default: 120.0
      drain_timeout:
        description: Longest wait for requests and WebSockets that old containers still answer, in seconds; then they are closed.
        type: float
        default: 60.0
      observe:
        description: How long the new containers are watched before the release is good, in seconds.
        type: float
        default: 10.0
      keep_for:
        description: How long a blue-green update keeps the old set running for an instant rollback, in seconds.
        type: float
        default: 600.0
      maintenance:
        description: Whose routes answer 503 during V(recreate), those of the service and its dependents, its own, or none.
        type: str
        choices: [dependents, service, none]
        default: dependents
      job:
        description: The service runs to its end; there is nothing to roll.
        type: bool
        default: false
      allow:
        description: Waivers; V(shared_volume) lets two containers write to one volume.
        type: list
        elements: str
        default: []
      canary:
        description: When the trial of V(canary) is passed.
        type: dict
        suboptions:
          share:
            description: Percent of the requests that the first new container gets.
            type: int
            default: 10
          duration:
            description: How long the trial takes, in seconds; it ends at once when the new version is worse.
            type: float
            default: 60.0
          min_requests:
            description: Fewer requests to the new version say nothing.
            type: int
            default: 100
          max_error_rate:
            description: Percentage points by which the new version may fail more often than the old one at the same time.
            type: float
            default: 1.0
          max_latency_ratio:
            description: 95th percentile of the new version over that of the old one.
            type: float
            default: 1.5
          on_low_traffic:
            description: What happens when there was too little traffic to judge.
            type: str
            choices: [abort, promote]
            default: abort
          prometheus:
            description: A query whose value must not exceed a maximum.
            type: dict
            suboptions:
              url:
                description: Address of Prometheus as the host reaches it.
                type: str
                required: true
              query:
                description: A query with one value.
                type: str
                required: true
              max:
                description: The largest value that is fine.
                type: float
                required: true
          quality:
            description: A figure that every container tells of itself; the new version must not be worse.
            type: dict
            suboptions:
              path:
                description: Path that answers with the figure, as a number or as JSON.
                type: str
                required: true
              port:
                description: Port inside the container; 0 is that of the route.
                type: int
                default: 0
              field:
                description: Where the number is in the JSON, such as C(metrics.rmse); empty where the whole answer is the number.
                type: str
              better:
                description: V(higher) or V(lower) figures are better.
                type: str
                choices: [higher, lower]
                default: higher
              tolerance:
                description: Percent by which the new version may be worse.
                type: float
                default: 0.0
          objectives:
            description: The objectives of the service and of its routes are asked, too, and a budget that burns as fast as pages
              somebody refuses the canary.
            type: bool
            default: false
      migration:
        description: A command that runs once with the new image before traffic changes.
        type: dict
        suboptions:
          command:
            description: Its argument list; no shell is between.
            type: list
            elements: str
            required: true
          timeout:
            description: How long it may take, in seconds; then it is stopped, and the release with it.
            type: float
            default: 600.0
      after:
        description: Commands that run in one of the new containers once all are healthy and serve.
        type: list
        elements: dict
        default: []
        suboptions:
          command:
            description: Its argument list; no shell is between.
            type: list
            elements: str
            required: true
          timeout:
            description: How long it may take, in seconds.
            type: float
            default: 600.0
          required:
            description: Its failure takes the release back; it runs before the release is good. Else the failure is only told, and the
              release stays.
            type: bool
            default: false
      # END OPTIONS
  routes:
    description:
      - How clients reach the stack, as a part of the release. Where role C(nginx) has installed nginx, the rollout switches sites and
        upstreams together with the containers.
      - Without this option a release is served by the routes of the live one.
    type: dict
    suboptions:
      upstreams:
        description: The result of filter P(latentum.ops.nginx_upstreams#filter).
        type: list
        elements: dict
      sites:
        description: Name of an nginx site to the content of its file in C(/etc/nginx/sites.d).
        type: dict
  files:
    description:
      - What the project mounts by a name of its content; the result of filter P(latentum.ops.carried_files#filter). It is written before
        anything else, and removed with the last release that mounts it.
    type: list
    elements: dict
    default: []
    suboptions:
      # BEGIN OPTIONS carried_files.Carried
      digest:
        description: Twelve hexadecimal digits of its content.
        type: str
        required: true
      name:
        description: Its name, the last part of its path.
        type: str
        required: true
      files:
        description: What is in it.
        type: list
        elements: dict
        required: true
        suboptions:
          content:
            description: Its bytes, by base64.
            type: str
            required: true
          path:
            description: Its path in the folder; empty where the whole is one file.
            type: str
          mode:
            description: Its permissions, in octal.
            type: str
            default: "0644"
      owner:
        description: User that owns it, by number.
        type: int
        default: 0
      group:
        description: Group that owns it, by number.
        type: int
        default: 0
      # END OPTIONS
  models:
    description:
      - Registered models whose versions belong to the release; the result of filter P(latentum.ops.registered_models#filter).
      - Their version is a value of a Compose variable, so a new one replaces the containers of the services that use it.
      - A registry that is away does not keep a stack from being deployed; the version of the live release stays, or O(models[].fallback)
        is taken.
    type: list
    elements: dict
    default: []
    suboptions:
      # BEGIN OPTIONS registered_model.RegisteredModel
      name:
        description: What messages and C(opsctl) call it.
        type: str
        required: true
      model:
        description: Name of the registered model.
        type: str
        required: true
      variable:
        description: The Compose variable that gets the version.
        type: str
        required: true
      service:
        description: The service of the stack that is the registry; empty where O(models[].url) says where it is.
        type: str
      port:
        description: Its port inside the container.
        type: int
        default: 5000
      url:
        description: Address of the registry as the host reaches it.
        type: str
      alias:
        description: A deployment takes the version that has this alias.
        type: str
        default: candidate
      live_alias:
        description:
          - The version of a release that is good gets this alias, after a rollback again the one before.
          - V(none) gives none.
        type: str
        default: champion
      user:
        description: User of the registry; empty where it asks for none.
        type: str
      password_file:
        description: File on the host with the password.
        type: str
      fallback:
        description: The version while the registry has none, before the first training.
        type: str
      # END OPTIONS
  versions:
    description:
      - Model to version, in place of what its alias is. V(7) is a number, V(@candidate) an alias. One that is not to be had is an error
        before anything changes.
      - Without it O(pull=always) takes what the alias of a model is now, and O(pull=missing) keeps the version of the live release.
    type: dict
    default: {}
  domains:
    description: Domains that lead to this stack, shown by C(opsctl status).
    type: list
    elements: str
    default: []
  slo:
    description:
      - Objectives of the stack and what their error budgets mean for a new release; the result of filter
        P(latentum.ops.slo_settings#filter).
      - They are kept on the host for C(opsctl). An empty dictionary removes them, and no budget is asked about.
    type: dict
    default: {}
  security_fix:
    description:
      - What this release mends, such as V(CVE-2026-1234). It goes out whatever is left of the error budgets.
      - It is kept in the journal, and told with the end of the deployment.
    type: str
    default: ""
  budget_override:
    description: Why this release goes out although too little of an error budget is left; kept and told likewise.
    type: str
    default: ""
  pull:
    description: V(missing) takes an image whose tag is on the host as it is; V(always) asks the registry what the tag is now.
    type: str
    choices: [missing, always]
    default: missing
  recreate:
    description: Services to replace although nothing differs.
    type: list
    elements: str
    default: []
  # BEGIN OPTIONS rollout_policy.Hooks
  before:
    description:
      - Commands of the host, as argument lists, that run before anything changes, for example a backup.
      - One that fails stops the deployment.
    type: list
    elements: list
    default: []
  before_timeout:
    description: How long each of them may take, in seconds.
    type: float
    default: 1800.0
  backup_max_age:
    description:
      - A backup that was restored must not be older than so many seconds; else one is taken, and proven, before anything changes.
      - One that fails stops the deployment. V(0) is never.
    type: float
    default: 0.0
  # END OPTIONS
  to:
    description: Release to return to with O(state=rolled_back); the beginning of its id is enough.
    type: str
  replicas:
    description: Service to number of containers, for O(state=scaled).
    type: dict
    default: {}
  force:
    description:
      - Also deploy a release that failed or was rolled back before.
      - A release that failed is tried again without it when what it was judged by has changed since; its secrets and their owners,
        O(policies), O(services) or O(before).
    type: bool
    default: false
  automatic:
    description: No person asked for this release by name, but for example a schedule. One that failed is left alone, whatever has changed.
    type: bool
    default: false
  wait:
    description: Seconds to wait while somebody else works on this stack. Otherwise the error names them.
    type: float
    default: 0.0
  attempt:
    description: Names this run for those who follow its progress. The action plugin chooses one.
    type: str
  detach:
    description: Work on in a process of its own, whose progress and result M(latentum.ops.job_progress) reads. The action sets it.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Bring about what is declared
  latentum.ops.compose_rollout:
    stack: shop
    compose: "{{ ops_stack | latentum.ops.compose_project }}"
    services: "{{ ops_stack | latentum.ops.health_expectations }}"
    policies: "{{ ops_stack | latentum.ops.rollout_policies }}"

- name: Return to the last good release
  latentum.ops.compose_rollout:
    stack: shop
    state: rolled_back

- name: Three containers of the api
  latentum.ops.compose_rollout:
    stack: shop
    state: scaled
    replicas: {api: 3}
"""

RETURN = r"""
release:
  description: Id of the release that is, or would be, live.
  returned: success
  type: str
  sample: 3f2a90c1d4e7
previous:
  description: Id of the release that was live before; empty for a first one.
  returned: success
  type: str
  sample: 91be07aa52c0
found:
  description: What a killed run had left behind, and what was done with it.
  returned: success
  type: str
  sample: ""
plan:
  description: One sentence for each service and each route that differs.
  returned: success
  type: list
  elements: str
  sample: ["api: replace 2 by 2 containers (rolling, 2 at once): api:1.0.0 -> api:1.1.0"]
kept:
  description:
    - Service to the names of its containers that somebody has started by hand and that go on, because they are what the first release
      would start.
  returned: success
  type: dict
  sample: {}
services:
  description: Service, action, strategy, replicas, reason, and digest before and after.
  returned: success
  type: list
  elements: dict
  sample: []
steps:
  description: The eight steps of a deployment, C(number), C(step), what came of it as C(outcome), and C(seconds).
  returned: success
  type: list
  elements: dict
  sample: [{"number": 3, "step": "images", "outcome": "2 by digest", "seconds": 12.3}]
budget:
  description: What the error budgets mean for the release, line by line; empty where none decides, or there is enough.
  returned: success
  type: list
  elements: str
  sample: ["error budget: api has 31.0% left"]
delivered:
  description: Images that came by themselves where others are declared, and what was done about it. The action shows them as warnings.
  returned: success
  type: list
  elements: str
  sample: []
failed_tasks:
  description: Tasks after the deployment that failed, and whose failure takes nothing back.
  returned: success
  type: list
  elements: str
  sample: []
requests:
  description: Requests of clients that containers of the stack answered during the rollout; those of the watchdog are none.
  returned: success
  type: int
  sample: 48211
failed_requests:
  description: Those of them with a status from 500 on.
  returned: success
  type: int
  sample: 0
maintenance_requests:
  description: Further requests, to which the maintenance page was the answer while a service was recreated.
  returned: success
  type: int
  sample: 0
seconds:
  description: How long each part took.
  returned: success
  type: dict
  sample: {"api": 11.2, "in all": 22.0}
table:
  description: The same for people.
  returned: success
  type: str
  sample: "release 3f2a90c1d4e7, before it 91be07aa52c0"
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import Engine
from ansible_collections.latentum.ops.plugins.module_utils.core import detached
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.core.locks import LockHeld
from ansible_collections.latentum.ops.plugins.module_utils.core.version import EngineSkew, require_compatible
from ansible_collections.latentum.ops.plugins.module_utils.eject import returned
from ansible_collections.latentum.ops.plugins.module_utils.maintenance.protection import NotConfirmed, require_confirmed
from ansible_collections.latentum.ops.plugins.module_utils.release import delivered
from ansible_collections.latentum.ops.plugins.module_utils.release.pinning import with_replicas
from ansible_collections.latentum.ops.plugins.module_utils.release.store import ReleaseError, Store
from ansible_collections.latentum.ops.plugins.module_utils.rollout.argspec import ARGUMENTS, KINDS, declared_from, order_from, slo_from
from ansible_collections.latentum.ops.plugins.module_utils.rollout.deployment import EXPECTED, Deployment
from ansible_collections.latentum.ops.plugins.module_utils.rollout.objectives_file import put
from ansible_collections.latentum.ops.plugins.module_utils.rollout.request import Outcome
from ansible_collections.latentum.ops.plugins.module_utils.rollout.results import as_dict


def main() -> None:
    """Arguments in, outcome out."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        required_if=[("state", "deployed", ["compose"]), ("state", "scaled", ["replicas"])],
        supports_check_mode=True,
    )
    detached.leave(module, partial(carry_out, check=module.check_mode))


def carry_out(given: Mapping[str, Any], *, check: bool) -> dict[str, Any]:
    """The module's result, whether the work succeeds or is refused."""
    try:
        deployment = Deployment(given["stack"], order_from(given, check=check))
    except ValueError as error:
        return failure(error)
    try:
        if not check:
            require_compatible()
            require_confirmed(f"{KINDS[given['state']]} of {given['stack']}", given["confirm"])
        if given["state"] == "rolled_back":
            outcome = deployment.rollback(given["to"])
        elif given["state"] == "scaled":
            live = Store(given["stack"]).live()
            if live is None:
                raise ReleaseError(f"stack: {given['stack']} has no live release on this host: deploy it first")
            outcome = deployment.deploy(with_replicas(live, {name: int(count) for name, count in given["replicas"].items()}))
        else:
            differing = delivered_before(given)
            outcome = deployment.deploy(declared_from({**given, "images": {**differing.images, **given["images"]}}))
            outcome.delivered += differing.sentences
            live = Store(given["stack"]).live()
            if given["site_run"] and live is not None and not check:
                delivered.forget_replaced(given["stack"], live.images)
            outcome.files += put(given["stack"], slo_from(given), check=check)
            take_back_ejection(deployment, outcome, Path(given["directory"] or f"/opt/{given['stack']}"))
    except (*EXPECTED, LockHeld, EngineSkew, NotConfirmed) as error:
        deployment.progress.close()
        return failure(error)
    plan = "".join(f"{sentence}\n" for sentence in outcome.every_sentence)
    differences = [change.difference() for change in outcome.files]
    if plan:
        differences.append({"before_header": "running", "after_header": "plan", "before": "", "after": plan})
    return {"changed": outcome.changed, "diff": differences, **as_dict(outcome)}


def delivered_before(given: Mapping[str, Any]) -> delivered.Differing:
    """Images that came by themselves and that this run keeps, and what is said about those that differ.

    :raises ReleaseError: it would replace them, and the stack does not let it.
    """
    differing = delivered.of_run(declared_from(given), given["images"], given["site_run"])
    if differing.run is delivered.Run.REFUSE:
        raise ReleaseError("; ".join(differing.sentences))
    return differing


def take_back_ejection(deployment: Deployment, outcome: Outcome, directory: Path) -> None:
    """Remove what an ejection has left of a stack that is deployed again; what stays of it is in the journal."""
    stack, check = deployment.stack, deployment.order.check
    if not returned.noted(stack, directory):
        return
    containers = Engine().api.containers(all=True)
    mounted = [str(mount.get("Source", "")) for container in containers for mount in container.get("Mounts") or ()]
    back = returned.take_away(stack, directory, mounted, check=check)
    outcome.files += back.changes
    if back.theirs and not check:
        names = ", ".join(map(str, back.theirs))
        reason = f"{names}: left by the ejection and changed since, so they are yours"
        deployment.journal.write(attempt=deployment.order.attempt, kind="deploy", release=outcome.release, step="left", reason=reason)


if __name__ == "__main__":
    main()
