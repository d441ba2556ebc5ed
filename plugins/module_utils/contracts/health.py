# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The health expectation of one service (filter health_expectations, option C(services) of modules, the services of a release)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .base import Contract, option

EXPECTATIONS = ("healthy", "running", "completed")


@dataclass(frozen=True)
class Probe(Contract):
    """An HTTP request to a container, and the answer that counts as well."""

    port: int = option("Port in the container.", least=1, most=65535)
    path: str = option("Path of the request.", "/")
    status: int = option("Status that counts as well; redirects are not followed.", 200, least=100, most=599)
    timeout: float = option("Seconds to wait for the answer.", 5.0, least=0, most=300)


@dataclass(frozen=True)
class Expectation(Contract):
    """What a service must reach: how many containers, in which state, and optionally an answer over HTTP."""

    service: str = option("Name of the service in the Compose file.")
    expect: str = option(
        (
            "V(healthy) needs a healthcheck that says so.",
            "V(running) is satisfied by running without one.",
            "V(completed) is for one-shot jobs, whose containers must have exited with 0.",
        ),
        "running",
        choices=EXPECTATIONS,
    )
    replicas: int = option("How many containers must be so.", 1, least=1)
    probe: Probe | None = option("An HTTP request that each container must answer, sent from the host.", None)


def expectations_from(raw: Sequence[object], *, tolerant: bool = True) -> list[Expectation]:
    """The expectations of a stack. Those of a release may be of another engine.

    :raises ContractError: one that cannot be read.
    """
    return [Expectation.from_dict(entry, f"services[{index}]", tolerant=tolerant) for index, entry in enumerate(raw)]
