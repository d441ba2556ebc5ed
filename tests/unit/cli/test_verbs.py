# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of verbs: each is there with its help, and a call loads what its verb needs and nothing of the others."""

from __future__ import annotations

import argparse
import ast
import importlib
import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.cli import command_line, errors, main
from ansible_collections.latentum.ops.plugins.module_utils.cli.verbs import VERBS

from . import host

ROOT = Path(__file__).parents[3]
CLI = ROOT / "plugins/module_utils/cli"
# Of every call: the command line, whether its caller may, the audit log.
ALWAYS = {"access", "cli", "core", "release", "schema"}
# What each verb loads beside that before it does anything.
PACKAGES = {
    "version": set[str](),
    "releases": {"compose", "contracts"},
    "incidents": set(),
    "access": set(),
    "check": {"contracts", "hostconfig", "maintenance"},
    "backup": {"containers", "contracts", "hostconfig", "maintenance"},
    "health": {"containers", "contracts", "health"},
    "jobs": {"contracts", "hostconfig", "maintenance"},
    "upstreams": {"containers", "contracts", "firewall", "hostconfig", "metrics", "nginx"},
    "logs": {"compose", "containers", "contracts", "logs", "status"},
    "status": {"backup", "compose", "containers", "contracts", "effective", "firewall", "health", "hostconfig", "jobs", "metrics", "nginx"}
    | {"delivery", "preflight", "secretstore", "status", "tls"},
}
# Verbs that use another file of verbs.
TOGETHER = {"status": {"watchdog"}, "slo": {"watchdog"}, **{key: {"releases"} for key in ("deploy", "rollback", "scale")}}
LIBRARIES = {"apprise", "barman", "bcrypt", "cryptography", "jwt", "passlib", "prometheus_client", "requests", "yaml"}

CALLS = """
import json, os, sys
from ansible_collections.latentum.ops.plugins.module_utils.cli import main
loaded = {"": sorted(sys.modules)}
for verb in sys.argv[1:]:
    reading, writing = os.pipe()
    if os.fork() == 0:
        sys.argv[1:] = [verb, "--help"]
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        try:
            main.main()
        except SystemExit as left:
            with open(writing, "w") as answer:
                json.dump(sorted(sys.modules) if left.code == 0 else [], answer)
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading) as answer:
        loaded[verb] = json.load(answer)
    os.wait()
json.dump(loaded, sys.stdout)
"""


@cache
def loaded() -> dict[str, frozenset[str]]:
    """What is in `sys.modules` once a verb is called, by verb; before any is, by ""."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    verbs = list(dict.fromkeys([*PACKAGES, *TOGETHER]))
    done = subprocess.run([sys.executable, "-c", CALLS, *verbs], capture_output=True, text=True, env=environment, check=True)
    return {verb: frozenset(modules) for verb, modules in json.loads(done.stdout).items()}


def of_engine(modules: frozenset[str]) -> set[str]:
    """The files of the engine, as `package.file`."""
    return {module.partition(".module_utils.")[2] for module in modules if ".module_utils." in module}


def packages(modules: frozenset[str]) -> set[str]:
    return {file.partition(".")[0] for file in of_engine(modules) if "." in file}


@pytest.mark.parametrize("verb", PACKAGES)
def test_a_call_loads_what_its_verb_needs(verb: str) -> None:
    modules = loaded()[verb]
    assert packages(modules) - ALWAYS - PACKAGES[verb] == set()
    assert {module.partition(".")[0] for module in modules} & LIBRARIES == set()


@pytest.mark.parametrize("verb", [*PACKAGES, *TOGETHER])
def test_a_call_loads_no_other_file_of_verbs(verb: str) -> None:
    files = {f"cli.{entry.file}" for entry in VERBS.values()}
    assert of_engine(loaded()[verb]) & files == {f"cli.{name}" for name in {VERBS[verb].file, *TOGETHER.get(verb, ())}}


def test_without_a_verb_none_is_loaded() -> None:
    assert packages(loaded()[""]) == ALWAYS
    assert of_engine(loaded()[""]) & {f"cli.{verb.file}" for verb in VERBS.values()} == set()


def choices(top: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    return next(dict(action.choices) for action in top._actions if isinstance(action, argparse._SubParsersAction))


def test_each_verb_of_the_table_is_there_and_no_other() -> None:
    """In its order, in the file that it names."""
    assert list(choices(host.parser())) == list(VERBS)
    added: dict[str, str] = {}
    for file in sorted({verb.file for verb in VERBS.values()}):
        for node in ast.walk(ast.parse((CLI / f"{file}.py").read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "verbs.add_parser" and isinstance(node.args[0], ast.Constant):
                added[str(node.args[0].value)] = file
                assert "help" not in {keyword.arg for keyword in node.keywords}, "its line of help is in the table"
    assert added == {name: verb.file for name, verb in VERBS.items()}


def test_each_file_of_verbs_is_in_the_table() -> None:
    files = {path.stem for path in CLI.glob("*.py") if "def add_parsers(" in path.read_text()}
    assert files == {verb.file for verb in VERBS.values()}


@pytest.mark.parametrize("name", VERBS)
def test_a_call_has_the_same_command_line_as_the_whole(name: str) -> None:
    alone, whole = command_line.parser(name), host.parser()
    assert alone.format_help() == whole.format_help()
    below = [(choices(alone)[name], choices(whole)[name])]
    while below:
        one, other = below.pop()
        assert one.format_help() == other.format_help()
        if any(isinstance(action, argparse._SubParsersAction) for action in one._actions):
            below += [(each, choices(other)[word]) for word, each in choices(one).items()]


def test_the_list_has_the_help_of_each(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    with pytest.raises(SystemExit):
        host.run(["--help"])
    shown = dict(re.findall(r"^    (\S+) +(\S.*)$", capsys.readouterr().out, re.MULTILINE))
    assert shown == {name: verb.help for name, verb in VERBS.items()}


def test_each_verb_is_documented() -> None:
    page = (ROOT / "docs/reference/opsctl.md").read_text()
    table = page.partition("| command |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`opsctl ([a-z-]+)", table)) == set(VERBS)


@pytest.mark.parametrize(
    ("argv", "verb"),
    [
        (["status", "--json"], "status"),
        (["--help"], ""),
        (["-h", "deploy"], "deploy"),
        (["--", "ps"], "ps"),
        ([], ""),
        (["nonsense"], "nonsense"),
    ],
)
def test_the_verb_of_a_command_line(argv: list[str], verb: str) -> None:
    assert command_line.verb_of(argv) == verb


@pytest.mark.parametrize("words", [["stats"], ["--json"], [], ["deploy", "--imagine", "x"]])
def test_what_cannot_be_is_refused_as_by_the_whole(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as short:
        host.run(words)
    said = capsys.readouterr().err
    with pytest.raises(SystemExit) as whole:
        main.parser().parse_args(words)
    assert (short.value.code, said) == (whole.value.code, capsys.readouterr().err) and said


# Errors


def test_each_error_that_is_named_is_one() -> None:
    for names, _word, _status in errors.KINDS:
        for name in names:
            file, _dot, of = name.rpartition(".")
            module = importlib.import_module(
                file if file == "builtins" else f"ansible_collections.latentum.ops.plugins.module_utils.{file}"
            )
            assert issubclass(getattr(module, of), Exception), name
    assert len(errors.expected()) == sum(len(names) for names, _word, _status in errors.KINDS)


def test_what_was_not_loaded_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ansible_collections.latentum.ops.plugins.module_utils.backup.settings", raising=False)
    assert errors.classes(["backup.settings.BackupError", "builtins.OSError"]) == (OSError,)
