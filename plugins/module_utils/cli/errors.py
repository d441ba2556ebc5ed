# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the error of a verb is to a program: the word for it, the exit status.

Errors are named and not imported: one can only come from a file that its verb has loaded, and all those files are the most of the engine.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable

from ..core.masking import clean
from .output import say

FORBIDDEN, NOT_CONFIRMED = 4, 3  # exit statuses

# In the order in which they are tried: the class in its file, the word, the exit status.
KINDS: tuple[tuple[tuple[str, ...], str, int], ...] = (
    (("cli.gate.Forbidden",), "forbidden", FORBIDDEN),
    (("maintenance.protection.NotConfirmed",), "not_confirmed", NOT_CONFIRMED),
    (("core.locks.LockHeld",), "locked", 1),
    (
        (
            "backup.settings.BackupError",
            "delivery.approvals.ApprovalRefused",
            "delivery.queue.UnknownEntry",
            "rollout.request.DeployFailed",
            "firewall.rules.FirewallError",
            "jobs.settings.JobError",
            "release.store.ReleaseError",
            "rotation.refusal.RotationFailed",
            "rotation.refusal.RotationRefused",
            "backup.restic_errors.TargetError",
        ),
        "refused",
        1,
    ),
    (("containers.client.DockerUnavailable", "containers.api.EngineError"), "docker", 2),
    (("cli.stack_choice.StackNeeded",), "stack_needed", 2),
    (("hostconfig.transaction.ConfigSetError", "core.process.CommandError", "builtins.OSError", "builtins.ValueError"), "failed", 2),
)
# What the answer to a program has beside the message, by the word: its name there, and in the error.
MORE = {"not_confirmed": ("expected", "environment"), "stack_needed": ("stacks", "names")}
_ENGINE = str(__package__).rpartition(".")[0]


def classes(names: Iterable[str]) -> tuple[type[Exception], ...]:
    """The classes of these names; without those whose files were not loaded, so that nobody can have raised them."""
    found = [(name.rpartition(".")[2], sys.modules.get(_module(name.rpartition(".")[0]))) for name in names]
    return tuple(getattr(module, name) for name, module in found if module is not None)


def _module(file: str) -> str:
    return file if file == "builtins" else f"{_ENGINE}.{file}"


def expected() -> tuple[type[Exception], ...]:
    """The errors that are one sentence to an operator, of what is loaded by now."""
    return classes(name for names, _word, _status in KINDS for name in names)


def failed(error: Exception, *, as_json: bool) -> int:
    """Say what cannot be; the exit status."""
    kind, status = next((word, status) for names, word, status in KINDS if isinstance(error, classes(names)))
    message = clean(error)
    if as_json:
        more = {MORE[kind][0]: getattr(error, MORE[kind][1])} if kind in MORE else {}
        say(json.dumps({"error": {"kind": kind, "message": message, "status": status, **more}}, indent=2))
    sys.stderr.write(f"opsctl: {message}\n")
    return status
