# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An authority for certificates of operators, on the controller: it signs for hours, and writes down what it has signed (ssh-keygen(1)).

Its key never leaves its folder, and no host has it. A certificate names one account, and where it is for stacks, those: hosts of other
stacks refuse it (`Operator.principals`).
"""

from __future__ import annotations

import json
import os
import re
import secrets
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..core.atomic_files import read_text, write_atomic
from ..core.process import run
from ..core.units import parse_duration
from . import public_keys
from .declaration import NAME

LONGEST = 24 * 3600  # seconds: what is longer is a key, and belongs into the declaration
BEFORE = 300  # seconds that a host's clock may be behind
TYPING = 300  # seconds for a passphrase
_STACK = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class AuthorityError(ValueError):
    """The authority cannot do it; nothing was signed."""


@dataclass(frozen=True)
class Certificate:
    """A certificate that was signed, as it is written down."""

    id: str
    serial: int
    operator: str
    principals: tuple[str, ...]
    fingerprint: str
    networks: tuple[str, ...]
    begins: int
    ends: int


@dataclass(frozen=True)
class Request:
    """What is to be signed.

    :param stacks: hosts of these only; empty for all on which the operator has an account.
    :param duration: such as 8h.
    """

    operator: str
    key: Path
    stacks: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    duration: str = "8h"
    forwarding: bool = False


class Authority:
    """The folder of an authority: `user_ca`, `user_ca.pub`, `issued.jsonl`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = folder / "user_ca"
        self.log = folder / "issued.jsonl"

    def make(self, *, passphrase: bool = True) -> str:
        """Make the key; its public half. ssh-keygen asks for the passphrase at the terminal.

        :raises AuthorityError: there is one already.
        """
        if self.key.exists():
            raise AuthorityError(f"{self.key} is there already: every host that trusts it would have to be told of another one")
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        none = () if passphrase else ("-N", "")
        run(["ssh-keygen", "-q", "-t", "ed25519", *none, "-C", "latentum-ops user authority", "-f", str(self.key)], timeout=TYPING)
        return self.public()

    def public(self) -> str:
        """The line for `access_user_authorities`.

        :raises AuthorityError: there is none yet.
        """
        text = read_text(self.key.with_suffix(".pub"))
        if text is None:
            raise AuthorityError(f"there is no authority in {self.folder}: opsctl-ca init makes one")
        return text.strip()

    def sign(self, request: Request, now: float | None = None) -> tuple[Certificate, Path]:
        """Sign, and write it down; the certificate's file lies beside the key.

        :raises AuthorityError: the request is not one that can be signed.
        :raises CommandError: ssh-keygen refuses, as for a wrong passphrase.
        """
        self.public()
        seconds = self._judge(request)
        try:
            line = request.key.read_text().strip()
            key = public_keys.parse(line)
        except (OSError, UnicodeDecodeError) as error:
            raise AuthorityError(f"{request.key} cannot be read: {error}") from None
        except public_keys.NoKey as error:
            raise AuthorityError(f"{request.key} {error}: {public_keys.FORM}") from None
        at = int(time.time() if now is None else now)
        serial = secrets.randbits(63) or 1
        names = tuple(f"{request.operator}@{stack}" for stack in request.stacks) or (request.operator,)
        signed = Certificate(
            f"{request.operator}-{serial}", serial, request.operator, names, key.fingerprint, request.networks, at - BEFORE, at + seconds
        )
        target = request.key.with_name(f"{request.key.name.removesuffix('.pub')}-cert.pub")
        # Written down before it can be used: one that is unknown could not be revoked.
        self._note(signed)
        write_atomic(target, self._signed(signed, line, forwarding=request.forwarding), 0o644, os.geteuid(), os.getegid())
        return signed, target

    def issued(self) -> list[Certificate]:
        """What was signed, the oldest first.

        :raises AuthorityError: the log is damaged.
        """
        certificates = []
        for number, line in enumerate((read_text(self.log) or "").splitlines(), 1):
            try:
                raw: dict[str, Any] = json.loads(line)
                raw |= {name: tuple(raw[name]) for name in ("principals", "networks")}
                certificates.append(Certificate(**raw))
            except (ValueError, TypeError, KeyError) as error:
                raise AuthorityError(f"{self.log}, line {number} is damaged: {error}") from None
        return certificates

    def _judge(self, request: Request) -> int:
        """How long it is valid, in seconds."""
        if not NAME.fullmatch(request.operator):
            raise AuthorityError(f"{request.operator!r} is no name of an operator")
        for stack in request.stacks:
            if not _STACK.fullmatch(stack):
                raise AuthorityError(f"{stack!r} is no name of a stack")
        seconds = int(parse_duration(request.duration))
        if not 60 <= seconds <= LONGEST:
            raise AuthorityError(f"--for {request.duration}: write from 1m to 24h; who needs more has a key in the declaration")
        return seconds

    def _signed(self, certificate: Certificate, line: str, *, forwarding: bool) -> str:
        options = ["clear", "permit-pty", *(["permit-port-forwarding"] if forwarding else [])]
        options += [f"source-address={','.join(certificate.networks)}"] if certificate.networks else []
        with tempfile.TemporaryDirectory() as name:
            key = Path(name) / "key.pub"
            key.write_text(f"{line}\n")
            argv = ["ssh-keygen", "-q", "-s", str(self.key), "-I", certificate.id, "-n", ",".join(certificate.principals)]
            argv += ["-z", str(certificate.serial), "-V", f"{_stamp(certificate.begins)}:{_stamp(certificate.ends)}"]
            argv += [word for option in options for word in ("-O", option)]
            run([*argv, str(key)], timeout=TYPING)
            return (Path(name) / "key-cert.pub").read_text()

    def _note(self, certificate: Certificate) -> None:
        descriptor = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(json.dumps(asdict(certificate), sort_keys=True) + "\n")
            file.flush()
            os.fsync(descriptor)


def _stamp(at: int) -> str:
    """In the controller's own time zone, as ssh-keygen reads it: a letter for UTC is known since 9.1 only."""
    return time.strftime("%Y%m%d%H%M%S", time.localtime(at))


def current(certificates: Sequence[Certificate], now: float) -> list[Certificate]:
    """Those that are valid still."""
    return [certificate for certificate in certificates if now < certificate.ends]
