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
import snapshot
from cache import PATHS, alone
from engine import LABEL, HostsError, docker
from rootfs import host_image

ROLE = f"{LABEL}.role"
PORTS = range(20000, 30000)
# Linux capabilities by their bit (linux/capability.h), without those that Docker 20.10 does not know.
CAPABILITIES = """
    CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST
    NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE
    SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM
    BLOCK_SUSPEND AUDIT_READ
""".split()  # noqa: SIM905 - a table by position reads better so


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
            "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_ssh_private_key_file": str(PATHS["key"]),
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={PATHS['known_hosts']} -o IdentitiesOnly=yes",
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
    inspected = docker("container", "inspect", "--format", "{{json .Config.Labels}}", name, check=False)
    return dict(json.loads(inspected.stdout) or {}) if inspected.returncode == 0 else None


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
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", name):
        raise HostsError(f"{name!r} cannot be a host's name: write lower-case letters, digits and hyphens")
    for address in publish:
        if not address.startswith("127.0.0.1:"):
            raise HostsError(f"--publish {address}: test hosts are published on 127.0.0.1 only: write 127.0.0.1:PORT:PORT")
    start_image = image or host_image(platform)
    network.ensure()
    with alone("containers"):
        remove(name)
        create(name, start_image, aliases, publish)
        snapshot.restore(name, start_image)
        docker("start", name)
    settle(name, bare=image is None)


def create(name: str, image: str, aliases: Sequence[str], publish: Sequence[str]) -> None:
    """The container, with all that systemd and an engine inside need and nothing that this machine cannot give."""
    argv = ["create", "--name", name, "--hostname", name, "--label", f"{LABEL}=1", "--label", f"{ROLE}=host", "--network", network.NAME]
    for alias in [name, f"{name}.example.test", *aliases]:
        argv += ["--network-alias", alias]
    argv += ["--cap-drop", "ALL", *(f"--cap-add={capability}" for capability in capabilities())]
    argv += ["--security-opt", "seccomp=unconfined", "--security-opt", "systempaths=unconfined", "--security-opt", "apparmor=unconfined"]
    argv += ["--cgroupns=private", "--device-cgroup-rule", "a *:* rwm", "--sysctl", "net.ipv6.conf.all.disable_ipv6=0"]
    argv += ["--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp:exec,mode=1777", "--volume", "/var/lib/docker"]
    for address in [f"127.0.0.1:{free_port(name)}:22", *publish]:
        argv += ["--publish", address]
    docker(*argv, image)


def restart(name: str) -> None:
    """Reboot: every process ends, /run and /tmp are empty, the disk stays."""
    endpoint(name)
    docker("restart", "--time", "60", name)
    settle(name)


def settle(name: str, *, bare: bool = False, deadline: float = 120) -> None:
    """Wait until systemd has finished starting and sshd greets; then learn the host's keys. A bare host has no failed unit."""
    end = time.monotonic() + deadline
    state = ""
    while time.monotonic() < end:
        shown = docker("exec", name, "systemctl", "is-system-running", check=False)
        state = shown.stdout.strip() or shown.stderr.strip()
        if state in {"running", "degraded"} and greets(endpoint(name).port):
            if bare and state == "degraded":
                failed = docker("exec", name, "systemctl", "list-units", "--failed", "--plain", "--no-legend", check=False).stdout
                raise HostsError(f"host {name} started with failed units, which a bare host must not have:\n{failed}")
            write_known_hosts()
            return
        if docker("container", "inspect", "--format", "{{.State.Running}}", name, check=False).stdout.strip() != "true":
            break
        time.sleep(0.2)
    log = docker("logs", "--tail", "15", name, check=False)
    journal = docker("exec", name, "journalctl", "--no-pager", "--lines", "15", check=False)
    raise HostsError(f"host {name} did not come up in {deadline:.0f} s (state: {state}):\n{log.stdout}{log.stderr}{journal.stdout}")


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
    with alone("known-hosts"):
        lines = []
        for name in running():
            shown = docker("exec", name, "sh", "-c", "cat /etc/ssh/ssh_host_*_key.pub", check=False)
            try:
                port = endpoint(name).port
            except HostsError:
                continue
            lines += [f"[127.0.0.1]:{port} {' '.join(line.split()[:2])}" for line in shown.stdout.splitlines()]
        target = PATHS["known_hosts"]
        fresh = target.with_suffix(".new")
        fresh.write_text("".join(f"{line}\n" for line in lines))
        fresh.replace(target)


def inventory(names: Sequence[str]) -> dict[str, dict[str, dict[str, dict[str, object]]]]:
    """An inventory of these hosts, or of all that run."""
    chosen = list(names) or list(running())
    return {"all": {"hosts": {name: endpoint(name).variables() for name in chosen}}}
