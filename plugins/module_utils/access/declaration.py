# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads and judges what is declared of operators: all that is wrong in one pass, before anything changes."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from ..core.times import epoch
from ..schema.nodes import Problem, close_to, shown
from . import public_keys
from .operators import EVERY_STACK, Key, Level, Operator, Scope, SecondFactor
from .pam import secret

VARIABLE = "ops_operators"
# What useradd, sudoers and sshd_config all take as it is; no dot, since sudo passes over files with one in their name.
NAME = re.compile(r"[a-z_][a-z0-9_-]{0,30}")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_HASH = re.compile(r"\$(?:y|gy|6|2b)\$[!-9;-~]+")  # crypt(5): yescrypt, SHA-512, bcrypt; no colon, which separates fields of shadow(5)
_HARDWARE = "sk-"


@dataclass(frozen=True)
class Surroundings:
    """What a declaration is judged by.

    :param stacks: names of all stacks that the inventory or the host knows; None where nobody can say.
    :param authority: whether an authority for certificates is declared.
    :param others: accounts of role base, and whether each may become root.
    :param login: the account that the run is connected as; empty for none.
    """

    now: float
    stacks: Sequence[str] | None = None
    authority: bool = False
    others: Mapping[str, bool] = field(default_factory=dict)
    login: str = ""


def of_base(operators: Iterable[Mapping[str, Any]]) -> dict[str, bool]:
    """Accounts of `base_operators`, and whether each may become root."""
    return {str(entry["name"]): entry.get("sudo", True) is not False for entry in operators if entry.get("state") != "absent"}


def without_secrets(operator: Mapping[str, Any]) -> dict[str, Any]:
    """An operator as it is declared, for whoever only judges it: a secret becomes a placeholder that is judged as the secret would be."""
    plain = dict(operator)
    if plain.get("password_hash"):
        plain["password_hash"] = "$6$valid$valid" if _HASH.fullmatch(str(plain["password_hash"])) else "wrong"
    if plain.get("totp_secret"):
        try:
            secret(str(plain["totp_secret"]))
            plain["totp_secret"] = "A" * 32
        except ValueError:
            plain["totp_secret"] = "A" * 2
    return plain


