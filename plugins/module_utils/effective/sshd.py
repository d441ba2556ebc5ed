# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SSH server: what it does for everybody, and for those whom a Match block names (``sshd -T``, with ``-C`` for the latter)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence

from ..preflight.host import Host
from ..preflight.ssh_port import OWN
from ..preflight.sshd_files import Line, lines
from .deviation import Deviation

ROLE = "ssh_hardening"
PROGRAMS = ("sshd", "/usr/sbin/sshd")
# Somebody whom no block names; the address is one of documentation (RFC 5737).
ANYBODY = {"user": "somebody-else", "host": "client.invalid", "addr": "192.0.2.1", "laddr": "192.0.2.2", "lport": "22"}
# Other names of keywords, by those of ``sshd -T``.
NAMES = {"challengeresponseauthentication": "kbdinteractiveauthentication", "skeyauthentication": "kbdinteractiveauthentication"}
NAMES |= {"pubkeyacceptedkeytypes": "pubkeyacceptedalgorithms", "dsaauthentication": "pubkeyauthentication"}
# Less than what was written is no deviation: a block that lets backups copy files, and nothing else, is what such blocks are for.
STRICTEST = {"allowtcpforwarding": "no", "permitopen": "none", "permitrootlogin": "no", "banner": "none"}
LOWER_IS_STRICTER = {"maxauthtries", "maxsessions", "logingracetime", "clientaliveinterval"}
Settings = Mapping[str, tuple[str, ...]]


def judge(host: Host) -> Iterator[Deviation]:
    """Each keyword of our file, for everybody first, then for each block where it differs from that."""
    own = list(lines(host, str(OWN)))
    wanted = _settings(host, "-f", str(OWN))
    everybody = _settings(host, "-C", _specimen(ANYBODY))
    if not own or not wanted or not everybody:
        return
    names = dict.fromkeys(_name(line.keyword) for line in own)
    spelled = {_name(line.keyword): line.keyword for line in reversed(own)}
    others = [line for line in lines(host) if line.file != str(OWN)]
    for name in names:
        if everybody.get(name) != wanted.get(name) and not _stricter(name, wanted, everybody):
            yield _deviation(
                spelled[name], "", wanted.get(name, ()), everybody.get(name, ()), [line for line in others if not _narrow(line)]
            )
    for match in dict.fromkeys(line.match for line in others if line.match):
        block = [line for line in others if line.match == match]
        somebody = named(host, match)
        if somebody is None:
            continue
        there = _settings(host, "-C", _specimen({**ANYBODY, **somebody}))
        for name in names.keys() & {_name(line.keyword) for line in block}:
            if there and there.get(name) not in (wanted.get(name), everybody.get(name)) and not _stricter(name, wanted, there):
                yield _deviation(spelled[name], match, wanted.get(name, ()), there.get(name, ()), block)


def _deviation(keyword: str, match: str, wanted: Sequence[str], there: Sequence[str], others: Sequence[Line]) -> Deviation:
    setting = [line for line in others if _name(line.keyword) == _name(keyword)]
    differing = [line for line in setting if line.value.lower() in {value.lower() for value in there}] or setting
    where = f"{differing[0].file}:{differing[0].number}" if differing else "no file says so, so its command line does"
    key = f"{keyword} (Match {match})" if match else keyword
    return Deviation(ROLE, key, " ".join(wanted), " ".join(there), where, "the role's variables" if not match else "")


def _narrow(line: Line) -> bool:
    """Of a block that does not name everybody."""
    return bool(line.match) and "*" not in line.match.split()


def _settings(host: Host, *options: str) -> Settings:
    """Values by keyword in lower case; of lists each item. Nothing where sshd says nothing."""
    shown = next(filter(None, (host.output([program, "-T", *options]) for program in PROGRAMS)), "")
    settings: dict[str, tuple[str, ...]] = {}
    for text in shown.splitlines():
        keyword, _space, value = text.partition(" ")
        settings[keyword.lower()] = tuple(sorted({*settings.get(keyword.lower(), ()), value}))
    return settings


def _specimen(connection: Mapping[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in connection.items())


def named(host: Host, match: str) -> dict[str, str] | None:
    """A connection that a condition fits, as far as it names one; None where nobody can be found."""
    words, connection = match.split(), dict[str, str]()
    for criterion, patterns in zip(words[::2], words[1::2], strict=False):
        pattern = next((pattern for pattern in patterns.strip('"').split(",") if not pattern.startswith("!")), "")
        kind = criterion.lower()
        if kind == "group":
            user = _member(host, pattern)
            if user is None:
                return None
            connection.setdefault("user", user)
        elif kind in ("address", "localaddress"):
            connection["addr" if kind == "address" else "laddr"] = _address(pattern)
        elif kind in ("user", "host", "localport", "rdomain"):
            connection["lport" if kind == "localport" else kind] = pattern.replace("*", "x").replace("?", "x")
        else:
            return None
    return connection or None


def _address(pattern: str) -> str:
    try:
        network = ipaddress.ip_network(pattern, strict=False)
    except ValueError:
        return pattern.replace("*", "1").replace("?", "1")
    return str(network[1] if network.num_addresses > 1 else network[0])


def _member(host: Host, group: str) -> str | None:
    """Somebody in a group, by its own list or as the account's first group."""
    entry = (host.output(["getent", "group", group]) or "").strip().split(":")
    if len(entry) < 4:
        return None
    if entry[3]:
        return entry[3].split(",")[0]
    accounts = (line.split(":") for line in (host.output(["getent", "passwd"]) or "").splitlines())
    return next((account[0] for account in accounts if len(account) > 3 and account[3] == entry[2]), None)


def _name(keyword: str) -> str:
    return NAMES.get(keyword.lower(), keyword.lower())


def _stricter(name: str, wanted: Settings, there: Settings) -> bool:
    value = " ".join(there.get(name, ()))
    if value == STRICTEST.get(name):
        return True
    if name == "authenticationmethods":  # each alternative begins with a key, and asks for more
        return bool(value) and all(alternative.split(",")[0] == "publickey" for alternative in value.split())
    written = " ".join(wanted.get(name, ()))
    return name in LOWER_IS_STRICTER and value.isdigit() and written.isdigit() and 0 < int(value) < int(written)
