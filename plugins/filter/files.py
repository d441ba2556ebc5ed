# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters for files that a role writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils.core.env_file import render


def env_file(values: Mapping[str, Any]) -> str:
    """See the filter's own documentation."""
    if not isinstance(values, Mapping):
        raise AnsibleFilterError(f"env_file takes a dictionary, not {type(values).__name__}")
    try:
        return render({str(name): value for name, value in values.items()})
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from None


def directory_files(source: str, pattern: str, target: str) -> list[dict[str, str]]:
    """See the filter's own documentation."""
    folder = Path(source)
    if not folder.is_dir():
        raise AnsibleFilterError(f"directory_files: {source} is not a directory on the controller")
    files = sorted(file for file in folder.glob(pattern) if file.is_file())
    folders = sorted({parent for file in files for parent in file.relative_to(folder).parents} - {Path()})
    return [
        *({"path": f"{target}/{folder}", "state": "directory"} for folder in folders),
        *({"path": f"{target}/{file.relative_to(folder)}", "content": file.read_text()} for file in files),
    ]


def template_files(items: Iterable[Mapping[str, Any]], path: str, template: str, variable: str) -> list[dict[str, Any]]:
    """See the filter's own documentation."""
    try:
        return [{"path": path.format_map(item), "template": template, "variables": {variable: item}} for item in items]
    except KeyError as error:
        raise AnsibleFilterError(f"template_files: an item has no key {error} for {path}") from None


def content_files(contents: Mapping[str, str], path: str) -> list[dict[str, str]]:
    """See the filter's own documentation."""
    return [{"path": path.format(name=name), "content": content} for name, content in contents.items()]


class FilterModule:
    """Ansible's entry."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {"content_files": content_files, "directory_files": directory_files, "env_file": env_file, "template_files": template_files}
