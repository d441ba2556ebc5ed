# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a container that somebody has started by hand is the one that a release would start.

Compared is what Docker says of the container with what Compose would have asked Docker for, field by field. A hash would only say that
something differs, and Compose's own differs between its versions. What is not known to be equal is a difference: fields of Docker that
nobody here knows and that are not empty, and keys of Compose that are not compared. So a mistake costs a container, never a setting.

Sources: Docker Engine API, ``GET /containers/{id}/json``; what Compose makes of a service, ``pkg/compose/create.go``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..compose.scalars import as_text
from ..containers.client import DEFINITION, GRACE, USES
from ..contracts import process_limit
from ..core.units import parse_duration
from .equal_mounts import mounts, wanted_mounts

Document = Mapping[str, Any]
CONFIG, HOST = "Config", "HostConfig"
COMPOSE_LABELS = "com.docker.compose."
HOST_NAMESPACE = "host"  # of control groups: Docker's default with their version 1 (dockerd, ``default-cgroupns-mode``)
SHARED_MEMORY = 64 * 1024**2  # bytes that Docker gives where nothing is said
NO_CORE_DUMPS = ("core", 0, 0)  # limit, soft, hard
# Docker's own where an image and a service say nothing (docs: Dockerfile reference, HEALTHCHECK), in seconds.
CHECK = {"interval": 30.0, "timeout": 30.0, "start_period": 0.0, "start_interval": 5.0}
RETRIES = 3
# Keys of a service that make no container another one: what Compose starts, and when.
NOT_OF_A_CONTAINER = {"build", "depends_on", "profiles", "scale", "pull_policy", "develop", "attach", "env_file", "image"}
# Fields that say who started a container, or how an image was made, of which the id is compared.
NOT_COMPARED = {
    CONFIG: {"AttachStdin", "AttachStdout", "AttachStderr", "Image", "Volumes", "OnBuild", "ArgsEscaped", "Shell"},
    HOST: {"ContainerIDFile", "ConsoleSize", "Binds", "Mounts", "NetworkMode", "MaskedPaths", "ReadonlyPaths"},
}
NAMED = ("environment", "labels")  # of which a difference says which
NAMES_SHOWN = 3  # of variables and labels in a difference
PLAIN_MODES = ("", "default", "bridge", "host", "none")


def _same(value: Any) -> Any:
    return value


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(str(item) for item in value or ())


def _set(value: Any) -> frozenset[str]:
    return frozenset(_texts(value))


def _number(value: Any) -> int:
    return max(0, int(value or 0))


def _capabilities(value: Any) -> frozenset[str]:
    """Docker writes them with or without their prefix, by its version."""
    return frozenset(name.upper().removeprefix("CAP_") for name in _texts(value))


def _security(value: Any) -> frozenset[str]:
    """``no-new-privileges``, ``no-new-privileges:true`` and ``…=true`` are one option."""
    options = (option.replace(":", "=", 1) for option in _texts(value))
    return frozenset("no-new-privileges" if option == "no-new-privileges=true" else option for option in options)


def _hosts(value: Any) -> frozenset[str]:
    """``name=address`` of Compose is ``name:address`` of Docker."""
    return frozenset(re.sub(r"^([^:=]+)[:=]", r"\1:", line) for line in _texts(value))


def _mapping(value: Any) -> dict[str, str]:
    return {str(name): as_text(item) for name, item in (value or {}).items()}


def _tmpfs(value: Any) -> dict[str, str]:
    return dict(line.partition(":")[::2] for line in _texts(value))


def _limits(value: Any) -> frozenset[tuple[str, int, int]]:
    return frozenset((limit["Name"], int(limit["Soft"]), int(limit["Hard"])) for limit in value or ())


def _wanted_limits(value: Any) -> frozenset[tuple[str, int, int]]:
    spelled = {name: limit if isinstance(limit, Mapping) else {"soft": limit, "hard": limit} for name, limit in (value or {}).items()}
    return frozenset((name, int(limit.get("soft") or 0), int(limit.get("hard") or 0)) for name, limit in spelled.items())


def _default_limits(raw: Document, service: Document) -> frozenset[tuple[str, int, int]]:
    """What the engine gives each container that asks for nothing else, and shows as the container's own (role docker, default-ulimits)."""
    return frozenset({NO_CORE_DUMPS} if "core" not in (service.get("ulimits") or {}) else ()) & _limits(raw[HOST].get("Ulimits"))


