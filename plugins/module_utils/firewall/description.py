# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A firewall in words, before and after, so that a diff can be read by whoever has to approve it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .docker_ports import chain_rules
from .ufw_files import AFTER, CHAINS, DEFAULTS, POLICIES, SETTINGS, Kept, setting


def describe(
    status: str,
    defaults: Sequence[str],
    logging: str,
    own_sysctl: bool,
    rules: Mapping[int, Sequence[str]],
    docker: Mapping[int, Sequence[str]],
) -> str:
    """One policy; ``defaults`` are those of incoming, outgoing and routed traffic, rules are as UFW keeps them."""
    lines = [f"status: {status}", f"default: {defaults[0]} incoming, {defaults[1]} outgoing, {defaults[2]} routed"]
    lines += [f"logging: {logging}", f"kernel parameters by UFW: {'yes' if own_sysctl else 'no'}"]
    for family, kept in rules.items():
        lines += [f"IPv{family} rules:", *(f"  {words(rule)}" for rule in kept)]
    for family, chain in docker.items():
        lines += [f"IPv{family} to Docker's networks:", *(f"  {rule}" for rule in chain)] if chain else []
    return "\n".join(lines) + "\n"


def describe_kept(kept: Kept) -> str:
    """What UFW's files say now."""
    if not kept.installed:
        return "status: not installed\n"
    names = {value: name for name, value in POLICIES.items()}
    defaults = [setting(kept.files[DEFAULTS], f"DEFAULT_{chain}_POLICY") for chain in CHAINS.values()]
    families = (4, 6) if kept.ipv6 else (4,)
    return describe(
        "active" if kept.enabled else "inactive",
        [names.get(default, default) for default in defaults],
        setting(kept.files[SETTINGS], "LOGLEVEL"),
        bool(setting(kept.files[DEFAULTS], "IPT_SYSCTL")),
        {family: kept.rules(family) for family in families},
        {family: chain_rules(kept.files[AFTER[family]]) for family in families},
    )


def words(line: str) -> str:
    """A stored rule in words: ``limit in 22/tcp from anywhere (SSH)``."""
    rule, _sign, comment = line.partition(" comment=")
    parts = rule.split()
    if len(parts) != 7:  # of an application profile, which names two more fields
        return rule
    action, protocol, port, destination, _from_port, source, way = parts
    action, routed = (action.removeprefix("route:"), "forwarded ") if action.startswith("route:") else (action, "")
    what = "anything" if (port, protocol) == ("any", "any") else f"{port}/{protocol}"
    text = f"{action} {routed}{way.replace('!', ' ').replace('_', ' on ')} {what}"
    text += f" from {'anywhere' if source in {'0.0.0.0/0', '::/0'} else source}"
    if destination not in {"0.0.0.0/0", "::/0"}:
        text += f" to {destination}"
    return f"{text} ({bytes.fromhex(comment).decode(errors='replace')})" if comment else text
