# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jails of fail2ban, and defaults that ours overrule: zz-latentum-ops.local is read last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..finding import Finding, Given, Verdict, spelled

OURS = {"sshd", "recidive"}
OWN_ADDRESSES = {"127.0.0.1/8", "127.0.0.0/8", "127.0.0.1", "::1", "::1/128"}
VARIABLES = {"bantime": "fail2ban_ban_time", "findtime": "fail2ban_find_time", "maxretry": "fail2ban_max_retry"}


def judge(given: Given) -> Iterator[Finding]:
    """Each enabled jail, and each default that differs."""
    fail2ban = given.survey.fail2ban
    wanted = given.role("fail2ban")
    own = OURS | {str(jail) for jail in (wanted or {}).get("jails") or ()}
    for jail in fail2ban.jails:
        base = Finding("jail", jail.name, jail.file)
        if wanted is None:
            yield base
        elif jail.name in own:
            yield base.judged(Verdict.TAKEN_OVER, "fail2ban", "sets filter, port and limits of this jail itself")
        else:
            yield base.judged(Verdict.STAYS, "fail2ban", "leaves it; it bans by the defaults of the role where it sets none of its own")
    if wanted is not None:
        yield from _ignored(fail2ban.defaults.get("ignoreip", ""), [str(network) for network in wanted.get("ignore") or ()])
        yield from _defaults(fail2ban.defaults, wanted)


def _ignored(written: str, declared: list[str]) -> Iterator[Finding]:
    """Addresses that are never banned: an office that loses this is locked out after a few typing errors."""
    lost = [network for network in written.replace(",", " ").split() if network not in {*OWN_ADDRESSES, *declared}]
    if lost:
        base = Finding("fail2ban default", "ignoreip", " ".join(lost))
        effect = "sets the addresses that are never banned itself, without these"
        yield base.judged(Verdict.REPORTED, "fail2ban", effect, "fail2ban_ignore", spelled([*declared, *lost]))


def _defaults(written: Mapping[str, str], wanted: Mapping[str, Any]) -> Iterator[Finding]:
    for name, variable in VARIABLES.items():
        now, later = written.get(name), str(wanted.get(name, ""))
        if now and later and now != later:
            base = Finding("fail2ban default", name, now)
            yield base.judged(Verdict.TAKEN_OVER, "fail2ban", f"sets it to {later}", variable, spelled(now))
