# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Docker engine: where it comes from, and what becomes of each key of its daemon.json."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ...hostconfig.docker_daemon import FILE, RELOADABLE, Confirmed, plan
from ...preflight.docker import present
from ..finding import Finding, Given, Verdict, spelled

# Variables by which a key that the role writes keeps another value.
VARIABLES = {
    "default-address-pools": "docker_address_pools",
    "live-restore": "docker_live_restore",
    "log-opts": "docker_log_max_size",
    "metrics-addr": "docker_metrics_address",
}


def judge(given: Given) -> Iterator[Finding]:
    """Packages and keys; what the role would refuse comes from the preflight."""
    docker = given.survey.docker
    wanted = given.role("docker")
    if docker.packages or docker.running:
        packages = ", ".join(f"{name} {version}" for name, version in docker.packages.items())
        yield Finding("docker engine", packages or "dockerd", "running" if docker.running else "not running")
    if docker.fault or not docker.options:
        return
    if wanted is None:
        yield from (Finding("daemon.json", key, value) for key, value in docker.options.items())
        return
    preflight = wanted.get("preflight") or {}
    confirmed = Confirmed(*(bool(preflight.get(what)) for what in ("confirm_move", "confirm_restart", "keep_foreign")))
    planned = plan(preflight.get("options") or {}, present(given.host), confirmed)
    for key, value in docker.options.items():
        base = Finding("daemon.json", key, value)
        if key in planned.changed:
            after = json.dumps(planned.options[key], ensure_ascii=False) if key in planned.options else "nothing"
            restarts = ", with a restart of the engine (docker_keep_foreign: true waits with that)" if key not in RELOADABLE else ""
            yield base.judged(Verdict.TAKEN_OVER, "docker", f"sets it to {after}{restarts}", *_keeping(key, value))
        elif key in planned.deferred:
            yield base.judged(
                Verdict.STAYS, "docker", "stays until a run with docker_confirm_restart: true, because the engine is restarted for it"
            )
        elif key in planned.kept:
            yield base.judged(Verdict.STAYS, "docker", f"merges its own keys into {FILE}; this one stays")
        else:
            yield base.judged(Verdict.MANAGED, "docker")


def _keeping(key: str, value: str) -> tuple[str, str]:
    """The variable with which the role leaves a key as it is; of those that it always writes there is none."""
    return (VARIABLES[key], spelled(json.loads(value))) if key in VARIABLES else ("", "")
