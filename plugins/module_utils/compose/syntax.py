# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The small languages inside a Compose file: image references, ports, mounts, users.

Sources: the Compose specification (compose-spec/spec.md), the grammar of distribution/reference for images.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from posixpath import normpath
from typing import Any

from ..schema.nodes import Refused

PORT_HINT = 'write "127.0.0.1:8080:8080" (address:host:container), with /udp at the end for UDP'
_PORT = re.compile(
    r"(?:(?:(?P<ip>\[[0-9a-fA-F:.]+\]|[0-9.]+):)?(?P<host>[0-9]{1,6}(?:-[0-9]{1,6})?)?:)?(?P<target>[0-9]{1,6}(?:-[0-9]{1,6})?)"
    r"(?:/(?P<protocol>[a-zA-Z]+))?"
)
_LONGEST_NAME = 255
_IMAGE = re.compile(
    r"(?:(?P<registry>(?:localhost|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+|\[[0-9a-fA-F:]+\])(?::\d+)?|[A-Za-z0-9-]+:\d+)/)?"
    r"(?P<repository>[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(?:@(?P<digest>[a-z0-9]+:[0-9a-fA-F]{32,}))?"
)
_NUMERIC_ID = re.compile(r"[0-9]{1,10}")
SERVICE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
UNSUPPORTED = {
    "provider": "run it as a service with an image: a provider is a program of the machine on which `docker compose` is called",
}
CONDITIONS = ("service_started", "service_healthy", "service_completed_successfully")
ENGINE_SOCKETS = ("docker.sock", "containerd.sock", "podman.sock", "crio.sock")
ENGINE_FOLDERS = ("/", "/run", "/var/run", "/var", "/run/containerd", "/var/run/containerd")


@dataclass(frozen=True)
class ImageRef:
    registry: str
    repository: str
    tag: str
    digest: str

    @property
    def moves(self) -> bool:
        """Whether the same reference means another image tomorrow."""
        return not self.digest and self.tag in ("", "latest")


@dataclass(frozen=True)
class Port:
    """A container port, or C(count) of them in a row.

    C(published) is the first and last host port, None when Docker picks. As many as container ports belong to them one by one; of more,
    Docker picks.
    """

    target: int
    published: tuple[int, int] | None
    host_ip: str
    protocol: str
    count: int = 1

    @property
    def everywhere(self) -> bool:
        return self.host_ip in ("", "0.0.0.0", "::")  # noqa: S104 - this is what we look for

    @property
    def fixed(self) -> bool:
        return self.published is not None and self.published[1] - self.published[0] == self.count - 1

    def takes(self, number: int) -> bool:
        """Whether it may take this TCP port of the host."""
        return self.protocol == "tcp" and self.published is not None and self.published[0] <= number <= self.published[1]

    def offers(self, number: int) -> bool:
        """Whether the container listens on this port by it."""
        return self.target <= number < self.target + self.count

    @property
    def targets(self) -> str:
        """The container port, or the first and the last."""
        return str(self.target) if self.count == 1 else f"{self.target}-{self.target + self.count - 1}"

    def __str__(self) -> str:
        host = "" if self.published is None else "-".join(map(str, dict.fromkeys(self.published)))
        address = f"[{self.host_ip}]:" if ":" in self.host_ip else f"{self.host_ip}:" if self.host_ip else ""
        colon = ":" if host or address else ""
        return f"{address}{host}{colon}{self.targets}" + ("" if self.protocol == "tcp" else f"/{self.protocol}")


@dataclass(frozen=True)
class Mount:
    kind: str
    source: str
    target: str
    read_only: bool = False
    device: str = ""  # of a named volume that is a folder of the host
    creates: bool = False  # `create_host_path: true` is written: where there is no folder of the host, an empty one is meant

    @property
    def single_writer(self) -> bool:
        """Whether two containers would write to the same files: a named volume or a folder of the host, not a socket."""
        shared = self.kind in ("volume", "bind") and bool(self.source) and not self.source.endswith(".sock")
        return shared and not self.read_only

    @property
    def engine_socket(self) -> bool:
        """Whether the container can reach the container engine through this mount."""
        source = self.device or (self.source if self.kind == "bind" else "")
        if not source:
            return False
        path = normpath(source)
        if path.startswith(("/", "../..")):  # a stack's folder is two levels deep at least
            path = "/" + path.lstrip("./" if path.startswith(".") else "/")
        return path.endswith(ENGINE_SOCKETS) or path in ENGINE_FOLDERS


