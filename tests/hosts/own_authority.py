# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small authority for scenarios, as a company has one: `own_authority.py FOLDER NAME…` leaves root.pem, chain.pem and key.pem there."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def openssl(folder: Path, *argv: str) -> None:
    """One call of openssl, silent unless it fails."""
    done = subprocess.run(["openssl", *argv], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)


def signed(folder: Path, name: str, subject: str, issuer: str, extensions: str, days: int) -> None:
    """A key and its certificate."""
    (folder / "extensions").write_text(extensions)
    openssl(folder, "req", *KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={subject}")
    made = ("x509", "-req", "-in", f"{name}.csr", "-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key", "-CAcreateserial", "-days", str(days))
    openssl(folder, *made, "-sha256", "-extfile", "extensions", "-out", f"{name}.pem")


def main(target: Path, names: list[str]) -> None:
    """The files, the last of them when all the others are there."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        root = ("req", "-x509", *KEY, "-keyout", "root.key", "-out", "root.pem", "-subj", "/CN=Test Root", "-days", "365")
        openssl(folder, *root, "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        signed(folder, "issuing", "Test Issuing", "root", "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n", 180)
        alternatives = ",".join(f"DNS:{name}" for name in names)
        extensions = f"basicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName={alternatives}\n"
        signed(folder, "site", names[0], "issuing", extensions, 90)
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, sources in {"root.pem": ("root.pem",), "key.pem": ("site.key",), "chain.pem": ("site.pem", "issuing.pem")}.items():
            path = target / name
            path.touch(mode=0o600)
            path.write_text("".join((folder / source).read_text() for source in sources))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
