# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this collection needs to know of a Compose file, read from its text or from a mapping.

Every form of the Compose specification that says the same thing (short and long, list and map) ends in one shape here.
What is not looked at is left to C(docker compose config) on the host.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..schema.nodes import Problem, Refused, close_to, shown
from .interpolation import Interpolation
from .plain_secrets import commands
from .syntax import (
    CONDITIONS,
    SERVICE_KEYS,
    SERVICE_NAME,
    TOP_KEYS,
    UNSUPPORTED,
    ImageRef,
    Mount,
    Port,
    SecretUse,
    api_socket,
    host_powers,
    parse_healthcheck,
    parse_image,
    parse_mount,
    parse_port,
    parse_secret_use,
    parse_user,
    parse_volume,
    wrong_units,
)
from .yaml_loader import load

_T = TypeVar("_T")


@dataclass(frozen=True)
class Service:
    """One service, resolved. C(healthcheck) is none, disabled or given."""

    name: str
    image: ImageRef | None = None
    built: bool = False
    environment: Mapping[str, str | None] = field(default_factory=dict)
    env_files: tuple[str, ...] = ()
    ports: tuple[Port, ...] = ()
    expose: tuple[int, ...] = ()
    mounts: tuple[Mount, ...] = ()
    secrets: tuple[SecretUse, ...] = ()
    networks: tuple[str, ...] = ()
    depends_on: Mapping[str, str] = field(default_factory=dict)
    healthcheck: str = "none"
    user: tuple[int, int | None] | None = None
    user_name: str = ""
    replicas: int = 1
    profiles: tuple[str, ...] = ()
    network_mode: str = ""
    container_name: str = ""
    restart: str = ""
    commands: Mapping[str, Any] = field(default_factory=dict)  # what it runs, as written, by dotted key
    host_powers: tuple[str, ...] = ()  # what makes it as strong as root on the host: privileged, pid: host …

    @property
    def has_healthcheck(self) -> bool:
        return self.healthcheck == "given"


@dataclass(frozen=True)
class Compose:
    raw: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    services: Mapping[str, Service] = field(default_factory=dict)
    internal_networks: frozenset[str] = frozenset()
    volumes: Mapping[str, str] = field(default_factory=dict)  # by name, and where it is kept: see parse_volume
    own_secrets: frozenset[str] = frozenset()  # top-level secrets with a file, environment or external of their own
    variables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # the names used in ${…}, and at which keys


def network_is_internal(spec: object) -> bool:
    """A network is internal unless the Compose file says otherwise or somebody else owns it."""
    if not isinstance(spec, Mapping):
        return True
    return not spec.get("external") and spec.get("internal") is not False


def parse(source: object, environment: Mapping[str, str], problems: list[Problem]) -> Compose:
    """A Compose file as text or mapping; what is wrong with it is appended to C(problems) under the key C(compose)."""
    try:
        raw = load(source) if isinstance(source, str) else source
    except Refused as error:
        problems.append(Problem("compose", "", error.problem, error.fix))
        return Compose()
    if not isinstance(raw, Mapping) or not isinstance(raw.get("services"), Mapping) or not raw["services"]:
        problems.append(Problem("compose", shown(raw), "has no services", "write a Compose file that begins with services:"))
        return Compose()
    return _Reader(raw, environment, problems).compose()


