# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of role log_shipping, rendered by Ansible, and a real rsyslogd that reads them.

Needs an rsyslogd on this machine, or the folder of Debian's unpacked packages in C(LATENTUM_TEST_RSYSLOG).
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_runs import AnsibleRuns
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ...free_ports import free_port
from .. import rendering
from ..rendering import Rendered

ROOT = Path(__file__).resolve().parents[4]
ROLE = ROOT / "roles/log_shipping"
UNPACKED = os.environ.get("LATENTUM_TEST_RSYSLOG", "")
RSYSLOGD = f"{UNPACKED}/usr/sbin/rsyslogd" if UNPACKED else shutil.which("rsyslogd", path=f"{os.environ['PATH']}:/usr/sbin") or ""
needs_rsyslogd = pytest.mark.skipif(not RSYSLOGD, reason="no rsyslogd on this machine (LATENTUM_TEST_RSYSLOG names a folder with one)")
PATIENCE = 600.0  # seconds, on a machine that is busy with other things
CONFIG = "/etc/latentum-ops/logs/rsyslog.conf"
SETTINGS = "/etc/latentum-ops/logs/settings.json"
ON: dict[str, Any] = {"log_shipping_enabled": True, "log_shipping_host": "web1"}
RECEIVES: dict[str, Any] = {
    **ON,
    "log_shipping_listen": "10.0.0.5:6514",
    "log_shipping_senders": ["web1.example.com", "*.shop.example.com"],
}
SINKS: list[dict[str, Any]] = [
    {
        "name": "loki",
        "kind": "loki",
        "url": "https://loki.example.com:3100",
        "user": "shipper",
        "password_file": "/etc/latentum-ops/secrets/shop/loki_password",
        "authority": "/etc/ssl/loki.pem",
    },
    {
        "name": "search",
        "kind": "opensearch",
        "url": "https://search.example.com:9200",
        "queue": "4G",
        "static": {"environment": "production"},
    },
]
OWN = ("units", "others", "purge", "checks", "activate", "settings", "masks", "files_numbers", "preflight")


def render(variants: dict[str, dict[str, Any]], ansible: AnsibleRuns, folder: Path) -> dict[str, Rendered]:
    """What the role makes of each set of variables."""
    own = {part: f"__log_shipping_{part}" for part in OWN}
    return rendering.render(Rendered, ROLE, "__log_shipping_files", own, variants, ansible, folder)


def environment() -> dict[str, str]:
    """Where an unpacked rsyslogd finds its libraries."""
    libraries = [str(path) for path in Path(UNPACKED or "/none").glob("usr/lib/*-linux-gnu")]
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(libraries)} if libraries else dict(os.environ)


def command(config: Path, *more: str) -> list[str]:
    """Rsyslogd with a configuration, as the unit starts it, or as the check does."""
    modules = [f"-M{path}" for path in Path(UNPACKED or "/none").glob("usr/lib/*-linux-gnu/rsyslog")]
    return [RSYSLOGD, *more, *modules, "-f", str(config)]


class Receiver:
    """The log host: an rsyslogd with the role's configuration, its paths and port in a folder of this machine."""

    def __init__(self, folder: Path, config: str, certificates: dict[str, str], tree: Path | None = None) -> None:
        self.folder, self.port = folder, free_port()
        self.tree = tree or folder / "tree"
        self.state = folder / "receiver"
        for path in (self.tree, self.state):
            path.mkdir(parents=True, exist_ok=True)
        for there, here in {
            "/usr/bin/python3 -B -m latentum_ops.logs write": f"{sys.executable} -B -m latentum_ops.logs write {folder}/settings.json",
            "/var/lib/latentum-ops/log-receiver": str(self.state),
            '"10.0.0.5"': '"127.0.0.1"',
            '"6514"': f'"{self.port}"',
            **{f"/etc/latentum-ops/logs/{name}.pem": path for name, path in certificates.items()},
        }.items():
            assert there in config, there
            config = config.replace(there, here)
        # As the engine is installed on a host: by another name.
        (folder / "engine").mkdir()
        (folder / "engine/latentum_ops").symlink_to(ROOT / "plugins/module_utils")
        (folder / "settings.json").write_text(json.dumps({"host": "logs", "tree": str(self.tree), "state": str(self.state)}))
        self.config = folder / "rsyslog.conf"
        self.config.write_text(config)
        self.process: subprocess.Popen[bytes] | None = None

    def _environment(self) -> dict[str, str]:
        return {**environment(), "PYTHONPATH": str(self.folder / "engine")}

    def start(self) -> None:
        """Start it, and wait until it listens."""
        with (self.state / "said").open("ab") as said:
            self.process = subprocess.Popen(command(self.config, "-n", "-iNONE"), env=self._environment(), stdout=said, stderr=said)
        until = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
                return
            except OSError:
                assert self.process.poll() is None and time.monotonic() < until, self.said()
                time.sleep(0.05)

    def stop(self, *, kill: bool = False) -> None:
        """End it, by SIGTERM as systemd does."""
        if self.process is not None:
            if kill:
                self.process.kill()
            else:
                self.process.terminate()
            self.process.wait(timeout=PATIENCE)
        self.process = None

    def said(self) -> str:
        """Its own messages."""
        path = self.state / "said"
        return path.read_text() if path.exists() else ""


@dataclass
class Authority:
    """An authority of tests, and what it has signed."""

    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Logs")])
        certificate = self._sign(self._name, self._key, None, days=10)
        (self.folder / "authority.pem").write_bytes(certificate)

    def _sign(self, name: x509.Name, key: ec.EllipticCurvePrivateKey, host: str | None, days: int) -> bytes:
        now = datetime.now(timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=20))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
        )
        if host:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def issue(self, host: str, days: int = 5) -> dict[str, str]:
        """Paths of authority, certificate and key for a name."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
        (self.folder / f"{host}.pem").write_bytes(self._sign(name, key, host, days))
        (self.folder / f"{host}.key").write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        return {
            "authority": str(self.folder / "authority.pem"),
            "certificate": str(self.folder / f"{host}.pem"),
            "key": str(self.folder / f"{host}.key"),
        }
