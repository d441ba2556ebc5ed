# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts: whose keys role base would take away, and who stays as they are."""

from __future__ import annotations

from collections.abc import Iterator

from ...preflight.operators import fingerprints
from ..finding import Finding, Given, Verdict
from ..survey.accounts import Account


def judge(given: Given) -> Iterator[Finding]:
    """A finding for each account that somebody can log in to."""
    declared = {str(operator["name"]): operator for operator in (given.role("base") or {}).get("operators") or ()}
    for account in given.survey.accounts:
        base = _base(account)
        operator = declared.get(account.name)
        if operator is None:
            yield base
        elif operator.get("state") == "absent":
            yield base.judged(
                Verdict.TAKEN_OVER, "base", "removes the account; its files stay", "base_operators", f"no entry for {account.name}"
            )
        else:
            keys = {fingerprint for text in operator.get("ssh_keys") or () for fingerprint in fingerprints(str(text))}
            lost = [key for key in account.keys if key.split()[0] not in keys] if keys else []
            if lost:
                names = ", ".join(key.partition(" ")[2] or key.split()[0] for key in lost)
                effect = f"leaves the keys of the inventory and no others: removes {names}"
                yield base.judged(
                    Verdict.REPORTED, "base", effect, f"base_operators ({account.name}).ssh_keys", "these too, when they are to stay"
                )
            else:
                yield base.judged(Verdict.MANAGED, "base")


def _base(account: Account) -> Finding:
    parts = [f"{len(account.keys)} keys" if len(account.keys) != 1 else "1 key"]
    parts += ["a password"] if account.password else []
    parts += [f"sudo by {account.sudo}"] if account.sudo else []
    parts += ["the engine's socket by group docker"] if "docker" in account.groups else []
    return Finding("account", account.name, ", ".join(parts))