def _devices(value: Any) -> frozenset[tuple[str, ...]]:
    return frozenset((device["PathOnHost"], device["PathInContainer"], device["CgroupPermissions"]) for device in value or ())


def _wanted_devices(value: Any) -> frozenset[tuple[str, ...]]:
    return frozenset((device["source"], device["target"], device.get("permissions") or "rwm") for device in value or ())


@dataclass(frozen=True)
class Field:
    """A setting that Compose hands on to Docker as it is.

    :param key: of a service.
    :param name: of the field in the section of Docker's document.
    :param read: what of the field's value counts, and ``write`` the same of the key's; that of the field where it is None.
    :param default: what Docker writes where nobody says anything, not even the image.
    """

    key: str
    section: str
    name: str
    read: Callable[[Any], Any] = _same
    write: Callable[[Any], Any] | None = None
    default: Any = None
    of_image: bool = False

    def there(self, raw: Document) -> Any:
        """What the container has."""
        return self.read(raw[self.section].get(self.name) or self.default)

    def wanted(self, service: Document, image: Document) -> Any:
        """What a release would give it."""
        if service.get(self.key):
            return (self.write or self.read)(service[self.key])
        return self.read((image.get(self.name) if self.of_image else None) or self.default)


FIELDS = (
    Field("user", CONFIG, "User", default="", of_image=True),
    Field("working_dir", CONFIG, "WorkingDir", default="", of_image=True),
    Field("stop_signal", CONFIG, "StopSignal", default="SIGTERM", of_image=True),
    Field("domainname", CONFIG, "Domainname", default=""),
    Field("tty", CONFIG, "Tty", read=bool),
    Field("stdin_open", CONFIG, "OpenStdin", read=bool),
    Field("cap_add", HOST, "CapAdd", read=_capabilities),
    Field("cap_drop", HOST, "CapDrop", read=_capabilities),
    Field("privileged", HOST, "Privileged", read=bool),
    Field("read_only", HOST, "ReadonlyRootfs", read=bool),
    Field("init", HOST, "Init", read=bool),
    Field("security_opt", HOST, "SecurityOpt", read=_security),
    Field("group_add", HOST, "GroupAdd", read=_set),
    Field("dns", HOST, "Dns", read=_texts),
    Field("dns_search", HOST, "DnsSearch", read=_texts),
    Field("dns_opt", HOST, "DnsOptions", read=_texts),
    Field("extra_hosts", HOST, "ExtraHosts", read=_hosts),
    Field("sysctls", HOST, "Sysctls", read=_mapping),
    Field("tmpfs", HOST, "Tmpfs", read=_mapping, write=_tmpfs),
    Field("ulimits", HOST, "Ulimits", read=_limits, write=_wanted_limits),
    Field("devices", HOST, "Devices", read=_devices, write=_wanted_devices),
    Field("device_cgroup_rules", HOST, "DeviceCgroupRules", read=_set),
    Field("shm_size", HOST, "ShmSize", read=int, default=SHARED_MEMORY),
    Field("pid", HOST, "PidMode", default=""),
    Field("ipc", HOST, "IpcMode", default="private"),
    Field("uts", HOST, "UTSMode", default=""),
    Field("userns_mode", HOST, "UsernsMode", default=""),
    Field("cgroup_parent", HOST, "CgroupParent", default=""),
    Field("runtime", HOST, "Runtime", default="runc"),
    Field("storage_opt", HOST, "StorageOpt", read=_mapping),
    Field("annotations", HOST, "Annotations", read=_mapping),
    Field("oom_score_adj", HOST, "OomScoreAdj", read=int, default=0),
    Field("oom_kill_disable", HOST, "OomKillDisable", read=bool),
    Field("cpu_shares", HOST, "CpuShares", read=_number),
    Field("cpu_quota", HOST, "CpuQuota", read=int, default=0),
    Field("cpu_period", HOST, "CpuPeriod", read=_number),
    Field("cpuset", HOST, "CpusetCpus", default=""),
    Field("mem_swappiness", HOST, "MemorySwappiness", read=lambda value: value if value not in (None, -1) else None),
)


