# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layers of the engine: a file imports from its own package and from packages to its left, and Ansible is not there at all."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ENGINE = Path(__file__).parents[3] / "plugins" / "module_utils"
COLLECTION = "ansible_collections.latentum.ops.plugins.module_utils"

# From left to right; those of one layer do not know each other.
LAYERS = (
    ("core",),
    ("schema",),
    ("compose",),
    ("contracts",),
    ("containers", "declaration", "slo"),
    ("hostconfig", "environments", "metrics", "alert_rules", "logs"),
    ("monitoring", "dashboards"),
    ("firewall", "tls", "secretstore", "health", "nginx"),
    ("authentication",),
    ("release",),
    ("access",),
    ("preflight", "builds", "models", "jobs", "advisories"),
    ("rollout", "effective"),
    ("adopt",),
    ("maintenance",),
    ("backup",),
    ("databases", "rotation"),
    ("status",),
    ("watchdog",),
    ("delivery",),
    ("capacity", "removal", "socket_proxy", "patching"),
    ("emergency",),
    ("cli", "eject"),
)
LAYER = {package: number for number, layer in enumerate(LAYERS) for package in layer}
# The declaration runs on the controller and knows no host.
CONTROLLER = {"core", "schema", "compose", "contracts", "declaration"}
# What the engine needs of a host beside Python itself; role opsctl and role watchdog install it.
LIBRARIES = {
    "cryptography",
    "requests",
    "yaml",
    "apprise",
    "prometheus_client",
    "barman",
    "latentum_ops",
    "bcrypt",
    "passlib",
    "jwt",
    "aiohttp",
}

FILES = sorted(path.relative_to(ENGINE) for path in ENGINE.rglob("*.py"))


@dataclass(frozen=True)
class Import:
    """A path below the engine, beginning with "" for anything else (the name of the library follows).

    :param late: a function imports it when it is called.
    """

    target: tuple[str, ...]
    late: bool


def imported(file: Path, text: str | None = None, *, late: bool | None = None) -> list[tuple[str, ...]]:
    """What a file imports.

    :param late: only what functions import when they are called, or only what is there once the file is loaded.
    """
    imports = of_file(file) if text is None else of_tree(file, ast.parse(text))
    return [one.target for one in imports if late is None or one.late is late]


@cache
def of_file(file: Path) -> tuple[Import, ...]:
    """The imports of a file of the engine, which several tests look at."""
    return of_tree(file, ast.parse((ENGINE / file).read_text()))


def of_tree(file: Path, tree: ast.Module) -> tuple[Import, ...]:
    """The imports in a tree."""
    imports = []
    rest: list[tuple[ast.AST, bool]] = [(tree, False)]
    while rest:
        node, late = rest.pop()
        late = late or isinstance(node, ast.FunctionDef)
        imports += [Import(target, late) for target in targets(file, node)]
        # An import is a statement: what an expression holds is not looked at.
        rest += [(child, late) for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr)]
    return tuple(imports)


def targets(file: Path, node: ast.AST) -> Iterator[tuple[str, ...]]:
    """What a statement imports."""
    if isinstance(node, ast.Import):
        for name in node.names:
            yield ("", name.name.partition(".")[0])
    elif isinstance(node, ast.ImportFrom) and not node.level:
        yield ("", str(node.module).partition(".")[0])
    elif isinstance(node, ast.ImportFrom):
        base = (*file.parts[: -node.level], *(str(node.module).split(".") if node.module else ()))
        for name in node.names:
            module = (*base, name.name)
            yield module if (ENGINE.joinpath(*module).with_suffix(".py")).exists() else base


def wrong(file: Path, text: str | None = None) -> list[str]:
    """What must not be imported by this file, each with the reason."""
    found = []
    for target in imported(file, text):
        if target[0] == "":
            if target[1] not in sys.stdlib_module_names | LIBRARIES:
                found.append(f"{file} imports {target[1]}: no library of the engine")
        elif file.parts[0] == target[0]:
            continue
        elif LAYER[target[0]] >= LAYER[file.parts[0]]:
            found.append(f"{file} imports {'/'.join(target)}: to the right of it, or beside")
        elif file.parts[0] == "declaration" and target[0] not in CONTROLLER:
            found.append(f"{file} imports {'/'.join(target)}: a declaration knows no host")
    return found


def test_every_package_has_its_layer_and_no_file_lies_outside() -> None:
    assert {file.parts[0] for file in FILES} == set(LAYER)


def test_imports_lead_to_the_left() -> None:
    assert [line for file in FILES for line in wrong(file)] == []


