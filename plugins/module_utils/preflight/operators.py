# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts of operators and their keys: each is a key, and nobody's way in is taken away by a run that came through it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from ..access import public_keys
from ..schema.nodes import Problem, shown
from .host import Host


def present(wanted: Mapping[str, Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The operators that the run makes or keeps."""
    return [entry for entry in wanted.get("base", {}).get("operators") or [] if entry.get("state") in (None, "present")]


def keys(_host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """An operator without a key, or with a line that sshd passes over, cannot log in: the file gets these keys and no others."""
    for number, entry in enumerate(wanted["base"].get("operators") or []):
        if entry.get("state") == "absent":
            continue
        name, written = entry["name"], entry.get("ssh_keys") or []
        if not written:
            problem = f"{name} has no ssh_keys, and passwords are not accepted over SSH"
            yield Problem(f"base_operators[{number}].ssh_keys", "", problem, "write at least one public key")
        for index, text in enumerate(written):
            for reason in _wrong(text):
                yield Problem(f"base_operators[{number}].ssh_keys[{index}]", shown(text), f"the key of {name} {reason}", public_keys.FORM)


def _wrong(text: str) -> Iterator[str]:
    """Why an item is not the content of an authorized_keys file."""
    try:
        if not lines(text):
            yield "is empty"
        for line in lines(text):
            public_keys.parse(line)
    except public_keys.NoKey as error:
        yield str(error)


def lines(text: str) -> list[str]:
    """The lines of an authorized_keys file that are to be keys."""
    return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def fingerprints(text: str) -> dict[str, public_keys.PublicKey]:
    """The keys of an authorized_keys file by fingerprint, without the lines that are none."""
    by_fingerprint = {}
    for line in lines(text):
        with suppress(public_keys.NoKey):
            key = public_keys.parse(line)
            by_fingerprint[key.fingerprint] = key
    return by_fingerprint


def key_in_use_stays(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """The key that this run is connected with would be removed: those that remain may open nothing.

    Where sshd's log does not say which key it is, one of the present keys must remain.
    """
    operator = next((entry for entry in present(wanted) if entry["name"] == host.user and entry.get("ssh_keys")), None)
    home = host.home(host.user)
    if not host.connection or operator is None or home is None:
        return
    there = fingerprints(host.read(home / ".ssh/authorized_keys") or "")
    remaining = fingerprints("\n".join(operator["ssh_keys"]))
    removed = there.keys() - remaining.keys()
    used = host.accepted_key if removed else None
    if used in removed or (removed and used is None and not there.keys() & remaining.keys()):
        which = f"the key that this run is connected with ({used})" if used else "every key that opens the account now"
        problem = f"{which} would be removed from {host.user}, and no login has tried those that remain"
        fix = "keep it in ssh_keys beside the new one, connect with the new one, and remove the old one then"
        yield Problem("base_operators", "", problem, fix)


def connection_stays(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """The account of this very connection is to be removed."""
    absent = {entry["name"] for entry in wanted["base"].get("operators") or [] if entry.get("state") == "absent"}
    if host.connection and host.user in absent:
        problem = f"{host.user} is to be removed, but this run is connected as it"
        yield Problem("base_operators", "", problem, "connect as another operator first")
