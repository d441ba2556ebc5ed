# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator declares for the updates of hosts: as a module gets it, and what is wrong with it before any host is asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ..advisories.debsecan import SCHEMES, URL
from ..maintenance.windows import seconds
from ..schema.calendar import calendar
from ..schema.nodes import Problem, Refused
from ..slo.gate import passage

LOCK_TIMEOUT = 300  # seconds for another apt, and for the lock of a stack
LONGEST_WAIT = 86400


class Scope(str, Enum):
    """Which updates are installed."""

    SECURITY = "security"
    ALL = "all"


class Reboot(str, Enum):
    """Whether a host may be restarted."""

    WHEN_DUE = "when_due"
    NEVER = "never"


@dataclass(frozen=True)
class Settings:
    """What is wanted of a host.

    :param exclude: packages that stay (regular expressions, from the start of the name).
    :param engine: the container engine and its plugins are updated, whatever the scope: Docker's own repository says of none that it is a
        security update.
    :param without_live_restore: for one run, the engine may stop its containers while it is updated.
    :param window_start: when a window begins, as a calendar expression of systemd; empty for always.
    :param window_duration: how long it lasts.
    :param repair: an update that was interrupted before is finished first.
    :param never_restart: units (beginnings of their names) that are left running on replaced files.
    """

    scope: Scope = Scope.SECURITY
    exclude: tuple[str, ...] = ()
    engine: bool = False
    without_live_restore: bool = False
    window_start: str = ""
    window_duration: str = ""
    repair: bool = False
    never_restart: tuple[str, ...] = ()
    lock_timeout: float = LOCK_TIMEOUT
    budget_override: str = ""
    security_fix: str = ""
    advisories_url: str = URL

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Settings:
        """From the arguments of a module, which have been checked."""
        window: Mapping[str, Any] = given.get("window") or {}
        return cls(
            scope=Scope(given.get("scope") or Scope.SECURITY.value),
            exclude=tuple(given.get("exclude") or ()),
            engine=bool(given.get("engine")),
            without_live_restore=bool(given.get("without_live_restore")),
            window_start=str(window.get("start") or ""),
            window_duration=str(window.get("duration") or ""),
            repair=bool(given.get("repair")),
            never_restart=tuple(given.get("never_restart") or ()),
            lock_timeout=float(given.get("lock_timeout", LOCK_TIMEOUT)),
            budget_override=str(given.get("budget_override") or ""),
            security_fix=str(given.get("security_fix") or ""),
            advisories_url=str(given.get("advisories_url") or URL),
        )


@dataclass(frozen=True)
class Fleet:
    """The hosts of a run, as the controller knows them.

    :param hosts: those that are updated, in their order.
    :param edge: the group of load balancers; empty for none.
    :param balancers: the hosts of that group.
    :param groups: names of all groups.
    """

    hosts: Sequence[str]
    canary: str = ""
    edge: str = ""
    balancers: Sequence[str] = ()
    groups: Sequence[str] = ()


def problems(given: Mapping[str, Any], fleet: Fleet) -> list[Problem]:
    """All that is wrong with the variables of a run, by their names."""
    return [*_hosts(fleet), *_words(given), *_numbers(given), *_window(given), *_patterns(given), *_reasons(given)]


def _hosts(fleet: Fleet) -> Iterator[Problem]:
    if not fleet.hosts:
        fix = "name hosts that are in the inventory, such as -e ops_hosts=web"
        yield Problem("ops_hosts", "", "leaves no host to update beside the load balancers", fix)
    if fleet.edge and fleet.edge not in fleet.groups:
        yield Problem("ops_edge_group", fleet.edge, "is no group of the inventory", "name the group of the load balancers, or leave it out")
    if fleet.canary and fleet.canary in fleet.balancers:
        fix = "name a host behind them; load balancers are updated by a run of their own, -e ops_hosts=" + fleet.edge
        yield Problem("patch_canary", fleet.canary, "is a load balancer of ops_edge_group", fix)
    elif fleet.canary and fleet.canary not in fleet.hosts:
        known = ", ".join(fleet.hosts[:20]) or "(there are none)"
        yield Problem("patch_canary", fleet.canary, "is none of the hosts of this run", f"write one of {known}")


