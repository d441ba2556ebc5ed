# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connection draining: waits until nobody can be waiting for an answer of a container that nginx no longer names.

A reload starts new workers; the old ones finish what they have begun. As long as one of them lives, it may hold a request, or a
WebSocket, to an old container. It takes new requests on its kept connections only for ``keepalive_min_timeout``.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from ..core.atomic_files import read_text

PROC = Path("/proc")
PID_FILE = Path("/run/nginx.pid")
# Where role nginx writes its settings: of all, or of our servers beside those of others.
CONFIGURATION = (Path("/etc/nginx/nginx.conf"), Path("/etc/nginx/snippets/latentum-server.conf"))
ESTABLISHED = "01"
LOOK = 0.05  # seconds between two looks at /proc, which tells nobody when it changes
MARGIN = 1.0  # seconds beyond keepalive_min_timeout


@dataclass(frozen=True)
class Remaining:
    """What is still there: old workers of nginx, and connections from this host to the addresses."""

    workers: int
    connections: int


def workers() -> set[tuple[int, str]]:
    """The worker processes of nginx now, each with its start time so that a number used again is not mistaken."""
    master = (read_text(PID_FILE) or "").strip()
    fields = {pid: _stat(pid) for pid in (_children(master) if master else ())}
    return {(int(pid), stat[19]) for pid, stat in fields.items() if len(stat) > 19}


def _children(master: str) -> list[str]:
    """Process ids of the children of a process; looking at every process of a host instead takes half a core during a drain."""
    try:
        return (PROC / master / "task" / master / "children").read_text().split()
    except OSError:  # a kernel without CONFIG_PROC_CHILDREN
        return [stat.parent.name for stat in PROC.glob("[0-9]*/stat") if _stat(stat.parent.name)[1:2] == [master]]


def _stat(pid: str) -> list[str]:
    """The fields of proc_pid_stat(5) from the state on; empty when the process is gone."""
    return _of_process(PROC / pid / "stat").rpartition(")")[2].split()


def leaving(among: Collection[tuple[int, str]]) -> set[tuple[int, str]]:
    """Those workers that finish what they have and take nothing new."""
    return {process for process in among if "shutting down" in _of_process(PROC / str(process[0]) / "cmdline")}


def _of_process(path: Path) -> str:
    """A file of a process, empty when it is gone: also between opening and reading (ESRCH, proc(5))."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def connections(addresses: Collection[str]) -> int:
    """Established TCP connections from this host to these ``address:port`` (proc_net_tcp(5))."""
    wanted = {_hexadecimal(address) for address in addresses}
    count = 0
    for line in (read_text(PROC / "net/tcp") or "").splitlines()[1:]:
        fields = line.split()
        count += len(fields) > 3 and fields[3] == ESTABLISHED and fields[2] in wanted
    return count


def _hexadecimal(address: str) -> str:
    """``172.18.0.2:8080`` as the kernel prints it: bytes of the address in the host's order, which is little endian here."""
    host, _colon, port = address.rpartition(":")
    octets = "".join(f"{int(part):02X}" for part in reversed(host.split(".")))
    return f"{octets}:{int(port):04X}"


def floor() -> float:
    """Seconds in which an old worker may take new requests on kept connections."""
    timeouts = (re.search(r"^\s*keepalive_min_timeout\s+(\d+)s?;", read_text(file) or "", re.MULTILINE) for file in CONFIGURATION)
    return max((float(process[1]) for process in timeouts if process), default=0.0)


def wait(
    before: set[tuple[int, str]], addresses: Collection[str] | None, timeout: float, progress: Callable[[Remaining], None] | None = None
) -> Remaining | None:
    """Wait until nobody is left.

    Drained is: all workers from before the reload are gone. Or, where a worker stays for the sake of another service's
    WebSocket: it takes no new request any more, and no connection goes to the addresses.

    :param before: the workers before the reload.
    :param addresses: ``address:port`` of the containers that are to go; None where they are reached at others that nobody here knows, as
        those of a project that is taken over: then only the end of the workers is drained.
    :param timeout: seconds.
    :return: None when drained, otherwise what was left when the time was up.
    """
    started = time.monotonic()
    settled = floor() + MARGIN
    while True:
        present = workers()
        old = (before & present) | leaving(present)
        if not old:
            return None
        left = Remaining(len(old), connections(addresses or ()))
        waited = time.monotonic() - started
        if addresses is not None and waited >= settled and not left.connections:
            return None
        if waited >= timeout:
            return left
        if progress:
            progress(left)
        time.sleep(LOOK)
