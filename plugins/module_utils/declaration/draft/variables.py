# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables of a Compose file, and the files beside it that give them values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ...compose.interpolation import Interpolation
from .model import services

# In this order: the first that is there is read.
ENV_FILES = (
    ".env",
    ".env.example",
    ".env.sample",
    ".env.dist",
    ".env.template",
    ".env.default",
    "env.example",
    "example.env",
    "sample.env",
)
REFERENCE = re.compile(r"\$(?:(?P<plain>[A-Za-z_]\w*)|\{(?P<name>[A-Za-z_]\w*)(?:(?P<operator>:?[-?])(?P<rest>[^{}$]*))?\})")
_LINE = re.compile(r"""^[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)[ \t]*=[ \t]*(?:'([^'\n]*)'|"([^"\n]*)"|([^\n]*))""", re.MULTILINE)
_COMMENT = re.compile(r"(?:^|\s)#")
_MISSING = re.compile(r"\$\{(\w+)\}")  # the value of a problem with a variable
ReadFile = Callable[[str], "str | None"]


def values(text: str) -> dict[str, str]:
    """The variables of an env file that people wrote."""
    return {name: single or double or _COMMENT.split(bare)[0].strip() for name, single, double, bare in _LINE.findall(text)}


def known_values(read_file: ReadFile) -> dict[str, str]:
    """The values of the first env file beside the Compose file."""
    text = next((text for text in map(read_file, ENV_FILES) if text is not None), "")
    return {name: value for name, value in values(text).items() if value}


def missing(document: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, str]:
    """Variables that nothing gives a value, and the first key where each is used."""
    interpolation = Interpolation(known)
    interpolation.resolve(dict(document), "compose")
    first_use: dict[str, str] = {}
    for problem in interpolation.problems:
        if match := _MISSING.fullmatch(problem.value):
            first_use.setdefault(match[1], problem.key)
    return first_use


def used(document: Mapping[str, Any], known: Mapping[str, str]) -> set[str]:
    """The names of all variables that a document uses, by reference or passed on by their bare name."""
    interpolation = Interpolation(known)
    interpolation.resolve(dict(document), "compose")
    bare = {
        name for service in services(document).values() for name, value in environment(service.get("environment")).items() if value is None
    }
    return {*interpolation.used, *bare}


def environment(value: Any) -> dict[str, Any]:
    """C(environment:) of a service as a mapping; an entry without a value is None."""
    if isinstance(value, list):
        pairs = (str(item).partition("=") for item in value)
        return {name: text if sign else None for name, sign, text in pairs}
    return dict(value) if isinstance(value, dict) else {}


def inline_env_files(service: dict[str, Any], read_file: ReadFile) -> list[str]:
    """Put the variables of env files beside the Compose file into C(environment:); returns the files that are not there.

    Nothing copies such a file to a host; what stands in C(environment:) wins, as it does for Compose.
    """
    given = service.pop("env_file", None)
    absent: list[str] = []
    variables: dict[str, Any] = {}
    for entry in given if isinstance(given, list) else [given] if given else []:
        path = str(entry.get("path") if isinstance(entry, dict) else entry)
        text = next((text for text in map(read_file, _likenesses(path)) if text is not None), None)
        if text is not None:
            variables.update({name: value for name, value in values(text).items() if value})
        elif not (isinstance(entry, dict) and entry.get("required") is False):
            absent.append(path)
    if variables or "environment" in service:
        service["environment"] = {**variables, **environment(service.get("environment"))}
    return absent


def _likenesses(path: str) -> list[str]:
    """The file itself, or the sample that stands for it in a repository."""
    name = path.removeprefix("./")
    return [*(ENV_FILES if name == ".env" else ()), name, *(f"{name}.{kind}" for kind in ("example", "sample", "dist", "template"))]
