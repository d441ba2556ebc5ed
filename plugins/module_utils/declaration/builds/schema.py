# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of C(builds): images that are built from a git repository."""

from __future__ import annotations

from ...contracts.image_build import (
    ImageBuild,
    dockerfile_path,
    folder_inside,
    pinned_revision,
    push_target,
    repository_address,
    secret_place,
)
from ...contracts.nodes import described, duration
from ...schema import values
from ...schema.nodes import Flag, Items, Record, Scalar, Table, Text
from ..forms import service_name


def _text(name: str, example: str, form: values.Form[str] | None = None, implied: str = "", *, required: bool = False) -> Text:
    """A field of the contract as a key of the declaration."""
    return Text(required=required, default="", check=form, example=example, description=described(ImageBuild, name), implied=implied)


def _place(name: str, example: str) -> Text:
    """A secret; hidden, because what is no name may be the secret itself."""
    form = values.form("secret or file")(secret_place)
    return Text(default="", hidden=True, check=form, example=example, description=described(ImageBuild, name))


_FROM_COMPOSE = "that of C(build:) in the Compose file"
BUILD = Record(
    description="One image. What C(build:) of the service in the Compose file says holds where nothing is written here.",
    fields={
        "repository": _text(
            "repository", "https://git.example.com/shop/web.git", values.form("repository")(repository_address), required=True
        ),
        "revision": _text("revision", "v1.4.2", values.form("tag or commit id")(pinned_revision), required=True),
        "context": _text(
            "context", "services/web", values.form("path")(folder_inside), f"{_FROM_COMPOSE}, else the root of the repository"
        ),
        "dockerfile": _text("dockerfile", "Dockerfile.prod", values.form("path")(dockerfile_path), f"{_FROM_COMPOSE}, else C(Dockerfile)"),
        "target": _text("target", "production", implied=_FROM_COMPOSE),
        "args": Table(
            of=Scalar(default=""),
            name=values.variable_name,
            default={},
            example="{VARIANT: slim}",
            description=f"{described(ImageBuild, 'args')} They are added to those of the Compose file.",
        ),
        "secrets": Table(
            of=Text(default="", hidden=True, check=values.form("secret or file")(secret_place), example="npm_token"),
            default={},
            example="{npm_token: npm_token}",
            description=described(ImageBuild, "secrets"),
        ),
        "ssh": _place("ssh", "deploy_key"),
        "submodules": Flag(description=described(ImageBuild, "submodules")),
        "credentials": _place("credentials", "git_token"),
        "ssh_key": _place("ssh_key", "deploy_key"),
        "known_hosts": Items(
            of=Text(default="", example="git.example.com ssh-ed25519 AAAA…"),
            default=[],
            example="[git.example.com ssh-ed25519 AAAA…]",
            description=described(ImageBuild, "known_hosts"),
        ),
        "push": _text("push", "registry.example.com/shop/web", values.form("image name")(push_target), "the image stays on the host"),
        "host": _text("host", "build1", implied="the host of the stack, of several the first"),
        "timeout": duration(ImageBuild, "timeout", "30m"),
    },
    example="{repository: https://git.example.com/shop/web.git, revision: v1.4.2}",
)
BUILDS = Table(
    of=BUILD,
    name=service_name,
    default={},
    example="{web: {repository: https://git.example.com/shop/web.git, revision: v1.4.2}}",
    description="Images that are built on a host from a tag or commit of a git repository, by the service that runs them. A release has"
    " them by their digest or id, and a rollback builds nothing. Without an entry C(build:) of a service is not looked at.",
)
