# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of role nginx for a declaration, by the filters and templates that a run uses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.latentum.ops.plugins.filter.stack import FilterModule
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import problems
from ansible_runs import AnsibleRuns

from ..test_nginx_templates import OLD, render

FILTERS = FilterModule().filters()
IMAGE = {"image": "acme/web:1", "healthcheck": {"test": ["CMD", "true"]}}


@dataclass(frozen=True)
class Declared:
    """What was declared, derived and rendered."""

    stack: dict[str, Any]
    files: dict[str, str]
    upstreams: list[dict[str, Any]]


def stack_of(**keys: Any) -> dict[str, Any]:
    """A stack named shop with a service for each that routes lead to."""
    services = {entry["service"]: IMAGE for entry in (*keys.get("routes", ()), *keys.get("streams", ()))}
    return {"name": "shop", "contact": "ops@example.com", "compose": {"services": services or {"web": IMAGE}}, **keys}


def rendered(ansible: AnsibleRuns, folder: Path, variables: dict[str, Any] | None = None, **keys: Any) -> Declared:
    """A faultless declaration, and all files of the role by path.

    :param variables: of the role, over those of a host with an older nginx.
    """
    stack = stack_of(**keys)
    assert not (wrong := problems(stack)), [str(problem) for problem in wrong]
    upstreams = FILTERS["nginx_upstreams"](stack)
    given = {
        "__nginx_found": {"nginx": {**OLD, "post_quantum": False, "ipv6": False}},
        "nginx_sites": FILTERS["nginx_sites"](stack),
        "nginx_upstreams": upstreams,
        "nginx_upstreams_name": "shop",
        "nginx_brotli": False,
        **(variables or {}),
    }
    folder.mkdir(parents=True)
    return Declared(stack, render({"declared": given}, ansible, folder)["declared"], upstreams)
