# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The test CA, the certificates of the services, and the SSH key of the unprivileged user; made once."""

from __future__ import annotations

from pathlib import Path

from cache import CACHE, PATHS, alone
from engine import run

# By certificate, the names it is for. An older checkout makes its own again for its own names, and leaves the others.
SERVED = {
    "server": ",".join(f"DNS:{name}.example.test" for name in ("pebble", "names", "registry", "receivers")) + ",DNS:localhost,IP:127.0.0.1",
    "targets": "DNS:s3.example.test,DNS:rest.example.test",
    "private": "DNS:private.example.test",  # the registry of tests/guide
}


def public_key() -> str:
    """The public half of the key that opens every test host."""
    key = PATHS["key"]
    with alone("key"):
        if not key.exists():
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "latentum-ops-test", "-f", str(key)])
    return key.with_suffix(".pub").read_text()


def ensure_pki() -> None:
    """A CA, and the certificates of the services (ECDSA P-256, ten years)."""
    pki = CACHE / "pki"
    with alone("pki"):
        pki.mkdir(parents=True, exist_ok=True)
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3650"]
        if not (pki / "ca.pem").exists():
            make_ca(pki, curve)
        for server, served in SERVED.items():
            names = pki / f"{server}.names"
            if not names.exists() or names.read_text() != served:
                # The authority stays: hosts that run trust it.
                make_server(pki, curve, server, served)
                names.write_text(served)


def make_ca(pki: Path, curve: list[str]) -> None:
    """The authority that all hosts of the tests trust."""
    run([
        "openssl", "req", "-x509", *curve, "-subj", "/CN=latentum.ops test CA", "-addext", "basicConstraints=critical,CA:TRUE",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", str(pki / "ca.key"), "-out", str(pki / "ca.pem"),
    ])  # fmt: skip


def make_server(pki: Path, curve: list[str], server: str, served: str) -> None:
    """A certificate for these names."""
    run([
        "openssl", "req", "-x509", *curve, "-subj", "/CN=latentum.ops test services",
        "-CA", str(pki / "ca.pem"), "-CAkey", str(pki / "ca.key"),
        "-addext", f"subjectAltName={served}", "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth",
        "-keyout", str(pki / f"{server}.key"), "-out", str(pki / f"{server}.pem"),
    ])  # fmt: skip
    # Only for these services, and read by their unprivileged users.
    (pki / f"{server}.key").chmod(0o644)
