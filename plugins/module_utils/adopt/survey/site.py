# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site of a web server or proxy, whichever it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Site:
    """What somebody serves.

    :param server: the program: nginx, apache, caddy, haproxy, traefik.
    :param file: where it is configured; empty for labels of containers.
    :param names: the domains; without any it is the default of its port.
    :param listens: addresses and ports, as they are written.
    :param roots: folders that it serves.
    :param upstreams: what it passes requests to.
    :param certificates: files.
    :param password: it asks for one (``auth_basic``, ``AuthType``, ``basicauth``).
    """

    server: str
    file: str
    line: int = 0
    names: tuple[str, ...] = ()
    listens: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    upstreams: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    password: bool = False

    @property
    def title(self) -> str:
        """How people call it."""
        return " ".join(self.names) or f"the default on {', '.join(self.listens) or 'port 80'}"
