# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules of the unit tests' plays, each in a process that is forked from one that has loaded what modules import.

An interpreter that starts, and unpacks and imports what Ansible has packed for it, is most of the processor time of a play whose modules do
little. Ansible packs a module as ever, so what cannot be packed fails as ever; what runs is the same file, with the same arguments, in
the folder and the environment of its task. `ansible_runs.py` begins this process before it loads Ansible itself, whose presence modules
would notice. A task with a user, an interpreter or variables of its own takes the usual way.
"""

from __future__ import annotations

import array
import ast
import atexit
import gc
import importlib
import json
import os
import re
import selectors
import shlex
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parents[2]
# Made by Ansible's `_find_module_utils`, which ends a module by the call of its wrapper: a line for each argument, the archive last.
CALL, ARCHIVE = b'\nif __name__ == "__main__":\n    _ansiballz_main(\n', b"\nzip_data="
ARGUMENT = re.compile(r"^(module_fqn|profile|params|extensions)=(.*),$", re.MULTILINE)
# They begin another interpreter where a library is missing, and have it read their archive.
BEGIN_ANEW = ("ansible.modules.apt", "ansible.modules.dnf")
LARGEST = 1 << 20  # bytes that are read of the socket at once


class ModuleRuns:
    """The process that has loaded what modules import: it is a child of whoever makes this, and ends with it."""

    def __init__(self, path: str) -> None:
        self.path = path
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(path)
        listener.listen(64)
        ends, self._lives = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._lives)
            _serve(listener, ends)
        listener.close()
        os.close(ends)

    def close(self) -> None:
        """End it, once all modules have ended."""
        os.close(self._lives)
        os.waitpid(self.pid, 0)

    def take_over(self, connection: Any) -> None:
        """From now on this plugin of Ansible for a connection to the machine itself runs modules here.

        :param connection: its class.
        """
        usual = connection.exec_command

        def exec_command(self_: Any, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
            wanted = _wanted(cmd, in_data)
            if wanted is None:
                done: tuple[int, bytes, bytes] = usual(self_, cmd, in_data=in_data, sudoable=sudoable)
                return done
            return self.run({**wanted, "folder": str(Path.cwd() / os.fsdecode(self_.cwd or ".")), "environment": dict(os.environ)})

        connection.exec_command = exec_command

    def run(self, wanted: dict[str, Any]) -> tuple[int, bytes, bytes]:
        """One module: exit status, standard output and standard error."""
        out, err = os.pipe(), os.pipe()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
            server.connect(self.path)
            server.sendmsg([b"."], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [out[1], err[1]]))])
            server.sendall(json.dumps(wanted).encode())
            server.shutdown(socket.SHUT_WR)
            os.close(out[1])
            os.close(err[1])
            shown = {out[0]: b"", err[0]: b""}
            with selectors.DefaultSelector() as selector:
                for end in shown:
                    selector.register(end, selectors.EVENT_READ)
                while selector.get_map():
                    for key, _events in selector.select():
                        part = os.read(key.fd, LARGEST)
                        shown[key.fd] += part
                        if not part:
                            selector.unregister(key.fd)
                            os.close(key.fd)
            return int(server.makefile("rb").read()), shown[out[0]], shown[err[0]]


def _wanted(cmd: str, in_data: bytes | None) -> dict[str, Any] | None:
    """What a command would run, where it is a module of Python for this very interpreter and nothing else."""
    if not in_data or (begin := in_data.rfind(CALL)) < 0:
        return None
    shell = shlex.split(cmd)
    if len(shell) != 3 or shell[:2] != ["/bin/sh", "-c"] or shell[2].removesuffix(" && sleep 0") != sys.executable:
        return None
    text = in_data[begin + len(CALL) : in_data.index(ARCHIVE, begin)].decode()
    given = {name: ast.literal_eval(value) for name, value in ARGUMENT.findall(text)}
    return None if given["module_fqn"].startswith(BEGIN_ANEW) or len(given) != 4 else given


def _serve(listener: socket.socket, ends: int) -> NoReturn:
    """Fork a process for each module, and give its exit status to whoever waits for it."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    atexit._clear()  # what whoever has made this does at its end
    _load()
    running: dict[int, tuple[int, socket.socket]] = {}
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    selector.register(ends, selectors.EVENT_READ)
    last = False
    while not last or running:
        for key, _events in selector.select():
            if key.fileobj is listener:
                client, _address = listener.accept()
                if (pid := os.fork()) == 0:
                    _run(client)
                running[watch := os.pidfd_open(pid)] = pid, client
                selector.register(watch, selectors.EVENT_READ)
            elif key.fd == ends:
                last = True
                selector.unregister(ends)
            else:
                pid, client = running.pop(key.fd)
                selector.unregister(key.fd)
                os.close(key.fd)
                _pid, status = os.waitpid(pid, 0)
                with client:
                    client.sendall(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _load() -> None:
    """What modules import, also inside their functions."""
    sys.path[:] = [str(ROOT / ".collections"), *(path for path in sys.path if Path(path) != ROOT / "tests/tools")]
    for source in sorted((ROOT / "plugins/modules").glob("*.py")):
        importlib.import_module(f"ansible_collections.latentum.ops.plugins.modules.{source.stem}")
    for library in (
        "cryptography.x509",
        "cryptography.hazmat.primitives.serialization",
        "cryptography.hazmat.primitives.asymmetric.ec",
        "yaml",
    ):
        importlib.import_module(library)
    gc.collect()
    gc.freeze()


def _run(client: socket.socket) -> NoReturn:
    """One module, and what a process does at its end."""
    status = 1
    try:
        _first, rights, _flags, _address = client.recvmsg(1, socket.CMSG_SPACE(2 * array.array("i").itemsize))
        files = array.array("i")
        files.frombytes(rights[0][2])
        for number, file in enumerate(files, 1):
            os.dup2(file, number)
        with client.makefile("rb") as asked:
            wanted = json.loads(asked.read())
        os.closerange(3, 1024)
        os.setsid()
        signal.set_wakeup_fd(-1)
        os.chdir(wanted["folder"])
        os.environ.clear()
        os.environ.update(wanted["environment"])
        sys.argv = [wanted["module_fqn"]]
        sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, how, encoding="utf-8") for number, how in enumerate(("r", "w", "w")))
        from ansible.module_utils._internal._ansiballz import _loader

        given = {name: wanted[name] for name in ("module_fqn", "profile", "extensions")}
        _loader.run_module(json_params=wanted["params"].encode(), modlib_path="/nonexistent", **given)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                status = status or 120  # as the interpreter has it
        os._exit(status)
