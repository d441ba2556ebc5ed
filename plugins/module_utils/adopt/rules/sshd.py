# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SSH server: what somebody has set and role ssh_hardening changes. It writes sshd_config anew; files beside it stay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...preflight.ssh_port import MAIN, OWN
from ...preflight.sshd_files import Line
from ..finding import Finding, Given, Verdict, spelled
from ..survey.sshd import Sshd

# Settings of the main file that are lost with it and that logins may depend on, with what is usual.
USUAL = {
    "authorizedkeysfile": {".ssh/authorized_keys", ".ssh/authorized_keys .ssh/authorized_keys2", "%h/.ssh/authorized_keys"},
    "authorizedkeyscommand": {"none"},
    "authorizedprincipalsfile": {"none"},
    "trustedusercakeys": {"none"},
    "chrootdirectory": {"none"},
    "forcecommand": {"none"},
}


def judge(given: Given) -> Iterator[Finding]:
    """The ports, and each setting of others that matters."""
    sshd = given.survey.sshd
    if not sshd.ports:
        return
    wanted = given.role("ssh_hardening")
    ports = ", ".join(map(str, sshd.ports))
    yield Finding("ssh", f"port {ports}", "sshd").judged(
        Verdict.MANAGED if sshd.ours else Verdict.STAYS, "" if wanted is None else "ssh_hardening"
    )
    if wanted is None or sshd.ours:
        return
    yield from _logins(given, sshd)
    yield from _forwarding(sshd, wanted)
    yield from _lost(sshd)


def _logins(given: Given, sshd: Sshd) -> Iterator[Finding]:
    wanted = given.role("ssh_hardening") or {}
    if sshd.says("passwordauthentication") == "yes":
        locked = [account.name for account in given.survey.accounts if account.password and not account.keys and account.uid]
        base = Finding("ssh", "logins by password", f"of {', '.join(locked)}" if locked else "allowed; everybody has a key")
        effect = "allows keys only" + (f": {', '.join(locked)} could not log in any more" if locked else "")
        verdict = Verdict.REPORTED if locked else Verdict.TAKEN_OVER
        yield base.judged(verdict, "ssh_hardening", effect, "base_operators" if locked else "", "their ssh_keys" if locked else "")
    methods = sshd.says("authenticationmethods")
    if methods not in {"", "any", "publickey"}:
        base = Finding("ssh", "AuthenticationMethods", methods)
        yield base.judged(Verdict.TAKEN_OVER, "ssh_hardening", "asks for a key alone: a second factor is asked for no more")
    for keyword, variable in (("allowusers", "ssh_hardening_allow_users"), ("allowgroups", "ssh_hardening_allow_groups")):
        names = [name for name in sshd.says(keyword).replace(",", " ").split() if name]
        declared = [str(name) for name in wanted.get(keyword.replace("allow", "allow_")) or ()]
        if names and set(names) != set(declared):
            base = Finding("ssh", keyword.replace("allow", "Allow").replace("users", "Users").replace("groups", "Groups"), " ".join(names))
            after = " ".join(declared) or "everybody who has a key"
            yield base.judged(Verdict.REPORTED, "ssh_hardening", f"lets {after} in instead", variable, spelled(names))
    root, later = sshd.says("permitrootlogin"), str(wanted.get("permit_root_login", "no"))
    if root not in {"", "no", later} and later == "no":
        base = Finding("ssh", "PermitRootLogin", root)
        effect = "root cannot log in any more"
        yield base.judged(Verdict.REPORTED, "ssh_hardening", effect, "ssh_hardening_permit_root_login", "prohibit-password")


def _forwarding(sshd: Sshd, wanted: Mapping[str, Any]) -> Iterator[Finding]:
    """Tunnels through the host: of X11, of ports that others listen on."""
    now, later = sshd.says("gatewayports"), "no"
    if now not in {"", later}:
        yield Finding("ssh", "GatewayPorts", now).judged(
            Verdict.REPORTED, "ssh_hardening", "tunnels back to the host listen on loopback only"
        )
    if sshd.says("permittunnel") not in {"", "no"}:
        yield Finding("ssh", "PermitTunnel", sshd.says("permittunnel")).judged(
            Verdict.REPORTED, "ssh_hardening", "ends tunnels of interfaces"
        )
    forwarding, declared = sshd.says("allowtcpforwarding"), str(wanted.get("tcp_forwarding", "local"))
    if forwarding == "yes" and declared != "yes":
        base = Finding("ssh", "AllowTcpForwarding", forwarding)
        yield base.judged(Verdict.TAKEN_OVER, "ssh_hardening", f"sets it to {declared}", "ssh_hardening_tcp_forwarding", '"yes"')


def _lost(sshd: Sshd) -> Iterator[Finding]:
    """Lines of the main file that go with it: conditions, and where keys are."""
    matches: dict[str, list[Line]] = {}
    for line in sshd.lines:
        if line.file == str(OWN):
            continue
        usual = USUAL.get(line.keyword.lower())
        if line.match:
            matches.setdefault(f"{line.file}\0{line.match}", []).append(line)
        elif usual is not None and line.value not in usual and line.file == str(MAIN):
            base = Finding("ssh", line.keyword, f"{line.value} ({line.file}:{line.number})")
            effect = "writes this file anew, without it: who logs in by it could not any more"
            yield base.judged(
                Verdict.CONFLICT, "ssh_hardening", effect, "/etc/ssh/sshd_config.d/50-own.conf", f"{line.keyword} {line.value}"
            )
    for name, lines in matches.items():
        path, _null, condition = name.partition("\0")
        settings = "; ".join(f"{line.keyword} {line.value}" for line in lines)
        base = Finding("ssh", f"Match {condition}", f"{settings} ({path}:{lines[0].number})")
        if path != str(MAIN):
            yield base.judged(Verdict.STAYS, "ssh_hardening", "leaves files of others; a condition of theirs overrides what is set for all")
            continue
        effect = "writes this file anew: the block is lost"
        fix = f"the block `Match {condition}`, moved there"
        yield base.judged(Verdict.CONFLICT, "ssh_hardening", effect, "/etc/ssh/sshd_config.d/50-own.conf", fix)
