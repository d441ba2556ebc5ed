# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd starts where a database has another place, or a password has changed (latentum-ops-database-exporters.service)."""

from __future__ import annotations

from ..containers.client import DockerUnavailable, Engine
from ..core.journal import Level, log
from ..core.process import CommandError
from ..core.tracebacks import mask_tracebacks
from ..metrics import database_places
from .reconciling import Systemd, reconcile

ROUNDS = 3
NOT_YET = 75  # EX_TEMPFAIL of sysexits.h: systemd starts it again after a while


def main() -> int:
    """What happens while a round is under way wakes nobody up, so the next one looks whether there was anything."""
    try:
        for _round in range(ROUNDS):
            if not reconcile(Engine(), Systemd()):
                return NOT_YET
            if database_places.read(database_places.PLACES) == database_places.read(database_places.APPLIED):
                return 0
    except DockerUnavailable as error:
        log(f"databases: {error}", Level.WARNING)
    except (OSError, ValueError, CommandError) as error:
        log(f"databases: {error}", Level.ERROR)
    return NOT_YET


if __name__ == "__main__":
    mask_tracebacks()
    raise SystemExit(main())