@dataclass(frozen=True)
class EnvFile:
    path: str
    required: bool = True


@dataclass(frozen=True)
class SecretUse:
    source: str
    target: str


def parse_image(text: str) -> ImageRef:
    match = _IMAGE.fullmatch(text.strip())
    if match is None or len(match["repository"]) > _LONGEST_NAME:
        raise Refused("is not an image reference", "write registry/name:tag in lower case, such as postgres:17.2")
    registry, tag, digest = (match[part] or "" for part in ("registry", "tag", "digest"))
    return ImageRef(registry=registry, repository=match["repository"], tag=tag, digest=digest)


def _range(text: str) -> tuple[int, int]:
    first, _dash, last = text.partition("-")
    low, high = int(first), int(last or first)
    if not 1 <= low <= high <= 65535:
        raise Refused("is not a port or a range of ports", "write numbers from 1 to 65535, the lower one first")
    return low, high


def _port(target: tuple[int, int], host: tuple[int, int] | None, ip: str, protocol: str) -> Port:
    if protocol not in ("tcp", "udp", "sctp"):
        raise Refused("has an unknown protocol", "write /tcp or /udp")
    width = target[1] - target[0]
    if host is not None and width and host[1] - host[0] != width:
        raise Refused("pairs two ranges of different length", "give both ranges the same length")
    return Port(target[0], host, ip, protocol, width + 1)


def _address(text: str) -> str:
    if not text:
        return ""
    try:
        address = ip_address(text.strip("[]"))
    except ValueError:
        raise Refused("binds to something that is not an address", PORT_HINT) from None
    return str(getattr(address, "ipv4_mapped", None) or address)


def parse_port(value: Any) -> Port:
    """One entry of C(ports) or C(expose), short or long syntax."""
    if isinstance(value, Mapping):
        if "target" not in value:
            raise Refused("lacks its target", "add target: (the port inside the container)")
        try:
            target = _range(str(value["target"]))
            host = _range(str(value["published"])) if value.get("published") not in (None, "", 0, "0") else None
        except ValueError as error:
            raise error if isinstance(error, Refused) else Refused("is not a port", PORT_HINT) from None
        return _port(target, host, _address(str(value.get("host_ip") or "")), str(value.get("protocol") or "tcp").lower())
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise Refused("is not a port", PORT_HINT)
    match = _PORT.fullmatch(str(value).strip())
    if match is None:
        raise Refused("is not a port", PORT_HINT)
    host = _range(match["host"]) if match["host"] else None
    return _port(_range(match["target"]), host, _address(match["ip"] or ""), (match["protocol"] or "tcp").lower())


def parse_mount(value: Any) -> Mount:
    if isinstance(value, Mapping):
        kind = str(value.get("type") or "volume")
        source = str(value.get("source") or value.get("src") or "")
        target = str(value.get("target") or value.get("dst") or "")
        if not target:
            raise Refused("lacks its target", "add target: (the path inside the container)")
        bind = value.get("bind")
        creates = isinstance(bind, Mapping) and bind.get("create_host_path") is True
        return Mount(kind, source, target, value.get("read_only") is True, creates=creates)
    if not isinstance(value, str) or not value:
        raise Refused("is not a volume", "write name:/path/in/container or ./path:/path/in/container:ro")
    parts = value.split(":")
    if len(parts) == 1:
        return Mount("volume", "", parts[0])
    kind = "bind" if parts[0].startswith(("/", ".", "~")) else "volume"
    return Mount(kind, parts[0], parts[1], "ro" in ",".join(parts[2:]).split(","))


def parse_volume(value: Any) -> str:
    """Where a named volume is: C(here), in C(memory), C(elsewhere) on a network, or C(external), which Compose does not own."""
    if not isinstance(value, Mapping):
        return "here"
    options = value.get("driver_opts")
    kind = options.get("type") if isinstance(options, Mapping) else None
    if kind == "tmpfs":
        return "memory"
    here = value.get("driver") in (None, "", "local") and kind in (None, "", "none")
    return "external" if is_external(value) else "here" if here else "elsewhere"


