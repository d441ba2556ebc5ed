# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What UFW keeps on disk: its settings and rules read, and the wanted ones made by UFW itself in a folder of their own."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..core.process import run
from .rules import FirewallError, Rule

DEFAULTS, SETTINGS = Path("/etc/default/ufw"), Path("/etc/ufw/ufw.conf")
USER = {4: Path("/etc/ufw/user.rules"), 6: Path("/etc/ufw/user6.rules")}
AFTER = {4: Path("/etc/ufw/after.rules"), 6: Path("/etc/ufw/after6.rules")}
ALL = (*AFTER.values(), *USER.values(), DEFAULTS, SETTINGS)
PRISTINE = Path("/usr/share/ufw/iptables")
POLICIES = {"allow": "ACCEPT", "deny": "DROP", "reject": "REJECT"}
CHAINS = {"incoming": "INPUT", "outgoing": "OUTPUT", "routed": "FORWARD"}
LOGGING = ("off", "low", "medium", "high", "full")
MARK = "### tuple ### "  # before UFW's own description of a rule


def setting(content: str, key: str) -> str:
    """The value of a shell assignment, without its quotes; empty when there is none."""
    values = re.findall(rf"^{key}=(.*)$", content, re.MULTILINE)
    return values[-1].strip().strip("\"'") if values else ""


def with_settings(content: str, values: Mapping[str, str]) -> str:
    """The file with these assignments, each in its old place; a line that says the same already stays as it is."""
    for key, value in values.items():
        if setting(content, key) == value and re.search(rf"^{key}=", content, re.MULTILINE):
            continue
        quoted = value if re.fullmatch(r"[A-Za-z0-9]+", value) and not key.startswith("DEFAULT_") else f'"{value}"'
        line = f"{key}={quoted}"
        content, count = re.subn(rf"^{key}=.*$", line.replace("\\", r"\\"), content, flags=re.MULTILINE)
        if not count:
            content = content.rstrip("\n") + f"\n{line}\n"
    return content


def stored(content: str) -> list[str]:
    """UFW's own description of each rule in a user.rules file, in order."""
    return [line.removeprefix(MARK).strip() for line in content.splitlines() if line.startswith(MARK)]


@dataclass(frozen=True)
class Kept:
    """What the files of UFW say now; everything is empty where UFW is not installed."""

    files: Mapping[Path, str] = field(repr=False)

    @classmethod
    def read(cls) -> Kept:
        """The six files as they are."""
        contents = {}
        for path in ALL:
            try:
                contents[path] = path.read_text(encoding="utf-8", errors="surrogateescape")
            except FileNotFoundError:
                contents[path] = ""
        return cls(contents)

    @property
    def installed(self) -> bool:
        """UFW's configuration is there."""
        return bool(self.files[DEFAULTS] and self.files[SETTINGS])

    @property
    def enabled(self) -> bool:
        """UFW starts at boot."""
        return setting(self.files[SETTINGS], "ENABLED").lower() == "yes"

    @property
    def ipv6(self) -> bool:
        """UFW looks after IPv6 as well."""
        return setting(self.files[DEFAULTS], "IPV6").lower() == "yes"

    def rules(self, family: int) -> list[str]:
        """The rules of one IP version."""
        return stored(self.files[USER[family]])


def render(rules: Sequence[Rule], defaults: str, settings: str, logging: str, ipv6: bool) -> dict[Path, str]:
    """user.rules and user6.rules as UFW writes them, from its pristine files, away from the live ones (``--datadir``).

    UFW is disabled there, so that no packet filter is touched. In this way the order is the declared one, nothing stale stays,
    and no second implementation of UFW's format exists.

    :raises FirewallError: UFW refused a rule, or understood it differently from how it was declared.
    :raises CommandError: UFW does not run.
    """
    scratch = Path(tempfile.mkdtemp(prefix="latentum-ops-ufw-", dir="/run"))
    try:
        for folder in ("etc/default", "lib/ufw", "usr/lib/ufw"):
            (scratch / folder).mkdir(parents=True)
        shutil.copytree("/etc/ufw", scratch / "etc/ufw")
        for path in USER.values():
            shutil.copy(PRISTINE / path.name, scratch / "etc/ufw" / path.name)
        (scratch / "etc/default/ufw").write_text(defaults)
        (scratch / "etc/ufw/ufw.conf").write_text(with_settings(settings, {"ENABLED": "no"}))
        problems = []
        ufw = ["ufw", f"--datadir={scratch}"]
        run([*ufw, "logging", logging])
        for rule in rules:
            if not ipv6 and rule.families == (6,):
                continue
            done = run([*ufw, *rule.argv()], check=False)
            if done.rc != 0:
                output = (done.stderr or done.stdout).strip().removeprefix("ERROR: ")
                problems.append(f"UFW refuses `ufw {' '.join(rule.argv())}`: {output}")
        made = {path: (scratch / "etc/ufw" / path.name).read_text() for path in USER.values()}
        for family in (4, 6) if ipv6 else (4,):
            want, have = expected(rules, family), stored(made[USER[family]])
            if not problems and want != have:
                problems.append(f"UFW understood the rules of IPv{family} as {have}, declared were {want}")
        if problems:
            raise FirewallError(problems)
        return made
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def expected(rules: Iterable[Rule], family: int) -> list[str]:
    """How UFW will keep the rules of one IP version."""
    return [rule.stored(family) for rule in rules if family in rule.families]


def chain_count(content: str, family: int) -> int:
    """How many packet filter rules a user.rules file, or a listing, has in the chains of declared rules."""
    prefix = "ufw" if family == 4 else "ufw6"
    return len(re.findall(rf"^-A {prefix}-user-(?:input|output|forward) ", content, re.MULTILINE))
