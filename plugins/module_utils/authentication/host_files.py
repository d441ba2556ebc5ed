# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a host by which callers are recognized, made of what is declared and of the secret store.

    /etc/latentum-ops/authentication/<stack>/policies.json       how callers are recognized; keys by their digests
    /etc/latentum-ops/authentication/<stack>/<name>.htpasswd     users and hashes of their passwords, which nginx reads at each request
    /etc/latentum-ops/authentication/<stack>/<name>.ca.pem, .crl.pem  authorities of clients' certificates

None of them belongs to a release: a rollback must not let in again who was shut out. What a release that is kept still asks by stays.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..contracts.base import ContractError
from ..contracts.route_authentication import FOLDER, RouteAuthentication
from ..core import paths
from ..core.atomic_files import read_text
from ..hostconfig.entries import Change, Entry
from ..hostconfig.transaction import ConfigSet, apply
from ..nginx import site_file, sync
from ..secretstore.store import Store
from .authorities import AuthorityError, require_authorities
from .hashes import GENERATED, ROUNDS_CHOSEN, ROUNDS_GENERATED, HashError, digest, hash_password, matches, require_key
from .policy_file import POLICIES, read_policies

LINE = re.compile(r"([^:\s]+):(\S+)")


class AuthenticationError(ValueError):
    """Callers cannot be recognized so; the message names the policy and what to do, never a value."""


@dataclass(frozen=True)
class Readers:
    """Groups that read the files: workers of nginx, and the service."""

    nginx: int = 0
    service: int = 0


@dataclass
class Outcome:
    """What changed, and which policies stay for releases only."""

    changes: list[Change] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


def ensure(
    policies: Sequence[RouteAuthentication],
    stacks: Sequence[str],
    readers: Readers,
    *,
    check_mode: bool = False,
    folder: Path = FOLDER,
    secrets: Path = paths.SECRETS,
) -> Outcome:
    """Make the files of these stacks what the policies say. nginx is reloaded where an authority is another one, after a test.

    :param stacks: all of those whose policies are given; others are left alone.
    :raises AuthenticationError: a policy cannot be carried out; nothing was changed.
    :raises ConfigSetError: nginx refuses an authority; the old files are back.
    """
    outcome = Outcome()
    entries: list[Entry] = []
    for stack in dict.fromkeys(stacks):
        declared = {policy.name: policy for policy in policies if policy.stack == stack}
        kept = {policy.name: policy for policy in _kept(folder / stack, stack, declared)}
        outcome.kept += [policy.reference for policy in kept.values()]
        entries += _stack_entries(folder / stack, {**kept, **declared}, set(kept), readers, Store(stack, secrets), check_mode)
    if any(entry.state != "absent" for entry in entries):
        entries.insert(0, Entry(folder, "directory", mode=0o755))
    planned = ConfigSet("authentication", entries, parents=True)
    outcome.changes = apply(planned, check_mode=True).changes
    if outcome.changes and not check_mode:
        reload = any(change.before.kind == "file" and change.entry.path.suffix == ".pem" for change in outcome.changes)
        commands = {"validate": [sync.NGINX_TEST], "activate": [sync.NGINX_RELOAD], "activate_unit": "nginx.service"} if reload else {}
        apply(ConfigSet("authentication", entries, parents=True, **commands))  # type: ignore[arg-type]  # keywords of ConfigSet
        for stack in dict.fromkeys(stacks):
            _remove_empty(folder / stack)
    return outcome


def references() -> str:
    """The text of all site files that name policies: what nginx serves, and what releases of this host would have it serve again."""
    files = [*site_file.every(), *paths.RELEASES.glob("*/releases/*/routes.json")]
    return "\n".join(read_text(file) or "" for file in files)


def _kept(folder: Path, stack: str, declared: Mapping[str, RouteAuthentication]) -> Iterator[RouteAuthentication]:
    """Policies that nobody declares any more and a site file still asks by."""
    former = [policy for policy, _callers in read_policies(folder / POLICIES) if policy.name not in declared and policy.stack == stack]
    named = references() if former else ""
    yield from (policy for policy in former if policy.reference in named)


