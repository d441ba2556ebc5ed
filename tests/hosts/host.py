# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One throw-away host: a container with systemd as PID 1 and room for a Docker engine of its own, reached over SSH."""

from __future__ import annotations

import json
import re
import socket
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import network
from cache import PATHS
from engine import LABEL, HostsError, docker
from keys import public_key
from rootfs import host_image

ROLE = f"{LABEL}.role"
PORTS = range(20000, 30000)
# Linux capabilities by their bit (linux/capability.h), without those that Docker 20.10 does not know.
CAPABILITIES = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST"
    " NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE"
    " SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM"
    " BLOCK_SUSPEND AUDIT_READ"
).split()


@dataclass(frozen=True)
class Endpoint:
    """Where a host's sshd is reached from this machine."""

    name: str
    port: int

    def variables(self) -> dict[str, object]:
        """Inventory variables of the host."""
        return {
            "ansible_host": "127.0.0.1",
            "ansible_port": self.port,
            "ansible_user": "ops",
            "ansible_ssh_private_key_file": str(PATHS["key"]),
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={PATHS['known_hosts']}",
        }


def capabilities() -> list[str]:
    """The capabilities in this machine's bounding set (inside a VM of a cloud some may be missing)."""
    bounding = 2 ** len(CAPABILITIES) - 1
    status = Path("/proc/1/status")
    if status.exists() and (line := re.search(r"CapBnd:\s+([0-9a-f]+)", status.read_text())):
        bounding = int(line[1], 16)
    return [name for bit, name in enumerate(CAPABILITIES) if bounding >> bit & 1]


def labels(name: str) -> dict[str, str] | None:
    """The labels of the container of that name; None when there is none."""
    found = docker("container", "inspect", "--format", "{{json .Config.Labels}}", name, check=False)
    return dict(json.loads(found.stdout) or {}) if found.returncode == 0 else None


def remove(name: str) -> bool:
    """Remove our container of that name with its volumes; refuse anybody else's."""
    carried = labels(name)
    if carried is None:
        return False
    if carried.get(LABEL) != "1":
        raise HostsError(f"a container {name} exists that is not ours (label {LABEL}): remove or rename it yourself")
    docker("rm", "--force", "--volumes", name)
    return True


def free_port(name: str) -> int:
    """A loopback port for the host's sshd: by the name, so that it is the same next time, unless it is taken."""
    start = zlib.crc32(name.encode()) % len(PORTS)
    for offset in range(200):
        port = PORTS[(start + offset) % len(PORTS)]
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise HostsError("no free loopback port between 20000 and 30000")


def up(name: str, platform: str, aliases: Sequence[str], publish: Sequence[str], image: str | None = None) -> None:
    """Start a fresh host in place of an earlier one of the same name, and wait until it can be used."""
    start_image = image or host_image(platform, public_key())
    network.ensure()
    remove(name)
    for one in publish:
        if not one.startswith("127.0.0.1:"):
            raise HostsError(f"--publish {one}: test hosts are published on 127.0.0.1 only: write 127.0.0.1:PORT:PORT")
    argv = ["run", "--detach", "--name", name, "--hostname", name, "--label", f"{LABEL}=1", "--label", f"{ROLE}=host", "--network", network.NAME]
    for alias in [name, f"{name}.example.test", *aliases]:
        argv += ["--network-alias", alias]
    argv += ["--cap-drop", "ALL", *(f"--cap-add={capability}" for capability in capabilities())]
    argv += ["--security-opt", "seccomp=unconfined", "--security-opt", "systempaths=unconfined", "--security-opt", "apparmor=unconfined"]
    argv += ["--cgroupns=private", "--device-cgroup-rule", "a *:* rwm", "--sysctl", "net.ipv6.conf.all.disable_ipv6=0"]
    argv += ["--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp:exec,mode=1777", "--volume", "/var/lib/docker"]
    for one in [f"127.0.0.1:{free_port(name)}:22", *publish]:
        argv += ["--publish", one]
    docker(*argv, start_image)
    settle(name)


def restart(name: str) -> None:
    """Reboot: every process ends, /run and /tmp are empty, the disk stays."""
    docker("restart", "--time", "60", name)
    settle(name)


def settle(name: str, deadline: float = 120) -> None:
    """Wait until systemd has finished starting and sshd greets; then learn the host's keys."""
    end = time.monotonic() + deadline
    state = ""
    while time.monotonic() < end:
        shown = docker("exec", name, "systemctl", "is-system-running", check=False)
        state = shown.stdout.strip() or shown.stderr.strip()
        if state in {"running", "degraded"} and greets(endpoint(name).port):
            write_known_hosts()
            return
        time.sleep(0.3)
    log = docker("logs", "--tail", "15", name, check=False)
    raise HostsError(f"host {name} did not come up in {deadline:.0f} s (state: {state}): {log.stdout}{log.stderr}")


def greets(port: int) -> bool:
    """An SSH server greets on this loopback port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def endpoint(name: str) -> Endpoint:
    """Where the host's sshd is published."""
    shown = docker("port", name, "22/tcp").stdout.splitlines()
    if not shown:
        raise HostsError(f"host {name} is not running: `hosts.py up {name}`")
    return Endpoint(name, int(shown[0].rsplit(":", 1)[1]))


def running() -> Iterator[str]:
    """Names of the test hosts that run."""
    shown = docker("ps", "--filter", f"label={ROLE}=host", "--format", "{{.Names}}").stdout
    yield from sorted(shown.split())


def write_known_hosts() -> None:
    """The real keys of all running hosts, asked through the engine, so that SSH's own check stays on."""
    lines = []
    for name in running():
        shown = docker("exec", name, "sh", "-c", "cat /etc/ssh/ssh_host_*_key.pub", check=False)
        try:
            port = endpoint(name).port
        except HostsError:
            continue
        lines += [f"[127.0.0.1]:{port} {' '.join(line.split()[:2])}" for line in shown.stdout.splitlines()]
    target = PATHS["known_hosts"]
    fresh = target.with_suffix(f".{time.monotonic_ns()}")
    fresh.write_text("\n".join(lines) + "\n")
    fresh.replace(target)


def inventory(names: Sequence[str]) -> dict[str, object]:
    """An inventory of these hosts, or of all that run."""
    chosen = list(names) or list(running())
    return {"all": {"hosts": {name: endpoint(name).variables() for name in chosen}}}
