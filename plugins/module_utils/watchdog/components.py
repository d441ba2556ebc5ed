# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Components of the watchdog: those that outlive its settings, and those made anew, all or nothing, when the settings are read."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from ..nginx import out_of_rotation
from . import settings
from .acting import Acting
from .alerting.notices import Alerting, Deadman
from .alerting.spool import Spool
from .budgets import Budgeting
from .days import Days
from .deployments import Deployments
from .failures import Failures
from .healing import Healer
from .judgement import Judgement
from .ledger import Ledger
from .looks import Looks, Token
from .memory import Memory
from .observing import Observer
from .picture import Picture
from .publication import Publication
from .remedies import Remedies, RemedyResult, Sessions
from .settings import Settings
from .silencing import Silencing
from .stall import Stall
from .suppression import Suppression


@dataclass(frozen=True)
class Runtime:
    """What outlives the settings.

    :param host: name of this host where the settings give none.
    :param deployments: how far the journals of the stacks were read.
    :param silencing: what is silenced in Alertmanager.
    :param budgeting: what is left of error budgets.
    :param sessions: the locks that running remedies hold.
    :param remedy_pool: runs remedies.
    :param begin: runs a look beside the loop.
    :param put: leaves something for the loop.
    """

    host: str
    memory: Memory
    days: Days
    healer: Healer
    suppression: Suppression
    spool: Spool
    failures: Failures
    deployments: Deployments
    silencing: Silencing
    budgeting: Budgeting
    sessions: Sessions
    remedy_pool: Executor
    begin: Callable[[Token, Callable[[], Any]], None]
    put: Callable[[RemedyResult], None]


@dataclass(frozen=True)
class Components:
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


def assemble(runtime: Runtime, before: Components | None = None) -> Components:
    """Read the settings and make everything of them. Until it is returned, nothing has changed for whoever uses the components before.

    :param before: whose engine, incidents and deliverer are kept.
    :raises OSError, ValueError: the settings cannot be used.
    """
    config = settings.load()
    picture = Picture(stack.name for stack in config.stacks)
    host, suppression = config.host.name or runtime.host, runtime.suppression
    looks = Looks(config, picture, runtime.begin)
    observer = Observer(picture, looks, runtime.healer, suppression.work_on, before.observer if before else None)
    judgement = Judgement(config.pace, suppression.why, looks.fresh)
    if before:
        judgement.subjects = before.judgement.subjects
    alerting = Alerting(config, host, runtime.spool, runtime.failures, before.alerting if before else None)
    silencing = runtime.silencing
    ledger = Ledger(
        runtime.memory,
        runtime.healer,
        judgement,
        alerting,
        observer.log_of,
        runtime.failures,
        lambda incident: silencing.of(incident, time.monotonic()),
        lambda: silencing.settled,
    )
    remedies = Remedies(picture.lost_networks, runtime.sessions)
    stall = Stall(config.host.stall_patience)
    pool, put, failures = runtime.remedy_pool, runtime.put, runtime.failures
    acting = Acting(config.stacks, judgement, ledger, runtime.healer, remedies, stall, suppression.why, pool, put, failures)
    return Components(
        config,
        picture,
        looks,
        observer,
        judgement,
        alerting,
        Deadman([stack.deadman for stack in config.stacks if stack.deadman]),
        ledger,
        acting,
        Publication(config, host, runtime.days, suppression.busy, out_of_rotation.load, runtime.failures, runtime.budgeting),
    )