def is_external(spec: object) -> bool:
    """Whether somebody else owns a network, volume, secret or config: C(external: true), or the older C(external: {name: …})."""
    external = spec.get("external") if isinstance(spec, Mapping) else None
    return external is True or isinstance(external, Mapping)


def real_name(name: str, spec: object) -> str:
    """What Docker calls an external network; empty for one that Compose makes, which is named after the project."""
    if not isinstance(spec, Mapping) or not is_external(spec):
        return ""
    external = spec["external"]
    return str((external.get("name") if isinstance(external, Mapping) else None) or spec.get("name") or name)


def bound_device(spec: object) -> str:
    """The folder or file of the host that a named volume is bound to; empty for one of its own."""
    options = spec.get("driver_opts") if isinstance(spec, Mapping) else None
    return str(options.get("device") or "") if isinstance(options, Mapping) and options.get("type") == "none" else ""


def bound_socket(file: object) -> list[Mount]:
    """The engine's socket as the file of a config or secret, which is a bind mount by another name."""
    mount = Mount("bind", str(file or ""), "", read_only=True)
    return [mount] if mount.engine_socket else []


def api_socket(service: Mapping[str, Any]) -> list[Mount]:
    """C(use_api_socket: true) is a mount of the engine's socket by another name."""
    return [Mount("bind", "/var/run/docker.sock", "")] if service.get("use_api_socket") is True else []


def parse_user(value: Any) -> tuple[int, int | None] | None:
    """Numeric user and group of C(user:); None when it is absent or given by name."""
    if value is None or isinstance(value, bool):
        return None
    user, _colon, group = str(value).partition(":")
    if not _NUMERIC_ID.fullmatch(user) or (group and not _NUMERIC_ID.fullmatch(group)):
        return None
    return int(user), int(group) if group else None


def parse_secret_use(value: Any) -> SecretUse:
    if isinstance(value, str) and value:
        return SecretUse(value, value)
    if isinstance(value, Mapping) and isinstance(value.get("source"), str):
        return SecretUse(value["source"], str(value.get("target") or value["source"]))
    raise Refused("is not the name of a secret", "write its name, or a mapping with source: name")


def parse_healthcheck(value: Any) -> str:
    if not isinstance(value, Mapping) or not value:
        return "none"
    test = value.get("test")
    if value.get("disable") is True or test == "NONE" or (isinstance(test, list) and test[:1] == ["NONE"]):
        return "disabled"
    return "given" if test else "none"


def fixed_addresses(value: Mapping[str, Any]) -> Iterator[str]:
    """Addresses that a service fixes for its container, each with its key."""
    networks = value.get("networks")
    joined = [item for item in networks.values() if item] if isinstance(networks, Mapping) else []
    for part in (value, *joined):
        for key in ("ipv4_address", "ipv6_address", "mac_address"):
            if part.get(key):
                yield f"{key}: {part[key]}"


def core_limit(value: Mapping[str, Any]) -> int:
    """The largest core dump that a service asks for, in bytes: -1 for any, 0 where it asks for none."""
    limits = value.get("ulimits")
    core = limits.get("core") if isinstance(limits, Mapping) else None
    asked = [core.get("soft"), core.get("hard")] if isinstance(core, Mapping) else [core]
    sizes = [number for number in asked if isinstance(number, int)]
    return -1 if any(number < 0 for number in sizes) else max(sizes, default=0)


def host_powers(value: Mapping[str, Any]) -> list[str]:
    powers = [] if value.get("privileged") is not True else ["privileged: true"]
    powers += [f"{name}: host" for name in ("pid", "ipc", "userns_mode", "uts", "cgroup") if value.get(name) == "host"]
    strong = {"ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO", "DAC_READ_SEARCH"}
    capabilities = [str(item).upper().removeprefix("CAP_") for item in value.get("cap_add") or []]
    powers += [f"cap_add: {name}" for name in capabilities if name in strong]
    options = [str(item).replace("=", ":") for item in value.get("security_opt") or []]
    powers += [f"security_opt: {name}" for name in options if name in ("seccomp:unconfined", "apparmor:unconfined")]
    return powers
