# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Completion of the command line in bash, zsh and fish: scripts that are made of the parser.

Verbs, options and their choices stand in the script. Names of this host are asked for when they are wanted (`completion_words`).
An engine writes its own when it is installed (`hostconfig.engine`).
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .command_line import parser
from .output import Output, say

COMMAND = "/usr/local/sbin/opsctl"
# What stands for a word in the usage, to the names that are completed in its place; a `=` ends the word before its value.
DYNAMIC = {
    "NAME": "stacks",
    "SERVICE": "services",
    "SERVICE=REFERENCE": "services=",
    "SERVICE=COUNT": "services=",
    "STACK[/SERVICE]": "scopes",
    "RELEASE": "releases",
    "JOB": "jobs",
    "ENVIRONMENT": "environment",
    "PAGE": "runbooks",
}
FILES = ("FOLDER", "FILE")


@dataclass(frozen=True)
class Flag:
    """An option: its spellings, and what completes its value: a kind of names, choices, files, or nothing."""

    names: tuple[str, ...]
    help: str
    takes: bool = False
    kind: str = ""
    choices: tuple[str, ...] = ()
    files: bool = False


@dataclass
class Command:
    """One verb, or one way of it.

    :param positional: kind of names in place of a positional argument; `rest` when a command of somebody else follows the first.
    """

    words: tuple[str, ...]
    help: str
    flags: list[Flag] = field(default_factory=list)
    below: list[str] = field(default_factory=list)
    choices: tuple[str, ...] = ()
    positional: str = ""
    rest: bool = False

    @property
    def path(self) -> str:
        """The words, as the scripts look it up."""
        return " ".join(self.words)


def add_parsers(verbs: Any) -> None:
    """The command line of this verb."""
    verb = verbs.add_parser("completion")
    verb.add_argument("shell", choices=sorted(SCRIPTS))


def run_verb(options: argparse.Namespace, _output: Output) -> int:
    """Print the script."""
    say(script(options.shell, parser()).rstrip("\n"))
    return 0


def script(shell: str, parser: argparse.ArgumentParser) -> str:
    """The script for a shell."""
    return SCRIPTS[shell](list(commands(parser)))


def commands(parser: argparse.ArgumentParser, words: tuple[str, ...] = (), about: str = "") -> Iterator[Command]:
    """The parser and all below it; the top has no words."""
    command = Command(words, about)
    below: list[tuple[str, argparse.ArgumentParser, str]] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            below = [(name, sub, helps.get(name, "")) for name, sub in action.choices.items()]
        elif action.option_strings:
            command.flags.append(_flag(action))
        elif action.nargs == argparse.REMAINDER:
            command.rest = True
        else:
            command.choices = tuple(map(str, action.choices or ()))
            command.positional = command.positional or DYNAMIC.get(_metavar(action), "")
    command.below = [name for name, _sub, _help in below]
    yield command
    for name, sub, text in below:
        yield from commands(sub, (*words, name), text)


def _flag(action: argparse.Action) -> Flag:
    takes = action.nargs != 0
    return Flag(
        names=tuple(action.option_strings),
        help=(action.help or "").replace("%%", "%"),
        takes=takes,
        kind=DYNAMIC.get(_metavar(action), "") if takes else "",
        choices=tuple(map(str, action.choices or ())) if takes else (),
        files=takes and _metavar(action) in FILES,
    )


def _metavar(action: argparse.Action) -> str:
    return action.metavar if isinstance(action.metavar, str) else ""


HEAD = """# Completion of opsctl in {name}: made of its parser by `opsctl completion {name}`; do not edit.
"""


