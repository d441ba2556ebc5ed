# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters on sites as role nginx takes them, wherever they come from."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any


def site_certificates(sites: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """See the filter's own documentation."""
    certificates: dict[str, list[str]] = {}
    for site in sites:
        if site.get("tls") is False or site.get("certificate_file"):
            continue
        domains = certificates.setdefault(str(site.get("certificate") or site["name"]), [])
        domains += [str(name) for name in (site["domain"], *(site.get("aliases") or [])) if str(name) not in domains]
    return [{"name": name, "domains": domains} for name, domains in certificates.items()]


def sites_to_render(
    sites: Sequence[Mapping[str, Any]], by_stack: Mapping[str, Sequence[Mapping[str, Any]]], held: Mapping[str, Any], otherwise: str
) -> list[Mapping[str, Any]]:
    """See the filter's own documentation."""
    owners = {str(site["name"]): stack for stack, own in by_stack.items() for site in own}
    return [site for site in sites if _owner(site, by_stack, owners.get(str(site["name"]), otherwise)) not in held]


def _owner(site: Mapping[str, Any], stacks: Collection[str], otherwise: str) -> str:
    """The stack that a site names, since several may have paths of one name."""
    named = str(site.get("stack") or "")
    return named if named in stacks else otherwise


def upstream_files(
    upstreams: Sequence[Mapping[str, Any]], stacks: Sequence[str], otherwise: str, held: Mapping[str, Any], path: str
) -> list[dict[str, Any]]:
    """See the filter's own documentation."""
    groups: dict[str, list[Mapping[str, Any]]] = {name: [] for name in (*stacks, otherwise)}
    for upstream in upstreams:
        project = str(upstream.get("project") or "")
        groups[project if project in groups else otherwise].append(upstream)
    files = []
    for name, own in groups.items():
        content = held[name]["definitions"] if name in held else json.dumps(own, indent=4, sort_keys=True) + "\n"
        files.append({"path": path.format(name=name), "state": "file" if own else "absent", "content": content})
    return files


def error_page_files(pages: Sequence[Mapping[str, Any]], directory: str, template: str, variable: str) -> list[dict[str, Any]]:
    """See the filter's own documentation."""
    files: list[dict[str, Any]] = []
    for page in pages:
        answer = {"status": page["status"], "error": str(page["reason"]), "message": str(page["text"])}
        files.append({"path": f"{directory}/{page['status']}.json", "content": json.dumps(answer)})
        files.append({"path": f"{directory}/{page['status']}.html", "template": template, "variables": {variable: page}})
    return files


class FilterModule:
    """Each is documented in a file of its own name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {
            "error_page_files": error_page_files,
            "site_certificates": site_certificates,
            "sites_to_render": sites_to_render,
            "upstream_files": upstream_files,
        }
