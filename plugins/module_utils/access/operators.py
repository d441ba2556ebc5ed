# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators as they are declared: who logs in with what, until when, and may do what on which stacks."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from .public_keys import PublicKey

EVERY_STACK = "*"


class Level(Enum):
    """What a scope permits; each holds those before it."""

    READ = "read"
    DEPLOY = "deploy"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """Its place among the levels."""
        return tuple(Level).index(self)


class SecondFactor(Enum):
    """What is asked for beside an SSH key."""

    NONE = "none"
    PASSWORD = "password"  # noqa: S105  # sudo asks for the account's password
    TOTP = "totp"  # sudo asks for a code that changes with time (RFC 6238)
    FIDO2 = "fido2"  # the SSH key is on a security key that its owner has to touch and unlock

    @property
    def asked_by_sudo(self) -> bool:
        """Whether sudo asks for something."""
        return self in (SecondFactor.PASSWORD, SecondFactor.TOTP)


@dataclass(frozen=True)
class Scope:
    """A level on stacks.

    :param stacks: names; ``*`` alone for every stack of a host and the host itself.
    """

    level: Level
    stacks: tuple[str, ...] = (EVERY_STACK,)

    @property
    def everywhere(self) -> bool:
        """On every stack, and on what belongs to none."""
        return EVERY_STACK in self.stacks


@dataclass(frozen=True)
class Key:
    """A public key that opens an account.

    :param networks: only from there; empty for anywhere.
    :param expires: epoch seconds; 0 for never.
    """

    key: PublicKey
    networks: tuple[str, ...] = ()
    expires: float = 0

    def valid(self, now: float) -> bool:
        """Whether it opens the account at this time."""
        return not self.expires or now < self.expires


@dataclass(frozen=True)
class Operator:
    """An account of a person.

    :param networks: keys and certificates are good from there only, beside what a key itself says; empty for anywhere.
    :param certificates: whether a certificate of the authority opens the account.
    :param expires: epoch seconds from which nothing of the account works any more; 0 for never.
    :param password_hash: of crypt(3), for a second factor that is a password.
    :param totp_secret: Base32, for one that is a code.
    :param break_glass: an account for emergencies, whose logins are told.
    """

    name: str
    keys: tuple[Key, ...] = ()
    scopes: tuple[Scope, ...] = ()
    networks: tuple[str, ...] = ()
    certificates: bool = False
    expires: float = 0
    second_factor: SecondFactor = SecondFactor.NONE
    password_hash: str = field(default="", repr=False)
    totp_secret: str = field(default="", repr=False)
    forwarding: bool = False
    break_glass: bool = False
    absent: bool = False

    def present(self, now: float) -> bool:
        """Whether the account is one that anybody may use at this time."""
        return not self.absent and (not self.expires or now < self.expires)

    @property
    def admin(self) -> bool:
        """May become root."""
        return any(scope.level is Level.ADMIN for scope in self.scopes)

    def networks_of(self, key: Key) -> tuple[str, ...]:
        """From where a key is good: inside its own networks and those of the operator; empty for anywhere where neither says any."""
        if not key.networks or not self.networks:
            return key.networks or self.networks
        inside = []
        for one in map(ipaddress.ip_network, key.networks):
            for other in map(ipaddress.ip_network, self.networks):
                if one.version == other.version and one.overlaps(other):
                    inside.append(str(max(one, other, key=_length)))
        return tuple(dict.fromkeys(inside))

    def permits(self, level: Level, stack: str) -> bool:
        """Whether a verb of this level is permitted on a stack (``*``: on all of them, and on the host)."""
        return any(
            scope.level.rank >= level.rank and (scope.everywhere or (stack != EVERY_STACK and stack in scope.stacks))
            for scope in self.scopes
        )

    def stacks(self, level: Level, known: Sequence[str]) -> list[str]:
        """Those of the known stacks on which a verb of this level is permitted."""
        return [name for name in known if self.permits(level, name)]

    def principals(self, stacks: Sequence[str]) -> list[str]:
        """Names in a certificate that open the account here: its own, and with the name of a stack that is here and in its scopes.

        ``alice@shop`` is therefore good on hosts of the stack shop alone.
        """
        return [self.name, *(f"{self.name}@{stack}" for stack in self.stacks(Level.READ, sorted(stacks)))] if self.certificates else []


def _length(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> int:
    return network.prefixlen
