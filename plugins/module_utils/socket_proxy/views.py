# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Views of the engine's documents: what the watchdog needs of them, and nothing else. What is not named here stays with the proxy.

Source: Docker Engine API, v1.41 to v1.51, ``GET /containers/json``, ``GET /containers/{id}/json``, ``GET /events``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..containers.client import CHANGES, DEFINITION, NUMBER, ONEOFF, PROJECT, SERVICE, USES

LABELS = (PROJECT, SERVICE, NUMBER, ONEOFF, DEFINITION, USES)
RESULTS = 3  # of the last health checks, as containers/client.py keeps them

_STATE = ("Status", "Running", "Paused", "Restarting", "OOMKilled", "Dead", "Pid", "ExitCode", "StartedAt", "FinishedAt")
_OF_FOREIGN = ("start", "die", "oom", "destroy")  # what metrics of all containers are counted by
Document = Mapping[str, Any]


def labels(raw: Document) -> dict[str, str]:
    """Those by which Compose and releases know a container; others may hold anything."""
    given = raw.get("Labels") or {}
    return {name: str(given[name]) for name in LABELS if name in given}


def container(raw: Document, mask: Callable[[str], str], *, foreign: bool) -> dict[str, Any]:
    """Of a container: its state, its image, how it is reached; never its environment, command or mounts.

    :param foreign: of no watched project: only what its metrics need.
    """
    state, config, host = raw["State"], raw["Config"], raw.get("HostConfig") or {}
    view: dict[str, Any] = {
        **_kept(raw, ("Id", "Name", "Created", "Image", "RestartCount")),
        "State": _kept(state, _STATE),
        "Config": {**_kept(config, ("Image", "StopTimeout", "Tty")), "Labels": labels(config)},
        "HostConfig": _kept(host, ("NetworkMode", "CgroupParent")),
    }
    if foreign:
        return view
    if health := state.get("Health"):
        view["State"]["Health"] = {
            "Status": health.get("Status"),
            "Log": [
                {**_kept(result, ("Start", "End", "ExitCode")), "Output": mask(str(result.get("Output") or ""))}
                for result in (health.get("Log") or [])[-RESULTS:]
            ],
        }
    networks = raw.get("NetworkSettings") or {}
    view["NetworkSettings"] = {
        "Networks": {name: _kept(network or {}, ("IPAddress",)) for name, network in (networks.get("Networks") or {}).items()},
        "Ports": networks.get("Ports") or {},
    }
    return view


def brief(raw: Document, *, foreign: bool) -> dict[str, Any]:
    """Of a container in a list; of one of no watched project its name and whether it runs."""
    view = _kept(raw, ("Id", "Names", "State"))
    return view if foreign else {**view, "Labels": labels(raw)}


def event_of_container(raw: Document, *, foreign: bool) -> dict[str, Any] | None:
    """None for what nobody needs to know."""
    actor = raw.get("Actor") or {}
    attributes = actor.get("Attributes") or {}
    if str(raw.get("Action", "")).partition(":")[0] not in (_OF_FOREIGN if foreign else CHANGES):
        return None
    kept = {} if foreign else {**labels({"Labels": attributes}), **_kept(attributes, ("name", "image", "exitCode"))}
    return {**_kept(raw, ("Type", "Action", "time", "timeNano")), "Actor": {"ID": actor.get("ID"), "Attributes": kept}}


def event_of_network(raw: Document) -> dict[str, Any]:
    """That a container came into a network, or out of it."""
    actor = raw.get("Actor") or {}
    kept = _kept(actor.get("Attributes") or {}, ("container", "name", "type"))
    return {**_kept(raw, ("Type", "Action", "time", "timeNano")), "Actor": {"ID": actor.get("ID"), "Attributes": kept}}


def execution(raw: Document) -> dict[str, Any]:
    """Whether a command runs, and how it ended."""
    return _kept(raw, ("ID", "Running", "ExitCode"))


def path(raw: Document) -> dict[str, Any]:
    """What is at a path."""
    return _kept(raw, ("name", "size", "mode", "mtime", "linkTarget"))


def _kept(raw: Document, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: raw[name] for name in names if name in raw}
