# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Result of a module that failed: the message, and of a program that failed its command line, exit status and outputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .masking import clean
from .process import CommandError


def failure(error: BaseException | str, **more: Any) -> dict[str, Any]:
    """The result for an error: ``module.fail_json(**failure(error))``.

    The keys are those by which Ansible's own command modules say the same (``cmd``, ``rc``, ``stdout``, ``stderr``); the error of a program
    is also found below the one that was made of it. No secret of this host is in the message or the outputs.

    :param more: further keys of the result, as they are.
    """
    result: dict[str, Any] = {"failed": True, "msg": clean(error)}
    command = next((cause for cause in _causes(error) if isinstance(cause, CommandError)), None)
    if command is not None:
        result |= {"cmd": list(command.argv), "rc": command.rc, "stdout": command.stdout, "stderr": command.stderr}
    return result | more


def _causes(error: object) -> Iterator[BaseException]:
    """The error and what it was raised from, the nearest first."""
    while isinstance(error, BaseException):
        yield error
        error = error.__cause__
