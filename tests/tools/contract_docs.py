# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the options of modules and documentation fragments from the contracts that they take, or check that they agree.

Between ``# BEGIN OPTIONS <module>.<Contract>`` and ``# END OPTIONS`` in a DOCUMENTATION stand the options of that contract of
``plugins/module_utils/contracts``, indented as the markers are: ansible-doc reads text, it runs no code.
"""

from __future__ import annotations

import argparse
import importlib
import json
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = "ansible_collections.latentum.ops.plugins.module_utils.contracts"
BLOCK = re.compile(r"^(?P<indent> *)# BEGIN OPTIONS (?P<module>\w+)\.(?P<name>\w+)\n.*?^(?P=indent)# END OPTIONS$", re.M | re.S)
WIDTH = 136
sys.path.insert(0, str(ROOT / ".collections"))

from ansible_collections.latentum.ops.plugins.module_utils.contracts.argspec import spec  # noqa: E402 - the path stands above
from ansible_collections.latentum.ops.plugins.module_utils.contracts.base import Contract, fields  # noqa: E402 - as above


def options(contract: type[Contract], indent: str) -> Iterator[str]:
    """The lines of the options of a contract."""
    for field in fields(contract):
        known = spec(field)
        yield f"{indent}{field.key}:"
        inner = indent + "  "
        yield from description(field.option.description, inner)
        yield f"{inner}type: {known['type']}"
        if "elements" in known:
            yield f"{inner}elements: {known['elements']}"
        if "required" in known:
            yield f"{inner}required: true"
        if "choices" in known:
            yield f"{inner}choices: [{', '.join(known['choices'])}]"
        if "default" in known:
            default = known["default"]
            plain = isinstance(default, str) and yaml.safe_load(default) == default
            yield f"{inner}default: {default if plain else json.dumps(default)}"
        if field.contract is not None:
            yield f"{inner}suboptions:"
            yield from options(field.contract, inner + "  ")


def description(text: str | tuple[str, ...], indent: str) -> Iterator[str]:
    """One paragraph, or a list of them, as plain scalars of YAML."""
    if isinstance(text, str):
        yield from wrapped(f"description: {plain_scalar(text)}", indent, indent + "  ")
        return
    yield f"{indent}description:"
    for paragraph in text:
        yield from wrapped(f"- {plain_scalar(paragraph)}", indent + "  ", indent + "    ")


def plain_scalar(text: str) -> str:
    """:raises ValueError: the text would be read as something else."""
    if ": " in text or " #" in text or text[:1] in "-?:,[]{}#&*!|>'\"%@`":
        raise ValueError(f"cannot stand in YAML without quotes; write it otherwise: {text}")
    return text


def wrapped(text: str, first: str, further: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=further, break_long_words=False, break_on_hyphens=False)


def written(source: str) -> str:
    """The source with what stands between its markers made anew."""

    def block(match: re.Match[str]) -> str:
        contract = getattr(importlib.import_module(f"{CONTRACTS}.{match['module']}"), match["name"])
        head, *_body, tail = match[0].splitlines()
        return "\n".join([head, *options(contract, match["indent"]), tail])

    return BLOCK.sub(block, source)


def main() -> int:
    """Rewrite the files, or with --check report those that differ and exit with 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="report differences, write nothing")
    check: bool = parser.parse_args().check
    status = 0
    for file in sorted([*ROOT.glob("plugins/modules/*.py"), *ROOT.glob("plugins/doc_fragments/*.py")]):
        source = file.read_text()
        if (new := written(source)) == source:
            continue
        if check:
            print(f"{file.relative_to(ROOT)}: the options are not what the contracts say; run `make docs`", file=sys.stderr)
            status = 1
        else:
            file.write_text(new)
            print(f"{file.relative_to(ROOT)}: written")
    return status


if __name__ == "__main__":
    sys.exit(main())
