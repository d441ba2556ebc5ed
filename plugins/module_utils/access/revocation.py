# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and certificates that open nothing any more, as a list that sshd reads (ssh-keygen(1), KEY REVOCATION LISTS)."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.process import run
from ..schema.nodes import Problem, shown
from . import public_keys

VARIABLE = "access_revoked"
_MADE_AT = slice(20, 28)  # behind magic, format and version (PROTOCOL.krl)
_SERIAL = re.compile(r"[1-9]\d{0,19}(-[1-9]\d{0,19})?")
_ID = re.compile(r"[A-Za-z0-9._@:/-]{1,128}")


@dataclass(frozen=True)
class Revoked:
    """What is revoked: public keys, and serials and ids of certificates of the declared authorities."""

    keys: tuple[str, ...] = ()
    serials: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()

    def specification(self) -> str:
        """What ssh-keygen reads."""
        lines = [f"serial: {serial}" for serial in self.serials] + [f"id: {name}" for name in self.ids]
        return "".join(f"{line}\n" for line in sorted(lines))


def read(declared: Iterable[Mapping[str, Any]], problems: list[Problem], *, authority: bool) -> Revoked:
    """What is declared; what is wrong is appended to the problems."""
    found: dict[str, list[str]] = {"key": [], "serial": [], "id": []}
    for number, entry in enumerate(declared):
        for problem in _wrong(f"{VARIABLE}[{number}]", entry, authority=authority):
            problems.append(problem)
            break
        else:
            kind = next(kind for kind in found if entry.get(kind))
            found[kind].append(str(entry[kind]).strip())
    return Revoked(tuple(found["key"]), tuple(found["serial"]), tuple(found["id"]))


def _wrong(key: str, entry: Mapping[str, Any], *, authority: bool) -> Iterator[Problem]:
    kinds = [kind for kind in ("key", "serial", "id") if entry.get(kind)]
    if len(kinds) != 1:
        yield Problem(key, "", "says not exactly one thing", "write one of key, serial and id in each entry")
        return
    kind, text = kinds[0], str(entry[kinds[0]]).strip()
    if kind == "key":
        try:
            public_keys.parse(text)
        except public_keys.NoKey as error:
            yield Problem(f"{key}.key", shown(text), str(error), public_keys.FORM)
    elif not (_SERIAL if kind == "serial" else _ID).fullmatch(text):
        fix = "write a number from 1 on, or a range such as 4-9" if kind == "serial" else "write the id as `opsctl-ca list` shows it"
        yield Problem(f"{key}.{kind}", shown(text), f"is no {kind} of a certificate", fix)
    elif not authority:
        yield Problem(
            f"{key}.{kind}", shown(text), "no authority is declared whose certificates it could be", "write access_user_authorities"
        )


def krl(revoked: Revoked, authorities: Sequence[str], before: bytes) -> bytes:
    """The list; one that says the same as that of the host stays as it is. Empty where nothing is revoked, which sshd bears.

    :raises CommandError: ssh-keygen refuses.
    """
    if not (revoked.keys or revoked.serials or revoked.ids):
        return b""
    made = _made(revoked, authorities)
    return before if _timeless(before) == _timeless(made) else made


def _timeless(data: bytes) -> bytes:
    """A list without the time at which it was made."""
    return data[: _MADE_AT.start] + data[_MADE_AT.stop :]


def _made(revoked: Revoked, authorities: Sequence[str]) -> bytes:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "keys").write_text("".join(f"{key}\n" for key in revoked.keys))
        (folder / "certificates").write_text(revoked.specification())
        target = folder / "krl"
        run(["ssh-keygen", "-q", "-k", "-f", str(target), str(folder / "keys")])
        for number, authority in enumerate(authorities if revoked.serials or revoked.ids else ()):
            (folder / f"{number}.pub").write_text(f"{authority}\n")
            run(["ssh-keygen", "-q", "-k", "-u", "-f", str(target), "-s", str(folder / f"{number}.pub"), str(folder / "certificates")])
        return target.read_bytes()
