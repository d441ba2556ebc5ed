# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""References between the parts of a Compose file: services, networks, volumes and configs that one names and the file must have.

Compose itself refuses these, but on the host. Secrets are looked at with those of the declaration.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..schema.nodes import Problem, close_to, shown
from .profiles import Profiles
from .syntax import is_external

_NAMESPACES = ("network_mode", "ipc", "pid")
_CONTENTS = ("file", "environment", "content")


def check_references(document: Mapping[str, Any], profiles: Profiles, problems: list[Problem]) -> None:
    """Append what refers to nothing, and services that wait for each other.

    :param document: variables resolved and values cast; what was refused is None.
    :param profiles: the services that are off.
    """
    services = {name: value for name, value in document["services"].items() if isinstance(value, Mapping)}
    waits: dict[str, list[str]] = {}
    for name, value in services.items():
        key = f"compose.services.{name}"
        uses = list(_services(value))
        waits[name] = [other for _place, other in uses]
        for place, other in uses:
            if other in profiles.off:
                problems.append(
                    Problem(f"{key}.{place}", shown(other), f"depends on a service {profiles.why(other)}", profiles.way_out(other))
                )
            elif other not in services:
                fix = f"remove it, or add a service {other} to the Compose file"
                problems.append(_lacking(f"{key}.{place}", other, "depends on a service", services, fix))
        for kind, verb, used in (
            ("networks", "joins a network", _networks(value)),
            ("volumes", "mounts a volume", _volumes(value)),
            ("configs", "uses a config", _sources(value, "configs")),
        ):
            known = [*(document.get(kind) or ()), *(["default"] if kind == "networks" else [])]
            for other in used:
                if other not in known:
                    fix = f"add {other}: under {kind}: at the top of the Compose file"
                    problems.append(_lacking(f"{key}.{kind}", other, verb, known, fix))
        if value.get("network_mode") and value.get("networks"):
            what = "cannot stand beside networks: in Compose"
            problems.append(Problem(f"{key}.network_mode", shown(value["network_mode"]), what, "remove one of the two"))
    problems.extend(_circles(waits))
    problems.extend(_configs(document.get("configs") or {}))


def _lacking(key: str, name: str, what: str, known: Sequence[str] | Mapping[str, Any], fix: str) -> Problem:
    near = close_to(name, known)
    return Problem(key, shown(name), f"{what} that the Compose file lacks", f"did you mean {near}?" if near else fix)


def _services(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The services that must be there before this one: the key that names one, and its name."""
    for name in value.get("depends_on") or ():
        if name is not None:
            yield "depends_on", name
    for place in _NAMESPACES:
        kind, colon, name = str(value.get(place) or "").partition(":")
        if kind == "service" and colon:
            yield place, name
    for place in ("links", "volumes_from"):
        for item in value.get(place) or ():
            if item and not item.startswith("container:"):
                yield place, item.partition(":")[0]


def _networks(value: Mapping[str, Any]) -> list[str]:
    return [name for name in value.get("networks") or () if name is not None]


def _volumes(value: Mapping[str, Any]) -> list[str]:
    """Named volumes; what has a slash or begins with a dot or a tilde is a path."""
    names = []
    for mount in value.get("volumes") or ():
        if isinstance(mount, Mapping):
            source = mount.get("source") if mount.get("type") in (None, "volume") else None
        else:
            source, colon, _target = str(mount or "").partition(":")
            source = source if colon and not source.startswith(("/", ".", "~")) else None
        if source:
            names.append(source)
    return list(dict.fromkeys(names))


def _configs(configs: Mapping[str, Any]) -> Iterator[Problem]:
    """Each has one content, or is somebody else's. Secrets may be those of the declaration, so they are looked at there."""
    for name, spec in configs.items():
        given = [key for key in _CONTENTS if isinstance(spec, Mapping) and spec.get(key) is not None]
        if is_external(spec) or len(given) == 1:
            continue
        what = f"cannot have {' and '.join(given)} beside each other" if given else f"has none of {', '.join(_CONTENTS)}"
        yield Problem(f"compose.configs.{name}", "", what, f"write one of {', '.join(_CONTENTS)}")


def _sources(value: Mapping[str, Any], kind: str) -> list[str]:
    uses = [use.get("source") if isinstance(use, Mapping) else use for use in value.get(kind) or ()]
    return list(dict.fromkeys(use for use in uses if use))


def _circles(waits: Mapping[str, Sequence[str]]) -> Iterator[Problem]:
    """Each circle once, at the first of its services."""
    done: set[str] = set()
    for start in waits:
        trail, ahead = [start], [iter(waits[start])]
        while trail and start not in done:
            name = next(ahead[-1], None)
            if name is None:
                ahead.pop()
                done.add(trail.pop())
            elif name in trail:
                circle = [*trail[trail.index(name) :], name]
                fix = "remove one of these; what only comes up later can be tried again by the application"
                yield Problem(f"compose.services.{name}.depends_on", " -> ".join(circle), "waits for itself", fix)
                done.update(trail)
            elif name in waits and name not in done:
                trail.append(name)
                ahead.append(iter(waits[name]))
