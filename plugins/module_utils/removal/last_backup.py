# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backup that is made, and proven, before a stack is taken away."""

from __future__ import annotations

from ..backup import plans, running, settings, verification
from ..backup.settings import BackupError
from ..containers.client import Engine
from ..core.progress import Progress
from .report import Report


class NoProof(BackupError):
    """The last backup was not made, or is not proven: nothing was removed."""


def make(stack: str, engine: Engine, progress: Progress, plan: Report) -> bool:
    """Make it and prove it, where backups are configured; whether they are.

    :param plan: what is to go.
    :raises NoProof: a target failed, the proof did, or volumes are to go that no backup holds.
    """
    if stack not in settings.stacks():
        if "volume" in plan.gone:
            raise NoProof(
                f"{stack} has no backups on this host, and its volumes are to go: nothing was removed; leave out --volumes, or write"
                " --no-backup where nothing of it is needed any more"
            )
        return False
    configuration = settings.load(stack)
    if configuration.plans:
        turns = plans.carry_out(engine, plans.serving(configuration, configuration.parts), progress)
        errors = [f"plan {turn.settings.plan}, {name}: {text}" for turn in turns for name, text in turn.errors.items()]
    else:
        errors = _at_once(configuration, engine, progress)
    if errors:
        raise NoProof(f"the last backup of {stack}: {'; '.join(errors)}: nothing was removed; mend it, or write --no-backup")
    return True


def _at_once(configuration: settings.Settings, engine: Engine, progress: Progress) -> list[str]:
    """What went wrong with a backup of everything, and its proof."""
    outcome = running.backup(engine, configuration, progress)
    errors = [f"{name}: {text}" for name, text in outcome.errors.items()]
    if not errors:
        verdict = verification.verify(engine, configuration, progress)
        if not verdict.ok:
            errors.append(f"proof: {verdict.error or 'nothing was found'}")
    return errors
