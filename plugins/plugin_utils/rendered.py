# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Actions whose module writes files that are rendered from templates of a role.

The lookup `template` copies all variables of the host, deeply, for each file; for the files of one role that takes longer than everything
else together.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.template import generate_ansible_template_vars, trust_as_template


class RenderingAction(ActionBase):  # type: ignore[misc]  # Ansible has no type hints
    """Entries of files have `template`, a file among the role's templates, and `variables` for it alone, in place of `content`."""

    def rendered(self, entries: list[Mapping[str, Any]], variables: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The entries with the content of each."""
        folders = [Path(folder) for folder in variables.get("ansible_search_path") or []]
        templar = self._templar.copy_with_new_env(searchpath=[str(place) for folder in folders for place in (folder / "templates", folder)])
        complete = (self._rendered(dict(entry), templar, variables) if entry.get("template") else dict(entry) for entry in entries)
        return [_unlogged(entry) for entry in complete]

    def _rendered(self, entry: dict[str, Any], templar: Any, variables: Mapping[str, Any]) -> dict[str, Any]:
        name, own = entry.pop("template"), entry.pop("variables", None) or {}
        source = self._find_needle("templates", name)
        about = generate_ansible_template_vars(path=name, fullpath=source)
        if "ansible_managed" in variables:
            about.pop("ansible_managed")
        templar.available_variables = {**variables, **about, **own}
        text = trust_as_template(self._loader.get_text_file_contents(source))
        content = templar.template(text, escape_backslashes=False, overrides={"trim_blocks": True})
        return {**entry, "content": content}


def _unlogged(entry: dict[str, Any]) -> dict[str, Any]:
    """A sensitive content under the name that Ansible writes neither into the journal of the host nor into a result (C(invocation))."""
    if entry.get("sensitive") and entry.get("content") is not None:
        entry["sensitive_content"] = entry.pop("content")
    return entry
