# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that is found on a host. Each part is looked at for itself: what cannot be seen is named, and ends nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ...containers.client import DockerUnavailable
from ...core.masking import mask, masked
from ...core.process import CommandError
from ..host import SurveyedHost
from . import apache, caddy, haproxy, nginx, traefik
from .accounts import Account, accounts
from .agents import Agent, agents
from .certificates import Renewals, renewals
from .chains import ForeignRules, chains
from .containers import Container, Network, Volume, containers, networks, volumes
from .daemon import Daemon, daemon
from .databases import Database, databases
from .engine import OwnEngine, engine
from .jails import Fail2ban, fail2ban
from .jobs import Job, jobs
from .kernel import Setting, modules, settings
from .listeners import Listener, listeners
from .site import Site
from .sshd import Sshd, sshd
from .storage import Storage, storage
from .ufw import Ufw, ufw
from .updates import Updates, updates

VERSION = 1  # of the form below, for whoever reads it as JSON


@dataclass
class Survey:
    """What there is.

    :param unseen: what could not be looked at, with the reason.
    """

    listeners: Sequence[Listener] = ()
    sites: Sequence[Site] = ()
    certificates: Renewals = field(default_factory=Renewals)
    ufw: Ufw = field(default_factory=Ufw)
    chains: Sequence[ForeignRules] = ()
    fail2ban: Fail2ban = field(default_factory=Fail2ban)
    engine: OwnEngine = field(default_factory=OwnEngine)
    docker: Daemon = field(default_factory=Daemon)
    containers: Sequence[Container] = ()
    volumes: Sequence[Volume] = ()
    networks: Sequence[Network] = ()
    databases: Sequence[Database] = ()
    jobs: Sequence[Job] = ()
    sshd: Sshd = field(default_factory=Sshd)
    accounts: Sequence[Account] = ()
    settings: Sequence[Setting] = ()
    modules: Sequence[str] = ()
    storage: Storage = field(default_factory=Storage)
    updates: Updates = field(default_factory=Updates)
    agents: Sequence[Agent] = ()
    unseen: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain data without secrets."""
        shown: dict[str, Any] = masked({"version": VERSION, **asdict(self)})
        return shown


def survey(host: SurveyedHost) -> Survey:
    """Look at everything; parts that need others come after them."""
    surveyed = Survey()
    servers: tuple[Callable[[SurveyedHost], list[Site]], ...] = (nginx.sites, apache.sites, caddy.sites, haproxy.sites, traefik.sites)
    sites = [site for look in servers for site in _seen(surveyed, f"sites of {look.__module__.rpartition('.')[2]}", look, host) or ()]
    surveyed.sites = sites
    simple: dict[str, Callable[[SurveyedHost], Any]] = {
        "containers": containers,
        "listeners": lambda given: listeners(given, surveyed.containers),
        "ufw": ufw,
        "chains": chains,
        "fail2ban": fail2ban,
        "engine": engine,
        "docker": daemon,
        "volumes": volumes,
        "networks": networks,
        "jobs": jobs,
        "sshd": sshd,
        "accounts": accounts,
        "settings": settings,
        "modules": modules,
        "storage": storage,
        "updates": updates,
        "agents": agents,
        "certificates": lambda given: renewals(given, sites),
        "databases": lambda given: databases(given, surveyed.listeners),
    }
    for name, look_at in simple.items():
        result = _seen(surveyed, name, look_at, host)
        if result is not None:
            setattr(surveyed, name, result)
    return surveyed


def _seen(surveyed: Survey, name: str, look_at: Callable[[SurveyedHost], Any], host: SurveyedHost) -> Any:
    try:
        return look_at(host)
    except (OSError, ValueError, KeyError, LookupError, TypeError, CommandError, DockerUnavailable) as error:
        surveyed.unseen.append(mask(f"{name}: {type(error).__name__}: {error}"))
        return None