@dataclass(frozen=True)
class Wanted:
    """What a release would start.

    :param project: the Compose project as ``docker compose config`` resolves it, and ``name`` of the service in it.
    :param image: what Docker says of the image.
    :param cgroups: the version of control groups that the engine uses.
    """

    project: Document
    name: str
    image: Document
    cgroups: str = "2"

    @property
    def service(self) -> Document:
        """The service."""
        service: Document = self.project["services"][self.name]
        return service

    @property
    def defaults(self) -> Document:
        """What the image says where the service says nothing."""
        return self.image.get("Config") or {}


def differences(raw: Document, wanted: Wanted) -> list[str]:
    """Keys of Compose, or fields of Docker, in which a container is not what a release would start; empty where it is.

    Names of variables and labels are among them, never a value.
    """
    try:
        there, asked = _settings(raw), _asked(raw, wanted)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return [f"cannot be compared ({type(error).__name__}: {error})"]
    named = [key for key in there if there[key] != asked[key] and key not in NAMED]
    for key in NAMED:
        named += _names(key, there[key], asked[key])
    return sorted({*named, *_unknown_fields(raw), *_unknown_keys(wanted.service, asked)})


def _names(key: str, there: Mapping[str, str], asked: Mapping[str, str]) -> list[str]:
    names = sorted(name for name in {*there, *asked} if there.get(name) != asked.get(name))
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return [f"{key} ({', '.join(names[:NAMES_SHOWN])}{more})"] if names else []


def _settings(raw: Document) -> dict[str, Any]:
    """What a container has, by keys of Compose."""
    config, host = raw[CONFIG], raw[HOST]
    mode = str(host.get("NetworkMode") or "")
    plain = mode in PLAIN_MODES or mode.startswith("container:")
    return {field.key: field.there(raw) for field in FIELDS} | {
        "image": raw["Image"],
        "command": _texts(config.get("Cmd")),
        "entrypoint": _texts(config.get("Entrypoint")),
        "environment": _variables(config.get("Env")),
        "labels": _labels(config.get("Labels")),
        "healthcheck": _check(config.get("Healthcheck")),
        "hostname": "" if mode == "host" else str(config.get("Hostname") or ""),
        "container_name": str(raw["Name"]).lstrip("/"),
        "stop_grace_period": int(config.get("StopTimeout") or GRACE),
        "expose": frozenset(config.get("ExposedPorts") or ()),
        "ports": _bindings(host.get("PortBindings")),
        "restart": _restart(host.get("RestartPolicy")),
        "logging": (str((host.get("LogConfig") or {}).get("Type") or ""), _mapping((host.get("LogConfig") or {}).get("Config"))),
        "mem_limit": _number(host.get("Memory")),
        "mem_reservation": _number(host.get("MemoryReservation")),
        "memswap_limit": int(host.get("MemorySwap") or 0),
        "cpus": int(host.get("NanoCpus") or 0),
        "pids_limit": _processes(_number(host.get("PidsLimit"))),
        "cgroup": str(host.get("CgroupnsMode") or HOST_NAMESPACE),
        "network_mode": mode if plain else "",
        "networks": {} if plain else _joined(raw),
        "volumes": mounts(raw),
    }


def _asked(raw: Document, wanted: Wanted) -> dict[str, Any]:
    """What a release would give it, by the same keys."""
    service, image = wanted.service, wanted.defaults
    mode = str(service.get("network_mode") or "")
    memory = _limit(service, "memory", "mem_limit")
    return {field.key: field.wanted(service, image) for field in FIELDS} | {
        "ulimits": _wanted_limits(service.get("ulimits")) | _default_limits(raw, service),
        "image": wanted.image["Id"],
        "command": _command(service, image),
        "entrypoint": _texts(image.get("Entrypoint") if service.get("entrypoint") is None else service["entrypoint"]),
        "environment": _wanted_variables(service, image),
        "labels": _labels({**(image.get("Labels") or {}), **(service.get("labels") or {})}),
        "healthcheck": _wanted_check(service.get("healthcheck"), image.get("Healthcheck")),
        "hostname": "" if mode == "host" else str(service.get("hostname") or raw["Id"][:12]),
        "container_name": _name(raw, wanted),
        "stop_grace_period": int(parse_duration(service["stop_grace_period"])) if service.get("stop_grace_period") else GRACE,
        "expose": frozenset(image.get("ExposedPorts") or ()) | _exposed(service),
        "ports": _wanted_bindings(service.get("ports")),
        "restart": _wanted_restart(service),
        "logging": _wanted_logging(service.get("logging")),
        "mem_limit": memory,
        "mem_reservation": _reservation(service),
        "memswap_limit": int(service.get("memswap_limit") or 2 * memory),  # Docker's own for a limit without it
        "cpus": round(float(_deployed(service, "limits").get("cpus") or service.get("cpus") or 0) * 1e9),
        "pids_limit": _processes(_limit(service, "pids", process_limit.KEY)),
        "cgroup": str(service.get("cgroup") or (HOST_NAMESPACE if wanted.cgroups == "1" else "private")),
        "network_mode": mode,
        "networks": {} if mode else _wanted_networks(wanted),
        "volumes": wanted_mounts(wanted.project, service, image),
    }


