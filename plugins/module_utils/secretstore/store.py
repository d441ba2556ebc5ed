# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secret store of one stack on one host.

A master file a secret (root's alone), a copy a consumer (its container user's alone), an environment file a service that
cannot read files, for a week what a value was before it was changed, and metadata that never holds a value. Everything is written in one
transaction under one lock.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..contracts.secret_kinds import references
from ..contracts.secret_rotation import POSTGRESQL, SecretRotation
from ..core import env_file, paths
from ..core.atomic_files import read_text, write_atomic
from ..core.locks import LockBusy, file_lock
from ..core.published_secrets import publish_again
from ..hostconfig.entries import Change, Entry
from ..hostconfig.transaction import ConfigSet, apply
from . import ages, sealing, versions
from .in_place import write_in_place
from .kinds import PLACE, Made, SecretError, bcrypt_hash, bcrypt_matches, check, make, render

METADATA, KEY, INVITATION, RETIRED, FORMER = "metadata.json", ".store.key", ".invitation", "retired", ".former"
ENTRIES = "entries.json"  # what was declared, without any value: who rotates a secret on the host has no controller to ask
FORMER_KEPT = 7 * 86400  # seconds for which a value that was changed is still hidden in logs: containers that have it run on for a while


@dataclass
class Outcome:
    """What changed, by names only."""

    changes: list[Change] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    retired: list[str] = field(default_factory=list)
    services: list[str] = field(default_factory=list)  # those that hold an older value and must be replaced

    @property
    def changed(self) -> bool:
        """Anything at all."""
        return bool(self.changes or self.retired)


