# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports of the SSH server that other files than our own set: sshd would listen there as well, and the firewall would close them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..schema.nodes import Problem
from .host import Host

MAIN = Path("/etc/ssh/sshd_config")
OWN = Path("/etc/ssh/sshd_config.d/10-latentum-ops.conf")
# `Port 2222`, `ListenAddress 192.0.2.1:2222`, `ListenAddress [2001:db8::1]:2222`; sshd_config(5). A bare IPv6 address has no port.
_PORT = re.compile(r"^\s*(?:Port[\s=]+\"?(\d+)|ListenAddress[\s=]+(?:[^\s:]+|\[[^\]]+\]):(\d+))", re.IGNORECASE)


def elsewhere(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """sshd listens, or would listen, on a port that is not ``ssh_hardening_port``."""
    declared = int(wanted["ssh_hardening"]["port"])
    effective = listening(host.output(["sshd", "-T"]) or "")
    named = set()
    for file in [MAIN, *host.files(str(OWN.parent), "*.conf")]:
        for port, line in _set_in(host, file):
            if port != declared and (port in effective or not effective) and port not in named:
                named.add(port)
                yield _problem(declared, port, file, line)
    at = host.connection
    if at and at.port not in {declared, *effective, *named} and host.listens(at.port):
        what = f"this run is connected to port {at.port}, which sshd's own configuration does not have (`systemctl cat ssh.socket`?)"
        yield Problem("ssh_hardening_port", str(declared), what, f"set ssh_hardening_port: {at.port}, or connect to the port of sshd")


def listening(shown: str) -> set[int]:
    """The ports in the output of ``sshd -T``; none where sshd did not say."""
    addresses = re.findall(r"^listenaddress \S+:(\d+)$", shown, re.MULTILINE)
    return set(map(int, addresses or re.findall(r"^port (\d+)$", shown, re.MULTILINE)))


def _set_in(host: Host, file: Path) -> Iterator[tuple[int, str]]:
    """Ports that a file of somebody else sets, each with its line."""
    text = host.read(file) or ""
    if file == OWN or (file == MAIN and "10-latentum-ops.conf decides" in text):
        return
    for line in text.splitlines():
        if set_here := _PORT.match(line):
            yield int(set_here[1] or set_here[2]), line.strip()


def _problem(declared: int, port: int, file: Path, line: str) -> Problem:
    if file == MAIN:
        happens = f"{file} says `{line}`; role ssh_hardening writes that file anew, and sshd would leave port {port}"
        fix = f"set ssh_hardening_port: {port}"
    else:
        happens = f"{file} says `{line}`, and ports add up: sshd would listen on {port} too, where the firewall shuts everybody out"
        fix = f"set ssh_hardening_port: {port}, or remove that line"
    return Problem("ssh_hardening_port", str(declared), happens, f"{fix} (firewall_ssh_port and fail2ban_ssh_port follow)")
