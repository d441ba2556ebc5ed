# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the watchdog is made of: what lasts, and what is made anew, all of it or nothing, when its settings are read."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from ..nginx import out_of_rotation
from ..nginx import sync as upstreams
from . import settings
from .acting import Acting
from .alerting.notices import Alerting, Deadman
from .alerting.spool import Spool
from .days import Days
from .healing import Healer
from .judgement import Judgement
from .ledger import Ledger
from .looks import Looks, Token
from .memory import Memory
from .observing import Observer
from .picture import Picture
from .publication import Publication
from .remedies import Carried, Remedies, Sessions
from .setbacks import Setbacks
from .settings import Settings
from .suppression import Mutes


@dataclass(frozen=True)
class Lasting:
    """What outlives the settings.

    :param host: name of this host where the settings give none.
    :param sessions: the locks that running remedies hold.
    :param hands: run remedies.
    :param begin: runs a look beside the loop.
    :param put: leaves something for the loop.
    """

    host: str
    memory: Memory
    days: Days
    healer: Healer
    mutes: Mutes
    spool: Spool
    setbacks: Setbacks
    sessions: Sessions
    hands: Executor
    begin: Callable[[Token, Callable[[], Any]], None]
    put: Callable[[Carried], None]


@dataclass(frozen=True)
class Parts:
    """What belongs to one set of settings."""

    settings: Settings
    picture: Picture
    looks: Looks
    observer: Observer
    judgement: Judgement
    alerting: Alerting
    deadman: Deadman
    ledger: Ledger
    acting: Acting
    publication: Publication


def assemble(lasting: Lasting, before: Parts | None = None) -> Parts:
    """Read the settings and make everything of them. Until it is returned, nothing has changed for whoever uses the parts before.

    :param before: whose engine, incidents and deliverer are kept.
    :raises OSError, ValueError: the settings cannot be used.
    """
    found = settings.load()
    # The follower's part goes for every project that nginx reaches, watched or not.
    picture = Picture({*(one.name for one in found.stacks), *(one.project for one in upstreams.load() if not one.members)})
    host, mutes = found.host.name or lasting.host, lasting.mutes
    looks = Looks(found, picture, lasting.begin)
    observer = Observer(picture, looks, lasting.healer, mutes.busy_now, before.observer if before else None)
    judgement = Judgement(found.pace, mutes.why, looks.fresh)
    if before:
        judgement.subjects = before.judgement.subjects
    alerting = Alerting(found, host, lasting.spool, lasting.setbacks, before.alerting if before else None)
    ledger = Ledger(lasting.memory, lasting.healer, judgement, alerting, observer.log_of, lasting.setbacks)
    remedies = Remedies(picture.lost_networks, lasting.sessions)
    return Parts(
        found,
        picture,
        looks,
        observer,
        judgement,
        alerting,
        Deadman([one.deadman for one in found.stacks if one.deadman]),
        ledger,
        Acting(found.stacks, judgement, ledger, lasting.healer, remedies, mutes.why, lasting.hands, lasting.put, lasting.setbacks),
        Publication(found, host, lasting.days, mutes.busy, out_of_rotation.load, lasting.setbacks),
    )