class Store:
    """The store of a stack; `locked()` around everything that writes."""

    def __init__(self, stack: str, root: Path = paths.SECRETS) -> None:
        if not PLACE.fullmatch(stack):
            raise SecretError(f"stack: {stack!r}: write the name of the stack, such as shop")
        self.stack, self.folder = stack, root / stack

    @contextmanager
    def locked(self, timeout: float = 60) -> Iterator[None]:
        """Only one writer at a time; waits up to `timeout` seconds.

        :raises TimeoutError: another writer holds the store.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with ExitStack() as held:
            try:
                held.enter_context(file_lock(self.folder / ".lock", timeout=timeout, mode=0o600))
            except LockBusy:
                raise TimeoutError(f"the secrets of {self.stack} are being written by another process: try again") from None
            try:
                yield
            finally:
                publish_again()  # whoever masks them must know them before a container does

    def value(self, name: str) -> str | None:
        """The stored value; None when there is none. An empty file (a crash of an older tool) counts as none."""
        path = self.folder / name
        return (path.read_bytes().decode() if path.is_file() else None) or None

    def metadata(self) -> dict[str, dict[str, Any]]:
        """Kind, version, dates and fingerprint by name.

        :raises SecretError: the file is damaged.
        """
        text = read_text(self.folder / METADATA)
        try:
            return {str(name): dict(fields) for name, fields in json.loads(text).items()} if text else {}
        except (ValueError, TypeError, AttributeError) as error:
            raise SecretError(f"{self.folder / METADATA} is damaged: remove it; it is made anew from the secrets themselves") from error

    def key(self) -> bytes | None:
        """The key under which fingerprints are made."""
        path = self.folder / KEY
        return path.read_bytes() if path.exists() else None

    # -- bringing it about ------------------------------------------------------------------------------------------

    def ensure(
        self,
        entries: Sequence[Mapping[str, Any]],
        *,
        purge: bool = False,
        check_mode: bool = False,
        replace: Mapping[str, Made] | None = None,
        logins: Mapping[str, str] | None = None,
        in_place: Collection[str] = (),
    ) -> Outcome:
        """Make the store what the entries say; existing values stay unless one is given from outside.

        :param replace: other values of secrets, of a rotation.
        :param logins: other roles of PostgreSQL that passwords are of, likewise.
        :param in_place: services whose files are written into as they are, since their containers go on (`in_place`).
        :raises SecretError: an entry cannot be made; nothing was changed.
        """
        for entry in entries:
            check(entry)
        names = [str(entry["name"]) for entry in entries]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise SecretError(f"secrets: {', '.join(twice)} is declared twice: keep one")
        known, key = self.metadata(), self.key() or os.urandom(32)
        roles = _logins(entries, known) | dict(logins or {})
        values, companions = self._values(entries, replace or {}, roles)
        outcome, metadata = Outcome(), {}
        for entry in entries:
            name = str(entry["name"])
            stored = self.value(name)
            if stored is None:
                outcome.created.append(name)
            elif stored != values[name]:
                outcome.updated.append(name)
            metadata[name] = self._describe(entry, values[name], known.get(name), key, changed=stored != values[name])
            if roles.get(name):
                metadata[name]["login"] = roles[name]
        shown = self._shown(entries, values)
        every = [*self._copies(entries, shown), *self._environments(entries, shown)]
        written = [entry for entry in every if _service_of(self.folder, entry) in in_place and entry.path.is_file()]
        readers = [entry for entry in every if entry not in written]
        # One after the other, so that a kill leaves nothing useless: the clear password before its line, a value before its copies.
        stages = [
            [Entry(self.folder, "directory", mode=0o700), self._file(KEY, key)],
            [*self._former({*outcome.created, *outcome.updated}, every, {**values, **shown}, key), *self._files(companions)],
            self._files(values),
            [*readers, *self._stale({entry.path for entry in every}, purge=purge)],
            [*self._files({METADATA: json.dumps(metadata, indent=2, sort_keys=True) + "\n"}), self._declared(entries)],
        ]
        gone = sorted(name for name in known if name not in values)
        outcome.services = self._outdated(readers)
        kept = [path.name for path in (self.folder / RETIRED).glob("*")] if purge else []
        outcome.retired = sorted({*gone, *kept})
        if not check_mode:
            self._sweep()
            self._retire(gone, purge=purge)
            self._forget(FORMER_KEPT if not purge else 0)
        for number, stage in enumerate(stages):
            if number == len(stages) - 1 and not check_mode:
                for file in written:
                    write_in_place(file.path, file.content)
            outcome.changes += apply(ConfigSet(f"secrets of {self.stack}", stage), check_mode=check_mode).changes
        if not check_mode:
            ages.publish(self.stack, {str(entry["name"]): found for entry in entries if (found := rotation_of(entry))}, metadata)
        return outcome

    def entries(self) -> list[dict[str, Any]]:
        """What was declared when the store was written last, without values; empty where nothing of it rotates.

        :raises SecretError: the file is damaged.
        """
        text = read_text(self.folder / ENTRIES)
        try:
            return [dict(entry) for entry in json.loads(text)] if text else []
        except (ValueError, TypeError) as error:
            raise SecretError(f"{self.folder / ENTRIES} is damaged: run site.yml with --tags secrets, which writes it anew") from error

    def _declared(self, entries: Sequence[Mapping[str, Any]]) -> Entry:
        """The file of the entries, where one of them rotates."""
        if not any(entry.get("rotation") for entry in entries):
            return Entry(self.folder / ENTRIES, "absent", sensitive=True)
        # That a value comes from outside decides about its rotation; which one it is does not.
        kept = [{name: value for name, value in entry.items() if name != "value" and value is not None} for entry in entries]
        for entry, written in zip(kept, entries, strict=True):
            entry["given"] = bool(written.get("value") or written.get("given"))
        return self._file(ENTRIES, (json.dumps(kept, indent=2, sort_keys=True) + "\n").encode())

    def _shown(self, entries: Sequence[Mapping[str, Any]], values: Mapping[str, str]) -> dict[str, str]:
        """Values as their consumers read them: of an overlap both that are good."""
        shown = dict(values)
        for entry in entries:
            name = str(entry["name"])
            if (rotation := rotation_of(entry)) and (beside := versions.read(self.folder, name, versions.BESIDE)):
                shown[name] = rotation.joined(values[name], beside.value)
        return shown

    def _values(
        self, entries: Sequence[Mapping[str, Any]], replace: Mapping[str, Made], logins: Mapping[str, str]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Every value: given, stored, generated, or derived from others; and the files that come with generated ones."""
        values: dict[str, str] = {}
        companions: dict[str, str] = {}
        derived = [entry for entry in entries if entry["kind"] in {"template", "bcrypt"} and not entry.get("value")]
        for entry in entries:
            name, kind, stored = str(entry["name"]), str(entry["kind"]), self.value(str(entry["name"]))
            if entry in derived:
                continue
            if name in replace:
                values[name] = replace[name].value
                companions |= {name + suffix: content for suffix, content in replace[name].companions.items()}
            elif entry.get("value"):
                values[name] = str(entry["value"])
            elif stored is not None:
                values[name] = stored
            elif kind == "provided":
                raise SecretError(
                    f"secrets.{name}: is provided from outside, but its value is empty: set it, for example from Ansible Vault"
                )
            else:
                made = make(name, kind, entry)
                values[name] = made.value
                companions |= {name + suffix: content for suffix, content in made.companions.items()}
        while derived:
            ready = [entry for entry in derived if all(need in values for need in _needs(entry) if need in {e["name"] for e in entries})]
            if not ready:
                raise SecretError(f"secrets: {', '.join(str(entry['name']) for entry in derived)} are made of each other: break the circle")
            for entry in ready:
                values[str(entry["name"])] = self._derive(entry, values, logins)
                derived.remove(entry)
        return values, companions

    def _derive(self, entry: Mapping[str, Any], values: Mapping[str, str], logins: Mapping[str, str]) -> str:
        name = str(entry["name"])
        if entry["kind"] == "template":
            return render(name, str(entry["template"]), values, logins)
        source = str(entry["of"])
        if source not in values:
            raise SecretError(f"secrets.{name}.of: {source} is no secret of this stack: declare it, or correct the name")
        stored = self.value(name)
        return stored if stored and bcrypt_matches(values[source], stored) else bcrypt_hash(values[source])

    def _describe(
        self, entry: Mapping[str, Any], value: str, known: Mapping[str, Any] | None, key: bytes, *, changed: bool
    ) -> dict[str, Any]:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        mark = fingerprint(value, key)
        if known and not changed and known.get("fingerprint") == mark:
            described = dict(known)
        else:
            version = int((known or {}).get("version", 0)) + 1
            described = {"created": (known or {}).get("created", now), "updated": now, "version": version, "fingerprint": mark}
        consumers = sorted({str(use["service"]) for use in [*(entry.get("consumers") or []), *(entry.get("environment") or [])]})
        return {**described, "kind": str(entry["kind"]), "consumers": consumers}

    def _file(self, name: str, content: bytes) -> Entry:
        return Entry(self.folder / name, content=content, mode=0o600, sensitive=True)

    def _files(self, contents: Mapping[str, str]) -> list[Entry]:
        return [self._file(name, content.encode()) for name, content in contents.items()]

    def _copies(self, entries: Sequence[Mapping[str, Any]], values: Mapping[str, str]) -> Iterator[Entry]:
        """One file a consumer, readable by its container's user alone."""
        readers = [(str(entry["name"]), use) for entry in entries for use in entry.get("consumers") or []]
        if readers:
            yield Entry(self.folder / "services", "directory", mode=0o700)
        for service in sorted({str(use["service"]) for _name, use in readers}):
            yield Entry(self.folder / "services" / service, "directory", mode=0o700)
        for name, use in readers:
            path = self.folder / "services" / str(use["service"]) / name
            yield Entry(path, content=values[name].encode(), mode=0o400, uid=int(use["uid"]), gid=int(use["gid"]), sensitive=True)

    def _environments(self, entries: Sequence[Mapping[str, Any]], values: Mapping[str, str]) -> Iterator[Entry]:
        """One environment file a service that cannot read files."""
        wanted: dict[str, dict[str, str]] = {}
        for entry in entries:
            for use in entry.get("environment") or []:
                wanted.setdefault(str(use["service"]), {})[str(use["variable"])] = values[str(entry["name"])]
        if wanted:
            yield Entry(self.folder / "env", "directory", mode=0o700)
        for service, variables in wanted.items():
            yield Entry(self.folder / "env" / f"{service}.env", content=env_file.render(variables).encode(), mode=0o600, sensitive=True)

    def _former(self, changed: set[str], readers: Sequence[Entry], values: Mapping[str, str], key: bytes) -> Iterator[Entry]:
        """The values that are about to be replaced, each in a file, for the masker alone: whoever runs with one may still print it."""
        texts = [self.value(name) or "" for name in changed]
        for path in (entry.path for entry in readers if changed and entry.state == "file" and entry.path.is_file()):
            text = path.read_bytes().decode(errors="replace")
            if path.parent.name == "env":
                texts += env_file.parse(text).values()
            elif path.name in changed:
                texts.append(text)
        known = set(values.values())
        if former := sorted({text for text in texts if text and text not in known}):
            yield Entry(self.folder / FORMER, "directory", mode=0o700)
            yield from (self._file(f"{FORMER}/{fingerprint(text, key)}", text.encode()) for text in former)

    def _forget(self, age: float) -> None:
        """Remove former values that are older than this (seconds)."""
        for path in (self.folder / FORMER).glob("*"):
            if time.time() - path.stat().st_mtime >= age:
                path.unlink()

    def _stale(self, wanted: set[Path], *, purge: bool) -> list[Entry]:
        """Copies and environment files that no declared service reads and, unless purged, no release to return to."""
        present = [*self.folder.glob("services/*/*"), *self.folder.glob("env/*.env")]
        unread = [path for path in present if path.is_file() and path not in wanted]
        releases = self._releases() if unread and not purge else ""
        return [Entry(path, "absent", sensitive=True) for path in unread if str(path) not in releases]

    def _releases(self) -> str:
        """The Compose files of the releases that this host keeps, which name the files that their services read."""
        return "\n".join(read_text(file) or "" for file in (paths.RELEASES / self.stack / "releases").glob("*/compose.yaml"))

    def _outdated(self, files: Sequence[Entry]) -> list[str]:
        """Services whose copy or environment exists with another content: their containers hold the old value."""
        services = set()
        for entry in files:
            where = entry.path.relative_to(self.folder).parts
            if (
                entry.state == "file"
                and where[0] in {"services", "env"}
                and entry.path.exists()
                and entry.path.read_bytes() != entry.content
            ):
                services.add(where[1].removesuffix(".env"))
        return sorted(services)

    def _sweep(self) -> None:
        """Remove half-written files of a process that was killed: they hold values. The lock keeps other writers away."""
        keep = {KEY, INVITATION, ".lock"}
        for path in [
            *self.folder.glob(".*"),
            *self.folder.glob("services/*/.*"),
            *self.folder.glob("env/.*"),
            *self.folder.glob(f"{FORMER}/.*"),
        ]:
            if path.is_file() and path.name not in keep:
                path.unlink()

    def _retire(self, names: Sequence[str], *, purge: bool) -> None:
        """Keep what is no longer declared in a folder of its own, or remove it, and what was kept, when told to."""
        for path in (self.folder / RETIRED).glob("*") if purge else ():
            path.unlink()
        for name in names:
            for version in (versions.NEXT, versions.PREVIOUS, versions.BESIDE):
                versions.shred(self.folder, name, version)
            for path in [self.folder / name, *self.folder.glob(f"{name}.*")]:
                if path.is_file() and path.name != METADATA:
                    if purge:
                        path.unlink()
                    else:
                        (self.folder / RETIRED).mkdir(mode=0o700, exist_ok=True)
                        path.replace(self.folder / RETIRED / path.name)

    # -- several hosts ----------------------------------------------------------------------------------------------

    def invite(self) -> str:
        """Prepare to receive: keeps a private key, returns the public one."""
        identity, recipient = sealing.new_pair()
        write_atomic(self.folder / INVITATION, identity, 0o600, 0, 0)
        return recipient

    def seal(self, recipients: Mapping[str, str]) -> dict[str, str]:
        """Everything in this store, sealed for each recipient (name → public key)."""
        names = [*self.metadata(), *(f.name for f in self.folder.iterdir() if f.suffix in {".pub", ".password"})]
        bundle = {"key": (self.key() or b"").hex(), "values": {name: self.value(name) for name in names}, "metadata": self.metadata()}
        plain = json.dumps(bundle)
        return {host: sealing.seal(plain, recipient) for host, recipient in recipients.items()}

    def open(self, sealed: str) -> None:
        """Take over what another host sealed for this one; consumers' copies follow with the next `ensure`.

        :raises SecretError: nothing was invited.
        """
        invitation = self.folder / INVITATION
        if not invitation.exists():
            raise SecretError(f"nothing is expected from another host: call with state=invited first ({self.stack})")
        bundle = json.loads(sealing.unseal(sealed, invitation))
        for name, value in bundle["values"].items():
            if value is not None:
                write_atomic(self.folder / Path(name).name, value, 0o600, 0, 0)
        write_atomic(self.folder / KEY, bytes.fromhex(bundle["key"]), 0o600, 0, 0)
        write_atomic(self.folder / METADATA, json.dumps(bundle["metadata"], indent=2, sort_keys=True) + "\n", 0o600, 0, 0)
        invitation.unlink()


