# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A configuration of nginx as a tree, includes resolved.

Words end as in nginx's own reader (src/core/ngx_conf_file.c, ngx_conf_read_token): a quote or a comment begins only where a word may begin,
`${name}` belongs to its word, and a backslash keeps what follows. Blocks of Lua (`content_by_lua_block { … }`) hold a program with braces,
quotes and comments of its own, and are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

_DUMPED = re.compile(r"^# configuration file (/.*):$", re.MULTILINE)
_LUA = re.compile(r"^\w+_by_lua_block$")
# What may hold a brace inside a program in Lua without ending it: comments and strings.
_LUA_PARTS = re.compile(r"--\[(=*)\[.*?\]\1\]|--[^\n]*|\[(=*)\[.*?\]\2\]|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|[{}]", re.DOTALL)
_DEEPEST = 40  # includes and blocks; nginx refuses a file that includes itself by running out of open files
Matching = Callable[[str], Sequence[str]]  # files by a pattern
Reading = Callable[[str], "str | None"]


class NginxSyntax(ValueError):
    """The configuration ends within a block or a string."""


@dataclass(frozen=True)
class Directive:
    """A directive, with its block where it has one."""

    name: str
    words: tuple[str, ...]
    file: str
    line: int
    block: tuple[Directive, ...] | None = None

    def all(self, *names: str) -> Iterator[Directive]:
        """The directives of its block with one of these names, of inner blocks too."""
        for inner in self.block or ():
            if inner.name in names:
                yield inner
            yield from inner.all(*names)

    def own(self, *names: str) -> list[Directive]:
        """Those that stand in its block itself."""
        return [inner for inner in self.block or () if inner.name in names]


@dataclass(frozen=True)
class _Token:
    text: str
    line: int
    special: bool = False  # ; { }


def dumped(output: str) -> dict[str, str]:
    """The files in what ``nginx -T`` prints, in its order: the main one first."""
    parts = _DUMPED.split(output)
    return dict(zip(parts[1::2], (content.removeprefix("\n") for content in parts[2::2]), strict=True))


def of_dump(files: Mapping[str, str]) -> list[Directive]:
    """The tree of a dump; its main file includes the others."""
    if not files:
        return []
    return load(next(iter(files)), files.get, lambda pattern: [path for path in files if _fits(path, pattern)])


def load(main: str, read: Reading, matching: Matching) -> list[Directive]:
    """The tree of a file and all that it includes.

    :param matching: the files that a pattern names.
    :raises NginxSyntax: a block or a string without its end.
    """
    return list(_Loader(str(PurePosixPath(main).parent), read, matching).file(main, 0))


def _fits(path: str, pattern: str) -> bool:
    """glob(3): a star does not meet a slash, nor a leading dot."""
    ours, theirs = PurePosixPath(path).parts, PurePosixPath(pattern).parts
    return len(ours) == len(theirs) and all(map(_meets, ours, theirs))


def _meets(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) and (pattern.startswith(".") or not name.startswith("."))


@dataclass
class _Loader:
    prefix: str
    read: Reading
    matching: Matching
    open: list[str] = field(default_factory=list)

    def file(self, path: str, depth: int) -> Iterator[Directive]:
        text = self.read(path)
        if text is None or path in self.open:
            return
        self.open.append(path)
        yield from self._directives(_Stream(text, path), depth)
        self.open.pop()

    def _directives(self, stream: _Stream, depth: int) -> Iterator[Directive]:
        if depth > _DEEPEST:
            return
        words: list[str] = []
        line = 0
        while (token := stream.next()) is not None:
            if not token.special:
                line = line if words else token.line
                words.append(token.text)
            elif token.text == "}":
                return
            elif token.text == ";":
                if words[:1] == ["include"] and len(words) == 2:
                    yield from self._included(words[1], depth)
                elif words:
                    yield Directive(words[0], tuple(words[1:]), stream.path, line)
                words = []
            else:
                name = words[0] if words else ""
                if _LUA.match(name):
                    stream.skip_lua()
                    block: tuple[Directive, ...] = ()
                else:
                    block = tuple(self._directives(stream, depth + 1))
                yield Directive(name, tuple(words[1:]), stream.path, line, block)
                words = []
        if words:
            raise NginxSyntax(f"{stream.path} ends within the directive {words[0]} of line {line}")

    def _included(self, pattern: str, depth: int) -> Iterator[Directive]:
        full = pattern if pattern.startswith("/") else f"{self.prefix}/{pattern}"
        for path in self.matching(full) if set("*?[") & set(full) else [full]:
            yield from self.file(path, depth + 1)


class _Stream:
    """The words of a file."""

    def __init__(self, text: str, path: str) -> None:
        self.text, self.path, self.at, self.line = text.removeprefix("\ufeff"), path, 0, 1

    def next(self) -> _Token | None:
        """The next word, or `;`, `{`, `}`; None at the end."""
        text = self.text
        while self.at < len(text):
            character = text[self.at]
            if character == "\n":
                self.line += 1
                self.at += 1
            elif character.isspace():
                self.at += 1
            elif character == "#":
                end = text.find("\n", self.at)
                self.at = len(text) if end < 0 else end
            elif character in ";{}":
                self.at += 1
                return _Token(character, self.line, special=True)
            else:
                return self._quoted(character) if character in "\"'" else self._word()
        return None

    def _quoted(self, quote: str) -> _Token:
        line, text = self.line, self.text
        parts: list[str] = []
        self.at += 1
        while self.at < len(text):
            character = text[self.at]
            self.line += character == "\n"
            if character == "\\" and self.at + 1 < len(text):
                self.at += 1
                parts.append(_unescaped(text[self.at]))
            elif character == quote:
                self.at += 1
                return _Token("".join(parts), line)
            else:
                parts.append(character)
            self.at += 1
        raise NginxSyntax(f"{self.path} ends within the string that begins on line {line}")

    def _word(self) -> _Token:
        line, text = self.line, self.text
        parts: list[str] = []
        variable = False
        while self.at < len(text):
            character = text[self.at]
            if character == "{" and variable:
                parts.append(character)
            elif character.isspace() or character in ";{":
                break
            elif character == "\\" and self.at + 1 < len(text):
                self.at += 1
                parts.append(_unescaped(text[self.at]))
            else:
                parts.append(character)
            variable = character == "$"
            self.at += 1
        return _Token("".join(parts), line)

    def skip_lua(self) -> None:
        """To behind the brace that ends a program in Lua."""
        depth = 1
        for part in _LUA_PARTS.finditer(self.text, self.at):
            depth += {"{": 1, "}": -1}.get(part[0], 0)
            if not depth:
                self.line += self.text.count("\n", self.at, part.end())
                self.at = part.end()
                return
        raise NginxSyntax(f"{self.path} ends within the block of Lua near line {self.line}")


def _unescaped(character: str) -> str:
    """What a backslash makes of a character: of most nothing, so that regular expressions keep theirs."""
    return {"t": "\t", "r": "\r", "n": "\n"}.get(character, character if character in "\"'\\" else f"\\{character}")
