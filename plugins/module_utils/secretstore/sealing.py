# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encryption of values on their way from one host's store to another's, by age: readable by the receiving host alone.

The receiver makes a key pair for one transfer, so there is none to rotate, and none that opens an earlier transfer. What passes through
the controller is ciphertext. Plain values and private keys go through pipes and files of mode 0600, never into an argv.
"""

from __future__ import annotations

from pathlib import Path

from ..core.process import CommandError, run


class SealError(ValueError):
    """Sealed data is damaged, or was sealed for another host; or age is missing."""


def new_pair() -> tuple[str, str]:
    """An identity (the private key with its comments, to be kept) and its recipient (the public key, to be sent).

    :raises SealError: age is missing.
    """
    try:
        identity = run(["age-keygen"]).stdout
        return identity, run(["age-keygen", "-y"], input=identity).stdout.strip()
    except CommandError as error:
        raise SealError(f"no key pair can be made: {_reason(error)}") from None


def seal(plain: str, recipient: str) -> str:
    """Encrypt for the holder of this recipient's identity; armored.

    :raises SealError: the recipient is none, or age is missing.
    """
    try:
        return run(["age", "--encrypt", "--armor", "--recipient", recipient], input=plain).stdout
    except CommandError as error:
        raise SealError(
            f"nothing can be sealed for the recipient {recipient!r}: {_reason(error)}; use what state=invited returned"
        ) from None


def unseal(sealed: str, identity: Path) -> str:
    """Decrypt what was sealed for the identity in this file.

    :raises SealError: it was damaged, or sealed for another host.
    """
    try:
        return run(["age", "--decrypt", "--identity", str(identity)], input=sealed).stdout
    except CommandError as error:
        # Without its cause: what age has already decrypted of damaged data stands in that error's standard output.
        raise SealError(
            f"the sealed secrets cannot be opened: they are damaged or were sealed for another host ({_reason(error)}); run again"
        ) from None


def _reason(error: CommandError) -> str:
    """What age says itself."""
    if error.rc == 127:
        return "age is not installed on this host"
    return next((line.removeprefix("age: error: ") for line in error.stderr.splitlines() if line.strip()), f"exit status {error.rc}")
