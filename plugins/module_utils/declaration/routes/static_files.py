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
    for route in declaration.routes:
        if route.static and route.static.image_files:
            problems += _problems(declaration, route)


def _problems(declaration: Declaration, route: Route) -> Iterator[Problem]:
    static, key = route.static, f"{route.key}.static"
    if static is None:
        return
    if not static.immutable:
        what = "is for files with a hash in their name, and no path has any: others would be those of another release"
        yield Problem(f"{key}.immutable", "nothing", what, "write immutable: [/assets], or remove image_files")
    if getattr(route, "auth", None):
        what = "cannot stand beside auth: what is on the disk of nginx would be given to everybody"
        yield Problem(f"{key}.image_files", shown(static.image_files), what, "remove it, so that the service gives out its files, or auth")
    paths = {other.path for other in declaration.routes if other.domain == route.domain}
    for index, path in enumerate(static.immutable):
        if path in paths:
            fix = "write a folder below the path of the route, or remove image_files"
            yield Problem(f"{key}.immutable[{index}]", shown(path), "is the path of a route itself, which leads to its service", fix)
        elif path in static.immutable[:index]:
            yield Problem(f"{key}.immutable[{index}]", shown(path), "stands in it twice", "remove one of the two")
