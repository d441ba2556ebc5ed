# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Compose file that is written into the inventory as a mapping, its plain words as Compose reads them.

Ansible reads inventories by YAML 1.1, where C(22:22) is 1342, C(yes) is true and C(2001-01-01) is a date. Ansible says where a mapping
begins; it is read there once more, by Compose's rules. What a template has made of a value stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from ..module_utils.compose.yaml_loader import loader_class

try:
    from ansible._internal._datatag._tags import Origin
except ImportError:  # of a later Ansible; its mappings stay as they are
    Origin = None


class _Ansible(yaml.SafeLoader):
    """YAML 1.1."""


class _Compose(loader_class()):  # type: ignore[misc]
    """As Compose reads it."""


for _reader in (_Ansible, _Compose):
    _reader.add_multi_constructor("!", lambda _loader, _suffix, _node: None)  # values with a tag of Ansible are left as they are given


def as_written(stack: Any) -> Any:
    """C(ops_stack) with its Compose files as they were written."""
    source = stack.get("compose") if isinstance(stack, Mapping) else None
    if isinstance(source, Mapping):
        return {**stack, "compose": _document(source)}
    if isinstance(source, list) and any(isinstance(item, Mapping) for item in source):
        return {**stack, "compose": [_document(item) if isinstance(item, Mapping) else item for item in source]}
    return stack


def _document(source: Mapping[str, Any]) -> Mapping[str, Any]:
    """A Compose file, or an entry that names one and has it as C(content)."""
    origin = Origin.get_tag(source) if Origin is not None else None
    if origin is None or not origin.path or not origin.line_num or not origin.col_num:
        return source
    try:
        text = Path(origin.path).read_text()
    except (OSError, ValueError):
        return source
    read = _readings(text, origin.line_num - 1, origin.col_num - 1)
    reread: Mapping[str, Any] = _reread(source, *read) if read else source
    return reread


@lru_cache(maxsize=4)
def _readings(text: str, line: int, column: int) -> tuple[Any, Any] | None:
    """The mapping that begins there, as Ansible and as Compose read it; None where there is none, as in an encrypted file."""
    try:
        return _mapping_at(text, line, column, _Ansible), _mapping_at(text, line, column, _Compose)
    except (yaml.YAMLError, ValueError, RecursionError, LookupError):
        return None


def _mapping_at(text: str, line: int, column: int, reader: Any) -> Any:
    loader = reader(text)
    try:
        waiting, seen = [loader.get_node()] if loader.check_node() else [], set()
        while waiting:
            node = waiting.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            if isinstance(node, yaml.MappingNode):
                if (node.start_mark.line, node.start_mark.column) == (line, column):
                    return loader.construct_document(node)
                waiting += [value for _key, value in node.value]
            elif isinstance(node, yaml.SequenceNode):
                waiting += node.value
        raise LookupError(line)
    finally:
        loader.dispose()


def _reread(given: Any, ansible: Any, compose: Any) -> Any:
    """What was given, with the values that are as Ansible read them replaced by those that Compose would read."""
    if isinstance(given, Mapping) and isinstance(ansible, Mapping) and len(ansible) == len(compose):
        pairs = zip(ansible.items(), compose.items(), strict=True)
        read = {old: (new, _reread(given[old], was, now)) for (old, was), (new, now) in pairs if old in given}
        return dict(read.get(name, (name, item)) for name, item in given.items())
    if isinstance(given, list) and isinstance(ansible, list) and len(given) == len(ansible) == len(compose):
        return [_reread(*items) for items in zip(given, ansible, compose, strict=True)]
    return compose if isinstance(given, type(ansible)) and given == ansible else given
