# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb of opsctl for what containers may reach beyond their host."""

from __future__ import annotations

import argparse
from typing import Any

from ..core.format import columns
from ..firewall import containment, egress
from .arguments import shared
from .output import Output


def add_parsers(verbs: Any) -> None:
    """The command line of the verb."""
    ways = verbs.add_parser("egress").add_subparsers(dest="way", required=True)
    ways.add_parser("show", parents=[shared(stack="")], help="by network: names, their addresses, ports")
    ways.add_parser("refresh", parents=[shared(stack="")], help="ask DNS for the names (run by systemd, each minute)")


def run_verb(options: argparse.Namespace, output: Output) -> int:
    """Carry out the verb; exit status 1 where DNS has no address for a name."""
    if options.way == "refresh":
        silent = containment.refresh()
        output.result({"without_address": silent}, "".join(f"{name} has no address now\n" for name in silent).rstrip() or None)
        return 1 if silent else 0
    known = egress.addresses(containment.ADDRESSES)
    rows: list[dict[str, Any]] = []
    table = [["stack", "network", "to", "port", "addresses"]]
    for stack, each in containment.accesses().items():
        for access in each:
            for there in access.egress:
                addresses = known.get(there.name, []) if there.name else [there.to]
                rows.append({"stack": stack, "network": access.name, **there.to_dict(), "addresses": addresses})
                table.append([stack, access.name, there.to, f"{there.port}/{there.protocol}", ", ".join(addresses) or "none yet"])
    output.result({"egress": rows}, "\n".join(columns(table)) if rows else "no network declares any: containers reach everything")
    return 0
