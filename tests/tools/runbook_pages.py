# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the runbooks of docs/runbooks into the engine, which carries them to the host (`opsctl runbook`), or check that they agree."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "runbooks"
FILE = ROOT / "plugins" / "module_utils" / "emergency" / "runbook_pages.py"
HEAD = '''# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runbooks by their names. Written by `make docs` from docs/runbooks; do not edit."""

from __future__ import annotations

from collections.abc import Mapping

PAGES: Mapping[str, str] = {
'''


def written(folder: Path = PAGES) -> str:
    """The file with all pages.

    :raises ValueError: a page cannot stand in it as it is.
    """
    entries = []
    for file in sorted(folder.glob("*.md")):
        if file.stem == "README":
            continue
        text = file.read_text()
        if '"""' in text or "\\" in text:
            raise ValueError(f"{file}: write it without three quotes in a row, and without backslashes")
        entries.append(f'    "{file.stem}": """\\\n{text}""",\n')
    return HEAD + "".join(entries) + "}\n"


def main() -> int:
    """Rewrite the file, or with --check report that it differs and exit with 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="report differences, write nothing")
    check: bool = parser.parse_args().check
    text = written()
    if FILE.exists() and FILE.read_text() == text:
        return 0
    if check:
        print(f"{FILE.relative_to(ROOT)}: the pages are not those of docs/runbooks; run `make docs`", file=sys.stderr)
        return 1
    FILE.write_text(text)
    print(f"{FILE.relative_to(ROOT)}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
