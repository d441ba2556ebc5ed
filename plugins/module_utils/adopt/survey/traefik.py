# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes of the Traefik on a host: labels of containers, and rules in its files.

Its files are YAML or TOML, for which a bare host has no reader: the rules are found by their own form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..host import SurveyedHost
from .site import Site

FOLDERS = ("/etc/traefik", "/etc/traefik/conf.d", "/etc/traefik/dynamic", "/opt/traefik", "/opt/traefik/dynamic")
_RULE = re.compile(r"\b(?:Host|HostSNI|HostRegexp)\(([^)]*)\)")
_NAME = re.compile(r"[`\"']([^`\"'\\]+)[\\`\"']")


def rule_hosts(rule: str) -> list[str]:
    """The names in a rule such as ``Host(`a.example`) && PathPrefix(`/api`)``."""
    return [name for arguments in _RULE.findall(rule) for name in _NAME.findall(arguments) if name != "*"]


def sites(host: SurveyedHost) -> list[Site]:
    """Each file with rules. What labels of containers say stands with the containers."""
    return list(_sites(host))


def _sites(host: SurveyedHost) -> Iterator[Site]:
    for folder in FOLDERS:
        for pattern in ("*.yml", "*.yaml", "*.toml"):
            for path in host.files(folder, pattern):
                names = tuple(dict.fromkeys(rule_hosts(host.read(path) or "")))
                if names:
                    yield Site(server="traefik", file=str(path), names=names)
