# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of `ansible` and `ansible-playbook` for the unit tests: each in a process of its own, forked from one that has loaded Ansible.

Most of the time of a short run is Ansible's own imports, and the collection, which is compiled anew in every process that loads it. The
fixture `ansible` (tests/unit/conftest.py) starts the first process; a line of JSON on its standard input is a run (`Run`), the answer
is the exit status. Modules of a run are forked as well (`module_runs.py`). `test_ansible_runs.py` compares with the commands themselves.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import importlib
import importlib.util
import json
import marshal
import os
import subprocess
import sys
import tempfile
import traceback
import types
import warnings
import zipfile
from collections.abc import Mapping
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any, NoReturn, TypedDict

from module_runs import ModuleRuns

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {"ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"), "ANSIBLE_PIPELINING": "true"}  # as ansible.cfg of this repository
PROGRAMS = {"ansible": ("ansible.cli.adhoc", "AdHocCLI"), "ansible-playbook": ("ansible.cli.playbook", "PlaybookCLI")}

_READ_AT_FIRST: dict[str, str | None] = {}  # what Ansible had read when it was imported, in the process that is forked


class Run(TypedDict):
    """One run as it is asked for; the paths are files for what it prints."""

    argv: list[str]
    folder: str
    environment: dict[str, str]
    output: str
    errors: str


