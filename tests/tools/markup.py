# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's documentation markup as Markdown: `V(true)`, `O(name)`, `C(code)` and the rest, for tables in README files.

The markup is Ansible's own (docs.ansible.com, "Ansible markup"), read by its own parser; bad markup is an error here, never text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from antsibull_docs_parser import dom
from antsibull_docs_parser.format import Formatter
from antsibull_docs_parser.md import to_md
from antsibull_docs_parser.parser import Context, parse


def _text(text: str) -> str:
    """Plain text, with the characters escaped that would begin Markdown or HTML in it."""
    return re.sub(r"([\\`*<\[])", r"\\\1", text)


def _code(text: str) -> str:
    """A code span, fenced by more backticks than any run of them in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence, pad = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _assigned(name: str, value: str | None) -> str:
    return _code(name if value is None else f"{name}={value}")


class _Markdown(Formatter):
    """Code spans for all names and values, since a README has no pages of options to link to."""

    def format_error(self, part: dom.ErrorPart) -> str:
        raise ValueError(part.message)

    def format_text(self, part: dom.TextPart) -> str:
        return _text(part.text)

    def format_bold(self, part: dom.BoldPart) -> str:
        return f"**{_text(part.text)}**"

    def format_italic(self, part: dom.ItalicPart) -> str:
        return f"*{_text(part.text)}*"

    def format_code(self, part: dom.CodePart) -> str:
        return _code(part.text)

    def format_option_name(self, part: dom.OptionNamePart, url: str | None) -> str:
        return _assigned(part.name, part.value)

    def format_option_value(self, part: dom.OptionValuePart) -> str:
        return _code(part.value)

    def format_return_value(self, part: dom.ReturnValuePart, url: str | None) -> str:
        return _assigned(part.name, part.value)

    def format_env_variable(self, part: dom.EnvVariablePart) -> str:
        return _code(part.name)

    def format_module(self, part: dom.ModulePart, url: str | None) -> str:
        return _code(part.fqcn)

    def format_plugin(self, part: dom.PluginPart, url: str | None) -> str:
        return _code(part.plugin.fqcn)

    def format_link(self, part: dom.LinkPart) -> str:
        return f"[{_text(part.text)}]({part.url})"

    def format_url(self, part: dom.URLPart) -> str:
        return f"<{part.url}>"

    def format_rst_ref(self, part: dom.RSTRefPart) -> str:
        return _text(part.text)

    def format_horizontal_line(self, part: dom.HorizontalLinePart) -> str:
        return "---"


def markdown(description: str | Sequence[str]) -> str:
    """One line of Markdown from a description, which is a paragraph or a list of them.

    Raises ValueError for markup that Ansible could not read either.
    """
    paragraphs = parse(description, Context(), errors="exception")
    return " ".join(to_md(paragraphs, formatter=_Markdown(), par_sep=" ", par_empty="").split())


def table_cell(text: str) -> str:
    """Markdown for a cell of a table, where a pipe would end the cell even in a code span."""
    return text.replace("|", "\\|")
