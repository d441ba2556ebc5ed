# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a host that say who logs in and who may become what: keys, principals, rules of sudo, the part of sshd.

All of them are root's and lie outside of homes: nobody adds a key by writing into an account, and none that is not declared opens one.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..hostconfig.entries import Entry
from .operators import Key, Operator, SecondFactor
from .places import COMMAND, SCOPED, SCOPED_PATH, SUDOERS, SUDOERS_PREFIX
from .register import FILE, FOLDER, Register

KEYS = FOLDER / "keys"
PRINCIPALS = FOLDER / "principals"
AUTHORITIES = FOLDER / "user_authorities"
REVOKED = FOLDER / "revoked"
SSHD = Path("/etc/ssh/sshd_config.d/20-latentum-ops-access.conf")
SUDO_LOG = Path("/var/log/sudo.log")
ROTATION = Path("/etc/logrotate.d/latentum-access")
HEAD = "# Written by role access of latentum.ops; the next run replaces what is changed here.\n"
ENTRY = f"""#!/usr/bin/python3 -IB
{HEAD}import sys

sys.path.insert(0, "/usr/lib/latentum-ops")
from latentum_ops.core.tracebacks import mask_tracebacks

mask_tracebacks()
from latentum_ops.cli.scoped import main

raise SystemExit(main())
"""


def options(operator: Operator, key: Key | None) -> list[str]:
    """Options before a key, or before a principal of a certificate (sshd(8), AUTHORIZED_KEYS FILE FORMAT)."""
    chosen = [] if operator.forwarding else ["restrict", "pty"]
    if key is not None and operator.second_factor is SecondFactor.FIDO2:
        chosen.append("verify-required")
    if networks := operator.networks_of(key) if key else operator.networks:
        chosen.append(f'from="{",".join(networks)}"')
    if end := min(filter(None, (operator.expires, key.expires if key else 0)), default=0):
        # In the host's own time zone: sshd knows a letter for UTC since 9.1 only.
        chosen.append(f'expiry-time="{time.strftime("%Y%m%d%H%M", time.localtime(end))}"')
    return chosen


def authorized_keys(operator: Operator, now: float) -> str:
    """The keys that open an account, and no others."""
    lines = []
    for number, key in enumerate(operator.keys if operator.present(now) else (), 1):
        if key.valid(now):
            words = [",".join(options(operator, key)), key.key.kind, key.key.encoded, f"{operator.name}-{number}"]
            lines.append(" ".join(filter(None, words)))
    return HEAD + "".join(f"{line}\n" for line in lines)


def principals(operator: Operator, stacks: Sequence[str], now: float) -> str:
    """The names in a certificate that open an account."""
    before = ",".join(options(operator, None))
    names = operator.principals(stacks) if operator.present(now) else []
    return HEAD + "".join(f"{before} {name}\n".lstrip() for name in names)


def sudoers(operator: Operator) -> str:
    """What an operator may by sudo: all of it, or the one command that asks for their scopes."""
    name = operator.name
    tag = "" if operator.second_factor.asked_by_sudo else "NOPASSWD: "
    asks = f"Defaults:{name} timestamp_timeout=5, passwd_tries=3\n" if operator.second_factor.asked_by_sudo else ""
    if operator.admin:
        return f"{HEAD}{asks}{name} ALL=(ALL:ALL) {tag}ALL\n"
    # Its arguments are not judged here: a pattern of sudoers matches blanks and slashes as well, and would be root by another name.
    return f'{HEAD}{asks}Defaults:{name} secure_path="{SCOPED_PATH}", env_reset, !setenv, use_pty\n{name} ALL=(root:root) {tag}{COMMAND}\n'


def log_of_sudo() -> str:
    """What everybody on the host begins by sudo, and is refused, beside what the journal has of it."""
    return f'{HEAD}Defaults logfile="{SUDO_LOG}", log_year, loglinelen=0\n'


def rotation() -> str:
    """For logrotate: a year of it."""
    return f"{HEAD}{SUDO_LOG} {{\n    monthly\n    rotate 13\n    compress\n    missingok\n    notifempty\n    create 0600 root root\n}}\n"


def sshd(names: Iterable[str], forwarding: Iterable[str], *, authority: bool) -> str:
    """The part of sshd that is about these accounts, departed ones too: what lies in their homes opens none of them.

    :param forwarding: those who may forward ports, as far as the server lets anybody.
    """
    known = sorted(names)
    if not known:
        return HEAD
    trusted, accepted = (str(AUTHORITIES), f"{PRINCIPALS}/%u") if authority else ("none", "none")
    lines = [
        f"Match User {','.join(known)}",
        f"    AuthorizedKeysFile {KEYS}/%u",
        "    AuthorizedKeysCommand none",
        "    AuthenticationMethods publickey",
        f"    TrustedUserCAKeys {trusted}",
        f"    AuthorizedPrincipalsFile {accepted}",
        "    AuthorizedPrincipalsCommand none",
        f"    RevokedKeys {REVOKED}",
    ]
    if closed := sorted(set(known) - set(forwarding)):
        lines += [f"Match User {','.join(closed)}", "    AllowTcpForwarding no", "    AllowAgentForwarding no", "    X11Forwarding no"]
    return HEAD + "\n".join(lines) + "\n"


def _file(path: Path, content: str, mode: int) -> Entry:
    return Entry(path, content=content.encode(), mode=mode)


def files(register: Register, stacks: Sequence[str], authorities: Sequence[str], revoked: bytes, now: float) -> list[Entry]:
    """Everything but the part of sshd: what nobody is locked out by."""
    present = [operator for operator in register.operators if operator.present(now)]
    entries = [Entry(folder, "directory", mode=0o755) for folder in (FOLDER, KEYS, PRINCIPALS, SCOPED)]
    entries += [
        _file(FILE, register.text(), 0o600),
        _file(COMMAND, ENTRY, 0o755),
        _file(AUTHORITIES, HEAD + "".join(f"{line}\n" for line in authorities), 0o644),
        Entry(REVOKED, content=revoked, mode=0o644),
        _file(SUDOERS / f"{SUDOERS_PREFIX}0-log", log_of_sudo(), 0o440),
        _file(ROTATION, rotation(), 0o644),
    ]
    for operator in register.operators:
        entries.append(_file(KEYS / operator.name, authorized_keys(operator, now), 0o644))
        entries.append(_file(PRINCIPALS / operator.name, principals(operator, stacks, now), 0o644))
    entries += [_file(SUDOERS / f"{SUDOERS_PREFIX}{operator.name}", sudoers(operator), 0o440) for operator in present]
    return entries


def purge() -> list[dict[str, str]]:
    """What is there of operators who are none any more."""
    return [
        {"directory": str(KEYS)},
        {"directory": str(PRINCIPALS)},
        {"directory": str(SUDOERS), "pattern": f"{SUDOERS_PREFIX}*"},
    ]
