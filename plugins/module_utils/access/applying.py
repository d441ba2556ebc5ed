# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings the operators of a host to what is declared; who has left is out when it ends.

In this order, so that a run which dies leaves nobody with more than before: who leaves is locked, accounts are made, PAM's files, sudo's
and sshd's are written, each as one transaction that takes itself back unless somebody becomes root through a new connection and confirms
it, and what those who left have running is ended. Then sshd and sudo are asked what is in force.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..hostconfig import transaction
from ..hostconfig.entries import Entry
from ..hostconfig.transaction import ConfigSet
from ..release.stacks import stacks
from . import accounts, in_force, pam, register, rendering, revocation, sessions
from .accounts import Step
from .operators import Operator, SecondFactor
from .register import Register

NAME = "access"
SSHD_NAME = "access-sshd"
PAM_NAME = "access-pam"


class AccessRefused(ValueError):
    """The run would shut out whom it must not; nothing was changed."""


@dataclass(frozen=True)
class Wanted:
    """What is declared.

    :param stacks: of this host, as this run knows them.
    :param authorities: public keys of authorities whose certificates open accounts.
    :param revoked: what opens nothing any more (`revocation.py`).
    :param login: the account that the run is connected as; empty for none.
    :param revert_after: seconds until a change of sshd, sudo or PAM takes itself back; 0 for never.
    :param unit: of systemd, of the SSH server.
    :param restrict_su: nobody becomes somebody else by su but root.
    """

    operators: tuple[Operator, ...]
    stacks: tuple[str, ...] = ()
    authorities: tuple[str, ...] = ()
    revoked: revocation.Revoked = field(default_factory=revocation.Revoked)
    login: str = ""
    revert_after: int = 0
    unit: str = "ssh.service"
    restrict_su: bool = True


@dataclass
class Outcome:
    """What was, or in check mode would be, done.

    :param armed: sets that wait for their confirmation.
    """

    lines: list[str] = field(default_factory=list)
    diff: list[dict[str, Any]] = field(default_factory=list)
    armed: list[str] = field(default_factory=list)
    ended: dict[str, int] = field(default_factory=dict)
    register: Register = field(default_factory=Register)


def apply(wanted: Wanted, *, check: bool, now: float | None = None) -> Outcome:
    """Bring it about.

    :raises AccessRefused: it would shut out the account of this run, or everybody.
    :raises AccountError: an account cannot become what is declared.
    :raises ConfigSetError: sudo or sshd refuses its files; the old ones are back.
    :raises CommandError: a program failed.
    """
    at = time.time() if now is None else now
    known = _register(wanted)
    leaving = [*known.departed, *(operator.name for operator in known.operators if not operator.present(at))]
    staying = [operator for operator in known.operators if operator.present(at)]
    if wanted.login in leaving:
        raise AccessRefused(
            f"this run is connected as {wanted.login}, who would be shut out: keep {wanted.login} in ops_operators, or connect as another"
            " operator first; nothing was changed"
        )
    outcome = Outcome(register=known)
    _steps([step for name in leaving for step in accounts.closing(name)], outcome, check)
    _steps([step for operator in staying for step in accounts.opening(operator)], outcome, check)
    _write(_of_pam(wanted, staying), outcome, check)
    here = sorted({*wanted.stacks, *(str(stack["name"]) for stack in stacks())})
    revoked = revocation.krl(wanted.revoked, wanted.authorities, _read(rendering.REVOKED))
    entries = rendering.files(known, here, wanted.authorities, revoked, at)
    _write(_of_sudo(entries, 0 if leaving else wanted.revert_after), outcome, check)
    _write(_of_sshd(wanted, known, staying), outcome, check)
    for name in leaving:
        number = sessions.running(name) if check else sessions.end(name)
        if number:
            outcome.ended[name] = number
            outcome.lines.append(f"{number} processes of {name} ended")
    return outcome


def verify(known: Register, now: float | None = None) -> None:
    """Ask sshd and sudo.

    :raises AccessRefused: something else is in force than what was written; the message names all of it.
    """
    at = time.time() if now is None else now
    found = list(in_force.problems(operator for operator in known.operators if operator.present(at)))
    if found:
        raise AccessRefused("\n".join(["operators have other rights on this host than the declared ones:", *map(str, found)]))


