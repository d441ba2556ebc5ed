# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""needrestart: its configuration is Perl, so Perl is asked what becomes of all files, and what ours alone says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from ..preflight.host import Host
from .deviation import Deviation

ROLE = "auto_updates"
MAIN = "/etc/needrestart/needrestart.conf"
FOLDER = "/etc/needrestart/conf.d"
OWN = f"{FOLDER}/latentum-ops.conf"
SETTINGS = ("restart", "kernelhints", "ucodehints")
# As needrestart itself reads it: a file that is run. `override_rc` is by patterns, whose text is the key.
PROGRAM = (
    "our %nrconf = (); do $ARGV[0]; print JSON::PP->new->canonical->encode({map {$_ => $nrconf{$_}} qw(restart kernelhints ucodehints)});"
    ' print "\n"; print JSON::PP->new->canonical->encode($nrconf{override_rc} || {});'
)


def judge(host: Host) -> Iterator[Deviation]:
    """What our file sets and another one, whose name comes later, sets again."""
    if host.read(OWN) is None or host.read(MAIN) is None:
        return
    (wanted, kept), (there, overridden) = (_run(host, path) for path in (OWN, MAIN))
    for name in SETTINGS:
        if there and wanted.get(name) is not None and str(wanted[name]) != str(there.get(name)):
            yield Deviation(ROLE, f"needrestart {name}", str(wanted[name]), str(there.get(name) or ""), _where(host, name))
    for pattern, value in kept.items():
        if overridden and str(overridden.get(pattern)) != str(value):
            unit = re.sub(r"^\(\?\^:\^?(.*)\)$", r"\1", pattern).replace("\\", "")
            yield Deviation(ROLE, f"needrestart {unit}", str(value), str(overridden.get(pattern, "")), _where(host, "override_rc"))


def _run(host: Host, path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    lines = (host.output(["perl", "-MJSON::PP", "-e", PROGRAM, path]) or "{}\n{}").splitlines()
    return json.loads(lines[0]), json.loads(lines[1])


def _where(host: Host, name: str) -> str:
    found = "a file that needrestart reads later says so"
    for path in (str(file) for file in host.files(FOLDER, "*.conf") if str(file) > OWN):
        for number, line in enumerate((host.read(path) or "").splitlines(), 1):
            if re.search(rf"\$nrconf\{{['\"]?{name}", line) and not line.lstrip().startswith("#"):
                found = f"{path}:{number}"
    return found
