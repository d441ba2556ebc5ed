# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The YAML of a Compose file, read as Compose itself reads it.

Compose uses a YAML parser (go-yaml v3) in which C(yes) and C(on) are words, C(22:22) is not a number and a date is a
string; a key given twice is an error. PyYAML follows the older rules, so the resolvers are set here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, ClassVar

from ..schema.nodes import MOST_VALUES, Refused, require_bounded
from .merging import RESET, Override, Resolve, merge_documents, plain
from .scalars import BOOLEAN, FLOAT, INTEGER, NULL

try:
    import yaml
except ImportError as error:  # pragma: no cover - a Debian package on hosts, part of Ansible on the controller
    YAML_MISSING: ImportError | None = error
else:
    YAML_MISSING = None

_TAG = "tag:yaml.org,2002:"
_MERGE = f"{_TAG}merge"


@lru_cache(maxsize=1)
def loader_class() -> Any:
    """The loader class: safe, in C when libyaml is there."""
    if YAML_MISSING is not None:
        raise RuntimeError("The Python package yaml is missing: install python3-yaml") from YAML_MISSING
    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class ComposeLoader(base):  # type: ignore[misc]
        yaml_implicit_resolvers: ClassVar[dict[str | None, list[Any]]] = {}  # none of PyYAML's own

        def get_node(self) -> Any:
            node = super().get_node()
            _check_keys(node)
            return node

        def flatten_mapping(self, node: Any) -> None:
            """Each key once, so that merges of merges do not multiply."""
            super().flatten_mapping(node)
            node.value = list(
                {key.value if isinstance(key, yaml.ScalarNode) else id(key): (key, value) for key, value in node.value}.values()
            )

    known = {None, *(f"{_TAG}{kind}" for kind in ("null", "str", "seq", "map"))}
    ComposeLoader.yaml_constructors = {tag: construct for tag, construct in base.yaml_constructors.items() if tag in known}
    for tag, pattern, first in (
        ("bool", BOOLEAN, "tTfF"),
        ("int", INTEGER, "-+0123456789"),
        ("float", FLOAT, "-+0123456789."),
        ("null", NULL, ["~", "n", "N", ""]),
        ("merge", re.compile(r"^<<$"), "<"),
    ):
        ComposeLoader.add_implicit_resolver(f"{_TAG}{tag}", pattern, list(first))
    ComposeLoader.add_constructor(f"{_TAG}bool", _construct_boolean)
    ComposeLoader.add_constructor(f"{_TAG}int", _construct_integer)
    ComposeLoader.add_constructor(f"{_TAG}float", _construct_float)
    ComposeLoader.add_constructor("!reset", _construct_reset)
    ComposeLoader.add_constructor("!override", _construct_override)
    return ComposeLoader


def _check_keys(root: Any) -> None:
    """Keys are strings as they are written, each once in its mapping.

    Before anything is constructed: a merge key writes what it merges into the node, and an anchor is constructed wherever it is used.
    """
    waiting, seen = [root], {id(None)}
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.MappingNode):
            names: set[str] = set()
            for key, value in node.value:
                waiting += (key, value)
                if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
                    continue
                if key.value in names:
                    raise yaml.constructor.ConstructorError(None, None, f"the key {key.value} stands here twice", key.start_mark)
                names.add(key.value)
                key.tag = yaml.resolver.BaseResolver.DEFAULT_SCALAR_TAG


def _construct_boolean(loader: Any, node: Any) -> bool:
    if not BOOLEAN.match(str(node.value)):
        raise yaml.constructor.ConstructorError(None, None, "a value that is tagged as a boolean is none", node.start_mark)
    return bool(node.value.lower() == "true")


def _construct_integer(loader: Any, node: Any) -> int | float | str:
    text: str = node.value.replace("_", "").lower()
    octal = re.fullmatch(r"([-+]?)0([0-7]+)", text)
    try:
        number = int(f"{octal[1]}0o{octal[2]}" if octal else text, 0)
    except ValueError:  # 0x_
        return str(node.value)
    if -(2**63) <= number < 2**64:
        return number
    return _construct_float(loader, node) if text.lstrip("+-").isdecimal() else str(node.value)


def _construct_float(loader: Any, node: Any) -> float | str:
    written: str = node.value
    text = written.lower().replace("_", "")
    try:
        number = float(text.replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:  # 1._
        return written
    return written if math.isinf(number) and "inf" not in text else number


def _construct_reset(loader: Any, _node: Any) -> object:
    loader.merging = True
    return RESET


def _construct_override(loader: Any, node: Any) -> Override:
    loader.merging = True
    if isinstance(node, yaml.MappingNode):
        return Override(loader.construct_mapping(node, deep=True))
    if isinstance(node, yaml.SequenceNode):
        return Override(loader.construct_sequence(node, deep=True))
    plain = yaml.ScalarNode(loader.resolve(yaml.ScalarNode, node.value, (node.style is None, False)), node.value)
    return Override(loader.construct_object(plain))


def _documents(text: str) -> tuple[list[Any], bool]:
    """The documents in a text, without empty ones; and whether they are to be merged: there are several, or one has tags for merging.

    Raises Refused with the line of the error; the text itself is never quoted, it may hold what should be secret.
    """
    try:
        loader = loader_class()(text)
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start) + 1
        raise Refused(f"is not valid YAML in line {line}: it holds half a character", "save the Compose file as UTF-8") from None
    loader.merging = False
    documents = []
    try:
        while loader.check_data():
            documents.append(loader.get_data())
    except yaml.YAMLError as error:
        raise _unreadable(text, error) from None
    except RecursionError:
        raise Refused("is not valid YAML: it is nested too deep", "write it flatter") from None
    except (ValueError, AttributeError):
        raise Refused("is not valid YAML: a value in it is not what its tag says", "remove tags such as !!int or !!map") from None
    finally:
        loader.dispose()
    present = [document for document in documents if document is not None]
    return present, loader.merging or len(present) > 1


