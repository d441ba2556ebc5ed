# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Protected environments on the controller: whoever destroys or deploys says the name of the environment.

A host asks as well (maintenance/protection.py), as far as it knows its environment; here nothing has been reached yet.
"""

from __future__ import annotations

from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

from ..module_utils.contracts.base import ContractError
from ..module_utils.contracts.host_environment import HostEnvironment


class Refusal(ValueError):
    """A run that does not go on; the message names the variable, its value, and what to write instead. Nothing was changed."""


def environment_from(name: Any, protected: Any) -> HostEnvironment:
    """The environment of a host, from C(ops_environment) and C(ops_protected).

    :raises Refusal: one of them is no such thing, or a protected one has no name.
    """
    try:
        guarded = boolean(protected, strict=True)
    except TypeError as error:
        raise Refusal(f"ops_protected: {protected!r} is neither true nor false: write one of them") from error
    try:
        return HostEnvironment.from_dict({"environment": "" if name is None else name, "protected": guarded})
    except ContractError as error:
        raise Refusal(f"ops_{error}") from error


def require_confirmed(environment: HostEnvironment, confirmed: Any, *, on_command_line: bool) -> None:
    """Refuse a run that nobody has confirmed, or that was confirmed for another environment.

    :param confirmed: C(ops_confirm); empty where it is not given.
    :param on_command_line: it stands on the command line of this run, and not in the inventory, where it would confirm every run.
    :raises Refusal: it is.
    """
    name, word = environment.environment, "" if confirmed is None else str(confirmed)
    if word and word != name:
        belongs = f"this host is of environment {name}" if name else "this host is of no environment (ops_environment is empty)"
        expected = f"write -e ops_confirm={name} if that is meant" if name else "leave it out, or set ops_environment"
        raise Refusal(
            f"ops_confirm: {word!r} was confirmed, and {belongs}: {expected}, or choose the other inventory, --limit or ops_hosts"
        )
    if not environment.protected:
        return
    if not word:
        raise Refusal(f"ops_protected: {name} is protected, and nobody has confirmed this run: write -e ops_confirm={name}")
    if not on_command_line:
        raise Refusal(
            f"ops_confirm: {name} stands in the inventory and would confirm every run: remove it there, and write -e ops_confirm={name}"
        )
