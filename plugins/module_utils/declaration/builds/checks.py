# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of images that are built: the declaration, what the Compose file says of the build, and the hosts of the run."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from ...compose.plain_secrets import looks_secret
from ...contracts.image_build import dockerfile_path, folder_inside, protocol_of
from ...schema.nodes import HIDDEN, Problem, Refused, instead, shown
from ..model import Declaration
from .compose_build import PASSED, READ, REFUSED, pairs, written
from .derive import read_secrets
from .model import BuildEntry


def check_builds(declaration: Declaration, problems: list[Problem]) -> None:
    for key, name in read_secrets(declaration):
        if name not in declaration.secrets:
            fix = f"declare secrets: {{{name}: {{kind: provided, value: …}}}}, or write the path of a file on the host that builds"
            problems.append(Problem(key, shown(name), "is not a declared secret", fix))
    for entry in declaration.builds.values():
        if lacking := declaration.compose.lacking(entry.service, "builds"):
            problems.append(Problem(entry.key, shown(entry.service), *lacking))
            continue
        problems.extend(_reached(entry))
        problems.extend(_image(declaration, entry))
        problems.extend(_arguments(f"{entry.key}.args", entry.args))
        build = written(declaration.compose, entry.service)
        problems.extend(_compose_build(entry, build, f"compose.services.{entry.service}.build"))


def _reached(entry: BuildEntry) -> Iterator[Problem]:
    """Credentials are those of the repository's protocol."""
    if not entry.repository:
        return  # reported already
    protocol = protocol_of(entry.repository)
    for name, other in (("credentials", "https"), ("ssh_key", "ssh")):
        if entry.given[name] and protocol != other:
            fix = f"remove it, or write the address of the repository for {other.upper()}"
            yield Problem(f"{entry.key}.{name}", "", f"is of no use for a repository by {protocol.upper()}", fix)
    if entry.given["known_hosts"] and protocol != "ssh":
        yield Problem(f"{entry.key}.known_hosts", "", f"is of no use for a repository by {protocol.upper()}", "remove it")


def _image(declaration: Declaration, entry: BuildEntry) -> Iterator[Problem]:
    """An image that is pinned already is another one than that which is built."""
    service = (declaration.compose.resolved.get("services") or {}).get(entry.service) or {}
    image = str(service.get("image") or "")
    if "@" in image:
        fix = f"remove {entry.key} to run this image, or remove image: to run the one that is built"
        yield Problem(f"compose.services.{entry.service}.image", shown(image), "is pinned by digest, and builds has the service, too", fix)


def _arguments(key: str, given: Mapping[str, str | None]) -> Iterator[Problem]:
    for name, value in given.items():
        if value is None:
            fix = f"write {name}: value; the environment of the host that builds is not passed on"
            yield Problem(f"{key}.{name}", "nothing", "has no value", fix)
        elif looks_secret(name, value):
            fix = (
                f"declare a secret, write secrets: {{{name.lower()}: …}} beside args of the build, and read it in the Dockerfile by"
                f" RUN --mount=type=secret,id={name.lower()}"
            )
            yield Problem(f"{key}.{name}", HIDDEN, "looks like a secret, and each image tells the arguments that it was built with", fix)


def _compose_build(entry: BuildEntry, build: Mapping[str, Any], key: str) -> Iterator[Problem]:
    yield from _arguments(f"{key}.args", pairs(build.get("args")))
    for name in build:
        if name in REFUSED and build[name] not in (None, False, [], {}):
            yield Problem(f"{key}.{name}", "", "is not taken over by a build from a repository", REFUSED[name])
        elif name not in REFUSED and name not in PASSED and name not in READ and not name.startswith("x-"):
            yield Problem(f"{key}.{name}", "", "is not a key of build:", instead(name, (*PASSED, *READ), "key"))
    if build.get("network") == "host":
        fix = "remove it: the build reaches the internet without it"
        yield Problem(f"{key}.network", shown("host"), "lets the build reach whatever listens on the host alone", fix)
    for name, own, judge in (("context", entry.context, folder_inside), ("dockerfile", entry.dockerfile, dockerfile_path)):
        if own or not build.get(name):
            continue
        try:
            judge(str(build[name]))
        except Refused as error:
            what = "the folder in the repository (. for its root)" if name == "context" else "its path from the context"
            yield Problem(f"{key}.{name}", shown(str(build[name])), error.problem, f"write {entry.key}.{name}, {what}")


def hosts_problems(declaration: Declaration, hosts: Sequence[str], known: Collection[str]) -> list[Problem]:
    """What is wrong with where images are built.

    :param hosts: those of the run that have the stack.
    :param known: all of the inventory.
    """
    problems = []
    for entry in declaration.builds.values():
        if entry.host and entry.host not in known:
            problems.append(
                Problem(f"{entry.key}.host", shown(entry.host), "is no host of the inventory", instead(entry.host, known, "host"))
            )
        elif entry.push:
            continue
        elif len(hosts) > 1:
            what = f"is missing, and {len(hosts)} hosts need the image ({', '.join(hosts)})"
            problems.append(
                Problem(f"{entry.key}.push", "", what, "write a registry that all of them reach: registry.example.com/shop/web")
            )
        elif entry.host and list(hosts) not in ([], [entry.host]):
            what = f"is missing: {entry.host} builds the image, and {hosts[0]} could not have it"
            fix = f"write a registry that both reach, such as registry.example.com/shop/web, or remove {entry.key}.host"
            problems.append(Problem(f"{entry.key}.push", "", what, fix))
    return problems
