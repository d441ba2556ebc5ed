# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of C(services): what Compose cannot say of a service."""

from __future__ import annotations

from ...contracts.health import Expectation, Probe
from ...contracts.nodes import number, text
from ...schema import values
from ...schema.nodes import Items, Number, Record, Table, Text
from ..forms import port
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
        "allow": Items(
            of=Text(choices=WAIVERS, default=""),
            default=[],
            example="[publish_all]",
            description="Waivers of what production must not have.",
        ),
    },
)
SERVICES = Table(of=SERVICE, default={}, example="{web: {replicas: 2}}", description="What Compose cannot say of a service.")
