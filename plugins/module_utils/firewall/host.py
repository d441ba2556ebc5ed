# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a firewall must know about its host: the connection it is managed through, other managers, Docker's backend."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..core.process import CommandError, run

# Managers of the packet filter that undo the rules of UFW, each with the files of its own.
RIVALS = {
    "firewalld": "/etc/firewalld/zones",
    "nftables": "/etc/nftables.conf",
    "netfilter-persistent": "/etc/iptables/rules.v4 and rules.v6",
}
LISTEN = "0A"  # the state in /proc/net/tcp (include/net/tcp_states.h)


@dataclass(frozen=True)
class Connection:
    """An SSH connection: the client's address and the server's port."""

    client: str
    port: int


def ancestors(proc: Path = Path("/proc"), start: int | None = None) -> Iterator[int]:
    """This process, its parent, and so on; not the first of all."""
    pid = os.getpid() if start is None else start
    while pid > 1:
        yield pid
        try:
            pid = int((proc / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            return


def connection(proc: Path = Path("/proc"), start: int | None = None) -> Connection | None:
    """The SSH connection that this process was started through; None where there is none (a console, a timer, an agent).

    sshd puts SSH_CONNECTION into its child's environment (sshd(8)); sudo takes it out again, so the parents are asked as well.
    """
    for pid in ancestors(proc, start):
        try:
            environment = (proc / str(pid) / "environ").read_bytes()
        except OSError:
            return None
        for variable in environment.split(b"\0"):
            if variable.startswith(b"SSH_CONNECTION="):
                parts = variable.decode(errors="replace").partition("=")[2].split()
                if len(parts) == 4 and parts[3].isdigit():
                    return Connection(parts[0], int(parts[3]))
    return None


def listens(port: int, proc: Path = Path("/proc")) -> bool:
    """Somebody listens on this TCP port; a server that has moved to another port leaves old connections on the former one."""
    for table in ("net/tcp", "net/tcp6"):
        try:
            lines = (proc / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                return True
    return False


def rival(exists: Callable[[Path], bool] = Path.exists) -> str:
    """Another manager of the packet filter that is started at boot; empty when there is none.

    :param exists: whether a path is there on the host.
    """
    wants = Path("/etc/systemd/system")
    for manager in RIVALS:
        if any(exists(wants / f"{target}.target.wants" / f"{manager}.service") for target in ("multi-user", "sysinit", "basic")):
            return manager
    return ""


def docker_backend() -> str:
    """``iptables`` or ``nftables``, as far as Docker says (its engine since 28.3, its configuration before it runs); else empty."""
    try:
        configured = json.loads(Path("/etc/docker/daemon.json").read_text())
    except (OSError, ValueError):
        configured = {}
    if isinstance(configured, dict) and configured.get("firewall-backend"):
        return str(configured["firewall-backend"])
    if not Path("/run/docker.sock").exists():
        return ""
    try:
        done = run(["docker", "info", "--format", "{{json .FirewallBackend}}"], check=False, timeout=20)
        backend = json.loads(done.stdout) if done.rc == 0 else None
    except (CommandError, ValueError):
        return ""
    return str(backend.get("Driver", "")).partition("+")[0] if isinstance(backend, dict) else ""
