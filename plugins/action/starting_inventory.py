# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a starting inventory from a Compose file, on the controller."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.latentum.ops.plugins.module_utils.declaration.draft.inventory import draft_from, stack_name
from ansible_collections.latentum.ops.plugins.module_utils.declaration.draft.text import inventory_files
from ansible_collections.latentum.ops.plugins.module_utils.schema.nodes import Refused

LARGEST = 1 << 20  # bytes of a file that is read
OPTIONS = {
    "compose": {"type": "list", "elements": "path", "required": True},
    "profiles": {"type": "list", "elements": "str", "default": []},
    "inventory": {"type": "path", "default": "production"},
    "name": {"type": "str"},
    "domain": {"type": "str"},
    "contact": {"type": "str", "default": "ops@example.com"},
}


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no type hints
    """Nothing is asked of a host. Relative paths begin where the command was given."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The questions that are left, after the files were written."""
        super().run(tmp, task_vars)
        _validated, arguments = self.validate_argument_spec(argument_spec=OPTIONS)
        sources, target = [Path(file).absolute() for file in arguments["compose"]], Path(arguments["inventory"]).absolute()
        source = sources[0]
        files_of = [os.path.relpath(file, source.parent) for file in sources]
        name = stack_name(arguments["name"] or source.parent.name)
        domain = arguments["domain"] or f"{name}.example.com"
        try:
            text = self._text(source) if len(sources) == 1 else files_of
            profiles = arguments["profiles"]
            draft = draft_from(text, lambda file: read_beside(source.parent, file), name, domain, arguments["contact"], profiles)
            files = inventory_files(draft, ", ".join(files_of))
        except Refused as error:
            raise AnsibleActionFail(f"{source}: {error.problem}; {error.fix}") from None
        there = [str(target / file) for file in files if (target / file).exists()]
        if there:
            fix = "choose another folder (-e init_inventory=…), or move them away"
            raise AnsibleActionFail(f"{', '.join(there)}: would be overwritten; {fix}")
        if not self._task.check_mode:
            for file, text in files.items():
                (target / file).parent.mkdir(parents=True, exist_ok=True)
                (target / file).write_text(text)
        questions = [f"{number}. {question.key}: {question.reason}" for number, question in enumerate(draft.questions, 1)]
        written = [str(target / file) for file in files]
        left = f"{len(questions)} questions are left; they stand in stack.yml as well" if questions else "no question is left"
        sentences = [*written, left, *questions]
        return {"changed": True, "files": written, "questions": questions, "msg": sentences, "_ansible_verbose_always": True}

    @staticmethod
    def _text(source: Path) -> str:
        try:
            return source.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise AnsibleActionFail(f"{source}: cannot be read ({error}): give the path of a Compose file, -e compose=…") from None


def read_beside(folder: Path, file: str) -> str | None:
    """The text of a file below the folder of the Compose file; None when it is not there, elsewhere, or no text."""
    path = (folder / file).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file() or path.stat().st_size > LARGEST:
        return None
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return None