def _processes(limit: int) -> int:
    """The default is given to a running container (process_limits), so it is no difference."""
    return 0 if limit == process_limit.DEFAULT else limit


def _command(service: Document, image: Document) -> tuple[str, ...]:
    """An entrypoint of the service's own takes the image's command away (moby, ``merge`` of an image's configuration)."""
    given = service.get("command")
    if given:
        return _texts(given)
    return () if service.get("entrypoint") else _texts(image.get("Cmd"))


def _variables(lines: Iterable[str] | None) -> dict[str, str]:
    return dict(line.partition("=")[::2] for line in lines or () if "=" in line)


def _wanted_variables(service: Document, image: Document) -> dict[str, str]:
    given = service.get("environment") or {}
    inherited = {name: value for name, value in _variables(image.get("Env")).items() if name not in given}
    return inherited | {str(name): as_text(value) for name, value in given.items() if value is not None}


def _labels(given: Mapping[str, Any] | None) -> dict[str, str]:
    """Those that say what a container is for; not those by which Compose and releases know it again."""
    return {
        name: as_text(value)
        for name, value in (given or {}).items()
        if not name.startswith(COMPOSE_LABELS) and name not in (DEFINITION, USES)
    }


def _check(given: Document | None) -> dict[str, Any]:
    """A check of health in seconds; nothing where there is none."""
    test = _texts((given or {}).get("Test"))
    if given is None or not test or test == ("NONE",):
        return {}
    fields = {"interval": "Interval", "timeout": "Timeout", "start_period": "StartPeriod", "start_interval": "StartInterval"}
    times = {key: (given.get(name) or 0) / 1e9 or CHECK[key] for key, name in fields.items()}
    return {"test": test, "retries": given.get("Retries") or RETRIES, **times}


def _wanted_check(given: Document | None, of_image: Document | None) -> dict[str, Any]:
    inherited = _check(of_image)
    if not given:
        return inherited
    test = _texts(given.get("test"))
    if given.get("disable") or test == ("NONE",):
        return {}
    if not test and not inherited:
        return {}
    times = {key: parse_duration(given[key]) if given.get(key) else inherited.get(key, default) for key, default in CHECK.items()}
    return {"test": test or inherited["test"], "retries": given.get("retries") or inherited.get("retries", RETRIES), **times}


def _name(raw: Document, wanted: Wanted) -> str:
    """The name that is asked for; of those that Compose gives, in both of its versions, each will do."""
    there = str(raw["Name"]).lstrip("/")
    given = wanted.service.get("container_name")
    pattern = rf"{re.escape(str(wanted.project['name']))}[-_]{re.escape(wanted.name)}[-_]\d+"
    return str(given) if given else there if re.fullmatch(pattern, there) else "of Compose's own"


def _exposed(service: Document) -> frozenset[str]:
    published = {f"{port['target']}/{port.get('protocol') or 'tcp'}" for port in service.get("ports") or ()}
    return frozenset(published | {port for written in service.get("expose") or () for port in _range(str(written))})


def _range(written: str) -> Iterator[str]:
    numbers, _slash, protocol = written.partition("/")
    first, _dash, last = numbers.partition("-")
    yield from (f"{number}/{protocol or 'tcp'}" for number in range(int(first), int(last or first) + 1))


def _bindings(given: Document | None) -> frozenset[tuple[str, str, str]]:
    """Ports of a container with address and port of the host; 0 is any."""
    return frozenset(
        (port, str(binding.get("HostIp") or ""), str(binding.get("HostPort") or "").removeprefix("0"))
        for port, bindings in (given or {}).items()
        for binding in bindings or ()
    )


