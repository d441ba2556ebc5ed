# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the tables of docs/reference/hardening.md: controls of role os_hardening, and exceptions of the audit; or check that they agree."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import yaml
from markup import table_cell

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/reference/hardening.md"
CONTROLS = ROOT / "roles/os_hardening/vars/main.yml"
EXCEPTIONS = ROOT / "tests/audit/exceptions.yml"


def controls() -> str:
    """A row a control."""
    rows = ["| control | level | what it does | answers |", "|---|---|---|---|"]
    for name, control in yaml.safe_load(CONTROLS.read_text())["__os_hardening_controls"].items():
        answers = ", ".join(f"`{rule}`" for rule in control["answers"])
        rows.append(f"| `{name}` | {control['level']} | {table_cell(control['about'].strip())} | {answers} |")
    return "\n".join(rows)


def exceptions() -> str:
    """A row an exception."""
    rows = ["| rule | profiles | why it may fail | who says so | until |", "|---|---|---|---|---|"]
    for entry in yaml.safe_load(EXCEPTIONS.read_text()):
        profiles = ", ".join(f"`{profile}`" for profile in entry.get("profiles", [])) or "all"
        rows.append(f"| `{entry['rule']}` | {profiles} | {table_cell(entry['reason'].strip())} | {entry['who']} | {entry['until']} |")
    return "\n".join(rows)


def page(old: str) -> str:
    """The page with both tables.

    :raises ValueError: its markers are not there once each.
    """
    for name, table in (("CONTROLS", controls()), ("EXCEPTIONS", exceptions())):
        begin, end = f"<!-- BEGIN {name} -->", f"<!-- END {name} -->"
        if old.count(begin) != 1 or old.count(end) != 1:
            raise ValueError(f"{PAGE.name} needs the markers {begin} and {end} once each")
        head, rest = old.split(begin)
        old = f"{head}{begin}\n{table}\n{end}{rest.split(end)[1]}"
    return old


def main() -> int:
    """Rewrite the page, or with --check exit with 1 where it differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="report differences, write nothing")
    check: bool = parser.parse_args().check
    old = PAGE.read_text()
    new = page(old)
    if new == old:
        return 0
    if check:
        print(f"{PAGE.name} is not what its sources say; run `make docs`", file=sys.stderr)
        return 1
    PAGE.write_text(new)
    print(f"{PAGE.name} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
