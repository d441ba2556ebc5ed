# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this collection needs to know of a Compose file, read from its text or from a mapping.

Every form of the Compose specification that says the same thing (short and long, list and map) ends in one shape here.
What is not looked at is left to C(docker compose config) on the host.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from ..schema.nodes import Problem, Refused, close_to, instead, shown
from .assembly import Assembly, Places
from .beside_files import BesideFiles
from .forms import DOCUMENT
from .interpolation import Interpolation
from .plain_secrets import commands
from .profiles import Profiles, chosen
from .references import check_references
from .scalars import as_text
from .sources import ReadText, no_folder, sources_from
from .syntax import (
    CONDITIONS,
    SERVICE_NAME,
    UNSUPPORTED,
    EnvFile,
    ImageRef,
    Mount,
    Port,
    SecretUse,
    api_socket,
    bound_device,
    bound_socket,
    core_limit,
    fixed_addresses,
    host_powers,
    is_external,
    parse_healthcheck,
    parse_image,
    parse_mount,
    parse_port,
    parse_secret_use,
    parse_user,
    parse_volume,
    real_name,
)

_T = TypeVar("_T")


@dataclass(frozen=True)
class Service:
    """One service, resolved. C(healthcheck) is none, disabled or given."""

    name: str
    image: ImageRef | None = None
    built: bool = False
    environment: Mapping[str, str | None] = field(default_factory=dict)
    env_files: tuple[EnvFile, ...] = ()
    ports: tuple[Port, ...] = ()
    expose: tuple[Port, ...] = ()
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
    fixed_addresses: tuple[str, ...] = ()  # in its networks: only one container can have them
    core_limit: int = 0  # bytes of a core dump that it may write, -1 for any
    host_powers: tuple[str, ...] = ()  # what makes it as strong as root on the host: privileged, pid: host …

    @property
    def has_healthcheck(self) -> bool:
        return self.healthcheck == "given"


@dataclass(frozen=True)
class Compose:
    """A Compose file. C(raw) is as it was written; C(resolved), with its variables resolved and its values cast, is what is judged."""

    raw: Mapping[str, Any] = field(default_factory=dict)
    resolved: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    services: Mapping[str, Service] = field(default_factory=dict)
    internal_networks: frozenset[str] = frozenset()
    volumes: Mapping[str, str] = field(default_factory=dict)  # by name, and where it is kept: see parse_volume
    own_secrets: frozenset[str] = frozenset()  # top-level secrets with a file, environment or external of their own
    unresolved: frozenset[str] = frozenset()  # keys with a variable that is missing: what else is wrong there follows from that
    variables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # the names used in ${…}, and at which keys
    profiles: Profiles = field(default_factory=Profiles)
    folder: str = ""  # of the project, from that of all Compose files
    places: Places = field(default_factory=Places, compare=False)  # the file and line of each key

    def lacking(self, service: str, verb: str) -> tuple[str, str] | None:
        """Why a service that a key names is not there, and what to write instead; None when it is there.

        :param verb: of the key, such as C(leads to).
        """
        if service in self.services:
            return None
        if service in self.profiles.off:
            return f"{verb} a service {self.profiles.why(service)}", self.profiles.way_out(service)
        return f"{verb} a service that the Compose file lacks", instead(service, self.services, "service")


def network_is_internal(spec: object) -> bool:
    """A network is internal unless the Compose file says otherwise or somebody else owns it."""
    if not isinstance(spec, Mapping):
        return True
    return not is_external(spec) and spec.get("internal") is not False


def parse(
    source: object,
    environment: Mapping[str, str],
    problems: list[Problem],
    *,
    read: ReadText = no_folder,
    profiles: Sequence[str] | None = None,
    built: Mapping[str, str] | None = None,
) -> Compose:
    """A Compose file as text or mapping, or a list of them; what is wrong is appended to C(problems) under the key C(compose).

    :param read: files that it includes or extends.
    :param profiles: those that are on; services of others are left out. None leaves all services in.
    :param built: images that are built for services, in place of those that these name.
    """
    interpolation = Interpolation(environment)
    known = len(problems)
    assembly = Assembly(interpolation, read, problems)
    sources = sources_from(source, problems)
    raw = assembly.project(sources) if len(problems) == known else None
    if raw is None:
        return Compose(places=assembly.places)
    if not isinstance(raw.get("services"), Mapping) or not raw["services"]:
        what = "has no services" if raw else "is empty"
        problems.append(Problem("compose", shown(source) if raw else "", what, "write a Compose file that begins with services:"))
        return Compose(places=assembly.places)
    on, which = (raw, Profiles()) if profiles is None else chosen(raw, profiles, interpolation, problems)
    folder = sources[0].folder
    reader = _Reader(BesideFiles(folder, interpolation, read, problems).taken_in(on), interpolation, which, built or {})
    compose = replace(reader.compose(), places=assembly.places, folder=folder)
    problems.extend(reader.interpolation.problems)
    problems.extend(problem for problem in reader.problems if problem.key not in compose.unresolved)
    return compose


