# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers and releases, made small."""

from __future__ import annotations

from typing import Any

from ansible_collections.latentum.ops.plugins.module_utils.containers.client import DEFINITION, Container
from ansible_collections.latentum.ops.plugins.module_utils.release.store import Release

HEALTHY: dict[str, Any] = {"test": ["CMD", "true"]}


def container(number: int, definition: str = "new", service: str = "api", **changes: Any) -> Container:
    """A healthy container; its id is ``<service><number>``."""
    given: dict[str, Any] = {
        "id": f"{service}{number}",
        "name": f"shop-{service}-{number}",
        "service": service,
        "number": number,
        "state": "running",
        "health": "healthy",
        "restarts": 0,
        "exit_code": 0,
        "oom_killed": False,
        "started_at": "",
        "image": f"registry/{service}:1",
        "image_id": "",
        "addresses": (("net", f"10.0.0.{number}"),),
        "health_log": (),
        "definition": definition,
        "created": 1000.0,
    }
    return Container(**{**given, **changes})


def release(definition: str = "new", replicas: int = 2, tag: str = "2", **services: Any) -> Release:
    """A release of service api, and of others as they are given."""
    spec = {"image": f"registry/api:{tag}", "healthcheck": HEALTHY, "labels": {DEFINITION: definition}}
    project = {"services": {"api": spec, **services}}
    expected = [{"service": name, "expect": "healthy", "replicas": replicas if name == "api" else 1} for name in project["services"]]
    images = {name: str(one["image"]) for name, one in project["services"].items()}
    return Release("shop", "/opt/shop", project, {}, expected, [], images=images)