def _bash(every: list[Command]) -> str:
    lines = [
        HEAD.format(name="bash"),
        "_opsctl_names() {",
        f'    {COMMAND} completion words "$1" "$2" 2>/dev/null',
        "}",
        "",
        "_opsctl() {",
        "    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} path='' stack='' below='' word at positionals=0",
        "    local flags='' takes='' kind='' choices='' rest=''",
        "    COMPREPLY=()",
        "    # Readline takes `=` for a word of its own: --stack=shop is three.",
        "    if [[ $current == '=' ]]; then current=''; elif [[ $before == '=' ]]; then before=${COMP_WORDS[COMP_CWORD-2]}; fi",
        "    _opsctl_command ''",
        "    for ((at = 1; at < COMP_CWORD; at++)); do",
        "        word=${COMP_WORDS[at]}",
        "        if [[ $word == '=' ]]; then",
        "            continue",
        '        elif [[ $takes == *" $word "* ]]; then',
        "            if [[ ${COMP_WORDS[at+1]} == '=' ]]; then ((at++)); fi",
        "            if [[ $word == --stack && at+1 -lt COMP_CWORD ]]; then stack=${COMP_WORDS[at+1]}; fi",
        "            ((at++))",
        "        elif [[ $word == -* ]]; then",
        "            continue",
        '        elif [[ $below == *" $word "* ]]; then',
        '            path="${path:+$path }$word"',
        '            _opsctl_command "$path"',
        "        else",
        "            ((positionals++))",
        "        fi",
        "    done",
        "    if [[ -n $rest && $positionals -gt 0 ]]; then return; fi",
        '    if [[ $takes == *" $before "* ]]; then',
        "        kind='' choices=''",
        '        _opsctl_value "$path" "$before"',
        "        if [[ $kind == files ]]; then",
        "            compopt -o filenames 2>/dev/null",
        '            COMPREPLY=($(compgen -f -- "$current"))',
        "            return",
        "        fi",
        "    elif [[ $current == -* ]]; then",
        '        COMPREPLY=($(compgen -W "$flags" -- "$current"))',
        "        return",
        "    elif [[ ${COMP_WORDS[COMP_CWORD]} == '=' || ${COMP_WORDS[COMP_CWORD-1]} == '=' ]]; then",
        "        return",
        "    fi",
        "    choices+=$below",
        '    if [[ -n $kind && $kind != files ]]; then choices+=" $(_opsctl_names "${kind%=}" "$stack")"; fi',
        '    COMPREPLY=($(compgen -W "$choices" -- "$current"))',
        "    if [[ $kind == *= ]]; then",
        "        compopt -o nospace 2>/dev/null",
        '        COMPREPLY=("${COMPREPLY[@]/%/=}")',
        "    fi",
        "}",
        "",
        "_opsctl_command() {",
        "    below='' flags='' takes='' kind='' choices='' rest=''",
        "    case $1 in",
    ]
    for command in every:
        takes = " ".join(name for flag in command.flags if flag.takes for name in flag.names)
        lines += [
            f"        {shlex.quote(command.path)})",
            f"            below={_words(command.below)}",
            f"            flags={_words([name for flag in command.flags for name in flag.names])}",
            f"            takes={_words(takes.split())} kind={shlex.quote(command.positional)}",
            f"            choices={_words(list(command.choices))} rest={'yes' if command.rest else repr('')}",
            "            ;;",
        ]
    lines += ["    esac", "}", "", "_opsctl_value() {", '    case "$1 $2" in']
    for command in every:
        for flag in command.flags:
            if flag.kind or flag.choices or flag.files:
                patterns = " | ".join(shlex.quote(f"{command.path} {name}") for name in flag.names)
                kind = "files" if flag.files else flag.kind
                lines.append(f"        {patterns}) kind={shlex.quote(kind)} choices={_words(list(flag.choices))} ;;")
    lines += ["    esac", "}", "", "complete -F _opsctl opsctl"]
    return "\n".join(lines) + "\n"


def _words(words: list[str]) -> str:
    """Words with a space before and after each, so that one is found as a whole."""
    return f"' {' '.join(words)} '" if words else "''"


def _zsh(every: list[Command]) -> str:
    lines = [
        "#compdef opsctl",
        HEAD.format(name="zsh"),
        "_opsctl_names() {",
        "    local -a names",
        "    local kind=$1 stack=${opt_args[--stack]:-}",
        f'    names=(${{(f)"$({COMMAND} completion words ${{kind%=}} $stack 2>/dev/null)"}})',
        "    if [[ $kind == *= ]]; then compadd -S = -a names; else compadd -a names; fi",
        "}",
        "",
    ]
    for command in every:
        lines += _zsh_function(command)
    lines += ['_opsctl "$@"']
    return "\n".join(lines) + "\n"


def _zsh_function(command: Command) -> Iterator[str]:
    yield f"{_zsh_name(command.words)}() {{"
    specs: list[str] = []
    for flag in command.flags:
        several = "*" if flag.kind == "services=" else ""
        for name in flag.names:
            value = f":{name.lstrip('-')}:{_zsh_value(flag)}" if flag.takes else ""
            specs.append(f"{several}{name}{'=' if flag.takes and name.startswith('--') else ''}[{_zsh_text(flag.help)}]{value}")
    if command.below:
        specs += ["1:verb:->verb", "*::argument:->argument"]
    elif command.rest:
        specs += [f"1:service:_opsctl_names {command.positional}", "*::command: _normal"]
    elif command.positional:
        specs.append(f"*:name:_opsctl_names {command.positional}")
    elif command.choices:
        specs.append(f"1:choice:({' '.join(command.choices)})")
    yield "    local context state state_descr line"
    yield "    typeset -A opt_args"
    how = "-C " if command.below else "-S -A '-*' " if command.rest else ""
    yield f"    _arguments -s {how}\\"
    yield from (f"        {shlex.quote(spec)} \\" for spec in specs[:-1])
    yield from (f"        {shlex.quote(spec)}" for spec in specs[-1:])
    if command.below:
        yield "    case $state in"
        yield f"        verb) local -a verbs=({' '.join(command.below)}); compadd -a verbs ;;"
        yield "        argument)"
        yield "            case $line[1] in"
        yield from (f"                {name}) {_zsh_name((*command.words, name))} ;;" for name in command.below)
        yield "            esac"
        yield "            ;;"
        yield "    esac"
    yield "}"
    yield ""