def _register(wanted: Wanted) -> Register:
    """Who is known afterwards: those who are declared, and whoever has left.

    :raises AccessRefused: nobody is declared, where there are operators.
    """
    before = register.load()
    present = tuple(operator for operator in wanted.operators if not operator.absent)
    managed = {operator.name for operator in before.operators}
    if not wanted.operators and managed:
        raise AccessRefused(
            f"ops_operators is empty, and {', '.join(sorted(managed))} would be shut out: write state: absent for each of them, where that"
            " is meant; nothing was changed"
        )
    absent = {operator.name for operator in wanted.operators if operator.absent}
    gone = ({*before.departed} | managed | absent) - {operator.name for operator in present}
    return Register(present, tuple(sorted(name for name in gone if accounts.look(name))))


def _of_pam(wanted: Wanted, staying: Sequence[Operator]) -> ConfigSet:
    """What PAM asks, and what it tells. Files of the distribution are changed where they are there."""
    coded = {operator.name: operator.totp_secret for operator in staying if operator.second_factor is SecondFactor.TOTP}
    glass = [operator.name for operator in staying if operator.break_glass]
    texts = {
        pam.SUDO: lambda text: pam.sudo(text, sorted(coded)),
        pam.SU: lambda text: pam.su(text, restricted=wanted.restrict_su),
        pam.COMMON_AUTH: pam.without_empty_passwords,
    }
    before = {path: _read(path).decode(errors="surrogateescape") for path in texts}
    changed = {path: texts[path](text).encode(errors="surrogateescape") for path, text in before.items() if text}
    entries = [Entry(path, content=content) for path, content in changed.items()]
    codes = pam.codes(_read(pam.CODES).decode(errors="replace"), coded)
    optional = [(pam.CODES, codes if coded else "", 0o600), (pam.PROFILE, pam.profile() if glass else "", 0o644)]
    optional.append((pam.NOTICE, pam.notice(glass) if glass else "", 0o755))
    for path, text, mode in optional:
        secret = path == pam.CODES
        entries.append(Entry(path, content=text.encode(), mode=mode, sensitive=secret) if text else Entry(path, "absent"))
    return ConfigSet(
        PAM_NAME,
        entries,
        activate=[["pam-auth-update", "--package"]],
        touched=pam.UPDATED,
        revert_after=wanted.revert_after,
        parents=True,
        journal=True,
    )


def _of_sudo(entries: Sequence[Entry], revert_after: int) -> ConfigSet:
    """Who may become whom, keys, and the register of operators. sudo reads its files at each call: nothing has to be activated.

    :param revert_after: 0 where somebody leaves: what was taken from them does not come back.
    """
    judged = [["visudo", "--check"]]
    return ConfigSet(
        NAME,
        entries,
        purge=rendering.purge(),
        validate=judged,
        activate=judged,
        revert_after=revert_after,
        parents=True,
        journal=True,
    )


def _of_sshd(wanted: Wanted, known: Register, staying: Iterable[Operator]) -> ConfigSet:
    """The part of sshd."""
    names = [*(operator.name for operator in known.operators), *known.departed]
    forwarding = [operator.name for operator in staying if operator.forwarding]
    text = rendering.sshd(names, forwarding, authority=bool(wanted.authorities))
    return ConfigSet(
        SSHD_NAME,
        [Entry(rendering.SSHD, content=text.encode(), mode=0o600)],
        validate=[["sshd", "-t"]],
        activate=[["systemctl", "reload", wanted.unit]],
        activate_unit=wanted.unit,
        revert_after=wanted.revert_after,
        parents=True,
        journal=True,
    )


def _steps(steps: Sequence[Step], outcome: Outcome, check: bool) -> None:
    for step in steps:
        if not check:
            step.take()
        outcome.lines.append(step.what)


def _write(wanted: ConfigSet, outcome: Outcome, check: bool) -> None:
    """Write a set."""
    done = transaction.apply(wanted, check_mode=check)
    outcome.lines += [f"{change.entry.path} {'removed' if change.entry.state == 'absent' else 'written'}" for change in done.changes]
    outcome.diff += [change.difference() for change in done.changes]
    if done.armed:
        outcome.armed.append(wanted.name)


def _read(path: os.PathLike[str]) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""
