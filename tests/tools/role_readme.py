# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the argument tables of the role READMEs from their argument specs, or check that all three agree.

The argument specs are the truth (``meta/argument_specs.yml``). This tool derives the table between the
markers of each ``README.md`` and compares ``defaults/main.yml``: every default is specified, every option
that is not required has a default, a plain default is the same in both, and carries a comment.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from markup import markdown, table_cell

BEGIN, END = "<!-- BEGIN ARGUMENTS -->", "<!-- END ARGUMENTS -->"
ROOT = Path(__file__).resolve().parents[2]
Options = dict[str, dict[str, Any]]


def cell(value: Any) -> str:
    """A default as code; nothing for an absent one, the words *derived* for an expression."""
    if value is None:
        return ""
    if isinstance(value, str) and "{{" in value:
        return "derived"
    if isinstance(value, bool):
        value = str(value).lower()
    shown = table_cell(str(value)).replace("\n", " ")
    return f"`{shown}`" if len(shown) <= 60 else "see `defaults/main.yml`"


def rows(options: Options, defaults: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """The table's rows, nested options indented by their path."""
    for name, option in options.items():
        kind = option.get("type", "str")
        if "elements" in option:
            kind = f"{kind} of {option['elements']}"
        default = defaults.get(name, option.get("default")) if not prefix else option.get("default")
        described = table_cell(markdown(option.get("description", "")))
        if "choices" in option:
            described += " One of " + ", ".join(f"`{choice}`" for choice in option["choices"]) + "."
        required = "required" if option.get("required") else cell(default)
        yield f"| `{prefix}{name}` | {kind} | {required} | {described} |"
        if "options" in option:
            inner = f"{prefix}{name}[]." if option.get("type") == "list" else f"{prefix}{name}."
            yield from rows(option["options"], {}, inner)


def table(options: Options, defaults: dict[str, Any]) -> str:
    """The generated block between the markers."""
    if not options:
        return "This role takes no variables of its own."
    head = ["| variable | type | default | meaning |", "|---|---|---|---|"]
    return "\n".join([*head, *rows(options, defaults)])


def disagreements(role: Path, options: Options, defaults: dict[str, Any]) -> Iterator[str]:
    """What the specs and the defaults say differently."""
    where = f"{role.name}: defaults/main.yml"
    source = (role / "defaults/main.yml").read_text() if defaults else ""
    previous = ""
    commented: set[str] = set()
    for line in source.splitlines():
        if line and not line[0].isspace() and line.split(":")[0] in defaults and previous.startswith("#"):
            commented.add(line.split(":")[0])
        previous = line
    for name, value in defaults.items():
        if name.startswith("__"):
            continue
        if not name.startswith(f"{role.name}_"):
            yield f"{where}: {name} does not start with the role's name"
        if name not in options:
            yield f"{where}: {name} is not in meta/argument_specs.yml"
            continue
        specified = options[name].get("default")
        if specified is not None and specified != value:
            yield f"{where}: {name} is {value!r}, the argument spec says {specified!r}"
        if name not in commented:
            yield f"{where}: {name} has no comment line above it"
    for name, option in options.items():
        if not option.get("required") and name not in defaults:
            yield f"{where}: {name} is specified as optional but has no default"


def main() -> int:
    """Rewrite the READMEs, or with --check report every difference and exit with 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="report differences, write nothing")
    check: bool = parser.parse_args().check
    problems: list[str] = []
    for role in sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir()):
        missing = [name for name in ("meta/argument_specs.yml", "README.md") if not (role / name).is_file()]
        if missing:
            problems += [f"{role.name}: {name} is missing" for name in missing]
            continue
        specs = yaml.safe_load((role / "meta/argument_specs.yml").read_text())
        options: Options = specs["argument_specs"]["main"].get("options", {})
        defaults_file = role / "defaults/main.yml"
        defaults = (yaml.safe_load(defaults_file.read_text()) or {}) if defaults_file.is_file() else {}
        problems += disagreements(role, options, defaults)
        readme = role / "README.md"
        old = readme.read_text()
        if old.count(BEGIN) != 1 or old.count(END) != 1:
            problems.append(f"{role.name}: README.md needs the markers {BEGIN} and {END} once each")
            continue
        head, rest = old.split(BEGIN)
        new = f"{head}{BEGIN}\n{table(options, defaults)}\n{END}{rest.split(END)[1]}"
        if new == old:
            continue
        if check:
            problems.append(f"{role.name}: README.md is not what the argument specs say; run `make docs`")
        else:
            readme.write_text(new)
            print(f"{role.name}: README.md written")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