class Reader:
    """One pass over a declaration; `problems` has what is wrong."""

    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self.problems: list[Problem] = []

    def read(self, declared: Iterable[Mapping[str, Any]]) -> list[Operator]:
        """The operators; what is wrong with one is left out of it."""
        operators = [self._operator(f"{VARIABLE}[{number}]", raw) for number, raw in enumerate(declared)]
        names = [operator.name for operator in operators]
        for name in sorted({name for name in names if names.count(name) > 1}):
            self._wrong(VARIABLE, name, "is declared twice", "keep one entry, with the keys and scopes of both")
        self._distinct(operators)
        present = [operator for operator in operators if operator.present(self.around.now) and not operator.break_glass]
        if operators and not any(operator.admin for operator in present) and not any(self.around.others.values()):
            problem = "nobody would be an admin, so nobody could repair this host but the account of Ansible"
            self._wrong(VARIABLE, "", problem, "give one operator scopes: [{level: admin}], with a key that has not expired")
        return operators

    def _distinct(self, operators: Sequence[Operator]) -> None:
        """A key is one person's: the log says by the account who did something."""
        owners: dict[str, str] = {}
        for number, operator in enumerate(operators):
            for index, own in enumerate(operator.keys):
                owner = owners.setdefault(own.key.fingerprint, operator.name)
                if owner != operator.name:
                    problem = f"the key of {operator.name} is that of {owner}, so that nobody could say who of them did something"
                    self._wrong(f"{VARIABLE}[{number}].keys[{index}].key", own.key.fingerprint, problem, "give each a key of their own")

    def _wrong(self, key: str, value: object, problem: str, fix: str) -> None:
        self.problems.append(Problem(key, shown(value) if value != "" else "", problem, fix))

    def _operator(self, key: str, raw: Mapping[str, Any]) -> Operator:
        name = str(raw.get("name") or "")
        if not NAME.fullmatch(name) or name == "root":
            fix = "write a login name of lower-case letters, digits, - and _, such as anna"
            self._wrong(f"{key}.name", name, "is no name of an operator's account", fix)
        if raw.get("state") == "absent":
            if self.around.login == name:
                problem = f"{name} is to be taken away, and this run is connected as it"
                self._wrong(f"{key}.state", "absent", problem, "connect as another operator first")
            return Operator(name, absent=True)
        if name in self.around.others:
            problem = f"{name} is in base_operators too, and would have two sets of keys and rights"
            self._wrong(f"{key}.name", name, problem, f"keep {name} in {VARIABLE} alone")
        expires = self._time(f"{key}.expires", raw.get("expires"))
        networks = self._networks(f"{key}.from", raw.get("from"))
        keys = tuple(filter(None, (self._key(f"{key}.keys[{number}]", entry) for number, entry in enumerate(raw.get("keys") or []))))
        operator = Operator(
            name,
            keys=keys,
            scopes=self._scopes(f"{key}.scopes", raw.get("scopes")),
            networks=networks,
            certificates=bool(raw.get("certificates")),
            expires=expires,
            second_factor=self._factor(f"{key}.second_factor", raw.get("second_factor")),
            password_hash=str(raw.get("password_hash") or ""),
            totp_secret=str(raw.get("totp_secret") or ""),
            forwarding=bool(raw.get("forwarding")),
            break_glass=bool(raw.get("break_glass")),
        )
        self._judge(key, operator, raw)
        return operator

    def _judge(self, key: str, operator: Operator, raw: Mapping[str, Any]) -> None:
        """What an operator is as a whole."""
        name, now = operator.name, self.around.now
        if operator.certificates and not self.around.authority:
            problem = f"{name} is to log in by certificate, and no authority is declared"
            self._wrong(f"{key}.certificates", True, problem, "write its public key into access_user_authorities, or certificates: false")
        if not raw.get("keys") and not operator.certificates:
            problem = f"{name} has no key, and passwords are not accepted over SSH"
            self._wrong(f"{key}.keys", "", problem, "write keys: [{key: ssh-ed25519 AAAA…}], or certificates: true with an authority")
        elif operator.keys and not operator.certificates and operator.present(now) and not any(own.valid(now) for own in operator.keys):
            problem = f"every key of {name} has expired, so {name} cannot log in"
            self._wrong(f"{key}.keys", "", problem, "write a new key, a later expires, or state: absent")
        if operator.break_glass and (not operator.admin or operator.second_factor is not SecondFactor.NONE):
            problem = f"{name} is for emergencies, and could not repair everything with nothing but its key"
            self._wrong(f"{key}.break_glass", True, problem, "give it scopes: [{level: admin}], and no second_factor")
        self._reachable(key, operator)
        self._judge_factor(key, operator)

    def _judge_factor(self, key: str, operator: Operator) -> None:
        name, factor = operator.name, operator.second_factor
        if factor.asked_by_sudo and self.around.login == name:
            problem = f"this run is connected as {name}, and Ansible could not answer sudo in the next one"
            self._wrong(f"{key}.second_factor", factor.value, problem, "run Ansible as an account of its own, or leave second_factor out")
        if factor is SecondFactor.PASSWORD and not _HASH.fullmatch(operator.password_hash):
            problem = f"sudo would ask {name} for a password that there is none of"
            self._wrong(f"{key}.password_hash", "", problem, "write a hash as `mkpasswd --method=yescrypt` prints it, from a vault")
        if factor is not SecondFactor.PASSWORD and operator.password_hash:
            problem = f"{name} has a password that nothing asks for"
            self._wrong(f"{key}.password_hash", "", problem, "write second_factor: password, or leave the hash out")
        if factor is SecondFactor.TOTP:
            try:
                secret(operator.totp_secret)
            except ValueError as error:
                fix = "write what `head -c 20 /dev/urandom | base32` prints, from a vault, and the same into the authenticator"
                self._wrong(f"{key}.totp_secret", "", f"the secret of {name} {error}", fix)
        elif operator.totp_secret:
            problem = f"{name} has a secret of codes that nothing asks for"
            self._wrong(f"{key}.totp_secret", "", problem, "write second_factor: totp, or leave the secret out")
        if factor is SecondFactor.FIDO2:
            for own in operator.keys:
                if not own.key.kind.startswith(_HARDWARE):
                    problem = f"{name} is to have keys on security keys only, and this one is a file"
                    self._wrong(f"{key}.keys", own.key.kind, problem, "make one by `ssh-keygen -t ed25519-sk -O verify-required`")

    def _key(self, key: str, raw: Mapping[str, Any]) -> Key | None:
        text = str(raw.get("key") or "").strip()
        expires = self._time(f"{key}.expires", raw.get("expires"))
        networks = self._networks(f"{key}.from", raw.get("from"))
        try:
            if "\n" in text:
                raise public_keys.NoKey("is several lines, and each key has an entry of its own")
            parsed = public_keys.parse(text)
            if not text.startswith(parsed.kind):
                raise public_keys.NoKey("has options before it, which would be somebody else's rules: write from and expires instead")
        except public_keys.NoKey as error:
            self._wrong(f"{key}.key", text, str(error), public_keys.FORM)
            return None
        return Key(parsed, networks, expires)

    def _reachable(self, key: str, operator: Operator) -> None:
        """Each key is good from somewhere."""
        for number, own in enumerate(operator.keys):
            if own.networks and operator.networks and not operator.networks_of(own):
                problem = f"nothing of it is in the networks of {operator.name} ({', '.join(operator.networks)})"
                self._wrong(f"{key}.keys[{number}].from", ", ".join(own.networks), problem, "write networks inside them, or leave from out")

    def _scopes(self, key: str, raw: Any) -> tuple[Scope, ...]:
        if not raw:
            problem = "says nothing that this operator may do"
            self._wrong(key, "", problem, "write scopes: [{level: read}], or another level, with stacks: [NAME] where it is not for all")
            return ()
        scopes = []
        for number, entry in enumerate(raw):
            level = Level(entry["level"]) if entry.get("level") in [known.value for known in Level] else None
            if level is None:
                levels = ", ".join(known.value for known in Level)
                self._wrong(f"{key}[{number}].level", entry.get("level") or "", "is no level", f"write one of {levels}")
                continue
            given = entry.get("stacks")
            stacks = (EVERY_STACK,) if given is None else tuple(map(str, given))
            if not stacks:
                problem = f"a scope {level.value} for no stack permits nothing"
                self._wrong(f"{key}[{number}].stacks", "", problem, "name the stacks, or leave stacks out for all of them")
                continue
            if level is Level.ADMIN and stacks != (EVERY_STACK,):
                problem = "an admin becomes root, who knows no bounds between stacks"
                self._wrong(
                    f"{key}[{number}].stacks", ", ".join(stacks), problem, "write level: deploy for these stacks, or leave stacks out"
                )
            self._known(f"{key}[{number}].stacks", stacks)
            scopes.append(Scope(level, stacks))
        return tuple(scopes)

    def _known(self, key: str, stacks: Iterable[str]) -> None:
        """Every stack that is named is one that somebody declares."""
        known = self.around.stacks
        for stack in stacks if known is not None else ():
            if stack not in (EVERY_STACK, *(known or ())):
                near = close_to(stack, known or ())
                fix = (
                    f"did you mean {near}?"
                    if near
                    else f"write one of {', '.join(sorted(known or ())) or 'the stacks, once there are any'}"
                )
                self._wrong(key, stack, "there is no such stack in this inventory, nor on this host", fix)

    def _factor(self, key: str, raw: Any) -> SecondFactor:
        try:
            return SecondFactor(raw or SecondFactor.NONE.value)
        except ValueError:
            self._wrong(key, raw, "is no second factor", f"write one of {', '.join(factor.value for factor in SecondFactor)}")
            return SecondFactor.NONE

    def _time(self, key: str, raw: Any) -> float:
        """A day is valid to its end, in UTC."""
        text = str(raw or "").strip()
        if not text:
            return 0
        try:
            if _DAY.fullmatch(text):
                return (datetime.fromisoformat(text).replace(tzinfo=timezone.utc) + timedelta(days=1)).timestamp()
            return epoch(text)
        except (ValueError, OverflowError):
            self._wrong(key, text, "is no time", "write a day such as 2027-06-30, its last, or a time such as 2027-06-30T12:00:00Z")
            return 0

    def _networks(self, key: str, raw: Any) -> tuple[str, ...]:
        networks = []
        for number, text in enumerate(raw or []):
            try:
                networks.append(str(ipaddress.ip_network(str(text))))
            except ValueError:
                fix = "write an address or a network in CIDR, such as 198.51.100.0/24 or 2001:db8::/48"
                self._wrong(f"{key}[{number}]", text, "is no network, or has bits of a host set", fix)
        return tuple(networks)
