# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module that is forked gives what it gives in an interpreter of its own; what it cannot have there is left to Ansible."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import module_runs
import pytest
from ansible_runs import AnsibleRuns

from .test_ansible_runs import command

PACKED = b"#!/usr/bin/python\nlong code\n" + module_runs.CALL + (
    b"ansible_module='ping',\nmodule_fqn='ansible.modules.ping',\nprofile='legacy',\ndate_time=datetime.datetime(2026, 1, 1),\n"
    b"rlimit_nofile=0,\nparams='{\"ANSIBLE_MODULE_ARGS\": {\"data\": \"it\\'s\\\\n,\"}}',\nextensions={},\nzip_data='UEs=',\n)\n"
)  # fmt: skip


@pytest.mark.parametrize("end", ["", " && sleep 0"])
def test_a_module_of_this_interpreter_is_taken(end: str) -> None:
    wanted = module_runs._wanted(f"/bin/sh -c '{sys.executable}{end}'", PACKED)
    assert wanted is not None and json.loads(wanted.pop("params")) == {"ANSIBLE_MODULE_ARGS": {"data": "it's\n,"}}
    assert wanted == {"module_fqn": "ansible.modules.ping", "profile": "legacy", "extensions": {}}


@pytest.mark.parametrize(
    ("cmd", "data"),
    [
        (f"/bin/sh -c '{sys.executable}'", None),
        (f"/bin/sh -c '{sys.executable}'", b"print('a script')"),
        ("/bin/sh -c '/usr/bin/another-python && sleep 0'", PACKED),
        (f"/bin/sh -c 'LANG=C {sys.executable}'", PACKED),
        (f"/bin/sh -c 'sudo -u ada {sys.executable} && sleep 0'", PACKED),
        (f"/bin/sh -c '{sys.executable} /tmp/AnsiballZ_ping.py'", PACKED),
        (f"/bin/sh -c '{sys.executable}'", PACKED.replace(b"ansible.modules.ping", b"ansible.modules.apt")),
    ],
)
def test_anything_else_is_left_to_ansible(cmd: str, data: bytes | None) -> None:
    assert module_runs._wanted(cmd, data) is None


def adhoc(module: str, arguments: str) -> tuple[str, ...]:
    here = json.dumps({"ansible_python_interpreter": sys.executable})
    return ("ansible", "all", "-i", "localhost,", "-c", "local", "-m", module, "-a", arguments, "-e", here)


@pytest.mark.parametrize(
    ("module", "arguments", "status"),
    [
        ("ansible.builtin.ping", "data=here", 0),
        ("ansible.builtin.ping", "data=crash", 2),
        ("ansible.builtin.ping", "date=here", 2),
        ("ansible.builtin.command", "sh -c 'echo $WORD; pwd; id -u; echo aside >&2; umask; exit 3'", 2),
        ("latentum.ops.environment_diff", "of=nothing", 2),
    ],
)
def test_a_result_is_the_same(ansible: AnsibleRuns, tmp_path: Path, module: str, arguments: str, status: int) -> None:
    argv, environment = adhoc(module, arguments), {"WORD": "of the environment"}
    own = command(*argv, folder=tmp_path, environment=environment)
    forked = ansible(*argv, folder=tmp_path, environment=environment)
    assert own.returncode == forked.returncode == status

    def plain(text: str) -> str:
        """Without what differs between two runs of the command, too: times, and the place of the code in a traceback."""
        return re.sub(r'\d\d?:\d\d:\d\d[.\d]*|/\S*(?=/ansible\S*\.py)|line \d+|"(start|end|delta)": "[^"]*"', "", text)

    assert plain(forked.stdout) == plain(own.stdout) and plain(forked.stderr) == plain(own.stderr)


def test_it_is_forked_and_its_end_is_seen(ansible: AnsibleRuns, tmp_path: Path) -> None:
    done = ansible(*adhoc("ansible.builtin.command", "sh -c 'tr \\\\0 \\  < /proc/$PPID/cmdline'"), folder=tmp_path)
    assert "ansible_runs.py" in done.stdout, done.stdout + done.stderr
    killed = ansible(*adhoc("ansible.builtin.command", "sh -c 'kill -KILL $PPID'"), folder=tmp_path)
    assert killed.returncode == 2 and '"rc": -9' in killed.stdout, killed.stdout + killed.stderr
