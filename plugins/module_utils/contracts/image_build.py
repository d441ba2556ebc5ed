# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image of a service that is built from a revision of a git repository, and the names that such an image has."""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..schema.nodes import Refused
from .base import Contract, ContractError, option

PROTOCOLS = ("https", "ssh", "file")
LOCAL = "localhost"  # in place of a registry: nobody else can answer under this name, so nobody else's image is ever taken
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")  # by SHA-1, or by SHA-256
_HTTPS = re.compile(r"https://[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]+)?/[^\s?#]+")
_SSH = re.compile(r"ssh://(?:[A-Za-z0-9._-]+@)?[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]+)?/[^\s?#]+")
_SCP = re.compile(r"[A-Za-z0-9._-]+@[A-Za-z0-9][A-Za-z0-9.-]*:[^\s:/-][^\s:]*")
_FILE = re.compile(r"file:///[^\s?#]+")
_ABBREVIATED = re.compile(r"(?=[0-9a-f]*[a-f])(?=[0-9a-f]*[0-9])[0-9a-f]{7,39}")
_TAG = re.compile(r"(?!.*(?:\.\.|@\{|//|/\.|\.lock(?:/|$)))[A-Za-z0-9_][^\s\x00-\x1f\x7f~^:?*\[\\]*(?<![./])")  # git-check-ref-format(1)
_MOVING = ("HEAD", "main", "master", "develop", "trunk")
# Inputs that decide what the image is; the others decide how its sources are reached, and where it goes.
_ELSEWHERE = ("host", "timeout", "ssh_key", "known_hosts", "credentials", "push")


def repository_address(value: str) -> str:
    """:raises Refused: of a protocol that is not allowed, or with a password in it."""
    if re.match(r"[a-z][a-z0-9+.-]*://[^/@]*@", value) and not _SSH.fullmatch(value):
        fix = "write it without user and password; credentials: names a secret or a file of the host that builds"
        raise Refused("has credentials in it, which every log and list of processes would show", fix)
    if value.startswith(("http://", "git://")):
        raise Refused("is not encrypted: whoever is on the way decides what is built", f"write https://{value.partition('://')[2]}")
    if not any(form.fullmatch(value) for form in (_HTTPS, _SSH, _SCP, _FILE)):
        fix = "write https://git.example.com/shop/web.git, ssh://git@git.example.com/shop/web.git or git@git.example.com:shop/web.git"
        raise Refused("is not the address of a git repository", fix)
    return value


def protocol_of(repository: str) -> str:
    """One of PROTOCOLS."""
    return next((name for name in PROTOCOLS if repository.startswith(f"{name}://")), "ssh")


def pinned_revision(value: str) -> str:
    """A tag without C(refs/tags/), or a whole commit id.

    :raises Refused: anything that is another commit tomorrow, or could be read as an option.
    """
    name = value.removeprefix("refs/tags/")
    if name in _MOVING or value.startswith(("refs/heads/", "refs/remotes/", "origin/")):
        raise Refused("is a branch, which is another commit tomorrow", "write a tag, such as v1.4.2, or the whole id of a commit")
    if name == value and _ABBREVIATED.fullmatch(value):
        fix = "write all 40 characters (`git rev-parse`), or refs/tags/… where it is the name of a tag"
        raise Refused("is an abbreviated commit id, which may name another commit when the repository grows", fix)
    if not _TAG.fullmatch(name):
        raise Refused("is neither a tag nor a commit id", "write a tag, such as v1.4.2, or the whole id of a commit")
    return name


def folder_inside(value: str) -> str:
    """A normalised path inside the repository.

    :raises Refused: it leads out.
    """
    path = posixpath.normpath(value)
    if value.startswith(("/", "~")) or "://" in value or path == ".." or path.startswith("../"):
        raise Refused("leads out of the repository", "write a path from its root, such as services/web")
    return path


def dockerfile_path(value: str) -> str:
    """:raises Refused: it is no path from the context."""
    if value.startswith(("/", "~")) or "://" in value:
        raise Refused("is not a path from the context", "write it as Compose does, such as Dockerfile or ../Dockerfile.prod")
    return value


