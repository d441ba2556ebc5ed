# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs playbooks for test_actions.py: each in a process of its own, forked from this one, which has loaded Ansible and the collection.

Ansible compiles a collection anew in every process that loads it, and most of the time of a short play is that and its own imports.
A line of JSON on standard input is a run: {arguments, folder, environment, output, errors}; the answer is its exit status.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parents[3]


def main() -> None:
    from ansible.cli.playbook import PlaybookCLI
    from ansible.plugins.loader import init_plugin_loader

    init_plugin_loader([])
    for kind in ("action", "filter"):
        for source in sorted((ROOT / "plugins" / kind).glob("*.py")):
            importlib.import_module(f"ansible_collections.latentum.ops.plugins.{kind}.{source.stem}")
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            play(json.loads(line), PlaybookCLI)
        _pid, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def play(run: dict[str, Any], cli: Any) -> NoReturn:
    """As the command `ansible-playbook` does it; what is to happen at the end of the first process does not happen at the end of this."""
    status = 1
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, path in ((1, run["output"]), (2, run["errors"])):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
        os.chdir(run["folder"])
        os.environ.clear()
        os.environ.update(run["environment"])
        cli.cli_executor(["ansible-playbook", *run["arguments"]])
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
