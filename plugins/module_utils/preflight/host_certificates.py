# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of one inventory that ask each other: what their variables contradict, certificates that are brought, and ports that are taken."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..schema.nodes import Problem
from ..tls.brought import Side, wrongs
from .exporters import taken_by_others
from .host import Host

Wanted = Mapping[str, Mapping[str, Any]]


def declared(role: str) -> Callable[[Host, Wanted], Iterable[Problem]]:
    """What the variables of the inventory contradict, as the controller has found it; the same by several roles is said once."""

    def check(_host: Host, wanted: Wanted) -> Iterator[Problem]:
        said = [raw for other in _before(role) for raw in wanted.get(other, {}).get("problems") or ()]
        for raw in wanted[role].get("problems") or ():
            if raw not in said:
                yield Problem(**raw)

    return check


ROLES = ("exporters", "monitoring", "log_shipping", "host_certificates")


def _before(role: str) -> Sequence[str]:
    return ROLES[: ROLES.index(role)]


def brought(role: str, prefix: str, side: Side) -> Callable[[Host, Wanted], Iterable[Problem]]:
    """Files of a certificate that the operator brings for a role."""

    def check(host: Host, wanted: Wanted) -> Iterator[Problem]:
        files = wanted[role].get("brought") or {}
        yield from unfit(host, files, prefix, [side])

    return check


def unfit(host: Host, files: Mapping[str, str], prefix: str, sides: Sequence[Side]) -> Iterator[Problem]:
    """What is wrong with three files, by the variable that names each."""
    texts = {part: host.read(path) for part, path in files.items()}
    missing = [part for part, text in texts.items() if not text]
    for part in missing:
        yield Problem(f"{prefix}{part}", files[part], "is not on the host, or empty", "bring it there before (PEM), or leave it out")
    if not files or missing:
        return
    try:
        data = {part: (text or "").encode("utf-8", "replace") for part, text in texts.items()}
        for wrong in wrongs(data["authority"], data["certificate"], data["key"], sides):
            fix = wrong.fix.replace("FILE", files[wrong.part])
            yield Problem(f"{prefix}{wrong.part}", files[wrong.part], wrong.problem, fix)
    except ImportError as error:
        raise ValueError(f"python3-cryptography is not here yet, certificates are not looked at ({error.name})") from None


def front_taken(host: Host, wanted: Wanted) -> Iterator[Problem]:
    """Somebody else who listens where the monitoring host is to ask."""
    fix = "write another port; the firewall and the monitoring host follow it"
    yield from taken_by_others(host, wanted["exporters"].get("front") or (), fix)
