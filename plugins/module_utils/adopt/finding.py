# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was found on a host, and what a run of ``site.yml`` would do to it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from .host import SurveyedHost
from .survey.survey import Survey


class Verdict(str, Enum):
    """What becomes of a thing."""

    CONFLICT = "conflict"  # the run refuses, or something stops working; write something else
    REPORTED = "reported"  # works, or is reachable, now and not afterwards, unless something is added
    TAKEN_OVER = "taken_over"  # a role changes or replaces it
    STAYS = "stays"  # somebody else's, and never touched
    MANAGED = "managed"  # this collection's own
    FOUND = "found"  # nothing is declared to judge it by


ORDER = tuple(Verdict)


@dataclass(frozen=True)
class Finding:
    """One thing on a host.

    :param kind: what it is, in a word or two: ``port``, ``nginx site``.
    :param name: which one it is.
    :param details: whose it is, and where.
    :param role: the role that does something about it; empty for none.
    :param effect: what that role does, in a sentence.
    :param key: the variable, key of the declaration or file to write to, and ``value`` what to write there; empty where nothing helps.
    """

    kind: str
    name: str
    details: str = ""
    verdict: Verdict = Verdict.STAYS
    role: str = ""
    effect: str = ""
    key: str = ""
    value: str = ""

    def judged(self, verdict: Verdict, role: str = "", effect: str = "", key: str = "", value: str = "") -> Finding:
        """The same thing with what becomes of it."""
        return replace(self, verdict=verdict, role=role, effect=effect, key=key, value=value)

    def as_dict(self) -> dict[str, str]:
        """Plain data."""
        return {**vars(self), "verdict": self.verdict.value}

    @property
    def write(self) -> str:
        """What to write, on one line."""
        return f"{self.key}: {self.value}" if self.key and self.value else self.key or self.value


@dataclass(frozen=True)
class DeclaredStack:
    """A stack of the inventory, as far as a host concerns it.

    :param ports: of the host, that its services publish, each with the service.
    :param rollout: ``project``, ``environment``, ``services`` and ``policies`` as module compose_rollout is given them.
    """

    name: str
    directory: str = ""
    services: Sequence[str] = ()
    ports: Mapping[tuple[int, str], str] | None = None
    volumes: Sequence[str] = ()
    networks: Mapping[str, str] | None = None
    container_names: Sequence[str] = ()
    rollout: Mapping[str, Any] | None = None

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> DeclaredStack:
        """From what the action passes on."""
        ports = {(int(port["port"]), str(port["protocol"])): str(port["service"]) for port in raw.get("ports") or ()}
        return cls(
            name=str(raw["name"]),
            directory=str(raw.get("directory") or ""),
            services=tuple(map(str, raw.get("services") or ())),
            ports=ports,
            volumes=tuple(map(str, raw.get("volumes") or ())),
            networks={str(name): str(subnet) for name, subnet in (raw.get("networks") or {}).items()},
            container_names=tuple(map(str, raw.get("container_names") or ())),
            rollout=raw.get("rollout"),
        )


@dataclass(frozen=True)
class Given:
    """What a rule judges by.

    :param wanted: what each role of the run wants, by role (plugins/action/host_survey_info.py); a role that is left out is not in it.
    """

    host: SurveyedHost
    survey: Survey
    wanted: Mapping[str, Mapping[str, Any]]
    stacks: Sequence[DeclaredStack] = ()

    def role(self, name: str) -> Mapping[str, Any] | None:
        """What a role wants; None where it takes no part."""
        return self.wanted.get(name)

    def keeps_foreign(self, role: str) -> bool:
        """Whether a role leaves what it did not write (its variable ``<role>_keep_foreign``); without the role everything stays."""
        wanted = self.role(role)
        return wanted is None or bool(wanted.get("keep_foreign"))

    @property
    def behind(self) -> tuple[str, ...]:
        """Where nginx is to listen for a proxy that stays in front of it (``nginx_behind``); empty without one."""
        declared = ((self.role("nginx") or {}).get("preflight") or {}).get("behind") or {}
        return tuple(str(address) for address in (declared.get("given") or {}).get("listen") or ())

    @property
    def nginx_addresses(self) -> list[tuple[str, int]]:
        """Where role nginx wants to listen: an address of IPv6 in brackets or ``*``, and a port."""
        addresses = ((self.role("nginx") or {}).get("preflight") or {}).get("addresses") or ()
        return [(host, int(port)) for host, _colon, port in (str(address).rpartition(":") for address in addresses)]

    def stack(self, name: str) -> DeclaredStack | None:
        """The declared stack of this name."""
        return next((stack for stack in self.stacks if stack.name == name), None)


def spelled(value: object) -> str:
    """A value as it is written in an inventory, on one line: YAML takes JSON, and people read it without quotes around plain words."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {spelled(item)}" for name, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(spelled, value)) + "]"
    text = str(value)
    if isinstance(value, str) and (
        not text or set(text) & set(":,{}[]#&*!|>'\"%@`\\$ ") or text.isdigit() or text in {"yes", "no", "on", "off"}
    ):
        return json.dumps(text, ensure_ascii=False)
    return json.dumps(value) if isinstance(value, bool) else text
