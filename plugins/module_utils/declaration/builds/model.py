# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images that are built, as they are declared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...contracts.image_build import ImageBuild

SUBMODULES = {None: "undecided", True: "fetched", False: "left_out"}


@dataclass(frozen=True)
class BuildEntry:
    """One entry of C(builds).

    :param context: empty where the Compose file decides, as with C(dockerfile) and C(target).
    :param given: what else the contract has, by its fields.
    """

    service: str
    repository: str
    revision: str
    push: str = ""
    host: str = ""
    context: str = ""
    dockerfile: str = ""
    target: str = ""
    args: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Where it stands."""
        return f"builds.{self.service}"

    def reference(self, stack: str) -> str:
        """What stands for the image in the Compose project, until it is built."""
        build = ImageBuild(self.service, self.repository, self.revision, push=self.push)
        return build.declared_reference(stack or "stack")

    def places(self) -> dict[str, str]:
        """Secrets and files that the build reads, by the key that names one."""
        named = {name: str(self.given[name]) for name in ("ssh", "credentials", "ssh_key") if self.given[name]}
        return {**named, **{f"secrets.{name}": place for name, place in self.secrets.items() if place}}


def builds_from(read: Mapping[str, Mapping[str, Any]]) -> dict[str, BuildEntry]:
    """From what the schema read, by service."""
    return {service: _entry(service, options) for service, options in read.items()}


def references(stack: str, read: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """What stands for the images in the Compose project, by service."""
    return {service: entry.reference(stack) for service, entry in builds_from(read).items()}


def _entry(service: str, options: Mapping[str, Any]) -> BuildEntry:
    texts = {name: options[name] or "" for name in ("repository", "revision", "push", "host", "context", "dockerfile", "target")}
    given = {
        **{name: options[name] or "" for name in ("ssh", "credentials", "ssh_key")},
        "known_hosts": tuple(options["known_hosts"]),
        "submodules": SUBMODULES[options["submodules"]],
        "timeout": float(options["timeout"]),
    }
    return BuildEntry(service, **texts, args=options["args"], secrets=options["secrets"], given=given)
