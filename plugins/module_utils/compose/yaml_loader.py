# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The YAML of a Compose file, read as Compose itself reads it.

Compose uses a YAML parser (go-yaml v3) in which C(yes) and C(on) are words, C(22:22) is not a number and a date is a
string; a key given twice is an error. PyYAML follows the older rules, so the resolvers are set here.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, ClassVar

from ..schema.nodes import Refused

try:
    import yaml
except ImportError as error:  # pragma: no cover - a Debian package on hosts, part of Ansible on the controller
    YAML_MISSING: ImportError | None = error
else:
    YAML_MISSING = None

_BOOLEAN = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")
_INTEGER = re.compile(r"^(?:[-+]?0b[01_]+|[-+]?0o?[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+)$")
_FLOAT = re.compile(r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$")
_NULL = re.compile(r"^(?:~|null|Null|NULL|)$")


@lru_cache(maxsize=1)
def _loader() -> Any:
    """The loader class: safe, in C when libyaml is there."""
    if YAML_MISSING is not None:
        raise RuntimeError("The Python package yaml is missing: install python3-yaml") from YAML_MISSING
    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class ComposeLoader(base):  # type: ignore[misc]
        yaml_implicit_resolvers: ClassVar[dict[str | None, list[Any]]] = {}  # none of PyYAML's own

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen: set[str] = set()
            for key, _value in node.value:
                name = key.value if isinstance(key, yaml.ScalarNode) else ""
                if name in seen and name != "<<":
                    raise yaml.constructor.ConstructorError(None, None, f"the key {name} stands here twice", key.start_mark)
                seen.add(name)
            return super().construct_mapping(node, deep=deep)

    for tag, pattern, first in (
        ("bool", _BOOLEAN, "tTfF"),
        ("int", _INTEGER, "-+0123456789"),
        ("float", _FLOAT, "-+0123456789."),
        ("null", _NULL, ["~", "n", "N", ""]),
        ("merge", re.compile(r"^<<$"), "<"),
    ):
        ComposeLoader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", pattern, list(first))
    ComposeLoader.add_constructor("tag:yaml.org,2002:int", _construct_integer)
    ComposeLoader.add_constructor("tag:yaml.org,2002:float", _construct_float)
    return ComposeLoader


def _construct_integer(loader: Any, node: Any) -> int:
    text = node.value.replace("_", "").lower()
    sign = -1 if text.startswith("-") else 1
    digits = text.lstrip("+-")
    if len(digits) > 1 and digits[0] == "0" and digits[1].isdigit():
        return sign * int(digits, 8)
    return sign * int(digits, 0)


def _construct_float(loader: Any, node: Any) -> float:
    text = node.value.lower()
    return float(text.replace(".inf", "inf").replace(".nan", "nan"))


@lru_cache(maxsize=16)
def load(text: str) -> dict[str, Any]:
    """The mapping in a Compose file. Callers must not change it: it is cached by its text.

    Raises Refused with the line of the error; the text itself is never quoted, it may hold what should be secret.
    """
    try:
        document = yaml.load(text, Loader=_loader())  # noqa: S506 - a subclass of the safe loader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        reason = getattr(error, "problem", None) or "it cannot be read"
        raise Refused(f"is not valid YAML{where}: {reason}", f"correct the Compose file{where}") from None
    except ValueError:
        raise Refused("is not valid YAML: a number in it cannot be read", "put quotes around values such as 0x or 09") from None
    if isinstance(document, str) and document.endswith((".yml", ".yaml", ".j2")):
        fix = "write \"{{ lookup('ansible.builtin.template', inventory_dir ~ '/group_vars/all/compose.yml.j2') }}\""
        raise Refused("is the name of a Compose file, not its text", fix)
    if not isinstance(document, dict):
        what = "is empty" if document is None else "is not a mapping at its top"
        raise Refused(what, "write a Compose file that begins with services:")
    try:
        result: dict[str, Any] = _with_text_keys(document)
    except RecursionError:
        raise Refused("holds an anchor inside itself", "remove the alias that stands inside its own anchor") from None
    return result


def _with_text_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {key if isinstance(key, str) else str(key): _with_text_keys(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_text_keys(item) for item in value]
    return value
