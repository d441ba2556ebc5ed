# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a repository is reached: keys and credentials out of files of this host, and never by arguments or the environment.

Git is told nothing of who calls it: no configuration of a person, no askpass, no terminal, and only protocols that are allowed, for
submodules, too (git(1), GIT_ALLOW_PROTOCOL; gitcredentials(7)).
"""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

from ..contracts.image_build import ImageBuild, protocol_of
from ..core import paths
from ..core.locks import FOLDER
from ..core.masking import Masker


class BuildRefused(Exception):
    """An image that is not built; nothing was changed, and the message says what to write or do."""


@dataclass(frozen=True)
class Access:
    """What `git` is called with.

    :param options: of every call, before the command.
    :param secrets: values that must not be shown.
    """

    environment: Mapping[str, str]
    options: tuple[str, ...] = ()
    secrets: tuple[str, ...] = field(default=(), repr=False)


def place_of(stack: str, place: str) -> Path:
    """Where a secret is: a file by its path, or the master of a secret of the stack."""
    return Path(place) if place.startswith("/") else paths.SECRETS / stack / place


def secret_text(stack: str, place: str, key: str) -> str:
    """:raises BuildRefused: there is none on this host."""
    path = place_of(stack, place)
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        where = (
            ""
            if place.startswith("/")
            else "; role secrets writes it on hosts of the stack, another host that builds needs a file by its path"
        )
        raise BuildRefused(f"{key}: {path} cannot be read on the host that builds ({type(error).__name__}){where}") from None


def masker_of(values: Sequence[str]) -> Masker:
    """Hides these values, which may be in no store, and each line of theirs."""
    return Masker(part for value in values for part in (value, *value.splitlines()))


@contextmanager
def access(stack: str, build: ImageBuild, protocols: Sequence[str]) -> Iterator[Access]:
    """The access to a build's repository, as long as it is needed.

    :raises BuildRefused: a protocol that is not allowed, or a secret that is not here.
    """
    protocol, key = protocol_of(build.repository), f"builds.{build.service}"
    if protocol not in protocols:
        fix = f"write its address by {' or '.join(protocols)}, or add {protocol} to stack_build_protocols"
        raise BuildRefused(f"{key}.repository: {build.repository} is reached by {protocol}, which is not allowed: {fix}")
    FOLDER.mkdir(mode=0o750, parents=True, exist_ok=True)  # in memory: what is written there never reaches a disk
    with tempfile.TemporaryDirectory(prefix="build-", dir=FOLDER) as scratch:
        folder = Path(scratch)
        environment = {
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "",
            "SSH_ASKPASS_REQUIRE": "never",
            "GIT_ALLOW_PROTOCOL": ":".join(protocols),
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_LFS_SKIP_SMUDGE": "1",
            "HOME": scratch,
            "XDG_CONFIG_HOME": scratch,
        }
        options = ["-c", "credential.helper="]
        secrets = []
        if build.credentials:
            text = secret_text(stack, build.credentials, f"{key}.credentials").strip()
            user, colon, token = text.partition(":")
            store = _written(folder / "credentials", _credential(build.repository, user if colon else "token", token if colon else text))
            options += ["-c", f"credential.helper=store --file={store}"]
            secrets += [text, token]
        if protocol == "ssh":
            ssh = ["ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=20"]
            if build.ssh_key:
                text = secret_text(stack, build.ssh_key, f"{key}.ssh_key")
                # OpenSSH refuses a key whose last line has no end, which a vault or an editor has often cut off.
                identity = _written(folder / "identity", text.strip() + "\n")
                ssh += ["-i", str(identity), "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"]
                secrets.append(text)
            if build.known_hosts:
                ssh += ["-o", f"UserKnownHostsFile={_written(folder / 'known_hosts', chr(10).join(build.known_hosts) + chr(10))}"]
            environment["GIT_SSH_COMMAND"] = shlex.join(ssh)
        yield Access(environment, tuple(options), tuple(secrets))


def _credential(repository: str, user: str, token: str) -> str:
    """A line as git-credential-store(1) reads it."""
    return f"https://{quote(user, safe='')}:{quote(token, safe='')}@{urlsplit(repository).netloc}\n"


def _written(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text)
    return path
