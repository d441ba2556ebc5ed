# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes of a stack: the upstream definitions and the nginx sites that lead to them. They belong to a release as its images do.

Plain data, because whoever only looks at releases need not know what an upstream is (contract Upstream).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

IDENTITY = ("name", "project", "service", "port", "balance", "keepalive")
NO_ROUTE = ""  # what a request has instead that belongs to no route


def route_name(domain: str, path: str) -> str:
    """The name of a declared route wherever it is counted: in nginx's access log, in metrics (label C(route)) and in objectives.

    Domain and path of the declaration, C(app.example.com/api), without a slash at its end, which makes no difference to nginx either; that
    of the whole domain is C(app.example.com/). Requests to an alias have the name with the domain.
    """
    return f"{domain}{path.rstrip('/') or '/'}"


@dataclass(frozen=True)
class Routes:
    """How clients reach a stack.

    :param upstreams: where requests go, each as contract Upstream writes it.
    :param sites: name of an nginx site to the content of its file.
    """

    upstreams: tuple[Mapping[str, Any], ...] = ()
    sites: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as a file holds it."""
        return {"upstreams": [dict(upstream) for upstream in self.upstreams], "sites": dict(self.sites)}

    def identity(self) -> dict[str, Any]:
        """What is hashed of them: named one by one, so that an option that comes later changes the id of no release that is kept."""
        upstreams = []
        for upstream in self.upstreams:
            stream = upstream.get("stream")
            upstreams.append([*(upstream.get(key) for key in IDENTITY), *([stream] if stream else [])])
        return {"upstreams": upstreams, "sites": dict(self.sites)}


def routes_from(raw: Mapping[str, Any] | None) -> Routes | None:
    """Routes from plain data; None where nothing is said about them: a host without nginx, a release of an older engine."""
    upstreams, sites = (raw or {}).get("upstreams") or (), (raw or {}).get("sites") or {}
    return Routes(tuple(dict(upstream) for upstream in upstreams), dict(sites)) if upstreams or sites else None
