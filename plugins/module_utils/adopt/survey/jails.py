# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jails of fail2ban that somebody has configured, and the defaults they count on."""

from __future__ import annotations

import configparser
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..host import SurveyedHost

FOLDER = "/etc/fail2ban/jail.d"
LOCAL = "/etc/fail2ban/jail.local"
OWN = "zz-latentum-ops.local"
# Of the distribution; it only switches the jail of sshd on.
PACKAGED = "defaults-debian.conf"
DEFAULTS = ("ignoreip", "bantime", "findtime", "maxretry", "banaction", "action", "destemail", "mta")


@dataclass(frozen=True)
class Jail:
    """An enabled jail, with the options that its file sets."""

    name: str
    file: str
    options: Mapping[str, str]


@dataclass(frozen=True)
class Fail2ban:
    """What is configured beside the packages and this collection, options in the order in which fail2ban reads the files."""

    jails: tuple[Jail, ...] = ()
    defaults: Mapping[str, str] = field(default_factory=dict)
    running: bool = False


def fail2ban(host: SurveyedHost) -> Fail2ban:
    """From the files (jail.conf(5)): jail.d/*.conf, jail.local, jail.d/*.local."""
    defaults: dict[str, str] = {}
    jails: dict[str, Jail] = {}
    for path in _files(host):
        text = host.read(path)
        if text is None:
            continue
        parser = configparser.ConfigParser(interpolation=None, strict=False, default_section="\0")
        try:
            parser.read_string(text, path)
        except configparser.Error as error:
            raise ValueError(str(error)) from error
        for section in parser.sections():
            options = {name: " ".join(value.split()) for name, value in parser[section].items()}
            if section == "DEFAULT":
                defaults |= {name: value for name, value in options.items() if name in DEFAULTS}
            elif section != "INCLUDES":
                former = jails[section].options if section in jails else {}
                jails[section] = Jail(section, path, {**former, **options})
    switched_on = defaults.get("enabled", "")
    enabled = [jail for jail in jails.values() if jail.options.get("enabled", switched_on).lower() in {"true", "yes", "1", "on"}]
    return Fail2ban(tuple(enabled), defaults, host.runs("fail2ban-server"))


def _files(host: SurveyedHost) -> Iterator[str]:
    yield from (str(path) for path in host.files(FOLDER, "*.conf") if path.name != PACKAGED)
    yield LOCAL
    yield from (str(path) for path in host.files(FOLDER, "*.local") if path.name != OWN)
