# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the user that an image runs as can read the secrets of its service: each file belongs to one number, and nobody else reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..containers.client import Engine
from ..core.paths import SECRETS
from ..schema.nodes import Problem
from .store import Release

ROOT = ("", "0", "root")


def image_user(engine: Engine | None, reference: str) -> str | None:
    """The user of an image on this host, as its config names it; None for an image that is not here."""
    image = engine.image(reference) if engine else None
    return None if image is None else str((image.get("Config") or {}).get("User") or "")


def unreadable(service: str, reference: str, user: str | None, declared: int | None) -> Iterator[Problem]:
    """The files of a service's secrets belong to one number, and the image runs as another.

    :param user: of the image, as its config names it; None where that is not known.
    :param declared: ``services.<service>.user_id``; None for root.
    """
    name = (user or "").partition(":")[0]
    if name in ROOT or (declared is not None and (not name.isdigit() or int(name) == declared)):
        return
    number = name if name.isdigit() else f"the number of that user (`docker run --rm --entrypoint id {reference}` shows it)"
    whose = "root" if declared is None else f"user {declared}"
    what = f"{reference} runs as {name}, and the service's secrets would be readable by {whose} alone"
    yield Problem(f"ops_stack.services.{service}.user_id", "" if declared is None else str(declared), what, f"set it to {number}")


def require_readable(release: Release, services: Sequence[str], engine: Engine) -> None:
    """The secrets that are on the host are for the users of the images.

    :param services: those that the rollout starts anew.
    :raises ValueError: naming every service that could not read its own.
    """
    problems: list[Problem] = []
    for service in services:
        reference = release.images.get(service, "")
        spec = release.project["services"][service]
        owner = None if spec.get("user") else _owner(release.project, spec)
        if reference and owner is not None:
            problems += unreadable(service, reference, image_user(engine, reference), owner or None)
    if problems:
        raise ValueError("\n".join(map(str, problems)))


def _owner(project: Mapping[str, Any], service: Mapping[str, Any]) -> int | None:
    """The owner of the files that the secret store keeps for a service; None for one that reads none."""
    for use in service.get("secrets") or ():
        source = use.get("source") if isinstance(use, Mapping) else use
        file = Path(str(((project.get("secrets") or {}).get(source) or {}).get("file") or "/"))
        if file.is_relative_to(SECRETS):
            with suppress(OSError):
                return file.stat().st_uid
    return None
