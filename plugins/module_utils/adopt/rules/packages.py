# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages that roles remove: os_hardening what nobody should use, base the second program that keeps the clock."""

from __future__ import annotations

from collections.abc import Iterator

from ..finding import Finding, Given, Verdict

INSTALLED = ("dpkg-query", "--show", "--showformat", "${db:Status-Abbrev}\t${Package}\t${Provides}\n")
CLOCKS = ("chrony", "ntp", "ntpsec", "openntpd")  # as `replaces` in roles/base/tasks/install.yml


def judge(given: Given) -> Iterator[Finding]:
    """A finding for each that is installed."""
    rows = [line.split("\t") for line in (given.host.output(INSTALLED) or "").splitlines()]
    installed = {fields[1] for fields in rows if len(fields) > 1 and fields[0].startswith(("ii", "hi"))}
    removed = [str(name) for name in (given.role("os_hardening") or {}).get("removed_packages") or ()]
    for name in sorted(installed & set(removed)):
        base = Finding("package", name, "installed")
        yield base.judged(Verdict.TAKEN_OVER, "os_hardening", "removes it", "os_hardening_removed_packages", f"the list without {name}")
    if given.role("base") is not None and "systemd-timesyncd" not in installed:
        for name in sorted(installed & set(CLOCKS)):
            base = Finding("package", name, "keeps the clock")
            yield base.judged(
                Verdict.TAKEN_OVER, "base", "replaces it by systemd-timesyncd: its servers are base_ntp_servers", "base_ntp_servers", ""
            )