def _zsh_name(words: tuple[str, ...]) -> str:
    return "_".join(("_opsctl", *words))


def _zsh_text(text: str) -> str:
    """A text in the brackets of a specification."""
    return "".join(f"\\{character}" if character in "[]:\\" else character for character in text)


def _zsh_value(flag: Flag) -> str:
    if flag.kind:
        return f"_opsctl_names {flag.kind}"
    if flag.choices:
        return f"({' '.join(flag.choices)})"
    return "_files" if flag.files else " "


def _fish(every: list[Command]) -> str:
    taking = sorted({name for command in every for flag in command.flags if flag.takes for name in flag.names})
    lines = [
        HEAD.format(name="fish"),
        "function __opsctl_names",
        "    set -l stack ''",
        "    set -l words (commandline -opc)",
        "    for at in (seq (count $words))",
        "        if test $words[$at] = --stack; and test $at -lt (count $words)",
        "            set stack $words[(math $at + 1)]",
        "        else if string match -q -- '--stack=*' $words[$at]",
        "            set stack (string replace -- --stack= '' $words[$at])",
        "        end",
        "    end",
        f"    for name in ({COMMAND} completion words $argv[1] $stack 2>/dev/null)",
        "        echo $name$argv[2]",
        "    end",
        "end",
        "",
        "# The words before the cursor, without options and their values.",
        "function __opsctl_words",
        "    set -l value 0",
        "    for word in (commandline -opc)[2..]",
        "        if test $value = 1",
        "            set value 0",
        f"        else if contains -- $word {' '.join(taking)}",
        "            set value 1",
        "        else if not string match -q -- '-*' $word",
        "            echo $word",
        "        end",
        "    end",
        "end",
        "",
        "# They begin with these.",
        "function __opsctl_at",
        "    set -l words (__opsctl_words)",
        "    set -l last (count $argv)",
        "    test $last -eq 0; and return 0",
        '    test (count $words) -ge $last; and test "$words[1..$last]" = "$argv"',
        "end",
        "",
        "# They are these.",
        "function __opsctl_end",
        "    set -l words (__opsctl_words)",
        '    test "$words" = "$argv"',
        "end",
        "",
        "complete -c opsctl -f",
    ]
    known = {command.words: command for command in every}
    for command in sorted(every, key=lambda command: len(command.words)):
        lines += _fish_command(command, known)
    return "\n".join(lines) + "\n"


def _fish_command(command: Command, known: Mapping[tuple[str, ...], Command]) -> Iterator[str]:
    at = f"__opsctl_at {command.path}".strip()
    for name in command.below:
        words = (*command.words, name)
        about = known[words].help
        yield f"complete -c opsctl -n {shlex.quote(f'__opsctl_end {command.path}'.strip())} -a {name} -d {_fish_text(about)}"
    for flag in command.flags:
        if not command.words and command.below and flag.names != ("-h", "--help"):
            continue
        spelled = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in flag.names)
        value = ""
        if flag.kind:
            value = f" -x -a {shlex.quote(_fish_names(flag.kind))}"
        elif flag.choices:
            value = f" -x -a {shlex.quote(' '.join(flag.choices))}"
        elif flag.takes:
            value = " -r -F" if flag.files else " -x"
        yield f"complete -c opsctl -n {shlex.quote(at)} {spelled}{value} -d {_fish_text(flag.help)}"
    if command.positional or command.choices:
        names = _fish_names(command.positional) if command.positional else " ".join(command.choices)
        place = f"__opsctl_end {command.path}" if command.rest or command.choices else at
        yield f"complete -c opsctl -n {shlex.quote(place)} -a {shlex.quote(names)}"


def _fish_names(kind: str) -> str:
    return f"(__opsctl_names {kind.removesuffix('=')}{' =' if kind.endswith('=') else ''})"


def _fish_text(text: str) -> str:
    """A text in single quotes, in which fish knows two escapes."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


SCRIPTS: Mapping[str, Callable[[list[Command]], str]] = {"bash": _bash, "fish": _fish, "zsh": _zsh}
