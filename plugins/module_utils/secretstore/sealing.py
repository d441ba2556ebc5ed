# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values on their way from one host's store to another's: readable by the receiving host alone.

The receiver makes an X25519 key pair for one transfer; the sender derives a key with its own ephemeral pair (HKDF-SHA256) and
encrypts with ChaCha20-Poly1305. What passes through the controller is ciphertext.
"""

from __future__ import annotations

import base64
import os

CONTEXT = b"latentum.ops secret store 1"


class SealError(ValueError):
    """Sealed data is damaged, or was sealed for another host."""


def new_pair() -> tuple[bytes, str]:
    """A private key (raw bytes, to be kept) and its public key (base64, to be sent)."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    private = X25519PrivateKey.generate()
    raw = private.private_bytes(serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption())
    return raw, _encode(private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw))


def seal(plain: bytes, recipient: str) -> str:
    """Encrypt for the holder of this public key; base64.

    :raises SealError: the recipient is no public key.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    try:
        public = X25519PublicKey.from_public_bytes(base64.b64decode(recipient, validate=True))
    except ValueError as error:
        raise SealError("the recipient is no public key: use what state=invited returned") from error
    ephemeral = X25519PrivateKey.generate()
    mine = ephemeral.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    nonce = os.urandom(12)
    return _encode(mine + nonce + ChaCha20Poly1305(_key(ephemeral.exchange(public), mine)).encrypt(nonce, plain, CONTEXT))


def unseal(sealed: str, private: bytes) -> bytes:
    """Decrypt what was sealed for this private key.

    :raises SealError: it was damaged, or sealed for another key.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    try:
        raw = base64.b64decode(sealed, validate=True)
        sender, nonce, data = raw[:32], raw[32:44], raw[44:]
        shared = X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(sender))
        return ChaCha20Poly1305(_key(shared, sender)).decrypt(nonce, data, CONTEXT)
    except (ValueError, InvalidTag) as error:
        raise SealError("the sealed secrets cannot be opened: they are damaged or were sealed for another host; run again") from error


def _key(shared: bytes, sender: bytes) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=hashes.SHA256(), length=32, salt=sender, info=CONTEXT).derive(shared)


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
