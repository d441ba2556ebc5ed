# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The places where the words of others come into the engine, and where text leaves a process: each is known, and passes the masker.

A further place fails here. Let it use what is there already (`containers.client`, `process.run`; `journal.log`, `cli.output`), or mask, and
write it down with the reason.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.receivers import dispatch

from .test_fronts import FRONTS

ENGINE = Path(__file__).parents[3] / "plugins" / "module_utils"

# What a container wrote is bytes in the engine's API; `masking.foreign` (or `written`) makes text of it.
CONTAINERS = {
    "containers/client.py": "foreign",
    "backup/scratch_container.py": "foreign",
    "jobs/container.py": "foreign",
    "cli/log_view.py": "written",
    "socket_proxy/operations.py": "mask",  # for the watchdog, by what root has published
    "cli/session.py": "",  # a terminal in a container, or a dump out of it: bytes that go through as they are
}
# Programs: `process.run` hands out what was written for the engine to read, and masks what an error carries.
PROGRAMS = {
    "core/process.py": "mask",
    "backup/restic_process.py": "mask",  # its standard output is documents, or a backup
    "logs/sources.py": "",  # journalctl; `collector` masks each text
    "watchdog/alerting/notices.py": "",  # the deliverer, which is the engine itself
}
# Standard output and error.
EXITS = {
    "core/journal.py": "hide",
    "core/tracebacks.py": "mask",
    "cli/output.py": "hide",
    "cli/errors.py": "clean",
    "cli/confirmation.py": "",  # a question about the environment of this host
    "cli/arguments.py": "",  # what is wrong with the command line, to whoever typed it
    "cli/completion_words.py": "",  # names of services for a shell
    "delivery/receiver_daemon.py": "clean",
    "delivery/worker.py": "clean",
    "logs/__main__.py": "clean",
    "logs/forwarder.py": "clean",
    "logs/sinks/service.py": "clean",
    "socket_proxy/daemon.py": "clean",
    "socket_proxy/preparing.py": "clean",
    "watchdog/__main__.py": "clean",
}
# Daemons and opsctl: an error that nobody expected.
PROCESSES = sorted(str(path.relative_to(ENGINE)) for path in ENGINE.rglob("__main__.py"))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def calls(path: Path) -> frozenset[str]:
    """The names of what a file calls, with dots; of what is called on an expression only the last one."""
    return frozenset(
        ast.unparse(node.func) if isinstance(node.func, ast.Name) or _dotted(node.func) else f".{getattr(node.func, 'attr', '')}"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
    )


def _dotted(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) or (isinstance(node, ast.Attribute) and _dotted(node.value))


def files_that_call(*endings: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in sorted(ENGINE.rglob("*.py")):
        for name in calls(path):
            if name.endswith(endings):
                found.setdefault(str(path.relative_to(ENGINE)), set()).add(name)
    return found


KINDS = {
    "text of containers": (CONTAINERS, (".logs", ".log_stream", ".execute", ".attach_execution")),
    "programs": (
        PROGRAMS,
        ("subprocess.run", "subprocess.Popen", "subprocess.check_output", "subprocess.check_call", "os.popen", "os.system"),
    ),
    "standard output and error": (EXITS, ("sys.stdout.write", "sys.stdout.buffer.write", "sys.stderr.write", "sys.stdout.writelines")),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_place_is_known_and_masks(kind: str) -> None:
    known, endings = KINDS[kind]
    found = files_that_call(*endings)
    assert set(found) - set(known) == set(), f"{kind}: a new place, see the head of this file"
    assert set(known) - set(found) == set(), f"{kind}: it is gone: take it out"
    for file, masks in known.items():
        if masks:
            assert any(name.rpartition(".")[2] == masks for name in calls(ENGINE / file)), f"{file} calls `{masks}` no more"


def test_nothing_is_printed_and_no_logger_is_used_but_in_the_service_of_nginx() -> None:
    """The service that nginx asks runs without any right to the store, and nobody's words are in what it logs."""
    assert files_that_call("pprint") | {file: names for file, names in files_that_call("print").items() if "print" in names} == {}
    assert {file.partition("/")[0] for file in files_that_call("logging.getLogger", "logging.basicConfig")} <= {
        "authentication",
        "core",
        "watchdog",
    }
    assert {file for file in files_that_call("logging.getLogger") if not file.startswith("authentication/")} == {
        "core/detached.py",  # takes its handlers away
        "watchdog/receivers/apprise.py",  # lets it be silent
    }


@pytest.mark.parametrize("file", PROCESSES)
def test_no_process_ends_with_a_traceback_that_was_not_masked(file: str) -> None:
    assert "mask_tracebacks" in calls(ENGINE / file)


def test_the_health_log_is_read_in_one_place_and_in_the_proxy() -> None:
    readers = {
        str(path.relative_to(ENGINE))
        for path in ENGINE.rglob("*.py")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and node.value == "Output"
    }
    assert readers == {"containers/client.py", "socket_proxy/views.py"}


def test_no_bytes_of_a_container_become_text_by_themselves() -> None:
    """In the files that get them: each `decode` is another one's, and is known."""
    decoding = {
        file: sorted(ast.unparse(node) for node in ast.walk(tree(ENGINE / file)) if isinstance(node, ast.Call) and decodes(node))
        for file in CONTAINERS
    }
    assert {file: found for file, found in decoding.items() if found} == {
        "cli/log_view.py": ["(match[1] + match[3]).decode()"],
        "containers/client.py": ["raw.decode(errors='replace')"],  # masked by the socket proxy, and by the rules once more
        "socket_proxy/operations.py": ["base64.b64encode(status).decode()", "text.decode(errors='replace')"],  # masked in the same line
    }


def decodes(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Attribute) and node.func.attr == "decode"


def test_every_kind_of_receiver_has_its_front() -> None:
    assert {front.removeprefix("receiver ") for front in FRONTS if front.startswith("receiver ")} == set(dispatch.KINDS)
