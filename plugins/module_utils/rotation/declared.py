# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is declared to rotate, as the secret store keeps it on the host: which secrets, who reads them, and who checks them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..contracts.secret_kinds import references
from ..contracts.secret_rotation import POSTGRESQL, REDIS, SecretRotation
from ..schema.nodes import close_to
from ..secretstore.kinds import Made, make
from ..secretstore.store import Store, rotation_of
from .refusal import RotationRefused

MADE = ("password", "token", "uuid", "fernet", "rsa", "ed25519")  # kinds of which another one is made on the host
Entries = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Rotating:
    """A secret that can be rotated.

    :param made_of_it: the secrets that hold it, directly or not.
    :param services: those that read it, or one of these, and are rolled; its server is none of them.
    """

    name: str
    entry: Mapping[str, Any]
    rotation: SecretRotation
    made_of_it: tuple[str, ...]
    services: tuple[str, ...]

    @property
    def server(self) -> str:
        """The service whose containers go on; empty where nobody checks it by itself."""
        return self.rotation.service if self.rotation.kind in (POSTGRESQL, REDIS) else ""

    def another(self, given: str, present: str | None) -> Made:
        """The value that follows.

        :param given: from outside, for this rotation; empty for none.
        :raises RotationRefused: it comes from outside, and nobody brings another one.
        """
        if self.entry.get("given") or self.entry["kind"] not in MADE or given:
            if not given or given == present:
                raise RotationRefused(
                    f"secret {self.name}, its value comes from outside, and no other one came: write the next one where it comes from,"
                    " such as a vault, and run playbook rotate_secrets, which brings it"
                )
            return Made(given, {})
        return make(self.name, str(self.entry["kind"]), self.entry)


def every(store: Store) -> dict[str, Rotating]:
    """All that can be rotated, by name.

    :raises SecretError: the store is damaged.
    """
    entries = store.entries()
    rotations = {str(entry["name"]): rotation_of(entry) for entry in entries}
    return {str(entry["name"]): _rotating(entries, entry, rotation) for entry in entries if (rotation := rotations[str(entry["name"])])}


def chosen(store: Store, names: Collection[str]) -> list[Rotating]:
    """Those that are meant.

    :raises RotationRefused: one is not declared to rotate; all of these together.
    """
    known = every(store)
    if not known:
        raise RotationRefused(
            f"nothing of {store.stack} is declared to rotate: write secrets: {{NAME: {{rotation: {{kind: …}}}}}}, and run site.yml with"
            " --tags secrets"
        )
    entries = {str(entry["name"]): entry for entry in store.entries()}
    wrong = [_why_not(name, entries, known) for name in dict.fromkeys(names) if name not in known]
    if wrong:
        raise RotationRefused("\n".join(wrong))
    return [known[name] for name in dict.fromkeys(names)]


def _why_not(name: str, entries: Mapping[str, Mapping[str, Any]], known: Mapping[str, Rotating]) -> str:
    if name not in entries:
        near = close_to(name, known)
        return f"{name} is no secret of this stack: {f'did you mean {near}?' if near else 'write one of ' + ', '.join(sorted(known))}"
    sources = [source for source in _sources(entries[name]) if source in known]
    if sources:
        return f"secret {name} is made of {' and '.join(sources)}; rotate {'that' if len(sources) == 1 else 'those'}, and it follows"
    return f"secret {name} is not declared to rotate: write rotation: {{kind: …}} there (postgresql, redis, overlap or file)"


def _rotating(entries: Entries, entry: Mapping[str, Any], rotation: SecretRotation) -> Rotating:
    name = str(entry["name"])
    made_of_it = _made_of(entries, name)
    readers = _readers(one for one in entries if one["name"] in (name, *made_of_it))
    server = rotation.service if rotation.kind in (POSTGRESQL, REDIS) else ""
    return Rotating(name, entry, rotation, tuple(made_of_it), tuple(service for service in readers if service != server))


def _sources(entry: Mapping[str, Any]) -> list[str]:
    """What a secret is made of."""
    return [str(entry["of"])] if entry.get("of") else list(dict.fromkeys(references(str(entry.get("template") or ""))))


def _made_of(entries: Entries, name: str) -> list[str]:
    """The secrets that one is a part of, directly or not."""
    found = {name}
    while more := {str(entry["name"]) for entry in entries if found & set(_sources(entry))} - found:
        found |= more
    return [str(entry["name"]) for entry in entries if entry["name"] in found - {name}]


def _readers(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """The services that get one of these secrets, as a file or in their environment."""
    uses = [use for entry in entries for use in [*(entry.get("consumers") or []), *(entry.get("environment") or [])]]
    return sorted({str(use["service"]) for use in uses})
