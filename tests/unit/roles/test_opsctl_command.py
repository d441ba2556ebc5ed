# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command that role opsctl writes: root runs it in folders of others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
TEMPLATE = ROOT / "roles/opsctl/templates/usr/local/sbin/opsctl.j2"


def test_no_code_comes_from_the_folder_that_one_stands_in(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/latentum_ops").symlink_to(ROOT / "plugins/module_utils")
    text = TEMPLATE.read_text().replace("{{ ansible_managed | comment }}", "#").replace("/usr/bin/python3", sys.executable)
    (tmp_path / "opsctl").write_text(text.replace("/usr/lib/latentum-ops", str(tmp_path / "lib")))
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    for name in ("json", "argparse", "latentum_ops"):
        (theirs / f"{name}.py").write_text("raise SystemExit('code of somebody else')")
    done = subprocess.run(["sh", str(tmp_path / "opsctl"), "version"], cwd=theirs, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.strip()
