# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host of opsctl below a folder: stacks, releases, environment, and the engine's socket. Also a program: opsctl on such a host."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ansible_collections.latentum.ops.plugins.module_utils.backup import settings as backup_settings
from ansible_collections.latentum.ops.plugins.module_utils.backup import state as backup_state
from ansible_collections.latentum.ops.plugins.module_utils.capacity import settings as capacity_settings
from ansible_collections.latentum.ops.plugins.module_utils.cli import audit, completion_words, main
from ansible_collections.latentum.ops.plugins.module_utils.containers.api import EngineApi
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import Engine
from ansible_collections.latentum.ops.plugins.module_utils.core import locks, paths, progress
from ansible_collections.latentum.ops.plugins.module_utils.maintenance import protection, windows
from ansible_collections.latentum.ops.plugins.module_utils.slo import settings as slo_settings
from ansible_collections.latentum.ops.plugins.module_utils.watchdog import privileged_requests
from ansible_collections.latentum.ops.plugins.module_utils.watchdog import settings as watchdog_settings

ROOT = "OPSCTL_TEST_ROOT"


def point_to(root: Path, setattr: Callable[[Any, str, Any], None]) -> None:
    """Everything that opsctl reads or writes lies below this folder."""
    setattr(paths, "STACKS", root / "etc/stacks")
    setattr(paths, "SECRETS", root / "etc/secrets")
    setattr(paths, "RELEASES", root / "var/stacks")
    setattr(protection, "FILE", root / "etc/environment.json")
    setattr(completion_words, "ENVIRONMENT", root / "etc/environment.json")
    setattr(windows, "FILE", root / "var/maintenance.json")
    setattr(backup_settings, "FOLDER", root / "etc/backup")
    setattr(backup_settings, "ROOT", root / "var/backups")
    setattr(backup_state, "ROOT", root / "var/backups")
    setattr(watchdog_settings, "FOLDER", root / "etc/watchdog")
    setattr(privileged_requests, "STATUS", root / "run/status.json")
    setattr(slo_settings, "FOLDER", root / "etc/slo")
    setattr(capacity_settings, "FILE", root / "etc/monitoring/report.json")
    setattr(locks, "FOLDER", root / "run")
    setattr(progress, "FOLDER", root / "run")
    setattr(audit, "SOCKET", str(root / "journal.sock"))
    setattr(EngineApi.__init__, "__defaults__", (600, str(root / "docker.sock")))
    setattr(Engine.__init__, "__defaults__", (600, ""))


def declare(root: Path, stack: str, *services: str, directory: Path | None = None) -> Path:
    """A stack of this host; its directory."""
    folder = root / "etc/stacks"
    folder.mkdir(parents=True, exist_ok=True)
    place = directory or root / "opt" / stack
    place.mkdir(parents=True, exist_ok=True)
    described = [{"service": service, "expect": "running", "replicas": 1} for service in services]
    text = json.dumps({"name": stack, "directory": str(place), "services": described, "domains": [f"{stack}.example.com"]})
    (folder / f"{stack}.json").write_text(text)
    return place


def protect(root: Path, environment: str = "production", *, protected: bool = True) -> None:
    (root / "etc").mkdir(parents=True, exist_ok=True)
    (root / "etc/environment.json").write_text(json.dumps({"environment": environment, "protected": protected}))


def command(*words: str) -> list[str]:
    """The argv of opsctl as a process of its own."""
    return [sys.executable, "-B", str(Path(__file__)), *words]


def environment(root: Path, **more: str) -> dict[str, str]:
    """Its environment: the host, and a known terminal."""
    plain = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM", "COLUMNS", "LINES")}
    return {**plain, ROOT: str(root), "TERM": "xterm", "PYTHONPATH": os.pathsep.join(sys.path), **more}


@cache
def parser() -> argparse.ArgumentParser:
    """The command line of opsctl, made once: parsing leaves nothing in it."""
    return main.parser()


def run(argv: Sequence[str]) -> int:
    """opsctl, here and now."""
    sys.argv = ["opsctl", *argv]
    return main.main()


if __name__ == "__main__":
    point_to(Path(os.environ[ROOT]), setattr)
    raise SystemExit(run(sys.argv[1:]))
