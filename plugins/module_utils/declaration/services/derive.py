# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the secret store and the health checks need to know, derived from the declaration and the Compose file."""

from __future__ import annotations

from typing import Any

from ...contracts.health import Expectation
from ..model import Declaration
from ..secrets.rotation import rotation_of


def secret_entries(declaration: Declaration) -> list[dict[str, Any]]:
    """One entry a secret: how it comes to be, who reads its file (with user and group), whose environment it enters.

    At the end those that sections make for themselves: no container reads them.
    """
    entries = []
    for secret in declaration.secrets.values():
        entry: dict[str, Any] = {"name": secret.name, "kind": secret.kind}
        entry |= {name: value for name, value in secret.options.items() if value is not None}
        if secret.value is not None:
            entry["value"] = secret.value
        entry["consumers"] = [
            {"service": service.name, "uid": uid, "gid": gid}
            for service in declaration.consumers(secret.name)
            for uid, gid in [declaration.reader(service)]
        ]
        entry["environment"] = [{"service": name, "variable": variable} for name, variable in secret.environment.items()]
        if rotation := rotation_of(declaration, secret):
            entry["rotation"] = rotation.to_dict()
        entries.append(entry)
    made = declaration.made_secrets()
    entries += [{"name": name, **made[name], "consumers": [], "environment": []} for name in made if name not in declaration.secrets]
    return entries


def secret_readers(declaration: Declaration) -> dict[str, int | None]:
    """Services that read secrets as the user of their image: the number that is declared for it, None where none is.

    Not those for which the Compose file names the user.
    """
    readers = {service.name: service for secret in declaration.secrets for service in declaration.consumers(secret)}
    return {name: declaration.options(name).user_id for name, service in sorted(readers.items()) if not (service.user or service.user_name)}


def health_expectations(declaration: Declaration) -> list[dict[str, Any]]:
    """What each service must reach. Services with no replica are not started, so not expected."""
    expectations = []
    for service in declaration.compose.services.values():
        replicas = declaration.replicas(service)
        if not replicas:
            continue
        probe = declaration.options(service.name).probe
        expectations.append(Expectation(service.name, declaration.expect(service), replicas, probe).to_dict())
    return expectations
