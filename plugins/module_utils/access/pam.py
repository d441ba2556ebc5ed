# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What PAM asks operators for: lines of ours in files of the distribution, between marks, and everything else as it was.

A file that is not there stays away. Nobody but those whom a line names notices it: the account of Ansible is never asked for anything.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from .register import FOLDER
from .rendering import HEAD

SUDO = Path("/etc/pam.d/sudo")
SU = Path("/etc/pam.d/su")
COMMON_AUTH = Path("/etc/pam.d/common-auth")
# What pam-auth-update(8) writes, and what it remembers: a profile of somebody else that nobody had applied comes with ours.
UPDATED = [
    Path(folder, f"{prefix}{stack}")
    for folder, prefix in (("/etc/pam.d", "common-"), ("/var/lib/pam", ""))
    for stack in ("account", "auth", "password", "session", "session-noninteractive")
] + [Path("/var/lib/pam/seen")]
PROFILE = Path("/usr/share/pam-configs/latentum-access-break-glass")
NOTICE = Path("/usr/local/lib/latentum-ops/session-notice")
CODES = FOLDER / "totp"  # pam_oath(8) writes into it what was used last
BEGIN, END = "# BEGIN latentum.ops access", "# END latentum.ops access"
_BLOCK = re.compile(rf"^{BEGIN}\n.*?^{END}\n", re.MULTILINE | re.DOTALL)
_INCLUDED = re.compile(r"^@include\s+common-auth\s*$", re.MULTILINE)
_ROOT_MAY = re.compile(r"^auth\s+sufficient\s+pam_rootok\.so.*\n", re.MULTILINE)
_EMPTY = re.compile(r"^(auth\s.*\bpam_unix\.so\b.*?)\s+nullok(?:_secure)?\b", re.MULTILINE)
WINDOW = 1  # steps of 30 seconds that a clock may be wrong by, either way


def _without(text: str) -> str:
    return _BLOCK.sub("", text)


def _block(*lines: str) -> str:
    return "\n".join((BEGIN, *lines, END, ""))


def sudo(text: str, names: Sequence[str]) -> str:
    """The stack of sudo: those who are named are asked for a code in place of a password."""
    plain = _without(text)
    place = _INCLUDED.search(plain)
    if not names or place is None:
        return plain
    # Whoever is not named skips the next module.
    asked = _block(
        f"auth [success=ignore default=1] pam_succeed_if.so quiet user in {':'.join(sorted(names))}",
        f"auth [success=done default=die] pam_oath.so usersfile={CODES} window={WINDOW}",
    )
    return plain[: place.start()] + asked + plain[place.start() :]


def su(text: str, *, restricted: bool) -> str:
    """The stack of su: nobody becomes somebody else by a password; root does, and members of the group root."""
    plain = _without(text)
    place = _ROOT_MAY.search(plain)
    if not restricted or place is None:
        return plain
    return plain[: place.end()] + _block("auth required pam_wheel.so use_uid group=root") + plain[place.end() :]


def without_empty_passwords(text: str) -> str:
    """A stack in which no empty password opens an account; pam-auth-update(8) keeps options that were changed."""
    return _EMPTY.sub(r"\1", text)


def secret(text: str) -> bytes:
    """The secret of codes, of Base32 as authenticators show it.

    :raises ValueError: it is none, or shorter than RFC 4226 wants.
    """
    plain = re.sub(r"[\s-]", "", text).upper().rstrip("=")
    try:
        raw = base64.b32decode(plain + "=" * (-len(plain) % 8))
    except binascii.Error:
        raise ValueError("is no Base32") from None
    if len(raw) < 16:
        raise ValueError("is shorter than 128 bits")
    return raw


def codes(before: str, secrets: Mapping[str, str]) -> str:
    """The file of secrets; who has the same secret as before keeps what was used last, so that no code works twice."""
    known = {tuple(line.split()[:4]): line for line in before.splitlines() if line.strip() and not line.startswith("#")}
    lines = []
    for name, text in sorted(secrets.items()):
        fields = ("HOTP/T30/6", name, "-", secret(text).hex())
        lines.append(known.get(fields, "\t".join(fields)))
    return "".join(f"{line}\n" for line in lines)


def profile() -> str:
    """For pam-auth-update: at each session of a person."""
    return (
        "Name: Tell when an account for emergencies is used\nDefault: yes\nPriority: 0\nSession-Type: Additional\n"
        f"Session-Interactive-Only: yes\nSession:\n\toptional\tpam_exec.so quiet seteuid {NOTICE}\n"
    )


def notice(names: Sequence[str]) -> str:
    """What each session of a person runs, and is over at once for all but these accounts."""
    return f"""#!/bin/sh
{HEAD}[ "$PAM_TYPE" = open_session ] || exit 0
case "$PAM_USER" in
{"|".join(sorted(names))}) ;;
*) exit 0 ;;
esac
logger -t latentum-ops-break-glass -p authpriv.alert -- "$PAM_USER is used, from ${{PAM_RHOST:-this host}}, by $PAM_SERVICE"
exec /usr/bin/python3 -IB -c '
import sys
sys.path.insert(0, "/usr/lib/latentum-ops")
from latentum_ops.access.break_glass import main
main()'
"""
