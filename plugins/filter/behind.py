# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters for a host whose nginx stands behind a proxy (``nginx_behind``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.latentum.ops.plugins.module_utils.compose import model as compose_model
from ansible_collections.latentum.ops.plugins.module_utils.contracts.claims import Kind, compose_claims
from ansible_collections.latentum.ops.plugins.module_utils.declaration.routes.derive import WEB
from ansible_collections.latentum.ops.plugins.module_utils.nginx.behind import Behind, read

QUIC = {"action": "allow", "port": 443, "protocol": "udp", "from": [], "comment": "HTTP/3"}
Rules = Sequence[Mapping[str, Any]]


def _read(raw: object) -> Behind | None:
    behind, problems = read(raw)
    if problems:
        raise AnsibleFilterError("\n".join(["a proxy in front of nginx:", *map(str, problems)]))
    return behind


def nginx_behind(raw: object) -> dict[str, Any]:
    """See the filter's own documentation."""
    behind = _read(raw)
    return behind.as_dict() if behind else {}


def web_openings(rules: Rules | Mapping[str, Rules], raw: object, http3: bool = False) -> Any:
    """See the filter's own documentation."""
    behind = _read(raw)
    if behind is None and not http3:
        return rules
    web = behind.rules if behind else [*WEB, QUIC]
    if isinstance(rules, Mapping):
        return {stack: _replaced(own, web) for stack, own in rules.items()}
    return _replaced(rules, web)


def _replaced(rules: Rules, web: Rules) -> list[Mapping[str, Any]]:
    own = web if any(rule in WEB for rule in rules) else []
    return [*own, *(rule for rule in rules if rule not in WEB)]


def published_ports(projects: Mapping[str, Any]) -> list[dict[str, Any]]:
    """See the filter's own documentation."""
    return [port for name, project in projects.items() if project for port in _published(name, project)]


def _published(name: str, project: Any) -> Iterator[dict[str, Any]]:
    compose = compose_model.parse(project, {"COMPOSE_PROJECT_NAME": name}, [])
    for claim in compose_claims(name, compose):
        if claim.kind is Kind.PORT and claim.value.protocol == "tcp" and claim.value.published:
            first, last = claim.value.published
            service = claim.key.removeprefix("compose.services.").removesuffix(".ports")
            yield {"stack": name, "service": service, "first": first, "last": last}


class FilterModule:
    """Each is documented in a file of its own name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {"nginx_behind": nginx_behind, "published_ports": published_ports, "web_openings": web_openings}
