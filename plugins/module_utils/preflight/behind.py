# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy in front of nginx (``nginx_behind``): what contradicts it in the inventory, and what it cannot have on this host."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ..nginx.behind import EVERYWHERE, VARIABLE, Behind, Beside, against, read
from ..nginx.beside import MAIN, parsed, theirs
from ..schema.nodes import Problem
from .host import Host
from .nginx_sites import tree

NONLOCAL = "/proc/sys/net/ipv{version}/ip_nonlocal_bind"


def contradicted(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """Everything in one pass; nothing without a proxy in front."""
    declared = dict(wanted["nginx"].get("behind") or {})
    behind, problems = read(declared.pop("given", None))
    yield from problems
    if behind is None:
        return
    beside = Beside(**{**declared, "ssh_port": int(declared.get("ssh_port") or 22)})
    yield from against(behind, beside)
    yield from _addresses(host, behind)
    if wanted["nginx"].get("keep_foreign"):
        yield from _shared(host, behind)


def _addresses(host: Host, behind: Behind) -> Iterator[Problem]:
    """nginx does not start on an address that the host does not have."""
    shown = host.output(["ip", "-json", "address"])
    there = {str(entry.get("local")) for link in json.loads(shown) for entry in link.get("addr_info") or ()} if shown else set()
    for index, address in enumerate(behind.listen):
        foreign = not (address.host.is_unspecified or address.host.is_loopback or str(address.host) in there)
        if there and foreign and (host.read(NONLOCAL.format(version=address.host.version)) or "").strip() != "1":
            fix = f"write one of {', '.join(sorted(there))}, or {EVERYWHERE[address.host.version]}:{address.port}"
            yield Problem(f"{VARIABLE}.listen[{index}]", str(address), "is no address of this host: nginx could not start", fix)


def _shared(host: Host, behind: Behind) -> Iterator[Problem]:
    """Sites of others must not listen there: their clients would not come through the proxy, and ours would answer to their names."""
    listens = {f"{at.host}:{at.port}": at for listen in theirs(tree(host)) if (at := parsed(listen))}
    for index, address in enumerate(behind.listen):
        for shown, at in listens.items():
            if at.port == address.port and (at.wildcard or address.host.is_unspecified or shown == str(address)):
                what = f"is where a site of others listens ({shown}, {MAIN} includes it)"
                yield Problem(f"{VARIABLE}.listen[{index}]", str(address), what, "write another port, which nothing uses")
