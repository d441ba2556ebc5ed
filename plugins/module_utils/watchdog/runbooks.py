# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which runbook says what to do about a subject: `opsctl runbook NAME` prints it on the host (emergency/runbook_pages)."""

from __future__ import annotations

# Of the host: by the name of the check, else by its first word. Any other single word is a unit of systemd.
_HOST = {
    "nginx configuration": "nginx-configuration",
    "disk": "disk-full",
    "disks": "disk-full",
    "memory": "high-memory",
    "reboot": "reboot-required",
    "held updates": "held-updates",
    "clock": "clock",
    "backup": "backup",
    "backups": "backup",
    "secret": "secret-rotation",
    "secrets": "secret-rotation",
    "isolation": "isolated",
    "break-glass": "break-glass",
}
_KINDS = {"site": "site-down", "certificate": "certificate"}
UNIT, SERVICE = "unit-down", "service-not-responding"
NAMES = frozenset({*_HOST.values(), *_KINDS.values(), UNIT, SERVICE})


def of(stack: str, subject: str) -> str:
    """The name of the page about a subject.

    :param stack: empty for the host itself.
    :param subject: as an incident has it: ``api``, ``site:example.com``, ``disk /``.
    """
    if stack:
        kind, colon, _name = subject.partition(":")
        return _KINDS.get(kind, SERVICE) if colon else SERVICE
    return _HOST.get(subject) or _HOST.get(subject.partition(" ")[0], UNIT)
