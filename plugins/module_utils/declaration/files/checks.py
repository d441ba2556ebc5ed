# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of relative paths in the Compose file: each is brought to the host, or said to be there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...compose.model import Compose, granted
from ...compose.paths import is_relative
from ...contracts.carried_files import MOST_BYTES
from ...schema.nodes import Problem, shown
from ..model import Declaration
from .model import FileEntry, entry_for, normal


@dataclass(frozen=True)
class Use:
    """A relative path that the Compose file names.

    :param services: that get what is there.
    :param meant_empty: an empty folder is made of it on purpose (C(create_host_path: true)).
    """

    key: str
    path: str
    what: str
    services: frozenset[str]
    meant_empty: bool = False


def uses(compose: Compose) -> Iterator[Use]:
    """Every relative path of a bind mount, a config or a secret."""
    for service in compose.services.values():
        for mount in service.mounts:
            if mount.kind == "bind" and is_relative(mount.source):
                key = f"compose.services.{service.name}.volumes"
                yield Use(key, mount.source, "is mounted", frozenset({service.name}), mount.creates)
    services = compose.resolved.get("services") or {}
    for kind in ("configs", "secrets"):
        for name, spec in (compose.resolved.get(kind) or {}).items():
            file = spec.get("file") if isinstance(spec, Mapping) else None
            if is_relative(file):
                users = frozenset(service for service, value in services.items() if name in granted(value or {}, kind))
                if users:
                    yield Use(f"compose.{kind}.{name}.file", str(file), f"is the file of one of {kind}", users)


def check_files(declaration: Declaration, problems: list[Problem]) -> None:
    entries = declaration.files
    file_uses = [use for use in uses(declaration.compose) if not _declared_secret(declaration, use)]
    for use in file_uses:
        entry = entry_for(entries, use.path)
        if entry is None and not use.meant_empty:
            problems.append(Problem(use.key, shown(use.path), f"{use.what}, and nothing brings it to the host", _way_out(use)))
        elif entry is not None and entry.carried is not None and use.key.startswith("compose.secrets."):
            fix = f"declare secrets: {{{use.key.split('.')[2]}: {{kind: provided, value: …}}}} in ops_stack, which replaces its file"
            problems.append(Problem(use.key, shown(use.path), "is a secret, which a release must not carry", fix))
    for entry in entries.values():
        _check_entry(entry, [use for use in file_uses if entry_for(entries, use.path) is entry], problems)
    total = sum(len(file.content) * 3 // 4 for entry in entries.values() if entry.carried for file in entry.carried.files)
    if total > MOST_BYTES:
        what = f"are {total >> 20} MiB together, more than the {MOST_BYTES >> 20} MiB that a release may carry"
        problems.append(
            Problem("files", "", what, "name the files that are needed by patterns:, and put large data into a volume or an image")
        )


def _declared_secret(declaration: Declaration, use: Use) -> bool:
    """Its file is replaced by that of the secret store."""
    return use.key.startswith("compose.secrets.") and use.key.split(".")[2] in declaration.secrets


def _way_out(use: Use) -> str:
    path = f"./{normal(use.path)}" if not use.path.startswith("..") else use.path
    if use.key.startswith("compose.secrets."):
        return f"declare secrets: {{{use.key.split('.')[2]}: {{kind: password}}}} in ops_stack, or an absolute path on the host"
    fix = f"add files: {{{path}: {{}}}} to ops_stack, which brings it from compose_folder, or {{on_host: true}} where the host has it"
    if use.key.startswith("compose.configs."):
        return f"{fix}; or write it as content: of the config"
    return f"{fix}; a named volume for data; or type: bind with bind: {{create_host_path: true}} where an empty folder is meant"


def _check_entry(entry: FileEntry, used: list[Use], problems: list[Problem]) -> None:
    if entry.refused is not None:
        problems.append(Problem(entry.key, shown(entry.source), entry.refused.problem, entry.refused.fix))
    if not used:
        what = "is named by no bind mount and no config of the Compose file"
        problems.append(Problem(entry.key, "", what, "remove it, or correct the path: it is written as in the Compose file"))
    users = {service for use in used for service in use.services}
    if entry.service and users != {entry.service}:
        others = ", ".join(sorted(users - {entry.service}))
        what = f"is mounted by {others}, too, which would not be told" if entry.service in users else "does not mount it"
        fix = "remove reload:, so that all of them are replaced when it changes, or name the one service that mounts it"
        problems.append(Problem(f"{entry.key}.reload.service", shown(entry.service), what, fix))
    given = [name for name, there in (("content", entry.content), ("source", entry.own_source), ("on_host", entry.on_host)) if there]
    if len(given) > 1:
        problems.append(
            Problem(entry.key, "", f"has {' and '.join(given)}, of which one can be true", f"keep {given[0]} and remove the rest")
        )
    if entry.patterns and (entry.content or entry.on_host):
        problems.append(Problem(f"{entry.key}.patterns", "", "is of no use without a folder of the controller", "remove it"))