def _wanted_bindings(ports: Iterable[Document] | None) -> frozenset[tuple[str, str, str]]:
    return frozenset(
        (f"{port['target']}/{port.get('protocol') or 'tcp'}", str(port.get("host_ip") or ""), str(port.get("published") or ""))
        for port in ports or ()
    )


def _restart(given: Document | None) -> tuple[str, int]:
    return str((given or {}).get("Name") or "no"), int((given or {}).get("MaximumRetryCount") or 0)


def _wanted_restart(service: Document) -> tuple[str, int]:
    policy = (service.get("deploy") or {}).get("restart_policy")
    if policy:
        name = {"any": "always", "none": "no"}.get(str(policy.get("condition")), str(policy.get("condition") or "no"))
        return name, int(policy.get("max_attempts") or 0)
    name, _colon, attempts = str(service.get("restart") or "no").partition(":")
    return {"none": "no"}.get(name, name), int(attempts or 0)


def _wanted_logging(given: Document | None) -> tuple[str, dict[str, str]]:
    """Without one it is the engine's, which a release never leaves to it."""
    return str((given or {}).get("driver") or ""), _mapping((given or {}).get("options"))


def _deployed(service: Document, kind: str) -> Document:
    resources: Document = ((service.get("deploy") or {}).get("resources") or {}).get(kind) or {}
    return resources


def _limit(service: Document, name: str, key: str) -> int:
    return _number(_deployed(service, "limits").get(name) or service.get(key))


def _reservation(service: Document) -> int:
    return _number(_deployed(service, "reservations").get("memory") or service.get("mem_reservation"))


def _joined(raw: Document) -> dict[str, Any]:
    """Networks by Docker's names with the names by which a container is found in each, and the one that it was started in."""
    host, own = raw[HOST], {str(raw["Name"]).lstrip("/"), raw["Id"][:12]}
    joined = {
        name: frozenset(endpoint.get("Aliases") or ()) - own | frozenset(_fixed(endpoint))
        for name, endpoint in ((raw.get("NetworkSettings") or {}).get("Networks") or {}).items()
    }
    return {"in": joined, "first": host.get("NetworkMode") if len(joined) > 1 else None}


def _fixed(endpoint: Document) -> Iterator[str]:
    """What nobody compares: addresses that somebody has chosen, and options of a driver."""
    if any((endpoint.get("IPAMConfig") or {}).values()) or endpoint.get("DriverOpts") or endpoint.get("Links"):
        yield " fixed"


def _wanted_networks(wanted: Wanted) -> dict[str, Any]:
    given: Mapping[str, Any] = wanted.service.get("networks") or {"default": None}
    known = wanted.project.get("networks") or {}
    own = wanted.service.get("container_name")
    joined = {}
    for key, options in given.items():
        aliases = {wanted.name, *((options or {}).get("aliases") or ())} - {own}
        others = {name for name, value in (options or {}).items() if value and name not in ("aliases", "priority")}
        joined[known[key]["name"]] = frozenset({*aliases, *others})
    first = sorted(given, key=lambda key: (-int((given[key] or {}).get("priority") or 0), key))[0]
    return {"in": joined, "first": known[first]["name"] if len(joined) > 1 else None}


_READ = {
    CONFIG: {"Hostname", "Cmd", "Entrypoint", "Env", "Labels", "Healthcheck", "StopTimeout", "ExposedPorts"},
    HOST: {
        "CgroupnsMode",
        "PortBindings",
        "RestartPolicy",
        "LogConfig",
        "Memory",
        "MemoryReservation",
        "MemorySwap",
        "NanoCpus",
        "PidsLimit",
    },
}


def _unknown_fields(raw: Document) -> Iterator[str]:
    """Fields of Docker that are not empty, and that nothing here compares; and one whose default is to be there."""
    for section, read in _READ.items():
        known = {field.name for field in FIELDS if field.section == section} | read | NOT_COMPARED[section]
        yield from (f"{section}.{name}" for name, value in raw[section].items() if value and name not in known)
    if not raw[HOST].get("MaskedPaths", True) and not raw[HOST].get("Privileged"):
        yield "security_opt"  # systempaths=unconfined


def _unknown_keys(service: Document, compared: Collection[str]) -> Iterator[str]:
    known = {*compared, *NOT_OF_A_CONTAINER, "deploy", "secrets", "configs"}
    yield from (key for key, value in service.items() if value and key not in known and not key.startswith("x-"))
    if _deployed(service, "reservations").get("devices"):
        yield "deploy.resources.reservations.devices"
