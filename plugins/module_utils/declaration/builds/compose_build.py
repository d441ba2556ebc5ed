# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What C(build:) of a service in the Compose file says, and what of it holds for a build from a repository."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...compose.model import Compose
from ...compose.scalars import as_text

# Kept as they are: `docker compose build` reads them on the host.
PASSED = ("dockerfile_inline", "extra_hosts", "shm_size", "ulimits", "no_cache", "pull", "cache_from", "network", "isolation")
READ = ("context", "dockerfile", "target", "args", "labels", "secrets")
REFUSED: Mapping[str, str] = {
    "additional_contexts": "copy what is needed into the context, or FROM an image",
    "cache_to": "remove it: the cache stays on the host that builds",
    "entitlements": "remove it: a build gets no more rights than a container",
    "platforms": "remove it: an image is built for the platform of the host that builds",
    "privileged": "remove it: a build gets no more rights than a container",
    "provenance": "remove it: the label org.opencontainers.image.revision names the commit",
    "sbom": "remove it, and make one of the finished image",
    "ssh": "remove it, and write ssh: with a secret or a file of the host that builds in ops_stack.builds",
    "tags": "remove it: push: in ops_stack.builds names the image",
}


def written(compose: Compose, service: str) -> Mapping[str, Any]:
    """C(build:) of a service with its variables resolved; empty where there is none. A path alone is its context."""
    build = ((compose.resolved.get("services") or {}).get(service) or {}).get("build")
    if isinstance(build, Mapping):
        return build
    return {"context": str(build)} if build else {}


def pairs(given: Any) -> dict[str, str | None]:
    """C(args) or C(labels), which may be a list or a mapping; None is the value of an argument without one."""
    if isinstance(given, Mapping):
        return {str(name): None if value is None else as_text(value) for name, value in given.items()}
    split = (str(item).partition("=") for item in given or () if item is not None)
    return {name: value if sign else None for name, sign, value in split}


def secrets(build: Mapping[str, Any]) -> dict[str, str]:
    """Secrets that the build names, by their id in the Dockerfile."""
    uses: dict[str, str] = {}
    for use in build.get("secrets") or ():
        source = str(use.get("source") or "") if isinstance(use, Mapping) else str(use)
        target = str(use.get("target") or source) if isinstance(use, Mapping) else source
        uses[target.rpartition("/")[2]] = source
    return uses
