# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site file of ours says: names, certificate, and which upstream each location leads to.

Read from the file itself (template site.conf.j2 of role nginx), so that a file that an earlier version wrote says as much as a new one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..core.atomic_files import read_text

SITES = Path("/etc/nginx/sites.d")
LEFT = "# Left by latentum.ops when it was ejected: nothing writes this file any more, it is yours.\n"  # begins files of an ejected stack
NAMES = re.compile(r"^\s*server_name\s+([^;]+);", re.MULTILINE)
CERTIFICATE = re.compile(r"^\s*ssl_certificate\s+/etc/latentum-ops/tls/([^/;]+)/fullchain\.pem;", re.MULTILINE)
LOCATION = re.compile(r"^\s*location\s+(?:(?:=|\^~)\s+)?(\S+)\s*\{")
PASSED = re.compile(r"^\s*(?:proxy_pass\s+https?|grpc_pass\s+grpcs?)://([A-Za-z0-9_.-]+)\s*;")


SNIPPET = "# Lines of the declaration (snippet)"  # before what an operator wrote in nginx's own language


def has_snippet(content: str) -> bool:
    """The site has lines of nginx that nobody but nginx has tested."""
    return SNIPPET in content


@dataclass(frozen=True)
class SiteFile:
    """One site.

    :param names: domain and aliases; the first is the domain.
    :param certificate: the certificate's name, empty without TLS or with files of somebody else.
    :param locations: match of a location (``/``, ``/api``, ``/api/``) to the name of its upstream; named ones repeat another.
    """

    names: tuple[str, ...] = ()
    certificate: str = ""
    locations: Mapping[str, str] = field(default_factory=dict)


def every() -> list[Path]:
    """The files of all sites: of a server block, and of stacks that have paths in that of another one."""
    return sorted([*SITES.glob("*.conf"), *SITES.glob("*.d/*.site")])


def name_of(path: Path) -> str:
    """The name of the site that a file is of."""
    return path.name.removesuffix(".conf") if path.suffix == ".conf" else path.parent.name.removesuffix(".d")


def is_left(path: Path) -> bool:
    """An ejected stack has left this file."""
    return (read_text(path) or "").startswith(LEFT)


def read(content: str) -> SiteFile:
    """Read the content of a site file."""
    names = NAMES.search(content)
    certificate = CERTIFICATE.search(content)
    locations: dict[str, str] = {}
    match = ""
    for line in content.splitlines():
        if location := LOCATION.match(line):
            match = location[1]
        elif (passed := PASSED.match(line)) and not match.startswith("@"):
            locations[match] = passed[1]
    return SiteFile(tuple(names[1].split()) if names else (), certificate[1] if certificate else "", locations)


def named_upstreams(except_for: Collection[str] = ()) -> set[str]:
    """The upstreams that the sites of this host lead to.

    :param except_for: names of sites that do not count.
    """
    files = [path for path in every() if name_of(path) not in except_for]
    return {name for path in files for name in read(read_text(path) or "").locations.values()}