class _Reader:
    def __init__(self, raw: Mapping[str, Any], environment: Mapping[str, str], problems: list[Problem]) -> None:
        self.raw = raw
        self.problems = problems
        self.interpolation = Interpolation(environment)

    def compose(self) -> Compose:
        kept = {name: value for name, value in self.raw.items() if not name.startswith("x-")}
        document = self.interpolation.resolve(kept, "compose")
        self.problems.extend(self.interpolation.problems)
        self._keys(document, TOP_KEYS, "compose", strict=True)
        networks = self._mapping(document, "networks", "compose")
        volumes = self._mapping(document, "volumes", "compose")
        secrets = self._mapping(document, "secrets", "compose")
        services = {}
        for name, value in document["services"].items():
            if not SERVICE_NAME.fullmatch(name):
                self._problem("compose.services", name, "is not a name for a service", "write letters, digits, . _ -")
            elif isinstance(value, Mapping):
                services[name] = self.service(name, value)
            else:
                self._problem(f"compose.services.{name}", value, "must be a mapping", "write at least image: under it")
        own = {
            name
            for name, value in secrets.items()
            if isinstance(value, Mapping) and (value.get("file") or value.get("environment") or value.get("external"))
        }
        self._references(services, networks)
        internal = {name for name in {*networks, "default"} if network_is_internal(networks.get(name))}
        return Compose(
            raw=self.raw,
            name=str(document.get("name") or ""),
            services=services,
            internal_networks=frozenset(internal),
            volumes={name: parse_volume(spec) for name, spec in volumes.items()},
            own_secrets=frozenset(own),
            variables={name: tuple(keys) for name, keys in self.interpolation.used.items()},
        )

    def service(self, name: str, value: Mapping[str, Any]) -> Service:
        key = f"compose.services.{name}"
        self._keys(value, SERVICE_KEYS, key, strict=False)
        for path, wrong, error in wrong_units(value):
            self._problem(f"{key}.{path}", wrong, error.problem, error.fix)
        deploy = self._mapping(value, "deploy", key)
        user = value.get("user")
        network_mode = str(value.get("network_mode") or "")
        networks = tuple(self._names(value, "networks", key))
        return Service(
            name=name,
            image=self._image(value, key),
            built="build" in value,
            environment=self._environment(value, key),
            env_files=tuple(self._env_files(value)),
            ports=tuple(port for ports in self._each(value, "ports", key, parse_port) for port in ports),
            expose=tuple(p.target for ports in self._each(value, "expose", key, parse_port) for p in ports),
            mounts=(*self._each(value, "volumes", key, parse_mount), *api_socket(value)),
            secrets=tuple(self._each(value, "secrets", key, parse_secret_use)),
            networks=networks or (() if network_mode else ("default",)),
            depends_on=self._depends_on(value, key),
            healthcheck=parse_healthcheck(value.get("healthcheck")),
            user=parse_user(user),
            user_name="" if user is None or parse_user(user) is not None else str(user),
            replicas=self._whole(deploy.get("replicas", value.get("scale", 1)), f"{key}.deploy.replicas"),
            profiles=tuple(self._names(value, "profiles", key)),
            network_mode=network_mode,
            container_name=str(value.get("container_name") or ""),
            restart="" if value.get("restart") in (None, False) else str(value["restart"]),
            commands=commands(value),
            host_powers=tuple(host_powers(value)),
        )

    def _problem(self, key: str, value: object, problem: str, fix: str) -> None:
        self.problems.append(Problem(key, shown(value) if value is not None else "", problem, fix))

    def _keys(self, value: Mapping[str, Any], known: tuple[str, ...], key: str, strict: bool) -> None:
        """Unsupported keys, and misspelt ones; in a service only what is close to a known key counts as misspelt."""
        for name in value:
            if name in UNSUPPORTED and value[name]:
                self._problem(f"{key}.{name}", value[name], "is not supported here", UNSUPPORTED[name])
            elif name not in known and not name.startswith("x-"):
                near = close_to(name, known)
                if near or strict:
                    fix = f"did you mean {near}?" if near else f"use one of {', '.join(known)}, or a name beginning with x-"
                    self._problem(f"{key}.{name}", None, "is not a key of a Compose file", fix)

    def _mapping(self, value: Mapping[str, Any], name: str, key: str) -> Mapping[str, Any]:
        found = value.get(name)
        if found is None:
            return {}
        if not isinstance(found, Mapping):
            self._problem(f"{key}.{name}", found, "must be a mapping", f"write {name}: and one name: a line under it")
            return {}
        return found

    def _names(self, value: Mapping[str, Any], name: str, key: str) -> list[str]:
        """A list of names, or a mapping whose keys are the names."""
        found = value.get(name)
        if found is None:
            return []
        if not isinstance(found, (list, Mapping)) or not all(isinstance(item, str) for item in found):
            self._problem(f"{key}.{name}", found, "must be a list of names or a mapping", f"write {name}: [a, b]")
            return []
        return list(found)

    def _each(self, value: Mapping[str, Any], name: str, key: str, parse_one: Callable[[Any], _T]) -> list[_T]:
        found = value.get(name)
        if found is None:
            return []
        if not isinstance(found, list):
            self._problem(f"{key}.{name}", found, "must be a list", f"write {name}: and one - entry a line under it")
            return []
        result = []
        for index, item in enumerate(found):
            try:
                result.append(parse_one(item))
            except Refused as error:
                self._problem(f"{key}.{name}[{index}]", item, error.problem, error.fix)
        return result

    def _image(self, value: Mapping[str, Any], key: str) -> ImageRef | None:
        image = value.get("image")
        if not image:
            what = "is missing: a production host pulls images, it does not build them"
            self._problem(f"{key}.image", image, what, "push the image to a registry and add image: registry/name:tag")
            return None
        try:
            return parse_image(str(image))
        except Refused as error:
            self._problem(f"{key}.image", image, error.problem, error.fix)
            return None

    def _environment(self, value: Mapping[str, Any], key: str) -> dict[str, str | None]:
        found = value.get("environment")
        if found is None:
            return {}
        if isinstance(found, Mapping):
            return {name: None if item is None else _text(item) for name, item in found.items()}
        if isinstance(found, list) and all(isinstance(item, str) for item in found):
            pairs = (item.partition("=") for item in found)
            return {name: text if sign else None for name, sign, text in pairs}
        self._problem(f"{key}.environment", None, "must be a mapping or a list of NAME=value", "write environment: {NAME: value}")
        return {}

    @staticmethod
    def _env_files(value: Mapping[str, Any]) -> list[str]:
        found = value.get("env_file")
        entries = found if isinstance(found, list) else [found] if found else []
        return [str(entry.get("path")) if isinstance(entry, Mapping) else str(entry) for entry in entries]

    def _depends_on(self, value: Mapping[str, Any], key: str) -> dict[str, str]:
        found = value.get("depends_on")
        if not isinstance(found, Mapping):
            return dict.fromkeys(self._names(value, "depends_on", key), "service_started")
        result = {}
        for name, item in found.items():
            condition = str(item.get("condition") or "service_started") if isinstance(item, Mapping) else "service_started"
            if condition not in CONDITIONS:
                fix = f"write {close_to(condition, CONDITIONS) or ' or '.join(CONDITIONS)}"
                self._problem(f"{key}.depends_on.{name}.condition", condition, "is not a condition of Compose", fix)
            result[name] = condition
        return result

    def _whole(self, value: Any, key: str) -> int:
        if isinstance(value, str) and value.isdecimal():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            self._problem(key, value, "must be a whole number", "write 1, 2, 3 …")
            return 1
        return value

    def _references(self, services: Mapping[str, Service], networks: Mapping[str, Any]) -> None:
        for service in services.values():
            key = f"compose.services.{service.name}"
            for name in service.depends_on:
                if name not in services:
                    near = close_to(name, services)
                    fix = f"did you mean {near}?" if near else f"remove it, or add a service {name} to the Compose file"
                    self._problem(f"{key}.depends_on", name, "depends on a service that the Compose file lacks", fix)
            for name in service.networks:
                if name not in networks and name != "default":
                    near = close_to(name, networks)
                    fix = f"did you mean {near}?" if near else f"add {name}: under networks: at the top of the Compose file"
                    self._problem(f"{key}.networks", name, "joins a network that the Compose file lacks", fix)


def _text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