class _Reader:
    def __init__(self, raw: Mapping[str, Any], interpolation: Interpolation, profiles: Profiles, built: Mapping[str, str]) -> None:
        self.raw = raw
        self.built = built
        self.problems: list[Problem] = []
        self.interpolation = interpolation
        self.profiles = profiles

    def compose(self) -> Compose:
        kept = {name: value for name, value in self.raw.items() if not name.startswith("x-")}
        document = self.interpolation.resolve(kept, "compose")
        self._unsupported(document, "compose")
        document = DOCUMENT.read(document, "compose", self.problems)
        networks, volumes, secrets, configs = (_part(document, name) for name in ("networks", "volumes", "secrets", "configs"))
        services = {}
        for name, value in document["services"].items():
            if not SERVICE_NAME.fullmatch(name):
                self._problem("compose.services", name, "is not a name for a service", "write letters, digits, . _ -")
            elif isinstance(value, Mapping):
                services[name] = _as_used(self.service(name, value), value, networks, volumes, {**configs, **secrets})
        own = {
            name
            for name, value in secrets.items()
            if isinstance(value, Mapping) and (value.get("file") or value.get("environment") or is_external(value))
        }
        check_references(document, self.profiles, self.problems)
        internal = {name for name in {*networks, "default"} if network_is_internal(networks.get(name))}
        return Compose(
            raw=self.raw,
            resolved=document,
            name=str(document.get("name") or ""),
            services=services,
            internal_networks=frozenset(internal),
            volumes={name: parse_volume(spec) for name, spec in volumes.items()},
            own_secrets=frozenset(own),
            unresolved=frozenset(self.interpolation.unresolved),
            variables={name: tuple(keys) for name, keys in self.interpolation.used.items()},
            profiles=self.profiles,
        )

    def service(self, name: str, value: Mapping[str, Any]) -> Service:
        key = f"compose.services.{name}"
        self._unsupported(value, key)
        deploy = _part(value, "deploy")
        user = value.get("user")
        network_mode = str(value.get("network_mode") or "")
        networks = tuple(_names(value, "networks"))
        return Service(
            name=name,
            image=self._image(name, value, key),
            built="build" in value,
            environment=_environment(value),
            env_files=tuple(_env_files(value)),
            ports=tuple(self._each(value, "ports", key, parse_port)),
            expose=tuple(self._each(value, "expose", key, parse_port)),
            mounts=(*self._each(value, "volumes", key, parse_mount), *api_socket(value)),
            secrets=tuple(self._each(value, "secrets", key, parse_secret_use)),
            networks=networks or (() if network_mode else ("default",)),
            depends_on=self._depends_on(value, key),
            healthcheck=parse_healthcheck(value.get("healthcheck")),
            user=parse_user(user),
            user_name="" if user is None or parse_user(user) is not None else str(user),
            replicas=self._replicas(deploy, value, key),
            profiles=tuple(_names(value, "profiles")),
            network_mode=network_mode,
            container_name=str(value.get("container_name") or ""),
            restart=str(value.get("restart") or ""),
            commands=commands(value),
            fixed_addresses=tuple(fixed_addresses(value)),
            core_limit=core_limit(value),
            host_powers=tuple(host_powers(value)),
        )

    def _problem(self, key: str, value: object, problem: str, fix: str) -> None:
        self.problems.append(Problem(key, shown(value) if value is not None else "", problem, fix))

    def _unsupported(self, value: Mapping[str, Any], key: str) -> None:
        for name in UNSUPPORTED.keys() & value.keys():
            if value[name]:
                self._problem(f"{key}.{name}", value[name], "is not supported here", UNSUPPORTED[name])

    def _each(self, value: Mapping[str, Any], name: str, key: str, parse_one: Callable[[Any], _T]) -> list[_T]:
        result = []
        for index, item in enumerate(value.get(name) or ()):
            if item is None:
                continue  # reported already
            try:
                result.append(parse_one(item))
            except Refused as error:
                self._problem(f"{key}.{name}[{index}]", item, error.problem, error.fix)
        return result

    def _image(self, name: str, value: Mapping[str, Any], key: str) -> ImageRef | None:
        image = self.built.get(name) or value.get("image")
        if not image:
            what = "is missing: a production host pulls images, it does not build them"
            fix = "push the image to a registry and add image: registry/name:tag"
            if "build" in value:
                what = "is missing, and nothing says from which commit it is to be built"
                fix = f"{fix}; or add builds: {{{name}: {{repository: https://…, revision: v1.4.2}}}} to ops_stack, which builds it"
            self._problem(f"{key}.image", image, what, fix)
            return None
        try:
            return parse_image(str(image))
        except Refused as error:
            self._problem(f"{key}.image", image, error.problem, error.fix)
            return None

    def _depends_on(self, value: Mapping[str, Any], key: str) -> dict[str, str]:
        dependencies = value.get("depends_on")
        if not isinstance(dependencies, Mapping):
            return dict.fromkeys(_names(value, "depends_on"), "service_started")
        result = {}
        for name, item in dependencies.items():
            condition = (item or {}).get("condition") or "service_started"
            if condition not in CONDITIONS:
                fix = f"write {close_to(condition, CONDITIONS) or ' or '.join(CONDITIONS)}"
                self._problem(f"{key}.depends_on.{name}.condition", condition, "is not a condition of Compose", fix)
            result[name] = condition
        return result

    def _replicas(self, deploy: Mapping[str, Any], value: Mapping[str, Any], key: str) -> int:
        where, replicas = next(
            (
                (where, count)
                for where, count in (("deploy.replicas", deploy.get("replicas")), ("scale", value.get("scale")))
                if count is not None
            ),
            ("", 1),
        )
        if replicas < 0:
            self._problem(f"{key}.{where}", replicas, "must be a whole number", "write 1, 2, 3 …")
            return 1
        return int(replicas)


