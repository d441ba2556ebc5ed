# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the pictures of the documentation, from the sample: `python tests/browser/pictures.py`, where the services of the hosts run."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / ".collections"))

from browser import View, look
from sample import pictures, sample

ROOT = Path(__file__).resolve().parents[2]
PICTURES = {
    "status_page.png": View(width=1000, height=1500, picture=True, whole=False),
    "status_page_phone.png": View.phone(height=1240, scale=1.5, dark=True, picture=True, whole=False),
}


def main() -> None:
    """Render, look, write."""
    from ansible_collections.latentum.ops.plugins.module_utils.watchdog.page.document import render

    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "index.html"
        page.write_text(render(sample(), "latentum", pictures()), encoding="utf-8")
        for name, seen in zip(PICTURES, look(page, *PICTURES.values()), strict=True):
            file = ROOT / "docs" / "images" / name
            file.write_bytes(seen.picture)
            print(f"{file.relative_to(ROOT)}: {len(seen.picture) // 1024} KiB")


if __name__ == "__main__":
    main()
