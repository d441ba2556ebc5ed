# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What callers of routes with authentication have: `callers.py FOLDER`.

Leaves there an authority of clients (machines.pem) with its revocation list (machines.crl), certificates with their keys of a `good`, a
`revoked`, an `expired` and a `foreign` caller, and the key that signs tokens (signer.key) with its public half (signer.pub).
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

import pki
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec


def main(folder: Path) -> None:
    """All of them, for the day."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    machines, others = pki.Authority("machines", folder), pki.Authority("others", folder)
    made = {name: machines.client(name, expired=name == "expired") for name in ("good", "revoked", "expired")}
    made["foreign"] = others.client("foreign")
    for name, (file, _certificate) in made.items():
        file.replace(folder / f"{name}.pem")
    (folder / "machines.crl").write_text(machines.revoked([made["revoked"][1]]))
    signer = ec.generate_private_key(ec.SECP256R1())
    private = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / "signer.key").touch(mode=0o600)
    (folder / "signer.key").write_bytes(signer.private_bytes(*private))
    (folder / "signer.pub").write_bytes(signer.public_key().public_bytes(*public))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
