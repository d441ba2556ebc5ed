# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables of roles as a play that imports them would have them, for a play that runs none of their tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError

ROLES = Path(__file__).parents[2] / "roles"


class RoleVariables:
    """The variables of these roles.

    :param templar: of the action; :param loader: of Ansible, which reads files of roles as trusted templates.
    :param variables: of the task; they win over defaults of roles, and variables of roles win over them.
    """

    def __init__(self, templar: Any, loader: Any, roles: Iterable[str], variables: Mapping[str, Any]) -> None:
        defaults: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for role in roles:
            for folder, into in (("defaults", defaults), ("vars", own)):
                path = ROLES / role / folder / "main.yml"
                if path.is_file():
                    into.update(loader.load_from_file(str(path), trusted_as_template=True) or {})
        self._all = {**defaults, **variables, **own}
        self._templar = templar.copy_with_new_env(available_variables=self._all)
        self.unknown: dict[str, str] = {}

    def get(self, name: str, **beside: Any) -> Any:
        """The value; None for one that is not there, or that cannot be made of what is known: that is kept in ``unknown``.

        :param beside: variables that it is to be made of as well, such as C(ops_turn).
        """
        if name not in self._all:
            return None
        templar = self._templar.copy_with_new_env(available_variables={**self._all, **beside}) if beside else self._templar
        try:
            return templar.template(self._all[name])
        except AnsibleError as error:
            self.unknown[name] = str(error)
            return None
