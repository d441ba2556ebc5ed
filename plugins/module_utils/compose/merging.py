# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several documents of one Compose project: each is merged over those before it, by Compose's rules for override files.

Source: the Compose specification, "Merge and override". C(!reset) takes away what stands in a document before, C(!override) replaces it.
tests/unit/compose/recorded/shapes-*.json holds that the CLIs 2.26 and 2.40 make the same of the documents and of what is made of them here.
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
Resolve = Callable[[Any], Any]
_REPLACED = ("services.*.command", "services.*.entrypoint", "services.*.healthcheck.test")
_PAIRS = ("environment", "annotations", "sysctls", "labels", "deploy.labels", "build.args", "build.labels")
_NAMED = ("services.*.depends_on", "services.*.networks")
# A single value stands for a list of one, so two of them are a list of two.
_LISTS = tuple(f"services.*.{name}" for name in ("dns", "dns_search", "env_file", "label_file", "tmpfs"))
# Each entry does something: the same one twice is meant twice.
_REPEATED = ("services.*.post_start", "services.*.pre_stop", "services.*.deploy.resources.reservations.devices")


class Unmergeable(Refused):
    """A key that is a list in one document and a mapping, or a single value, in another.

    :ivar key: from the top of the Compose file, C(*) for names.
    """

    def __init__(self, key: str) -> None:
        super().__init__(
            f"{key} has another form than in a document before", "write both as lists, or both as mappings, or tag it !override"
        )
        self.key = key


def merge_documents(documents: Iterable[Mapping[str, Any]], resolve: Resolve = lambda value: value) -> dict[str, Any]:
    """One Compose project of all.

    :param resolve: gives a value with its variables resolved: entries of lists replace each other by what they resolve to.
    :raises RecursionError: an anchor stands inside itself.
    :raises Unmergeable: a list meets a mapping.
    """
    result: dict[str, Any] = {}
    merger = _Merger(resolve)
    for document in documents:
        result = merger.mappings(result, document, "")
    return result


def merge_service(base: Mapping[str, Any], over: Mapping[str, Any], resolve: Resolve = lambda value: value) -> dict[str, Any]:
    """A service that extends another: its own keys over those of the base, by the same rules."""
    return _Merger(resolve).mappings(base, over, "services.*")


