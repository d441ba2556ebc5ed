# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages of Debian and Ubuntu: what is missing is installed; what is there costs one look at dpkg's database."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..core.locks import await_record_lock
from ..core.process import CommandError, run

LISTS = Path("/var/lib/apt/lists")
PATIENCE = 300  # seconds for another apt to end
# Never ask, keep configuration files that were changed, wait for another apt to end.
ENVIRONMENT: Mapping[str, str] = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_MODE": "l"}
OPTIONS = ["-o", f"DPkg::Lock::Timeout={PATIENCE}", "-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"]
# What apt itself would do unasked when told to answer yes; a host's own apt.conf may allow it.
HARMLESS = ["--no-remove", "-o", "APT::Get::allow-downgrades=false", "-o", "APT::Get::force-yes=false"]
_PLANNED = re.compile(r"^(Inst|Remv) (\S+)(?: \[(\S+)\])?(?: \((\S+) )?", re.MULTILINE)


class PackageError(Exception):
    """An operation would remove or downgrade packages that nobody named; nothing was done."""


def installed() -> set[str]:
    """Names of the installed packages, and of what they provide."""
    shown = run(["dpkg-query", "--show", "--showformat", "${db:Status-Abbrev}\t${Package}\t${Provides}\n"]).stdout
    names: set[str] = set()
    for line in shown.splitlines():
        status, package, provides = line.split("\t", 2)
        if status.startswith(("ii", "hi")):
            names.add(package)
            names |= {provided.split()[0].strip() for provided in provides.split(",") if provided.strip()}
    return names


def missing(names: Sequence[str]) -> list[str]:
    """Those of the named packages that are not installed, sorted."""
    return sorted(set(names) - installed())


def present(names: Sequence[str]) -> list[str]:
    """Those of the named packages that are installed, sorted."""
    return sorted(set(names) & installed())


def lists_age() -> float:
    """Seconds since the package lists were fetched; infinite when there are none."""
    fetched = [file.stat().st_mtime for file in LISTS.glob("*_Packages*")]
    return time.time() - max(fetched, default=0) if fetched else float("inf")


def fetch_lists(*, strict: bool = False, patience: float = PATIENCE) -> None:
    """Fetch the package lists.

    :param strict: one repository that fails is a failure: otherwise apt goes on with what it had of it, and says so in a warning only.
    :param patience: seconds for another apt to end.
    :raises CommandError: a repository does not answer.
    """
    # A fresh server fetches them by itself at its first boot, and DPkg::Lock::Timeout is about dpkg's lock only.
    await_record_lock(LISTS / "lock", patience)
    mode = ["-o", "APT::Update::Error-Mode=any"] if strict else []
    run(["apt-get", "update", "--quiet", *OPTIONS, *mode], env=ENVIRONMENT, timeout=600)
    os.utime(LISTS)


def install(
    names: Sequence[str], *, lists_valid: float, recommends: bool = False, chosen_by: str = "", replaces: Sequence[str] = ()
) -> None:
    """Install packages; lists older than `lists_valid` seconds are fetched first.

    :param chosen_by: the variable that chose these packages, for messages.
    :param replaces: packages that may go for them.
    :raises PackageError: others would be removed or downgraded for them.
    :raises CommandError: a package is unknown, or its installation failed; with apt's own words.
    """
    if lists_age() > lists_valid:
        fetch_lists()
    argv = ["apt-get", "install", "--yes", "--quiet", *OPTIONS, *HARMLESS, *_depth(recommends), *names]
    try:
        run(argv, env=ENVIRONMENT, timeout=1800)
    except CommandError as error:
        _refuse("install", names, list(losses("install", names, recommends=recommends, replaces=replaces)), chosen_by, error)
        if not replaces:
            raise
        # Nothing goes but what they replace.
        run([word for word in argv if word != "--no-remove"], env=ENVIRONMENT, timeout=1800)


def remove(names: Sequence[str], *, chosen_by: str = "") -> None:
    """Remove packages, keeping their configuration files.

    :raises PackageError: others depend on them, and would be removed with them.
    :raises CommandError: with apt's own words.
    """
    require_no_losses("remove", names, chosen_by=chosen_by)
    run(["apt-get", "remove", "--yes", "--quiet", *OPTIONS, *names], env=ENVIRONMENT, timeout=600)


def require_no_losses(
    verb: str, names: Sequence[str], *, recommends: bool = False, chosen_by: str = "", replaces: Sequence[str] = ()
) -> None:
    """:raises PackageError: ``apt-get`` with this verb would remove or downgrade what is not named."""
    _refuse(verb, names, list(losses(verb, names, recommends=recommends, replaces=replaces)), chosen_by, None)


def losses(verb: str, names: Sequence[str], *, recommends: bool = False, replaces: Sequence[str] = ()) -> Iterator[str]:
    """What ``install`` or ``remove`` of these packages would take from others, as apt simulates it; nothing where apt cannot say."""
    simulated = run(["apt-get", verb, "--simulate", "--quiet", *_depth(recommends), *names], env=ENVIRONMENT, check=False, timeout=300)
    for action, package, before, after in _PLANNED.findall(simulated.stdout):
        name = package.partition(":")[0]
        if action == "Remv" and name in replaces:
            continue
        if action == "Remv" and (verb == "install" or (name not in names and not _holds_nothing(name))):
            yield f"remove {name} {before}".strip()
        elif action == "Inst" and before and _older(after, before):
            yield f"downgrade {name} from {before} to {after}"


def _depth(recommends: bool) -> list[str]:
    return [] if recommends else ["--no-install-recommends"]


def _holds_nothing(package: str) -> bool:
    """A metapackage such as ubuntu-standard, which goes with any package that it lists."""
    section = run(["dpkg-query", "--show", "--showformat", "${Section}", package], check=False).stdout
    return section.rpartition("/")[2] in {"metapackages", "tasks"}


def _older(version: str, than: str) -> bool:
    return run(["dpkg", "--compare-versions", version, "lt", than], check=False).rc == 0


def _refuse(verb: str, names: Sequence[str], lost: Sequence[str], chosen_by: str, error: CommandError | None) -> None:
    if not lost:
        return
    what = "installing" if verb == "install" else "removing"
    own = f"change {chosen_by}, or " if chosen_by else ""
    raise PackageError(
        f"{what} {', '.join(names)} would also {', '.join(lost)}, so nothing was done: {own}do this yourself first when it is meant"
    ) from error