def _stack_entries(
    folder: Path, policies: Mapping[str, RouteAuthentication], kept: set[str], readers: Readers, store: Store, check_mode: bool
) -> list[Entry]:
    """The files of a stack, and the removal of those that it has no more."""
    files: list[Entry] = []
    described = []
    for policy in policies.values():
        values = _Values(policy, store, lenient=policy.name in kept or check_mode)
        item = policy.to_dict()
        if policy.kind == "basic":
            content = _user_file(policy, values, folder / f"{policy.name}.htpasswd")
            files.append(Entry(folder / f"{policy.name}.htpasswd", content=content, mode=0o640, gid=readers.nginx, sensitive=True))
        elif policy.kind == "api_key":
            item["callers"] = _callers(policy, values)
        elif policy.kind == "client_ca":
            files += _authorities(policy, folder)
        described.append(item)
    if described:
        content = (json.dumps({"policies": described}, indent=2, sort_keys=True) + "\n").encode()
        files.append(Entry(folder / POLICIES, content=content, mode=0o640, gid=readers.service, sensitive=True))
    wanted = {entry.path for entry in files}
    gone = [Entry(path, "absent", sensitive=True) for path in sorted(folder.glob("*")) if path.is_file() and path not in wanted]
    return [*([Entry(folder, "directory", mode=0o755)] if files else []), *files, *gone]


class _Values:
    """Secrets of a policy, from the store.

    :param lenient: one that is not there is left out, and nobody gets in by it: for a release that is kept, and in check mode.
    """

    def __init__(self, policy: RouteAuthentication, store: Store, *, lenient: bool) -> None:
        self.policy, self.store, self.lenient = policy, store, lenient
        self.kinds = store.metadata()

    def items(self, names: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
        """Name of the caller, value, and kind of the secret."""
        for caller, secret in names.items():
            # What is no longer declared may still lie there; it opens nothing any more.
            value = self.store.value(secret) if secret in self.kinds else None
            if value is not None:
                yield caller, value, str(self.kinds[secret].get("kind") or "")
            elif not self.lenient:
                raise AuthenticationError(
                    f"{self.policy.reference}: the secret {secret} of {caller} is not in the store of {self.policy.stack}:"
                    " declare it in secrets:, and run role secrets before (site.yml and rolling_update.yml do)"
                )


def _user_file(policy: RouteAuthentication, values: _Values, path: Path) -> bytes:
    """Lines of users; a hash of the same password stays, so that nothing changes."""
    before = dict(LINE.findall(read_text(path) or ""))
    lines = []
    for user, password, kind in values.items(policy.users):
        rounds = ROUNDS_GENERATED if kind in GENERATED else ROUNDS_CHOSEN
        known = before.get(user, "")
        try:
            hashed = known if matches(password, known, rounds) else hash_password(password, rounds)
        except HashError as error:
            raise AuthenticationError(f"{policy.reference}: {policy.users[user]}, the password of {user}: {error}") from None
        lines.append(f"{user}:{hashed}\n")
    return "".join(lines).encode()


def _callers(policy: RouteAuthentication, values: _Values) -> dict[str, str]:
    """Digest of a key to the name of its caller."""
    callers: dict[str, str] = {}
    for caller, key, _kind in values.items(policy.keys):
        try:
            require_key(key)
        except HashError as error:
            raise AuthenticationError(f"{policy.reference}: {policy.keys[caller]}, the key of {caller}: {error}") from None
        other = callers.setdefault(digest(key), caller)
        if other != caller:
            raise AuthenticationError(f"{policy.reference}: {caller} and {other} have the same key: give each a value of its own")
    return callers


def _authorities(policy: RouteAuthentication, folder: Path) -> list[Entry]:
    try:
        require_authorities(policy.ca, policy.crl)
    except AuthorityError as error:
        raise AuthenticationError(f"{policy.reference}: {error}") from None
    files = [Entry(folder / f"{policy.name}.ca.pem", content=policy.ca.encode())]
    return [*files, Entry(folder / f"{policy.name}.crl.pem", content=policy.crl.encode())] if policy.crl else files


def _remove_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def policies_from(raw: Sequence[Mapping[str, Any]]) -> list[RouteAuthentication]:
    """Policies as the controller hands them over.

    :raises AuthenticationError: one of them cannot be read.
    """
    try:
        return [RouteAuthentication.from_dict(item, f"policies[{index}]") for index, item in enumerate(raw)]
    except ContractError as error:
        raise AuthenticationError(str(error)) from None
