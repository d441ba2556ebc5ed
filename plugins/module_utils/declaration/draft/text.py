# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a starting inventory, with questions as comments where their answers are written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ...compose.yaml_writer import dump
from ...schema.nodes import Refused
from .model import Draft

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"}
_JINJA = re.compile(r"\{\{|\{%|\{#")
_COMPOSE = "\"{{ lookup('ansible.builtin.template', inventory_dir ~ '/group_vars/all/compose.yml.j2') }}\""
_HOSTS = """\
---
all:
  hosts:
    {name}1:
      ansible_host: 203.0.113.10  # the address of your server, and a user there that may use sudo
      ansible_user: debian
"""
_OPERATORS = """
# Who may log in, before role ssh_hardening closes the door to all others (roles/base/README.md).
# base_operators:
#   - {name: anna, ssh_keys: ["ssh-ed25519 AAAA… anna@laptop"], sudo: true}
"""


def inventory_files(draft: Draft, source: str) -> dict[str, str]:
    """Text by path in the inventory.

    :param source: what the Compose file is called, for people.
    :raises Refused: the Compose file has Jinja in it that cannot be kept as it is.
    """
    return {
        "hosts.yml": _HOSTS.format(name=draft.stack["name"]),
        "group_vars/all/stack.yml": "\n".join(_stack(draft, source)) + "\n" + _OPERATORS,
        "group_vars/all/compose.yml.j2": _compose(draft, source),
    }


def _compose(draft: Draft, source: str) -> str:
    whole = {**draft.compose, "services": {**draft.compose["services"], **draft.off}}
    text = dump(json.loads(json.dumps(whole)))  # no two places share an object, so there are no anchors
    head = f"# From {source}, without its ports and secrets: stack.yml has them. Jinja is allowed here.\n"
    if not _JINJA.search(text):
        return head + text
    if "endraw" in text:
        raise Refused("has Jinja in it", "remove {% raw %} and {% endraw %} from the Compose file")
    return f"{head}{{% raw %}}\n{text}{{% endraw %}}\n"


def _stack(draft: Draft, source: str) -> Iterator[str]:
    yield "---"
    yield f"# A beginning, made from {source}; `ansible-playbook latentum.ops.check -i hosts.yml` says what is missing."
    yield "# The domains and the contact are yours to write, unless they were given. Values of secrets were not taken over: each is made on"
    yield '# the host, once. Where data exist already, add value: "{{ vault_… }}" with the value that they were made with.'
    if draft.questions:
        yield "#"
        yield f"# What only you can answer ({len(draft.questions)}):"
        for number, question in enumerate(draft.questions, 1):
            yield _comment(f"{number}. {question.key}: {question.reason}")
    if draft.notes:
        yield "#"
        yield "# What was done:"
        for note in draft.notes:
            yield _comment(f"- {note}")
    yield "ops_stack:"
    stack = draft.stack
    yield f"  name: {stack['name']}"
    yield f"  contact: {_flow(stack['contact'])}"
    yield f"  compose: {_COMPOSE}"
    if stack.get("profiles"):
        yield f"  profiles: {_flow(stack['profiles'])}"
    yield from _block("files", [*_entries(stack.get("files", {}))])
    yield from _block("routes", [f"- {_flow(route)}" for route in stack.get("routes", ())])
    yield from _block("environment", [*_entries(stack.get("environment", {})), *_asked(draft, "value")])
    yield from _block("services", list(_services(draft)))
    yield from _block("secrets", list(_entries(stack.get("secrets", {}))))


def _services(draft: Draft) -> Iterator[str]:
    declared = draft.stack.get("services", {})
    waivers: dict[str, list[tuple[int, str]]] = {}
    for number, question in enumerate(draft.questions, 1):
        if question.topic == "waiver":
            waivers.setdefault(question.path[1], []).append((number, question.example))
    for name in dict.fromkeys([*declared, *waivers]):
        options = declared.get(name, {})
        yield f"{_flow(name)}:" if options else f"# {_flow(name)}:"
        yield from (f"  {line}" for line in _entries(options))
        if name in waivers:
            numbers = ", ".join(str(number) for number, _waiver in waivers[name])
            mark = "  # " if options else "#   "
            yield f"{mark}allow: {_flow([waiver for _number, waiver in waivers[name]])}  # question {numbers}: uncomment what you allow"


def _asked(draft: Draft, topic: str) -> Iterator[str]:
    for number, question in enumerate(draft.questions, 1):
        if question.topic == topic and question.path[:1] == ("environment",):
            yield f'# {question.path[1]}: ""  # question {number}'


def _block(name: str, lines: list[str]) -> Iterator[str]:
    """A key and what is below it; in a comment where all of that is one."""
    if lines:
        yield f"  {name}:" if any(not line.startswith("#") for line in lines) else f"  # {name}:"
        yield from (f"    {line}" for line in lines)


def _entries(values: Mapping[str, Any]) -> Iterator[str]:
    return (f"{_flow(name)}: {_flow(value)}" for name, value in values.items())


def _flow(value: Any) -> str:
    """A value in one line. What looks like Jinja is kept from Ansible, except a variable of a vault, which is meant so."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(_entries(value)) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str):
        if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
            return value
        unsafe = _JINJA.search(value) and not re.fullmatch(r"\{\{ vault_\w+ \}\}", value)
        return ("!unsafe " if unsafe else "") + json.dumps(value, ensure_ascii=False)
    return json.dumps(value)


def _comment(text: str) -> str:
    return f"#   {' '.join(text.split())}"