def _unreadable(text: str, error: Any) -> Refused:
    mark = getattr(error, "problem_mark", None)
    where = f" in line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
    if mark is not None and _tabbed(text, mark.line):
        return Refused(f"is not valid YAML{where}: a tab stands where YAML wants spaces", "replace tabs by spaces")
    reason = getattr(error, "problem", None) or "it cannot be read"
    return Refused(f"is not valid YAML{where}: {reason}", f"correct the Compose file{where}")


def _merged(documents: list[Any], merging: bool) -> Any:
    """The one document, or all of them merged."""
    require_bounded(documents)
    if merging:
        wrong = [document for document in documents if not isinstance(document, dict)]
        return wrong[0] if wrong else merged_bounded(documents)
    return documents[0] if documents else None


def merged_bounded(documents: Iterable[Mapping[str, Any]], resolve: Resolve = lambda value: value) -> dict[str, Any]:
    """All documents merged, the result no larger than a document may be.

    :raises Refused: it is, or an anchor stands inside itself, or a list meets a mapping.
    """
    try:
        merged = merge_documents(documents, resolve)
    except RecursionError:
        raise Refused("holds an anchor inside itself", "remove the alias that stands inside its own anchor") from None
    require_bounded(merged)  # also what !override hid
    return merged


def require_mapping(document: Any) -> dict[str, Any]:
    """:raises Refused: a document that is none of a Compose file."""
    if isinstance(document, str) and document.endswith((".yml", ".yaml", ".j2")):
        fix = "write \"{{ lookup('ansible.builtin.template', inventory_dir ~ '/group_vars/all/compose.yml.j2') }}\""
        raise Refused("is the name of a Compose file, not its text", fix)
    if not isinstance(document, dict):
        what = "is empty" if document is None else "is not a mapping at its top"
        raise Refused(what, "write a Compose file that begins with services:")
    return document


@lru_cache(maxsize=64)
def load_documents(text: str) -> tuple[dict[str, Any], ...]:
    """The documents in a Compose file, their tags for merging kept; none where all is commented out.

    Callers must not change them. Raises Refused, as C(load).
    """
    documents, _merging = _documents(text)
    try:
        require_bounded([plain(document) for document in documents])
    except RecursionError:
        raise Refused("holds an anchor inside itself", "remove the alias that stands inside its own anchor") from None
    return tuple(_with_text_keys(require_mapping(document)) for document in documents)


@lru_cache(maxsize=64)
def key_lines(text: str) -> tuple[dict[str, int], ...]:
    """For each document in a text, the line of every key and item in it, counted from 1: C(services.web.ports[0])."""
    try:
        nodes = [node for node in yaml.compose_all(text, Loader=loader_class()) if node.tag != f"{_TAG}null"]
    except (yaml.YAMLError, RecursionError, UnicodeEncodeError):
        return ()
    return tuple(_lines_of(node) for node in nodes)


def _lines_of(root: Any) -> dict[str, int]:
    lines: dict[str, int] = {}
    waiting, seen = [(root, "")], set()
    while waiting and len(lines) < MOST_VALUES:
        node, path = waiting.pop()
        if id(node) in seen:  # an anchor: its keys are where they were written first
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            below = [(f"{path}.{key.value}".lstrip("."), key, value) for key, value in node.value if isinstance(key, yaml.ScalarNode)]
        elif isinstance(node, yaml.SequenceNode):
            below = [(f"{path}[{index}]", item, item) for index, item in enumerate(node.value)]
        else:
            continue
        for name, key, value in below:
            lines[name] = key.start_mark.line + 1
            waiting.append((value, name))
    return lines


@lru_cache(maxsize=16)
def load(text: str) -> dict[str, Any]:
    """The mapping in a Compose file. Callers must not change it: it is cached by its text.

    Raises Refused with the line of the error.
    """
    documents, merging = _documents(text)
    document = require_mapping(_merged(documents, merging))
    result: dict[str, Any] = _with_text_keys(document)
    return result


def _tabbed(text: str, line: int) -> bool:
    """Whether a tab indents this line, or the one before it, where the parser may have stopped."""
    return any(re.match(r" *\t", near) for near in text.splitlines()[max(line - 1, 0) : line + 1])


def _with_text_keys(value: Any) -> Any:
    if isinstance(value, Override):
        return Override(_with_text_keys(value.value))
    if isinstance(value, dict):
        return {key if isinstance(key, str) else str(key): _with_text_keys(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_text_keys(item) for item in value]
    return value