def rotation_of(entry: Mapping[str, Any]) -> SecretRotation | None:
    """How a secret rotates; None where it does not."""
    return (
        SecretRotation.from_dict(entry["rotation"], f"secrets.{entry['name']}.rotation", tolerant=True) if entry.get("rotation") else None
    )


def _logins(entries: Sequence[Mapping[str, Any]], known: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The role that each password of PostgreSQL is of now: that of the last rotation, before the first one the owner."""
    rotations = {str(entry["name"]): rotation_of(entry) for entry in entries}
    return {
        name: str(known.get(name, {}).get("login") or rotation.user)
        for name, rotation in rotations.items()
        if rotation and rotation.kind == POSTGRESQL
    }


def _service_of(folder: Path, entry: Entry) -> str:
    """Whose file it is; empty of a folder."""
    where = entry.path.relative_to(folder).parts
    if entry.state != "file" or where[0] not in {"services", "env"}:
        return ""
    return where[1].removesuffix(".env") if where[0] == "env" else where[1]


def _needs(entry: Mapping[str, Any]) -> list[str]:
    return [str(entry["of"])] if entry["kind"] == "bcrypt" else references(str(entry.get("template") or ""))


def fingerprint(value: str, key: bytes) -> str:
    """Sixteen hex digits that are the same for the same value; without the store's key a weak value cannot be guessed from them."""
    return hmac.new(key, value.encode(), hashlib.sha256).hexdigest()[:16]
