# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets in plain text, recognised by the name or the value of a variable or of an option of a command, and the way out of each place."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

_KEYS = "API|APP|APPLICATION|PRIVATE|SECRET|ACCESS|ENCRYPTION|ENC|SIGNING|MASTER|AUTH|JWT|SESSION|COOKIE|AES|HMAC|LICENSE"
_SECRET_NAME = re.compile(
    r"(?:PASSWORD|PASSWD|PASSPHRASE|PASSWORT|PASSKEY|REQUIREPASS|MASTERAUTH)$|(?:^|_)(?:PASS|PW)$|_PWD$"
    rf"|(?:^|_)(?:SECRET|TOKEN|CREDENTIALS?|SECRET_KEY_BASE|(?:{_KEYS})_?KEY)$",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"\b[a-z][a-z0-9+.-]{0,30}://[^/\s:@]{0,256}:[^/\s@$][^/\s@]{0,256}@"  # a password in an address; limits keep it linear
    r"|-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----"
    r"|\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|glpat-[A-Za-z0-9_-]{20}|xox[abprs]-[A-Za-z0-9-]{10,}|sk_live_[A-Za-z0-9]{16,})"
)
_HARMLESS = re.compile(r"true|false|yes|no|on|off|none|null|file|[01]|/run/secrets/.*", re.IGNORECASE)

_ASSIGNMENT = re.compile(r"-{0,2}([A-Za-z][\w.-]*)=(.+)", re.DOTALL)
_OPTION = re.compile(r"--?([A-Za-z][\w.-]*)")
_ELSEWHERE = ("$", "`", "/", "-", "<", "|", "&", ";", ">")  # a variable of the shell, a file, the next option: no value stands here
# Programs whose option for a password has no telling name: the option, and whether the value is a part of the same word.
_PROGRAMS = {
    **dict.fromkeys(("mysql", "mysqladmin", "mysqldump", "mariadb", "mariadb-admin", "mariadb-dump"), ("-p", True)),
    **dict.fromkeys(("mongo", "mongosh", "mongodump"), ("-p", False)),
    "redis-cli": ("-a", False),
    "valkey-cli": ("-a", False),
}
COMMAND_KEYS = ("command", "entrypoint", "healthcheck", "post_start", "pre_stop")


def named_as_secret(name: str) -> bool:
    """Whether a variable of this name usually holds a secret."""
    return bool(_SECRET_NAME.search(name))


def harmless(value: str) -> bool:
    """Whether it is a switch or the path of a secret's file, whatever the variable is called."""
    return bool(_HARMLESS.fullmatch(value))


def looks_secret(name: str, value: str) -> bool:
    """By its name, unless the value is a switch or the path of a secret's file; or by its value."""
    return bool(_SECRET_VALUE.search(value)) or (named_as_secret(name) and not harmless(value))


def commands(service: Mapping[str, Any]) -> dict[str, Any]:
    """What a service runs, by dotted key: its own command, its healthcheck, its hooks."""
    by_key: dict[str, Any] = {name: service.get(name) for name in ("command", "entrypoint")}
    healthcheck = service.get("healthcheck")
    by_key["healthcheck.test"] = healthcheck.get("test") if isinstance(healthcheck, Mapping) else None
    for name in ("post_start", "pre_stop"):
        hooks = service.get(name)
        for index, hook in enumerate(hooks if isinstance(hooks, list) else ()):
            by_key[f"{name}[{index}].command"] = hook.get("command") if isinstance(hook, Mapping) else None
    return {name: command for name, command in by_key.items() if command}


def secret_in(command: Any) -> str:
    """The name under which a command (a string, or a list of words) holds a secret; empty for none.

    What a shell in the container is to fill in is none: C("$PASSWORD"), C($(cat /run/secrets/password)).
    """
    words = list(_words(command))
    program: tuple[str, bool] | None = None
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        program = _PROGRAMS.get(word.rpartition("/")[2], program)
        name, value = _assigned(word, following, program)
        if value and not value.startswith(_ELSEWHERE) and not harmless(value) and named_as_secret(name):
            return name
        if _SECRET_VALUE.search(word):
            return "URL"
    return ""


def _assigned(word: str, following: str, program: tuple[str, bool] | None) -> tuple[str, str]:
    """The variable or option that a word sets, in the form of a variable's name, and its value."""
    if program is not None and word.startswith(program[0]):
        if program[1]:
            return "PASSWORD", word[len(program[0]) :]
        if word == program[0]:
            return "PASSWORD", following
    if match := _ASSIGNMENT.fullmatch(word):
        return _variable(match[1]), match[2]
    if match := _OPTION.fullmatch(word):
        return _variable(match[1]), following
    return "", ""


def _variable(option: str) -> str:
    return re.sub(r"[^A-Z0-9]+", "_", option.upper())


def _words(command: Any) -> Iterator[str]:
    """Words of a command; those of a script in one of them too (C(sh -c "…"))."""
    for item in command if isinstance(command, Sequence) and not isinstance(command, str) else [command]:
        text = str(item)
        if not text or not any(character.isspace() for character in text):
            yield text
            continue
        try:
            parts = shlex.split(text)
        except ValueError:  # an open quote
            parts = re.sub("['\"]", " ", text).split()
        if len(parts) == 1:
            yield from parts[0].split()
        else:
            yield from _words(parts)


def way_out(key: str, variable: str) -> str:
    """What to write instead of a secret that a Compose file has at a key, as C(compose.services.redis.command[1]) or without an index.

    :param variable: that holds it, or should.
    """
    service, place, inside = _place(key)
    secret = secret_name(variable)
    if place == "environment" and named_as_secret(inside):
        variable = inside
    elif place == "environment" and inside and inside != variable:
        template = f'{{kind: template, template: !unsafe "…{{{{ {secret} }}}}…", environment: {{{service}: {inside}}}}}'
        declare = f"declare secrets: {{{secret}: {{kind: password}}, {secret_name(inside)}: {template}}} in ops_stack"
        return f"{declare}, and remove {inside} from environment: of {service}"
    declare = f"declare secrets: {{{secret}: {{kind: password, environment: {{{service}: {variable}}}}}}} in ops_stack"
    if place == "environment":
        return f"{declare} and remove {variable} here; or use {variable}_FILE with secrets: [{secret}], where the image reads files"
    if place in COMMAND_KEYS:
        shell = "test: [CMD-SHELL, '…']" if place == "healthcheck" else f'["sh", "-c", \'exec … "$${variable}"\']'
        return f"{declare} and write $${variable} here, which a shell in the container replaces: {shell}"
    return f"declare secrets: {{{secret}: {{kind: password}}}} in ops_stack, and let the program read it from /run/secrets/{secret}"


def secret_name(variable: str) -> str:
    """The name of a secret for a variable."""
    name = re.sub(r"[^a-z0-9]+", "_", variable.lower()).strip("_")[:63]
    return name if name[:1].isalpha() else f"secret_{name}"[:63]


def _place(key: str) -> tuple[str, str, str]:
    """Service, key of the service and what is inside it."""
    match = re.fullmatch(r"compose\.services\.(.+?)\.(environment|command|entrypoint|healthcheck|post_start|pre_stop)\b[\[.]?(.*)", key)
    if match is None:
        return "", "", ""
    inside = "" if match[3][:1].isdecimal() else match[3]
    return match[1], match[2], inside
