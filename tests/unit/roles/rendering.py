# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a role as Ansible renders them, and what its units say."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ansible_runs import AnsibleRuns

from .plays import told
from .test_nginx_templates import RENDER


@dataclass(frozen=True)
class Rendered:
    """What a role makes of variables.

    :param files: content by path; none for folders.
    :param variables: of the role's own, by their names without its prefix.
    """

    files: dict[str, str]
    variables: dict[str, Any]

    def unit(self, name: str) -> dict[str, list[str]]:
        """The settings of a unit, each with all its values."""
        settings: dict[str, list[str]] = {}
        for line in self.files[f"/etc/systemd/system/{name}"].replace("\\\n", " ").splitlines():
            key, equals, value = line.partition("=")
            if equals and not line.startswith("#"):
                settings.setdefault(key, []).append(value.strip())
        return settings

    def command(self, name: str) -> list[str]:
        """What a unit starts, as systemd reads it."""
        (line,) = self.unit(name)["ExecStart"]
        return [word.replace("$$", "$") for word in shlex.split(line)]


Kind = TypeVar("Kind", bound=Rendered)


def render(
    kind: type[Kind],
    role: Path,
    files: str,
    own: Mapping[str, str],
    variants: Mapping[str, dict[str, Any]],
    ansible: AnsibleRuns,
    folder: Path,
) -> dict[str, Kind]:
    """What the role makes of each set of variables.

    :param files: an expression, the files that the role writes.
    :param own: expressions of further variables, by what they are called in the result.
    """
    (folder / "templates").symlink_to(role / "templates")
    (folder / "action_plugins").mkdir()
    (folder / "action_plugins/render.py").write_text(RENDER)
    tasks: list[dict[str, Any]] = []
    for name, given in variants.items():
        tasks.append({"name": f"Render {name}", "render": {"files": f"{{{{ {files} }}}}"}, "vars": given, "register": "shown"})
        shown = {"files": "{{ shown.files }}", **{part: f"{{{{ {expression} }}}}" for part, expression in own.items()}}
        tasks.append({"name": name, "ansible.builtin.debug": {"msg": shown}, "vars": given})
    said = told(ansible, folder, tasks, [role / "defaults/main.yml", role / "vars/main.yml"])
    return {
        name: kind({file["path"]: file.get("content", "") for file in said[name]["files"]}, {part: said[name][part] for part in own})
        for name in variants
    }
