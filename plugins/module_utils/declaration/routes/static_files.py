# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of images that nginx gives out itself (C(static.image_files)): what a release takes out of which image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...contracts.static_files import StaticFiles, folder_name
from ...schema.nodes import Problem, shown
from ..model import Declaration
from .caching import Static
from .model import Route


def static_files(declaration: Declaration) -> list[dict[str, Any]]:
    """One entry a route; empty where none has any."""
    return [
        StaticFiles(
            folder_name(route.domain, route.path),
            route.service,
            {path: _inside(route, path) for path in route.static.immutable},
            route.static.keep,
        ).to_dict()
        for route in declaration.routes
        if route.static and route.static.image_files
    ]


def _inside(route: Route, path: str) -> str:
    """The folder in the image; the service sees the path of a request without that of the route where it is stripped."""
    if route.static is None:
        return path
    seen = path[len(route.path.rstrip("/")) :] if route.strip_prefix else path
    return f"{route.static.image_files.rstrip('/')}{seen}"


def check_static_files(declaration: Declaration, problems: list[Problem]) -> None:
    """What cannot stand."""
    owners: dict[tuple[str, str], str] = {}
    for route in declaration.routes:
        owners.setdefault((route.domain, route.path), f"the path of {route.key}")
    for redirect in declaration.redirects:
        owners.setdefault((redirect.domain, redirect.path.rstrip("/")), f"the path of {redirect.key}")
    for route in declaration.routes:
        if route.static and route.static.image_files:
            problems += _of_route(route, route.static)
            problems += _of_paths(route, route.static, owners)


def _of_route(route: Route, static: Static) -> Iterator[Problem]:
    key = f"{route.key}.static"
    if not static.immutable:
        what = "is for files with a hash in their name, and no path has any: others would be those of another release"
        yield Problem(f"{key}.immutable", "nothing", what, "write immutable: [/assets], or remove image_files")
    if getattr(route, "auth", None):
        what = "cannot stand beside auth: what is on the disk of nginx would be given to everybody"
        yield Problem(f"{key}.image_files", shown(static.image_files), what, "remove it, so that the service gives out its files, or auth")


def _of_paths(route: Route, static: Static, owners: dict[tuple[str, str], str]) -> Iterator[Problem]:
    """Each path leads to one place."""
    for index, path in enumerate(static.immutable):
        key = f"{route.key}.static.immutable[{index}]"
        above = next((other for other in static.immutable if path != other and path.startswith(f"{other}/")), "")
        if path in static.immutable[:index]:
            yield Problem(key, shown(path), "stands in it twice", "remove one of the two")
        elif above:
            yield Problem(key, shown(path), f"is below {above}, which brings it along", "remove it")
        elif owner := owners.get((route.domain, path)):
            fix = "write a folder below the path of the route, or remove image_files"
            yield Problem(key, shown(path), f"is {owner} already, which leads elsewhere", fix)
        else:
            owners[route.domain, path] = key