def _part(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A mapping in a mapping; empty when it is not there, or was refused."""
    part: Mapping[str, Any] = value.get(name) or {}
    return part


def _names(value: Mapping[str, Any], name: str) -> list[str]:
    """A list of names, or a mapping whose keys are the names."""
    return [item for item in value.get(name) or () if item is not None]


def _environment(value: Mapping[str, Any]) -> dict[str, str | None]:
    environment = value.get("environment") or {}
    if isinstance(environment, Mapping):
        return {name: None if item is None else as_text(item) for name, item in environment.items()}
    pairs = (item.partition("=") for item in environment if item is not None)
    return {name: text if sign else None for name, sign, text in pairs}


def _env_files(value: Mapping[str, Any]) -> list[EnvFile]:
    env_file = value.get("env_file")
    entries = env_file if isinstance(env_file, list) else [env_file]
    return [
        EnvFile(entry.get("path") or "", entry.get("required") is not False) if isinstance(entry, Mapping) else EnvFile(entry)
        for entry in entries
        if entry is not None
    ]


def _as_used(
    service: Service, value: Mapping[str, Any], networks: Mapping[str, Any], volumes: Mapping[str, Any], files: Mapping[str, Any]
) -> Service:
    """A service with what it gets by way of the top level: the host's network, a folder of the host, the engine's socket as a config."""
    joins_host = any(real_name(name, networks.get(name)) == "host" for name in service.networks)
    mounts = [
        replace(mount, device=bound_device(volumes.get(mount.source))) if mount.kind == "volume" else mount for mount in service.mounts
    ]
    names = [*granted(value, "secrets"), *granted(value, "configs")]
    mounts += [socket for name in names for socket in bound_socket(_part(files, name).get("file"))]
    return replace(service, mounts=tuple(mounts), network_mode="host" if joins_host else service.network_mode)


def granted(value: Mapping[str, Any], name: str) -> list[str]:
    """The secrets or configs that a service names."""
    uses = (use.get("source") if isinstance(use, Mapping) else use for use in value.get(name) or ())
    return [use for use in uses if use is not None]
