# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A second opinion on the project of a declaration: `docker compose config`, where the controller has it."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from ..module_utils.compose.yaml_writer import dump
from ..module_utils.core.env_file import render
from ..module_utils.core.process import run
from ..module_utils.declaration.compose_project import compose_project
from ..module_utils.declaration.model import Declaration

_ON_THE_HOST = ("env_file", "label_file")  # Compose would read these files, which are not here
_UNKNOWN_KEY = re.compile(r"additional propert(?:y|ies)\b.*\bnot allowed", re.IGNORECASE)
TIMEOUT = 30.0


def complaint(declaration: Declaration) -> str:
    """What Compose says against the project; empty when it accepts it, or is not here.

    A key that it does not know is no complaint: the engine knows it, and the CLI of the host may be a newer one.
    """
    if shutil.which("docker") is None:
        return ""
    # Variables of this shell are not the stack's, and would win over its own.
    clean = ["env", "-i", *(f"{name}={os.environ[name]}" for name in ("PATH", "HOME") if name in os.environ)]
    with tempfile.TemporaryDirectory(prefix="latentum-ops-") as folder:
        compose = [*clean, "docker", "compose", "--ansi=never", f"--project-name={declaration.name}", f"--project-directory={folder}"]
        if run([*compose, "version"], timeout=TIMEOUT, check=False).rc != 0:
            return ""
        (Path(folder) / "compose.yaml").write_text(dump(_without_files(compose_project(declaration))))
        (Path(folder) / "environment").write_text(render(declaration.environment))
        files = [f"--file={folder}/compose.yaml", f"--env-file={folder}/environment"]
        result = run([*compose, *files, "config", "--quiet"], timeout=TIMEOUT, check=False)
        output = result.stderr.strip().replace(f"{folder}/", "")
    return "" if result.rc == 0 or _UNKNOWN_KEY.search(output) else output


def _without_files(project: dict[str, Any]) -> dict[str, Any]:
    services = {
        name: {key: value for key, value in service.items() if key not in _ON_THE_HOST} for name, service in project["services"].items()
    }
    return {**project, "services": services}