@dataclass(frozen=True)
class _Merger:
    resolve: Resolve

    def mappings(self, base: Mapping[str, Any], over: Mapping[str, Any], path: str) -> dict[str, Any]:
        result = dict(base)
        for name, value in over.items():
            if value is RESET:
                result.pop(name, None)
            else:
                result[name] = self._merge(result.get(name), value, _below(path, name))
        return result

    def _merge(self, base: Any, over: Any, path: str) -> Any:
        if isinstance(over, Override) or base is None or path in _REPLACED:
            return plain(over)
        if over is None:
            return base
        if _is_pairs(path) or path in _NAMED:
            base, over = (_named(value, path) for value in (base, over))
        elif path == "services.*.extra_hosts":
            base, over = (_lines(value) for value in (base, over))
        elif path == "services.*.build":
            base, over = ({"context": value} if isinstance(value, str) else value for value in (base, over))
        if isinstance(base, Mapping) and isinstance(over, Mapping):
            return self._mapping(base, over, path)
        if isinstance(base, list) or isinstance(over, list) or path in _LISTS:
            return self._lists(base, over, path)
        if isinstance(base, Mapping) != isinstance(over, Mapping) and not path.startswith("services.*.ulimits."):
            raise Unmergeable(path)
        return plain(over)

    def _mapping(self, base: Mapping[str, Any], over: Mapping[str, Any], path: str) -> dict[str, Any]:
        if path == "services.*.logging" and {base.get("driver"), over.get("driver")} - {None, base.get("driver")}:
            whole: dict[str, Any] = plain(over)
            return whole
        if _is_pairs(path):  # a name without a value says something, too
            over = {name: Override(value) if value is None else value for name, value in over.items()}
        return self.mappings(base, over, path)

    def _lists(self, base: Any, over: Any, path: str) -> list[Any]:
        if isinstance(base, Mapping) or isinstance(over, Mapping):
            raise Unmergeable(path)
        items = [item for value in (base, over) for item in (value if isinstance(value, list) else [value]) if item is not RESET]
        if path in _REPEATED:
            return [plain(item) for item in items]
        if path == "networks.*.ipam.config":
            return self._subnets(items)
        return list({self._identity(item, path): plain(item) for item in items}.values())

    def _subnets(self, items: list[Any]) -> list[Any]:
        """Address pools: those of one subnet are one."""
        merged: dict[Hashable, Any] = {}
        for index, item in enumerate(items):
            key = self.resolve(item.get("subnet")) if isinstance(item, Mapping) and item.get("subnet") else index
            known = merged.get(key)
            merged[key] = self.mappings(known, item, "networks.*.ipam.config[]") if known else plain(item)
        return list(merged.values())

    def _identity(self, item: Any, path: str) -> Hashable:
        """By what an item of a list is replaced by a later one."""
        read: dict[str, Callable[[Any], Hashable]] = {
            "services.*.ports": parse_port,
            "services.*.volumes": lambda mount: parse_mount(mount).target,
            "services.*.devices": _device,
            "services.*.secrets": lambda use: _target(use, "/run/secrets/"),
            "services.*.configs": lambda use: _target(use, "/"),
            "services.*.env_file": lambda file: str(file.get("path") if isinstance(file, Mapping) else file),
        }
        resolved = self.resolve(plain(item))
        try:
            return (path, read.get(path, repr)(resolved))
        except Refused:
            return repr(resolved)


def _is_pairs(path: str) -> bool:
    return path.partition("services.*.")[2] in _PAIRS or path in ("networks.*.labels", "volumes.*.labels")


def _below(path: str, name: str) -> str:
    """The path of a key, C(*) for names that the operator chooses."""
    return f"{path}.*" if path in ("services", "networks", "volumes", "secrets", "configs") else f"{path}.{name}".lstrip(".")


def plain(value: Any, known: dict[int, Any] | None = None) -> Any:
    """A value without its tags; what is used twice by an anchor is still one thing in two places, however often."""
    known = {} if known is None else known
    if id(value) not in known:
        known[id(value)] = _untagged(value, known)
    return known[id(value)]


def _untagged(value: Any, known: dict[int, Any]) -> Any:
    if isinstance(value, Override):
        return plain(value.value, known)
    if isinstance(value, Mapping):
        return {name: plain(item, known) for name, item in value.items() if item is not RESET}
    return [plain(item, known) for item in value if item is not RESET] if isinstance(value, list) else value


def _named(value: Any, path: str) -> Any:
    """A list as the mapping that says the same."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return value
    if path.endswith(".depends_on"):
        return {name: {"condition": "service_started"} for name in value}
    if path.endswith(".networks"):
        return dict.fromkeys(value)
    unset = None if path.endswith((".environment", ".args")) else ""
    return {name: text if sign else unset for name, sign, text in (item.partition("=") for item in value)}


def _lines(value: Any) -> Any:
    """A mapping of hosts to addresses as the list that says the same."""
    if not isinstance(value, Mapping):
        return value
    return [f"{name}={item}" for name, addresses in value.items() for item in (addresses if isinstance(addresses, list) else [addresses])]


def _target(use: Any, folder: str) -> str:
    given = use if isinstance(use, Mapping) else {"source": use}
    return str(given.get("target") or f"{folder}{given.get('source')}")


def _device(item: Any) -> str:
    """The device as the container knows it."""
    if isinstance(item, Mapping):
        return str(item.get("target") or item.get("source"))
    source, _colon, rest = str(item).partition(":")
    return rest.partition(":")[0] or source
