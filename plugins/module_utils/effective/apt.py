# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""apt and unattended-upgrades: ``apt-config dump`` as it is, beside what it would be if our file were the last one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..preflight.host import Host
from .deviation import Deviation

ROLE = "auto_updates"
FOLDER = "/etc/apt/apt.conf.d"
OWN = f"{FOLDER}/52latentum-ops-unattended-upgrades"
LAST = "/etc/apt/apt.conf"  # read after the folder
_LINE = re.compile(r'(\S+?)(::)? "(.*)";')
VARIABLES = {
    "Unattended-Upgrade::Package-Blacklist": "auto_updates_extra_held",
    "Unattended-Upgrade::Origins-Pattern": "auto_updates_extra_origins",
    "Unattended-Upgrade::Automatic-Reboot": "auto_updates_reboot",
    "Unattended-Upgrade::Automatic-Reboot-Time": "auto_updates_reboot_time",
    "Unattended-Upgrade::Mail": "auto_updates_mail",
}


def judge(host: Host) -> Iterator[Deviation]:
    """Each key that would have another value with our file read last."""
    if host.read(OWN) is None:
        return
    there, wanted = (_dump(host.output(argv) or "") for argv in (["apt-config", "dump"], ["apt-config", "-c", OWN, "dump"]))
    if not there:
        return
    for key in dict.fromkeys([*wanted, *there]):
        if there.get(key) != wanted.get(key) and not key.startswith("CommandLine"):
            written, found = (", ".join(values.get(key, ())) for values in (wanted, there))
            yield Deviation(ROLE, key, written, found, _where(host, key), VARIABLES.get(key, ""))


def _dump(shown: str) -> dict[str, tuple[str, ...]]:
    """Values by key; of a list its items, each once. An empty value is none: parents of keys are shown so."""
    values: dict[str, tuple[str, ...]] = {}
    for line in shown.splitlines():
        match = _LINE.fullmatch(line)
        if match and (match[3] or match[2]):
            key, value = match[1], match[3]
            values[key] = tuple(dict.fromkeys([*values.get(key, ()), value])) if match[2] else (value,)
    return values


def _where(host: Host, key: str) -> str:
    """The last line of a file that is read after ours and names the key, alone or in a block."""
    name, found = key.rpartition("::")[2], "a file that apt reads later says so"
    for path in [*(str(file) for file in host.files(FOLDER, "*") if str(file) > OWN), LAST]:
        for number, line in enumerate((host.read(path) or "").splitlines(), 1):
            text = line.split("//")[0]
            if not text.lstrip().startswith("# ") and re.search(rf"(^|[\s:]){re.escape(name)}($|[\s:\"{{;])", text, re.IGNORECASE):
                found = f"{path}:{number}"
    return found
