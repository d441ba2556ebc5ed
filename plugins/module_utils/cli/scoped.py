# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""opsctl for operators with scopes: what their rule of sudo names, and nothing else of theirs is.

`/usr/local/lib/latentum-ops/scoped/opsctl` runs this as root, in Python's isolated mode: neither the folder that one stands in nor a
variable of the caller says where code comes from. Who calls is what sudo says (SUDO_UID, which it sets itself), and what they may is in a
file of root's. Whoever is not in it may nothing.
"""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Mapping

from ..access import register
from ..access.operators import Operator
from . import main as command
from .errors import FORBIDDEN
from .gate import Forbidden
from .output import aside

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What the terminal is like and where the connection comes from; all else is root's own.
KEPT = ("LANG", "LC_ALL", "LC_CTYPE", "TERM", "NO_COLOR", "COLUMNS", "LINES", "SSH_CONNECTION", "SUDO_UID", "SUDO_GID", "SUDO_USER")


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """What programs that are started see."""
    kept = {name: given[name] for name in KEPT if name in given}
    return {"PATH": PATH, "HOME": "/root", "USER": "root", "LOGNAME": "root", "SHELL": "/bin/sh", **kept}


def caller(given: Mapping[str, str]) -> Operator:
    """Who calls.

    :raises Forbidden: nobody who may do anything.
    :raises ValueError: the file of operators is damaged.
    """
    if os.geteuid() != 0 or not given.get("SUDO_UID", "").isdigit():
        raise Forbidden("this is what sudo runs for operators with scopes: write sudo opsctl")
    try:
        name = pwd.getpwuid(int(given["SUDO_UID"])).pw_name
    except KeyError:
        raise Forbidden(f"uid {given['SUDO_UID']} is no account of this host") from None
    operator = register.load().of(name)
    if operator is None:
        raise Forbidden(f"{name} is no operator of this host")
    return operator


def main() -> int:
    """One verb, within the scopes of whoever calls."""
    try:
        operator = caller(os.environ)
    except (Forbidden, ValueError, OSError) as error:
        aside(f"opsctl: {error}")
        return FORBIDDEN
    wanted = environment(os.environ)
    os.environ.clear()
    os.environ.update(wanted)
    sys.argv[0] = "opsctl"
    return command.main(operator)
