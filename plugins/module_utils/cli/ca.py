# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""opsctl-ca: the authority for certificates of operators, on the controller. The hosts have its public key, and nothing else of it.

It needs Python and ssh-keygen, and no Ansible.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import time
from dataclasses import asdict
from pathlib import Path

from ..access.authority import Authority, AuthorityError, Request, current
from ..core.format import columns
from ..core.process import CommandError
from ..core.times import moment
from .output import aside, say

FOLDER = Path("~/.config/latentum-ops/authority")
REFUSED = 2  # exit status


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="opsctl-ca", description="Short-lived SSH certificates for operators.")
    top.add_argument("--folder", type=Path, default=FOLDER, help=f"where the authority is kept ({FOLDER})")
    verbs = top.add_subparsers(dest="verb", required=True)
    init = verbs.add_parser("init", help="make the authority; its passphrase is asked for")
    init.add_argument("--no-passphrase", action="store_true", help="for a folder that something else encrypts")
    verbs.add_parser("public", help="print its public key, for access_user_authorities")
    sign = verbs.add_parser("sign", help="sign the public key of an operator, for hours")
    sign.add_argument("operator", metavar="OPERATOR")
    sign.add_argument("key", type=Path, metavar="FILE", help="the public key; the certificate comes to lie beside it")
    where = sign.add_mutually_exclusive_group(required=True)
    where.add_argument("--stack", action="append", default=[], metavar="NAME", help="good on hosts of this stack only")
    where.add_argument("--everywhere", action="store_true", help="good on every host that knows the operator")
    sign.add_argument("--for", dest="duration", default="8h", metavar="TIME", help="how long, at most 24h (8h)")
    sign.add_argument("--from", dest="networks", action="append", default=[], metavar="NETWORK", help="good from there only")
    sign.add_argument("--forwarding", action="store_true", help="may forward ports, as far as the host lets the operator")
    listed = verbs.add_parser("list", help="what was signed and is valid still, with the ids for access_revoked")
    listed.add_argument("--all", action="store_true", help="also what has ended")
    listed.add_argument("--json", action="store_true", help="for programs")
    return top


def networks(given: list[str]) -> tuple[str, ...]:
    """Networks as they are declared.

    :raises AuthorityError: one is none.
    """
    try:
        return tuple(str(ipaddress.ip_network(text)) for text in given)
    except ValueError as error:
        raise AuthorityError(f"--from: {error}") from None


def carry_out(options: argparse.Namespace) -> str:
    """One verb; what it prints.

    :raises AuthorityError: it cannot be.
    :raises CommandError: ssh-keygen refuses.
    """
    authority = Authority(options.folder.expanduser())
    if options.verb == "init":
        return authority.make(passphrase=not options.no_passphrase)
    if options.verb == "public":
        return authority.public()
    if options.verb == "list":
        known = authority.issued() if options.all else current(authority.issued(), time.time())
        if options.json:
            return json.dumps([asdict(certificate) for certificate in known], indent=2)
        rows = [["ID", "PRINCIPALS", "FROM", "UNTIL"]]
        rows += [[one.id, ", ".join(one.principals), ", ".join(one.networks) or "anywhere", moment(one.ends)] for one in known]
        return "\n".join(columns(rows))
    request = Request(
        options.operator, options.key, tuple(options.stack), networks(options.networks), options.duration, forwarding=options.forwarding
    )
    signed, target = authority.sign(request)
    return f"{target}\n{signed.id} for {', '.join(signed.principals)}, until {moment(signed.ends)}"


def main() -> int:
    """One verb; errors are one sentence and an exit status."""
    try:
        say(carry_out(parser().parse_args()))
    except (CommandError, ValueError, OSError) as error:
        aside(f"opsctl-ca: {error}")
        return REFUSED
    return 0
