# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each module sends to a host at every call: its payload in bytes, and how many files of the engine are in it.

Built with Ansible's own packaging. `payloads.py` prints the table, `payloads.py --write` records it as the bound that the unit tests hold
(tests/unit/modules/payloads.json); a module may grow by 15 % before somebody has to look at it.
"""

from __future__ import annotations

import argparse
import ast
import base64
import io
import json
import zipfile
from functools import cache
from pathlib import Path
from unittest import mock

from ansible.executor import module_common
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader, module_loader
from ansible.template import Templar

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "tests/unit/modules/payloads.json"
ENGINE = "ansible_collections/latentum/ops/plugins/module_utils/"


def measure() -> dict[str, dict[str, int]]:
    """Bytes and files of the engine by module."""
    # Ansible parses a file of the engine anew for each of the modules that it goes with; the tree depends on nothing but the text.
    with mock.patch.object(module_common, "_compile_module_ast", cache(module_common._compile_module_ast)):
        return _measure()


def _measure() -> dict[str, dict[str, int]]:
    init_plugin_loader()
    templar = Templar(loader=DataLoader())
    measured = {}
    for source in sorted((ROOT / "plugins/modules").glob("*.py")):
        if "AnsibleModule" not in source.read_text():
            continue  # the documentation of an action, which sends nothing
        name = f"latentum.ops.{source.stem}"
        path = module_loader.find_plugin(name)
        built = module_common.modify_module(
            module_name=name, module_path=path, module_args={}, templar=templar, task_vars={}, module_compression="ZIP_DEFLATED"
        )
        names = _names(built.b_module_data)
        files = [name for name in names if name.startswith(ENGINE) and not name.endswith("/__init__.py")]
        measured[source.stem] = {"bytes": len(built.b_module_data), "files": len(files)}
    return measured


def _names(payload: bytes) -> list[str]:
    """Files of the archive in a payload, which stands there as a string in base64."""
    texts = (node.value for node in ast.walk(ast.parse(payload)) if isinstance(node, ast.Constant))
    longest = max((text for text in texts if isinstance(text, (str, bytes))), key=len)
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(longest))) as packed:
        return packed.namelist()


def main() -> None:
    """The table, or its record."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--write", action="store_true", help="record what is measured as the bound")
    measured = measure()
    if options.parse_args().write:
        lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(size)}" for name, size in measured.items())
        RECORD.write_text(f"{{\n{lines}\n}}\n")
    for name, size in measured.items():
        print(f"{name:24} {size['files']:4} files {size['bytes']:8} bytes")


if __name__ == "__main__":
    main()
