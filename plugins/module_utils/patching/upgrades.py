# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What apt would do: its simulation read, each package with what decides about it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

from ..advisories.versions import older
from ..core.process import run
from ..hostconfig import apt
from .request import Scope, Settings

# The engine: docker.io of the distributions, docker-ce of Docker's own repository, and what both stand on.
ENGINE = re.compile(r"docker\.io$|docker-(ce|cli$|buildx|compose)|containerd|runc$")
KERNEL = re.compile(r"linux-image-")
# New packages come where an update needs them, as kernels do; none goes.
_ALL = ("apt-get", "--simulate", "--quiet", "upgrade", "--with-new-pkgs")
_NAMED = ("apt-get", "--simulate", "--quiet", "install", "--only-upgrade", "--no-remove", "--no-install-recommends")
_INST = re.compile(r"^Inst (\S+)(?: \[(\S+)\])? \((\S+)(?: (.*?))?\s*\[[^\]]*\]\)", re.MULTILINE)
_REMV = re.compile(r"^Remv (\S+)", re.MULTILINE)
_URI = re.compile(r"^'\S+' (\S+\.deb) (\d+) ?", re.MULTILINE)
_HEADS = {
    "kept_back": "The following packages have been kept back:",
    "phased": "The following upgrades have been deferred due to phasing:",
}


class Stays(str, Enum):
    """Why a newer version is not installed by this run."""

    HELD = "held by apt-mark"
    EXCLUDED = "patch_exclude"
    ENGINE = "of the engine: patch_engine"
    SCOPE = "no security update: patch_scope"
    KEPT_BACK = "apt keeps it back: it would remove or need others"
    PHASED = "phased: the distribution gives it to some hosts first"


@dataclass(frozen=True)
class Upgrade:
    """A package that changes.

    :param installed: the version there is; empty for a package that an update brings.
    :param origin: the repositories, as apt names them.
    """

    package: str
    installed: str
    available: str
    origin: str = ""
    security: bool = False
    engine: bool = False

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.package} {self.installed or 'new'} -> {self.available}"


@dataclass(frozen=True)
class Waiting:
    """A newer version that stays where it is."""

    package: str
    installed: str
    available: str
    why: Stays

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "why": self.why.value}