def push_target(value: str) -> str:
    """:raises Refused: without a registry, or with a tag or digest."""
    if "@" in value or ":" in value.rpartition("/")[2]:
        bare = re.sub(r":[^:/]*$", "", value.partition("@")[0])
        raise Refused("has a tag or a digest, which the build makes itself", f"write {bare}")
    registry, slash, name = value.partition("/")
    if not slash or not ("." in registry or ":" in registry or registry == LOCAL):
        raise Refused("names no registry", f"write registry.example.com/{value}")
    if not re.fullmatch(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*", name):
        raise Refused("is not the name of an image", "write registry/name in lower case, such as registry.example.com/shop/web")
    return value


def secret_place(value: str) -> str:
    """The name of a secret of the stack, or the absolute path of a file of the host that builds.

    :raises Refused: neither.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}|/[A-Za-z0-9/_.@+-]+", value) or ".." in value.split("/"):
        raise Refused("is neither the name of a secret nor a file of the host that builds", "write a name of secrets:, or /etc/…")
    return value


@dataclass(frozen=True)
class ImageBuild(Contract):
    """What is built for one service, and from what."""

    service: str = option("Name of the service.")
    repository: str = option("The git repository.", check=repository_address)
    revision: str = option("A tag, or the whole id of a commit.", check=pinned_revision)
    context: str = option("The folder in the repository that is the build context.", ".", check=folder_inside)
    dockerfile: str = option("The Dockerfile, from the context.", "", check=dockerfile_path)
    target: str = option("The stage of the Dockerfile that is built.", "")
    args: Mapping[str, str] = option("Arguments of the build. Nothing secret, since each image tells its own.", {})
    options: Mapping[str, Any] = option("Further keys of C(build:) as the Compose file has them.", {})
    secrets: Mapping[str, str] = option(
        "Secrets that C(RUN --mount=type=secret) reads, by their id there. Each is a secret of the stack by its name, or a file of the"
        " host that builds by its path.",
        {},
    )
    ssh: str = option("A key that C(RUN --mount=type=ssh) may use. A secret or a file.", "")
    submodules: str = option(
        "Whether submodules are fetched. A repository that has some is refused as long as that is undecided.",
        "undecided",
        choices=("undecided", "fetched", "left_out"),
    )
    credentials: str = option(
        "C(user:token), or a token alone, for a repository by HTTPS. A secret of the stack by its name, or a file of the host that"
        " builds by its path.",
        "",
    )
    ssh_key: str = option("The private key, without a passphrase, for a repository by SSH. A secret or a file.", "")
    known_hosts: tuple[str, ...] = option("Lines of known_hosts(5) for it, in place of those of root.", ())
    push: str = option("Where the image is pushed to, without a tag. It stays on the host that builds without it.", "")
    host: str = option("The host of the inventory that builds.", "")
    timeout: float = option("Time for the build, in seconds.", 1800.0, least=1, most=14400)

    def check(self, key: str) -> None:
        """:raises ContractError: credentials for another protocol, or a place of a secret that is none."""
        for name in ("credentials", "ssh_key", "ssh"):
            if value := getattr(self, name):
                _placed(value, f"{key}.{name}")
        for name, value in self.secrets.items():
            _placed(value, f"{key}.secrets.{name}")

    def name(self, stack: str) -> str:
        """The name of its images, without a tag."""
        return self.push or f"{LOCAL}/{stack}/{re.sub(r'[^a-z0-9]+', '-', self.service.lower()).strip('-')}"

    def declared_reference(self, stack: str) -> str:
        """What stands for the image as long as nobody knows which one it is."""
        return f"{self.name(stack)}:{_tag_part(self.revision)}"

    def reference(self, stack: str, commit: str) -> str:
        """The tag of the image that is built from this commit with these inputs: other inputs never have the same one."""
        return f"{self.declared_reference(stack)}-{self.inputs(stack, commit)}"

    def inputs(self, stack: str, commit: str) -> str:
        """Twelve hexadecimal digits of all that decides what the image is."""
        decisive = {name: value for name, value in self.to_dict().items() if name not in _ELSEWHERE}
        content = json.dumps([stack, commit, decisive], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()[:12]


def _placed(value: str, key: str) -> None:
    try:
        secret_place(value)
    except Refused as error:
        raise ContractError(f"{key}: {error.problem}: {error.fix}") from None


def _tag_part(revision: str) -> str:
    """A revision as a tag of an image can have it; of a commit its first twelve digits."""
    if COMMIT.fullmatch(revision):
        return revision[:12]
    return re.sub(r"[^A-Za-z0-9_.-]", "-", revision).lstrip(".-")[:100] or "revision"
