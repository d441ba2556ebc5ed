# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of C(services): what Compose cannot say of a service."""

from __future__ import annotations

from ...contracts import process_limit
from ...contracts.health import Expectation, Probe
from ...contracts.nodes import number, text
from ...schema import values
from ...schema.nodes import Flag, Items, Number, Record, Refused, Table, Text, close_to
from ..forms import cpus, memory, port
from ..metrics.schema import METRICS
from ..updates.schema import UPDATE
from ..watchdog.schema import WATCH

WAIVERS = (
    "core_dumps",
    "docker_socket",
    "host_network",
    "latest_tag",
    "no_healthcheck",
    "plain_secret",
    "privileged",
    "publish_all",
    "shared_volume",
)
PROBE = Record(
    description="An HTTP request from the host that each container must answer, beside the healthcheck.",
    fields={
        "path": text(Probe, "path", "/health", check=values.path),
        "port": port("Port in the container."),
        "status": number(Probe, "status"),
        "timeout": text(Probe, "timeout", "5s", numbers=True, check=values.probe_timeout, description="Time to wait for the answer."),
    },
    example="{path: /health, port: 8080}",
)
# capabilities(7), without what only makes sense for the host itself.
CAPABILITIES = (
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_ADMIN",
    "SYS_CHROOT",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
)


@values.form("capability")
def capability(value: str) -> str:
    """A capability of Linux as Compose writes it, with or without CAP_."""
    name = value.upper().removeprefix("CAP_")
    if name == "ALL":
        raise Refused("keeps what should be dropped", "name each that is needed, or remove capabilities:")
    if name not in CAPABILITIES:
        near = close_to(name, map(str.lower, CAPABILITIES))  # which compares lower case
        fix = f"did you mean {near.upper()}?" if near else "write one of capabilities(7), such as NET_BIND_SERVICE"
        raise Refused("is not a capability for a container", fix)
    return name


LIMITS = Record(
    description="Most that each of its containers may take, where the Compose file sets no such limit itself.",
    fields={
        "pids": Number(
            most=2**22, example="512", description="Processes and threads; V(0) for no limit.", implied=f"V({process_limit.DEFAULT})"
        ),
        "memory": memory("512m"),
        "cpus": cpus(),
    },
    example="{memory: 512m, cpus: 2}",
)
CONFINEMENT = Record(
    description=(
        "What its containers may not do, where the Compose file says nothing of it. Never on by itself: an entrypoint that changes its"
        " user, or an image that writes beside its volumes, does not start with it."
    ),
    fields={
        "capabilities": Items(
            of=Text(default="", check=capability, example="NET_BIND_SERVICE"),
            default=None,
            example="[NET_BIND_SERVICE]",
            description="Capabilities that it keeps; all others are dropped, and with V([]) all of them.",
            implied="those that Docker gives every container",
        ),
        "read_only": Flag(default=False, description="Nothing but volumes, and C(tmpfs), can be written."),
        "tmpfs": Items(
            of=Text(
                default="",
                check=values.named(
                    r"/[^\s:,]*(:[^\s:]+)?", "is not a folder in memory", "write a path such as /run, or /run:size=64m", "path"
                ),
                example="/run",
            ),
            default=[],
            example="[/run]",
            description="Folders in memory beside a root that cannot be written.",
        ),
    },
    example="{capabilities: [], read_only: true, tmpfs: [/run]}",
)
SERVICE = Record(
    default={},
    description="What differs from the default; each name must be a service of the Compose file.",
    fields={
        "replicas": Number(
            least=0,
            most=100,
            example="2",
            description="Containers of this service. More than one cannot have C(container_name), a fixed host port, or a database.",
            implied="C(deploy.replicas) of Compose, or V(1)",
        ),
        "expect": text(Expectation, "expect", default=None, implied="V(healthy) with a healthcheck, otherwise V(running)"),
        "user_id": Number(
            most=2**32 - 2,
            example="10001",
            description="The user that reads the service's secrets. Needed when C(user) is a name, or when the image sets a user itself.",
            implied="the number in Compose's C(user), or V(0)",
        ),
        "group_id": Number(most=2**32 - 2, example="10001", description="Its group.", implied="the number in Compose's C(user), or V(0)"),
        "probe": PROBE,
        "update": UPDATE,
        "watch": WATCH,
        "metrics": METRICS,
        "limits": LIMITS,
        "confinement": CONFINEMENT,
        "allow": Items(
            of=Text(choices=WAIVERS, default=""),
            default=[],
            example="[publish_all]",
            description="Waivers of what production must not have.",
        ),
    },
)
SERVICES = Table(of=SERVICE, default={}, example="{web: {replicas: 2}}", description="What Compose cannot say of a service.")
