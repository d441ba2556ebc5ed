# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Profiles of a Compose file: services that are there only when one of their profiles is on.

Source: the Compose specification, "Profiles". A service that depends on another that is off is an error, unless it says C(required: false).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..schema.nodes import Problem, instead, shown
from .interpolation import Interpolation

ALL = "*"


@dataclass(frozen=True)
class Profiles:
    """What is off.

    :param off: the services that are left out, each with the profiles that would switch it on.
    :param secrets: those that only services use that are off, and others.
    """

    off: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()

    def why(self, service: str) -> str:
        """That a service is off, after the word that names it."""
        names = self.off[service]
        return f"of the profile {' or '.join(names)}, which is off"

    def way_out(self, service: str) -> str:
        """What to write so that it is on."""
        return f"add profiles: [{self.off[service][0]}] to ops_stack, or remove this"


def chosen(
    raw: Mapping[str, Any], wanted: Sequence[str | None], interpolation: Interpolation, problems: list[Problem]
) -> tuple[Mapping[str, Any], Profiles]:
    """The Compose file without the services that are off, and without C(profiles:) where they are on: they are started.

    :param wanted: names of profiles; None for what was refused as one.
    """
    services = raw["services"]
    given = {name: _profiles(value, interpolation) for name, value in services.items()}
    known = {profile for profiles in given.values() for profile in profiles}
    for index, profile in enumerate(wanted):
        if profile is not None and profile not in (ALL, *known):
            problems.append(
                Problem(f"profiles[{index}]", shown(profile), "is no profile of the Compose file", instead(profile, known, "profile"))
            )
    off = {name: profiles for name, profiles in given.items() if profiles and ALL not in wanted and not set(profiles) & set(wanted)}
    if not any(given.values()):
        return raw, Profiles()
    kept = {name: _without_off(value, off) for name, value in services.items() if name not in off}
    # Their variables are known, though nothing uses them now.
    used = Interpolation(interpolation.environment)
    for name in off:
        used.resolve(services[name], f"compose.services.{name}")
    for name, keys in used.used.items():
        interpolation.used.setdefault(name, []).extend(keys)
    secrets = {use for name in off for use in _secrets(services[name])}
    return {**raw, "services": kept}, Profiles(off, frozenset(secrets))


def _profiles(service: Any, interpolation: Interpolation) -> tuple[str, ...]:
    profiles = service.get("profiles") if isinstance(service, Mapping) else None
    if not isinstance(profiles, list):
        return ()
    return tuple(profile for profile in Interpolation(interpolation.environment).resolve(profiles, "") if isinstance(profile, str))


def _secrets(service: Mapping[str, Any]) -> list[str]:
    uses = service.get("secrets")
    sources = [use.get("source") if isinstance(use, Mapping) else use for use in uses] if isinstance(uses, list) else []
    return [source for source in sources if isinstance(source, str)]


def _without_off(service: Any, off: Mapping[str, Any]) -> Any:
    """A service that is on, without what it would only wait for if that were on."""
    if not isinstance(service, Mapping):
        return service
    result = {name: value for name, value in service.items() if name != "profiles" or not isinstance(value, list)}
    depends = service.get("depends_on")
    if isinstance(depends, Mapping):
        optional = {name for name, item in depends.items() if name in off and isinstance(item, Mapping) and item.get("required") is False}
        if optional:
            result["depends_on"] = {name: item for name, item in depends.items() if name not in optional}
    return result