def _words(given: Mapping[str, Any]) -> Iterator[Problem]:
    for key, choices in (("patch_scope", Scope), ("patch_reboot", Reboot)):
        words = [choice.value for choice in choices]
        if key in given and given[key] not in words:
            yield Problem(key, str(given[key]), "is nothing that can be done", f"write {' or '.join(words)}")
    for key in ("patch_engine", "patch_repair", "patch_engine_without_live_restore"):
        if key in given and str(given[key]).lower() not in ("true", "false", "yes", "no", "on", "off", "1", "0"):
            yield Problem(key, str(given[key]), "is neither yes nor no", "write true or false")
    url = str(given.get("patch_advisories_url") or URL)
    if not url.startswith(SCHEMES):
        yield Problem("patch_advisories_url", url, "is no address", f"write one that begins with {', '.join(SCHEMES)}, such as {URL}")
    if "patch_report_dir" in given and not str(given["patch_report_dir"] or "").strip():
        yield Problem("patch_report_dir", "", "names no folder", "write a folder of the controller, such as patches")


def _numbers(given: Mapping[str, Any]) -> Iterator[Problem]:
    for key in ("patch_lock_timeout", "patch_health_timeout", "patch_reboot_timeout", "patch_traffic_timeout"):
        if key not in given:
            continue
        try:
            fits = 0 <= float(given[key]) <= LONGEST_WAIT
        except (TypeError, ValueError):
            fits = False
        if not fits:
            yield Problem(key, str(given[key]), "is no number of seconds up to a day", "write a number, such as 300")


def _window(given: Mapping[str, Any]) -> Iterator[Problem]:
    window = given.get("patch_window") or {}
    if not isinstance(window, Mapping):
        fix = "write {start: 'Sun *-*-* 02:00', duration: 3h}, or {} for any time"
        yield Problem("patch_window", str(window), "is no mapping", fix)
        return
    for key in window:
        if key not in ("start", "duration"):
            yield Problem(f"patch_window.{key}", str(window[key]), "is unknown", "write start and duration")
    if bool(window.get("start")) != bool(window.get("duration")):
        missing = "duration" if window.get("start") else "start"
        example = "3h" if missing == "duration" else "'Sun *-*-* 02:00'"
        yield Problem(f"patch_window.{missing}", "", "is missing", f"write it, such as {example}")
    if window.get("start"):
        try:
            calendar(str(window["start"]))
        except Refused as refused:
            yield Problem("patch_window.start", str(window["start"]), refused.problem, refused.fix)
    for key, value in (("patch_window.duration", window.get("duration")), ("patch_maintenance_for", given.get("patch_maintenance_for"))):
        if value:
            try:
                seconds(str(value))
            except ValueError:
                yield Problem(key, str(value), "is no duration", "write a number and s, m, h or d, up to 14d, such as 2h")


def _patterns(given: Mapping[str, Any]) -> Iterator[Problem]:
    for key in ("patch_exclude", "patch_never_restart"):
        listed = given.get(key) or []
        if isinstance(listed, str) or not isinstance(listed, Iterable):
            yield Problem(key, str(listed), "is no list", "write a list, such as [postgresql-17]")
            continue
        for pattern in listed if key == "patch_exclude" else ():
            try:
                re.compile(str(pattern))
            except re.error as error:
                yield Problem(key, str(pattern), f"is no regular expression: {error}", "write the beginning of a package's name")


def _reasons(given: Mapping[str, Any]) -> Iterator[Problem]:
    try:
        passage(str(given.get("ops_budget_override") or ""), str(given.get("ops_security_fix") or ""))
    except ValueError as error:
        key, _colon, what = str(error).partition(": ")
        yield Problem(f"ops_{key}", "", what, "write what for, or leave it out")