class AnsibleRuns:
    """The process that has loaded Ansible, as a context."""

    def __enter__(self) -> AnsibleRuns:
        environment = {**os.environ, **SETTINGS}
        # No ansible.cfg is read from "/": that of the folder is read for each run.
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd="/"
        )
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.communicate()

    def __call__(self, *argv: str | Path, folder: Path, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command in a folder.

        :param argv: `ansible` or `ansible-playbook`, and arguments.
        :param environment: what is set beside this process's own.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        words = [str(word) for word in argv]
        with tempfile.TemporaryDirectory() as shown:
            output, errors = Path(shown, "output"), Path(shown, "errors")
            given = {**os.environ, **SETTINGS, **(environment or {})}
            run = Run(argv=words, folder=str(folder), environment=given, output=str(output), errors=str(errors))
            print(json.dumps(run), file=self._process.stdin, flush=True)
            status = int(self._process.stdout.readline())
            return subprocess.CompletedProcess(words, status, output.read_text(), errors.read_text())


def main() -> None:
    """Load what runs need, then fork a process for each line."""
    place = tempfile.TemporaryDirectory()
    modules = ModuleRuns(f"{place.name}/modules")
    from ansible.plugins.loader import connection_loader, init_plugin_loader

    programs = {name: getattr(importlib.import_module(module), cli) for name, (module, cli) in PROGRAMS.items()}
    init_plugin_loader([])
    _READ_AT_FIRST.update(_read_of_environment())
    _load_plugins()
    _pack_bytecode()
    _keep_compiled_templates()
    modules.take_over(connection_loader.get("ansible.builtin.local", class_only=True))
    # What is loaded stays: no run walks through it for garbage, and copies its pages by that.
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        run: Run = json.loads(line)
        child = os.fork()
        if child == 0:
            _play(run, programs[run["argv"][0]])
        _pid, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    modules.close()
    place.cleanup()


def _load_plugins() -> None:
    """The collection's plugins, and those of Ansible that a run looks through or needs, with the documentation of their options."""
    from ansible.plugins import loader

    for kind in ("action", "filter", "lookup"):
        for source in sorted((ROOT / "plugins" / kind).glob("*.py")):
            importlib.import_module(f"ansible_collections.latentum.ops.plugins.{kind}.{source.stem}")
    for plugins in (
        loader.inventory_loader,
        loader.callback_loader,
        loader.connection_loader,
        loader.shell_loader,
        loader.become_loader,
        loader.cache_loader,
        loader.action_loader,
        loader.lookup_loader,
        loader.strategy_loader,
    ):
        list(plugins.all(class_only=True))


def _pack_bytecode() -> None:
    """Modules bring their bytecode with them: Python compiles what it imports from an archive each time that it does."""
    import ansible
    from ansible.executor import module_common

    folders = (Path(ansible.__path__[0]).parent, ROOT / ".collections")

    def code_of(name: str, source: bytes) -> types.CodeType:
        for path in (folder / name for folder in folders):
            if path.is_file() and path.read_bytes() == source:  # whose bytecode is kept beside it
                code = SourceFileLoader("of", str(path)).get_code("of")
                assert code is not None
                return code
        return compile(source, name, "exec", dont_inherit=True)

    class WithBytecode(zipfile.ZipFile):
        def writestr(self, member: Any, data: Any, *given: Any, **options: Any) -> None:
            super().writestr(member, data, *given, **options)
            name, source = getattr(member, "filename", member), data.encode() if isinstance(data, str) else data
            if name.endswith(".py"):  # believed without a look at the source's time; a Python of another version takes the source
                header = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + importlib.util.source_hash(source)
                super().writestr(f"{name}c", header + marshal.dumps(code_of(name, source)))

    module_common.zipfile = types.SimpleNamespace(**{**vars(zipfile), "ZipFile": WithBytecode})


def _keep_compiled_templates() -> None:
    """A template is compiled once, and not by each task of each run, which is a process: half of the time of a run that renders files."""
    from ansible import constants
    from ansible._internal._templating import _jinja_bits as bits

    folder = Path(constants.DEFAULT_LOCAL_TMP, "templates")
    folder.mkdir()
    compile_anew = bits.AnsibleEnvironment.compile

    def compiled(self: Any, source: Any, name: Any = None, filename: Any = None, raw: bool = False, defer_init: bool = False) -> Any:
        if raw or not isinstance(source, str):
            return compile_anew(self, source, name, filename, raw, defer_init)
        syntax = [getattr(self, option) for option in bits._TEMPLATE_OVERRIDE_FIELD_NAMES]
        settings = (type(self).__name__, syntax, sorted(self.extensions), bits._TemplateConfig.allow_embedded_templates)
        given = (str(source), str(name), str(filename), defer_init, *settings)
        kept = folder / hashlib.sha256(repr(given).encode("utf-8", "surrogatepass")).hexdigest()
        with contextlib.suppress(FileNotFoundError):
            return marshal.loads(kept.read_bytes())  # noqa: S302 - written below
        code = compile_anew(self, source, name, filename, raw, defer_init)
        own = kept.with_suffix(f".{os.getpid()}")
        own.write_bytes(marshal.dumps(code))
        own.replace(kept)
        return code

    bits.AnsibleEnvironment.compile = compiled


def _play(run: Run, cli: Any) -> NoReturn:
    """As the command does it; what is to happen at the end of the first process does not happen at the end of this."""
    status = 1
    try:
        gc.disable()  # a run is short, and each of its tasks a process that would copy what it walks through
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, path in ((1, run["output"]), (2, run["errors"])):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
        os.chdir(run["folder"])
        os.environ.clear()
        os.environ.update(run["environment"])
        _read_settings()
        warnings.filterwarnings("ignore", message="AnsibleCollectionFinder has already been configured")
        cli.cli_executor(run["argv"])
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


def _read_settings() -> None:
    """The ansible.cfg of the folder and the environment, which Ansible reads when it is imported."""
    from ansible import constants
    from ansible.config.manager import find_ini_config_file

    constants.config._config_file = find_ini_config_file()
    if constants.config._config_file:
        constants.config._parse_config_file()
    if constants.config._config_file or _read_of_environment() != _READ_AT_FIRST:
        for name, definition in constants.config.get_configuration_definitions().items():
            if definition.get("type") != "tmppath":  # the folder of the first process, which removes it
                constants.set_constant(name, constants.config.get_config_value(name, variables=vars(constants)))
    # Seconds between two looks whether a task has ended: each look costs a tenth of a millisecond, and a task takes 20.
    constants.set_constant("DEFAULT_INTERNAL_POLL_INTERVAL", 0.005)


def _read_of_environment() -> dict[str, str | None]:
    """The variables of the environment that settings are made of."""
    from ansible import constants

    definitions = constants.config.get_configuration_definitions().values()
    names = {variable["name"] for definition in definitions for variable in definition.get("env") or ()}
    return {name: os.environ.get(name) for name in sorted({*names, "HOME"})}


if __name__ == "__main__":
    main()
