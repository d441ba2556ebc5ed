# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our sites beside those of others, in one nginx: where they come in and what they listen on, so that each of theirs answers as before.

nginx decides about a connection by the address that it came to, and only then by names (ngx_http_core_module, ``listen``). Of the servers
on an address, the first that is read answers to unknown names, unless one says ``default_server``: so ours are read last. And whoever
listens on an address answers to all names there: a ``listen [::]:443`` of ours, where theirs listen on IPv4 only, would take their clients
with IPv6, whom nobody answered before, and who therefore came by IPv4.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import PurePosixPath

from .config_tree import Directive
from .site_file import SITES

MAIN = "/etc/nginx/nginx.conf"
# Read last in its folder; which one is the last that a main file includes, it says itself.
NAME = "zz-latentum-ops.conf"
PLACES = (f"/etc/nginx/conf.d/{NAME}", f"/etc/nginx/sites-enabled/{NAME}")
COMMENT = re.compile(r"#.*$", re.MULTILINE)
INCLUDE = re.compile(r"\binclude\s+[\"']?([^;\"']+?)[\"']?\s*;")
# An address of `listen` in brackets, or with a port, or one of both; a socket of the file system has neither.
_ADDRESS = re.compile(r"(?:(\[[^]]*\]|[^:\s]*):)?(\d+)$")


@dataclass(frozen=True)
class Listen:
    """An address of ``listen``.

    :param host: an address, a name, or ``*``; of IPv6 in brackets.
    """

    host: str
    port: int
    both: bool = False  # IPv6 and IPv4 by one socket

    @property
    def ipv6(self) -> bool:
        return self.host.startswith("[")

    @property
    def wildcard(self) -> bool:
        """All addresses of the host."""
        return self.host in {"*", "0.0.0.0", "[::]"}  # noqa: S104 - told apart, not listened on


def place(main: str) -> str:
    """The path of our file that a main file includes, of two the one that it includes later; empty for none."""
    patterns = (str(PurePosixPath(MAIN).parent / pattern) for pattern in INCLUDE.findall(COMMENT.sub("", main)))
    included = [path for pattern in patterns for path in PLACES if fnmatch(path, pattern)]
    return included[-1] if included else ""


def parsed(listen: str) -> Listen | None:
    """The address in the words of ``listen``; None for a socket of the file system."""
    first, _space, options = listen.partition(" ")
    if first.startswith("unix:"):
        return None
    if match := _ADDRESS.match(first):
        return Listen(match[1] or "*", int(match[2]), "ipv6only=off" in options)
    return Listen(first, 80, "ipv6only=off" in options)


def ipv4_only(listens: Iterable[str]) -> list[int]:
    """Ports on which servers of others listen, and none of them on an address of IPv6.

    :param listens: the words of each ``listen`` of theirs.
    """
    addresses = [address for listen in listens if (address := parsed(listen))]
    return sorted({address.port for address in addresses} - {address.port for address in addresses if address.ipv6})


def hiding(listens: Iterable[str], ports: Iterable[int] = (80, 443)) -> list[str]:
    """Addresses of others that are named where ours listen on all: connections to these never come to ours."""
    addresses = (address for listen in listens if (address := parsed(listen)))
    return sorted(
        {
            f"{address.host}:{address.port}"
            for address in addresses
            if address.port in set(ports) and not address.wildcard and not _local(address.host)
        }
    )


def _local(host: str) -> bool:
    return host == "localhost" or host == "[::1]" or host.startswith("127.")


def set_by_others(tree: Iterable[Directive]) -> list[str]:
    """Names of directives that stand in their http block itself, and can stand there once only."""
    return sorted(
        {directive.name for http in tree if http.name == "http" for directive in http.block or () if directive.file not in PLACES}
    )


def theirs(tree: Iterable[Directive]) -> Iterator[str]:
    """The words of each ``listen`` of a server that is not ours; a server without one listens on port 80."""
    for http in tree:
        for server in http.own("server") if http.name == "http" else ():
            if server.file not in PLACES and not server.file.startswith(f"{SITES}/"):
                yield from [" ".join(listen.words) for listen in server.own("listen")] or ["80"]
