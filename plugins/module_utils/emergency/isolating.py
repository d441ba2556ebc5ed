# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host under suspicion: its evidence first, then it is cut off from everything but its operators; containers keep running."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..backup import running
from ..backup import settings as backup_settings
from ..backup.restic_errors import TargetError
from ..backup.settings import BackupError
from ..containers.api import EngineError
from ..containers.client import DockerUnavailable, Engine
from ..core.caller import caller
from ..core.process import CommandError
from ..core.times import lasting, moment
from ..firewall import isolated, isolation, policy
from ..firewall.host import Connection, connection
from ..firewall.isolated import Isolation
from ..firewall.rules import ANY, FirewallError, Rule, spans
from ..release.journal import Journal
from ..release.stacks import stacks
from . import evidence

TAG = "kind:evidence"  # of snapshots that no retention forgets
OUTSIDE = ("macvlan", "ipvlan")  # drivers of networks whose packets the packet filter of the host never sees
KIND = "isolate"


@dataclass
class Isolated:
    """What was done.

    :param archive: the evidence, and its SHA-256; empty where none was wanted.
    :param sent: targets of backups that hold it.
    :param warnings: what is not as it should be.
    """

    isolation: Isolation
    archive: str = ""
    sha256: str = ""
    sent: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {**as_dict(self.isolation), "archive": self.archive, "sha256": self.sha256, "sent": self.sent, "warnings": self.warnings}


def as_dict(isolation: Isolation | None) -> dict[str, Any]:
    """The isolation in force as plain data."""
    if isolation is None:
        return {"isolated": False}
    named = ("since", "until", "who", "reason", "evidence")
    return {"isolated": True, **{name: getattr(isolation, name) for name in named}, "operators": list(isolation.operators)}


def isolate(
    seconds: float,
    reason: str,
    operators: Iterable[str],
    tell: Callable[[str], None],
    *,
    with_evidence: bool = True,
    at: Connection | None = None,
) -> Isolated:
    """Collect the evidence, bring it to the targets of backups, and cut the host off.

    :param operators: further networks that may reach SSH, beside the session in use and the sources that the firewall names for SSH.
    :param seconds: after which it ends by itself unless it is confirmed.
    :raises FirewallError: it is isolated already, the operator would be locked out, or the rules could not be loaded.
    :raises ValueError: a time that is too short or too long.
    """
    if not isolation.SHORTEST <= seconds <= isolation.LONGEST:
        raise ValueError(f"isolate: --for {seconds:g}s: write a time from 1m to 1d, such as 30m; `--confirm` makes it stay")
    if present := isolated.load():
        raise FirewallError([f"{present.describe()}: write --confirm or --undo"])
    at = at or connection()
    if through := isolation.tunnel(at):
        what = f"this session comes through the tunnel {through}, whose own packets would be dropped, and the session with them"
        raise FirewallError([f"{what}: come by SSH without it, or from a console"])
    ports = _ports(at)
    networks = isolation.operators_of(at, [*operators, *_declared(ports)])
    tell(f"SSH stays open for {', '.join(networks)}, at port {', '.join(map(str, ports))}")
    since = time.time()
    done = Isolated(Isolation(since, since + seconds, caller(), reason, networks, ports))
    if with_evidence:
        _keep_evidence(done, tell)
    done.warnings += list(_beyond())
    began = time.time()
    done.isolation = Isolation(began, began + seconds, caller(), reason, networks, ports, done.archive)
    isolation.begin(done.isolation)
    _note(f"isolated for {lasting(seconds)}: {reason or 'no reason given'}")
    tell(f"the host is cut off; it comes back at {moment(began + seconds)} unless `opsctl isolate --confirm` comes before")
    return done


def confirm() -> Isolation:
    """It stays until somebody ends it.

    :raises FirewallError: there is none.
    """
    isolation_ = isolation.confirm()
    _note("isolation confirmed: it stays")
    return isolation_


def end() -> Isolation | None:
    """Everything as before; None where there was nothing to end.

    :raises FirewallError: rules of it are still there.
    """
    ended = isolation.end()
    if ended:
        _note("isolation ended")
    return ended


def _note(text: str) -> None:
    """In the history of each stack: whoever reads one must see why nobody reached it."""
    for stack in stacks():
        Journal(str(stack["name"])).write(kind=KIND, step=text, who=caller())


def _ports(at: Connection | None) -> tuple[int, ...]:
    """The ports of SSH: that of the session, and that which the firewall was told."""
    recorded = policy.of_host()
    ports = [*([at.port] if at else []), *([recorded.ssh_port] if recorded else [])]
    return tuple(dict.fromkeys(ports)) or (22,)


def _declared(ports: Sequence[int]) -> list[str]:
    """The sources that the firewall names for SSH; where it is open to everybody it names nobody."""
    recorded = policy.of_host()
    return [rule.source for rule in (recorded.rules if recorded else ()) if _opens(rule, ports)]


def _opens(rule: Rule, ports: Sequence[int]) -> bool:
    if rule.action not in ("allow", "limit") or rule.direction != "in" or ANY in (rule.source, rule.port):
        return False
    return any(first <= port <= last for first, last in spans(rule.port) for port in ports)


def _keep_evidence(done: Isolated, tell: Callable[[str], None]) -> None:
    began = time.monotonic()
    collected = evidence.collect(tell)
    about = f"host {os.uname().nodename}\ncollected {moment(time.time())} by {caller()}\nreason {done.isolation.reason or '-'}\n"
    path, done.sha256 = evidence.write(collected, about)
    done.archive = str(path)
    tell(f"evidence in {path} ({time.monotonic() - began:.0f} s), SHA-256 {done.sha256}")
    if collected.gaps:
        done.warnings.append(f"evidence: {len(collected.gaps)} parts could not be collected: {'; '.join(collected.gaps)[:300]}")
    _send(done, tell)


def _send(done: Isolated, tell: Callable[[str], None]) -> None:
    """To every target of backups, while there is still a way out."""
    for stack in backup_settings.stacks():
        try:
            targets = backup_settings.load(stack).targets
        except BackupError as error:
            done.warnings.append(f"evidence: {error}")
            continue
        for target in targets:
            try:
                running.repository(target).backup([done.archive], (f"stack:{stack}", TAG), host=os.uname().nodename, deadline=600)
            except (TargetError, CommandError, OSError) as error:
                done.warnings.append(f"evidence: {target.name} of {stack} did not take it: {error}")
                continue
            done.sent.append(f"{stack}/{target.name}")
            tell(f"evidence sent to {target.name} of {stack}")


def _beyond() -> Iterator[str]:
    """What the packet filter of the host does not see."""
    try:
        networks = Engine().api.networks({})
    except (DockerUnavailable, EngineError, OSError):
        return
    for network in networks:
        if network.get("Driver") in OUTSIDE:
            yield f"network {network['Name']} ({network['Driver']}) does not pass the packet filter of this host: disconnect its containers"