def test_nothing_imports_what_imports_it() -> None:
    graph = {file.with_suffix("").parts: {target for target in imported(file) if target[0]} for file in FILES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {error.args[1]}")


def test_packages_import_nothing_by_themselves() -> None:
    """Whoever needs one file of a package gets that file: modules are sent to hosts with all that they import."""
    inits = [file for file in FILES if file.name == "__init__.py"]
    assert len(inits) >= len(LAYER) and [file for file in inits if list(imported(file))] == []


def test_plugins_front_the_engine_and_not_its_command_line() -> None:
    plugins = [file for file in ENGINE.parent.rglob("*.py") if not file.is_relative_to(ENGINE)]
    assert len(plugins) > 20 and [file.name for file in plugins if "module_utils.cli" in file.read_text()] == []


# Work that outlives its module: under Mitogen the way by which code of the collection came is cut off when it begins (core/detached.py).
DETACHING = {path.stem: path.read_text() for path in (ENGINE.parent / "modules").glob("*.py") if "detached.leave(" in path.read_text()}


def too_late(module: str) -> list[str]:
    """Files of the engine that are imported by a function, and were not loaded with the module: they are out of reach by then."""
    inner = Path("modules") / "module.py"
    text = re.sub(rf"from {re.escape(COLLECTION)}\.?", "from ..", module)
    loaded: set[tuple[str, ...]] = set()
    late = {target: "the module" for target in imported(inner, text, late=True)}
    left = set(imported(inner, text, late=False))
    while left := {target for target in left if target[0]} - loaded:
        loaded |= left
        files = [file for target in left if (ENGINE / (file := Path(*target).with_suffix(".py"))).is_file()]
        late |= {target: str(file) for file in files for target in imported(file, late=True)}
        left = {target for file in files for target in imported(file, late=False)}
    return [f"{file} imports {'/'.join(target)}" for target, file in late.items() if target[0] and target not in loaded]


@pytest.mark.parametrize("name", DETACHING)
def test_detached_work_imports_nothing_of_the_collection_any_more(name: str) -> None:
    assert too_late(DETACHING[name]) == []


def test_the_modules_that_detach_are_found() -> None:
    assert set(DETACHING) == {"backup", "compose_rollout", "host_patches", "image_build", "restore"}


@pytest.mark.parametrize(
    ("added", "missed"),
    [
        ("def work():\n    from {0}.status import collect", ["the module imports status/collect"]),
        ("from {0}.rollout import follower", ["rollout/follower.py imports rollout/rollback"]),
        ("from {0}.rollout import follower, rollback", []),
    ],
)
def test_an_import_that_comes_too_late_is_seen(added: str, missed: list[str]) -> None:
    assert too_late(added.format(COLLECTION)) == missed


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("core/process.py", "from ..schema.nodes import Problem"),
        ("health/assessment.py", "from ..nginx import sync"),
        ("declaration/loader.py", "from ..containers.client import Engine"),
        ("watchdog/page/document.py", "from ...cli import main"),
        ("release/store.py", "from ansible.module_utils.basic import AnsibleModule"),
        ("release/store.py", f"from {COLLECTION}.core import process"),
    ],
)
def test_the_test_sees_an_arrow_to_the_right(file: str, text: str) -> None:
    assert len(wrong(Path(file), text)) == 1


# Also what is run on a host, or in a process of its own, and stands in a string.
NAMED = re.compile(r"from (?:ansible_collections\.latentum\.ops\.plugins\.module_utils|latentum_ops)((?:\.\w+)*) import (\w+)")


def missing(text: str) -> list[str]:
    """Names in a text that no file of the engine stands behind."""
    lost = []
    for path, name in NAMED.findall(text):
        module = ENGINE.joinpath(*path.split(".")[1:])
        if not (module.with_suffix(".py").is_file() or module.joinpath(f"{name}.py").is_file() or module.joinpath(name).is_dir()):
            lost.append(f"{path[1:]} ({name})")
    return lost


def test_whoever_names_a_file_of_the_engine_finds_it() -> None:
    """Scenarios, benchmarks and the browser's tests are run seldom: a file that moved is missed here."""
    root = ENGINE.parents[1]
    others = {Path(__file__).resolve(), root / "tests/unit/skew/older.py"}  # the second is run beside an older engine
    files = [file for folder in ("plugins", "tests", "molecule") for file in (root / folder).rglob("*.py") if file not in others]
    assert len(files) > 300
    assert {str(file.relative_to(root)): lost for file in files if (lost := missing(file.read_text()))} == {}


def test_a_file_that_moved_is_missed() -> None:
    assert missing("from latentum_ops.nginx.sync import load\nfrom latentum_ops.watchdog.page.style import CSP") == [
        "watchdog.page.style (CSP)"
    ]
    assert missing(f"from {COLLECTION}.backup import running, state\nfrom {COLLECTION} import upstreams") == [" (upstreams)"]
