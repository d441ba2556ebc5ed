# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several YAML documents in one Compose file: each is merged over those before it, by Compose's rules for override files.

Source: the Compose specification, "Merge and override". C(!reset) takes away what stands in a document before, C(!override) replaces it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..schema.nodes import Refused
from .syntax import parse_mount, parse_port


@dataclass(frozen=True)
class Override:
    """A value tagged C(!override)."""

    value: Any


RESET = object()  # tagged !reset
_REPLACED = ("services.*.command", "services.*.entrypoint", "services.*.healthcheck.test")
_PAIRS = ("environment", "annotations", "sysctls", "labels", "deploy.labels")
_NAMED = ("services.*.depends_on", "services.*.networks")


def merge_documents(documents: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """One Compose file of all.

    :raises RecursionError: an anchor stands inside itself.
    """
    result: dict[str, Any] = {}
    for document in documents:
        result = _mappings(result, document, "")
    return result


def _merge(base: Any, over: Any, path: str) -> Any:
    if isinstance(over, Override) or base is None or path in _REPLACED:
        return _plain(over)
    if over is None:
        return base
    if path in _NAMED or path.partition("services.*.")[2] in _PAIRS or path in ("networks.*.labels", "volumes.*.labels"):
        base, over = (_named(value, path) for value in (base, over))
    elif path == "services.*.extra_hosts":
        base, over = (_lines(value) for value in (base, over))
    if isinstance(base, Mapping) and isinstance(over, Mapping):
        other_driver = path == "services.*.logging" and {base.get("driver"), over.get("driver")} - {None, base.get("driver")}
        return _plain(over) if other_driver else _mappings(base, over, path)
    if isinstance(base, list) or isinstance(over, list):
        items = [item for value in (base, over) for item in (value if isinstance(value, list) else [value])]
        return list({_identity(item, path): _plain(item) for item in items if item is not RESET}.values())
    return _plain(over)


def _mappings(base: Mapping[str, Any], over: Mapping[str, Any], path: str) -> dict[str, Any]:
    result = dict(base)
    for name, value in over.items():
        if value is RESET:
            result.pop(name, None)
        else:
            result[name] = _merge(result.get(name), value, _below(path, name))
    return result


def _below(path: str, name: str) -> str:
    """The path of a key, C(*) for names that the operator chooses."""
    return f"{path}.*" if path in ("services", "networks", "volumes", "secrets", "configs") else f"{path}.{name}".lstrip(".")


def _plain(value: Any, known: dict[int, Any] | None = None) -> Any:
    """A value without its tags; what is used twice by an anchor is still one thing in two places, however often."""
    known = {} if known is None else known
    if id(value) not in known:
        known[id(value)] = _untagged(value, known)
    return known[id(value)]


def _untagged(value: Any, known: dict[int, Any]) -> Any:
    if isinstance(value, Override):
        return _plain(value.value, known)
    if isinstance(value, Mapping):
        return {name: _plain(item, known) for name, item in value.items() if item is not RESET}
    return [_plain(item, known) for item in value if item is not RESET] if isinstance(value, list) else value


def _named(value: Any, path: str) -> Any:
    """A list as the mapping that says the same."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return value
    if path.endswith(".depends_on"):
        return {name: {"condition": "service_started"} for name in value}
    if path.endswith(".networks"):
        return dict.fromkeys(value)
    unset = None if path.endswith(".environment") else ""
    return {name: text if sign else unset for name, sign, text in (item.partition("=") for item in value)}


def _lines(value: Any) -> Any:
    """A mapping of hosts to addresses as the list that says the same."""
    if not isinstance(value, Mapping):
        return value
    return [f"{name}={item}" for name, found in value.items() for item in (found if isinstance(found, list) else [found])]


def _identity(item: Any, path: str) -> Hashable:
    """By what an item of a list is replaced by a later one."""
    read: dict[str, Callable[[Any], Hashable]] = {
        "services.*.ports": parse_port,
        "services.*.volumes": lambda mount: parse_mount(mount).target,
        "services.*.secrets": lambda use: _target(use, "/run/secrets/"),
        "services.*.configs": lambda use: _target(use, "/"),
    }
    try:
        return (path, read.get(path, repr)(item))
    except Refused:
        return repr(item)


def _target(use: Any, folder: str) -> str:
    given = use if isinstance(use, Mapping) else {"source": use}
    return str(given.get("target") or f"{folder}{given.get('source')}")