@dataclass(frozen=True)
class Simulation:
    """What apt says that it would do."""

    upgrades: tuple[Upgrade, ...] = ()
    removals: tuple[str, ...] = ()
    kept_back: tuple[str, ...] = ()
    phased: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What this run would do on a host.

    :param names: what apt is told to upgrade; further packages come with them.
    :param download: bytes.
    """

    upgrades: tuple[Upgrade, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    names: tuple[str, ...] = ()
    download: int = 0
    notes: tuple[str, ...] = field(default=())

    @property
    def kernel(self) -> bool:
        """A new kernel comes, which needs room in /boot."""
        return any(KERNEL.match(upgrade.package) for upgrade in self.upgrades)

    @property
    def touches_engine(self) -> bool:
        """The engine is among them."""
        return any(upgrade.engine for upgrade in self.upgrades)


def parse(text: str) -> Simulation:
    """Read what ``apt-get --simulate`` has printed (tried with apt 2.4 to 3.1)."""
    upgrades = []
    for name, installed, available, origin in _INST.findall(text):
        package = name.partition(":")[0]
        upgrades.append(Upgrade(package, installed, available, origin, _is_security(origin), ENGINE.match(package) is not None))
    lists = {key: tuple(_names(text, head)) for key, head in _HEADS.items()}
    return Simulation(tuple(upgrades), tuple(_REMV.findall(text)), **lists)


def _names(text: str, head: str) -> Iterator[str]:
    """The names of an indented list below a line."""
    lines = iter(text.splitlines())
    if any(line == head for line in lines):
        for line in lines:
            if not line.startswith(" "):
                return
            yield from (name.partition(":")[0] for name in line.split())


def _is_security(origin: str) -> bool:
    """One of the repositories is for security updates: Debian-Security, and archives such as jammy-security and jammy-infra-security."""
    return "security" in origin.lower()


def look(settings: Settings) -> Plan:
    """Ask apt what would change, from the lists that are there.

    :raises CommandError: apt cannot say; with its own words.
    """
    every = parse(run(_ALL, env=apt.ENVIRONMENT, timeout=300).stdout)
    holds = set(run(["apt-mark", "showhold"]).stdout.split())
    held = parse(run([*_ALL, "--ignore-hold"], env=apt.ENVIRONMENT, timeout=300).stdout) if holds else Simulation()
    every = _with_older_fixes(every)
    return decide(every, held, holds, settings, lambda names: parse(run([*_NAMED, *names], env=apt.ENVIRONMENT, timeout=300).stdout))


def decide(every: Simulation, held: Simulation, holds: set[str], settings: Settings, simulate: Any) -> Plan:
    """Which of all newer versions are installed, and why the others are not.

    :param held: the same without holds.
    :param simulate: asks apt about some names.
    """
    upgraded = [upgrade for upgrade in every.upgrades if upgrade.installed]
    stays = {upgrade.package: why for upgrade in upgraded if (why := _stays(upgrade, settings))}
    names = tuple(dict.fromkeys(upgrade.package for upgrade in upgraded if upgrade.package not in stays))
    chosen: Simulation = simulate(names) if names else Simulation()
    known = {upgrade.package: upgrade for upgrade in every.upgrades}
    upgrades = tuple(known.get(upgrade.package, upgrade) for upgrade in chosen.upgrades)
    waiting = [Waiting(one.package, one.installed, one.available, stays[one.package]) for one in upgraded if one.package in stays]
    waiting += [
        Waiting(one.package, one.installed, one.available, Stays.HELD) for one in held.upgrades if one.package in holds and one.installed
    ]
    told = {one.package for one in waiting}
    for names_of, why in ((every.phased, Stays.PHASED), (every.kept_back, Stays.KEPT_BACK)):
        waiting += [Waiting(name, "", "", why) for name in names_of if name not in told]
        told |= set(names_of)
    # What an update needs comes with it; where that is what was to stay, it is said rather than done in silence.
    dragged = sorted({upgrade.package for upgrade in upgrades} & set(stays))
    notes = (f"{', '.join(dragged)}: needed by what is updated, so they come with it",) if dragged else ()
    left = tuple(sorted((one for one in waiting if one.package not in dragged), key=lambda one: one.package))
    return Plan(upgrades, left, names, 0, notes)


def _stays(upgrade: Upgrade, settings: Settings) -> Stays | None:
    if any(re.match(pattern, upgrade.package) for pattern in settings.exclude):
        return Stays.EXCLUDED
    if upgrade.engine:
        return None if settings.engine else Stays.ENGINE
    return Stays.SCOPE if settings.scope is Scope.SECURITY and not upgrade.security else None


def _with_older_fixes(simulation: Simulation) -> Simulation:
    """A point release holds the security fixes before it, and apt names the newest version alone: one that a security repository has as
    well, newer than what is installed, makes the update one of security."""
    asked = [upgrade.package for upgrade in simulation.upgrades if upgrade.installed and not upgrade.security]
    if not asked:
        return simulation
    fixes = security_versions(run(["apt-cache", "madison", *asked], env=apt.ENVIRONMENT, timeout=120, check=False).stdout)
    return Simulation(
        tuple(
            Upgrade(**{**asdict(one), "security": one.security or any(older(one.installed, fix) for fix in fixes.get(one.package, ()))})
            for one in simulation.upgrades
        ),
        simulation.removals,
        simulation.kept_back,
        simulation.phased,
    )


def security_versions(text: str) -> Mapping[str, Sequence[str]]:
    """Of ``apt-cache madison``: versions that lie in a security repository, by package."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        package, _bar, rest = line.partition("|")
        version, _bar, place = rest.partition("|")
        # The suite: an address may have any word in it.
        if len(words := place.split()) > 2 and _is_security(words[1]) and words[-1] == "Packages":
            found.setdefault(package.strip(), []).append(version.strip())
    return found


def download(names: Sequence[str]) -> int:
    """Bytes that apt would fetch for an update of these packages; what it has already is not among them.

    :raises CommandError: apt cannot say.
    """
    if not names:
        return 0
    argv = ["apt-get", "--print-uris", "--yes", "--quiet", "install", "--only-upgrade", "--no-install-recommends", *apt.HARMLESS, *names]
    return sizes(run(argv, env=apt.ENVIRONMENT, timeout=120).stdout)


def sizes(text: str) -> int:
    """Of ``apt-get --print-uris``."""
    return sum(int(size) for _name, size in _URI.findall(text))
