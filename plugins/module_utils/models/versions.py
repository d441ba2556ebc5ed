# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions of models in releases: which one a deployment takes, and the alias that says in the registry which one serves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..containers.client import Engine
from ..contracts.registered_model import VERSION, RegisteredModel, models_from
from ..release.store import Release, ReleaseError
from .registry import NotRegistered, Registry, RegistryError, address


def held(release: Release | None) -> dict[str, str]:
    """The versions that a release has, by the names of the models."""
    return {str(entry["name"]): str(entry.get("version", "")) for entry in release.models} if release else {}


def sentences(live: Release | None, release: Release) -> list[str]:
    """What differs between two releases, for a person."""
    before, after = held(live), held(release)
    return [
        f"model {name}: {'version ' + after[name] if after.get(name) else 'no version'}, before {before.get(name) or 'none'}"
        for name in after
        if after[name] != before.get(name, "")
    ]


def choose(
    models: Sequence[RegisteredModel],
    wanted: Mapping[str, str],
    live: Release | None,
    engine: Engine | None,
    say: Callable[[str], None],
    *,
    stack: str,
    ask: bool,
) -> dict[str, str]:
    """The version of each model that a release is to have, by name.

    A registry that is away, or has nothing yet, does not keep an application from being deployed: then the live version stays, or
    the fallback is taken. A version that somebody asked for is different: it must be there.

    :param wanted: what somebody asked for, by name: a version, or C(@alias).
    :param ask: ask the registry for what the alias is now; without it the live version stays.
    :raises ReleaseError: a version that was asked for is not to be had.
    """
    before = held(live)
    versions = {}
    for model in models:
        current = before.get(model.name, "")
        asked = wanted.get(model.name)
        if asked is not None:
            versions[model.name] = _asked(model, asked, current, stack, engine)
        elif current and not ask:
            versions[model.name] = current
        else:
            versions[model.name] = _by_alias(model, current, stack, engine, say)
    return versions


def _asked(model: RegisteredModel, asked: str, current: str, stack: str, engine: Engine | None) -> str:
    if asked == current:
        return asked
    if not (asked.startswith("@") or VERSION.fullmatch(asked)):
        raise ReleaseError(
            f"models: {model.name}={asked}: write the number of a version, such as {model.name}=7, or {model.name}=@{model.alias}"
        )
    try:
        registry = Registry(model, address(model, stack, engine))
        return registry.version_of(asked[1:]) if asked.startswith("@") else registry.require(asked)
    except (NotRegistered, RegistryError) as error:
        raise ReleaseError(f"models: {model.name}={asked}: {error}; nothing was changed") from error


def _by_alias(model: RegisteredModel, current: str, stack: str, engine: Engine | None, say: Callable[[str], None]) -> str:
    try:
        registry = Registry(model, address(model, stack, engine))
        return registry.version_of(model.alias)
    except (NotRegistered, RegistryError) as error:
        if current:
            say(f"model {model.name} stays version {current}: {error}")
            return current
        say(f"model {model.name} has no version yet ({model.fallback or 'empty'} is its fallback): {error}")
        return model.fallback


def tell(release: Release, engine: Engine | None) -> list[str]:
    """Give the alias of what serves to the versions of a release that is live; returns what could not be told, as sentences.

    The registry follows the host, not the other way round, so what fails here takes nothing back.
    """
    failures = []
    for model, version in zip(models_from(release.models), held(release).values(), strict=True):
        if not (model.alias_of_live and version):
            continue
        try:
            registry = Registry(model, address(model, release.stack, engine))
            try:
                there = registry.version_of(model.alias_of_live)
            except NotRegistered:
                there = ""
            if there != version:
                registry.set_alias(model.alias_of_live, version)
        except (NotRegistered, RegistryError) as error:
            failures.append(
                f"model {model.name}: version {version} serves, and the registry could not be told ({model.alias_of_live}): {error}"
            )
    return failures
