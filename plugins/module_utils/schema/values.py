# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The values in a declaration that have a form of their own: domains, paths, networks, addresses, names.

Each function returns what is kept, or raises Refused with what to write instead.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Generic, TypeVar

from ..core.units import DURATION_HINT, DURATION_PATTERN, SIZE_HINT, nginx_size, parse_duration, parse_size, spell_duration
from .nodes import Refused

_T = TypeVar("_T")
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_PATH = re.compile(r"/[A-Za-z0-9/_.~@+-]*")
_EMAIL = re.compile(r"[^@\s]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_HEADER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
# Served by nginx itself for every domain: the proof for the certificate authority, and its own error pages.
_RESERVED = ("/.well-known/acme-challenge", "/.latentum-ops")


@dataclass(frozen=True)
class Form(Generic[_T]):
    """A check, with what the reference and an editor say of the strings that it lets pass.

    :param pattern: a regular expression of all of them; empty where no expression can tell.
    """

    check: Callable[[str], _T]
    name: str
    pattern: str = ""

    def __call__(self, value: str) -> _T:
        return self.check(value)


def form(name: str, pattern: str = "") -> Callable[[Callable[[str], _T]], Form[_T]]:
    """Names the form that a check stands for."""
    return lambda check: Form(check, name, pattern)


def named(pattern: str, problem: str, fix: str, name: str = "name") -> Form[str]:
    """A check that a string matches the whole pattern."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise Refused(problem, fix)
        return value

    return Form(check, name, f"^(?:{pattern})$")


secret_name = named(
    r"[a-z][a-z0-9_]{0,62}",
    "is not the name of a secret",
    "write lower case letters, digits and _, such as database_password",
    "secret",
)


@form("domain")
def domain(value: str) -> str:
    """A host name as RFC 1123 and the public suffix need it: lower case, at least one dot, no scheme, port or path."""
    text = value.strip()
    if "://" in text or "/" in text:
        bare = text.split("://")[-1].split("/")[0]
        raise Refused("is an address of a page, not a domain", f"write only the name: {bare}")
    if ":" in text and not text.startswith("["):
        raise Refused("has a port", f"write only the name: {text.split(':')[0]}")
    if "*" in text:
        raise Refused("is a wildcard, which HTTP-01 cannot prove", "write each name out, in aliases")
    if not text.isascii():
        raise Refused("has letters outside ASCII", f"write it as {_punycode(text)}")
    if text != text.lower():
        raise Refused("has upper case letters", f"write {text.lower()}")
    try:
        ip_address(text.strip("[]"))
    except ValueError:
        pass
    else:
        raise Refused("is an address, for which there is no certificate", "write a domain name that points to the host")
    labels = text.rstrip(".").split(".")
    if text.endswith("."):
        raise Refused("ends with a dot", f"write {text.rstrip('.')}")
    if len(text) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise Refused("is not a domain name", "write letters, digits, - and dots, such as app.example.com")
    if len(labels) < 2:
        raise Refused("has no dot", f"write the full name, such as {text}.example.com")
    return text


def _punycode(text: str) -> str:
    try:
        return text.encode("idna").decode()
    except UnicodeError:
        return "letters, digits and - (xn--…)"


@form("path")
def path(value: str) -> str:
    if not value.startswith("/"):
        raise Refused("does not begin with /", f"write /{value}" if _PATH.fullmatch(f"/{value}") else "write /, or /api")
    if not _PATH.fullmatch(value) or "//" in value or "/../" in f"{value}/" or "/./" in f"{value}/":
        raise Refused("is not a plain path", "write letters, digits and /, such as /api/v1 (no patterns, no query, no spaces)")
    if any(f"{value}/".startswith(f"{taken}/") for taken in _RESERVED):
        raise Refused("is served by nginx itself for every domain", "choose another path")
    return value


@form("network")
def network(value: str) -> str:
    """An address or a network; a network whose host bits are set is refused with the network that was meant."""
    text = value.strip()
    try:
        parsed = ip_network(text)
        return str(parsed.network_address) if parsed.num_addresses == 1 else str(parsed)
    except ValueError:
        pass
    try:
        meant = ip_network(text, strict=False)
    except ValueError:
        raise Refused("is not an address or a network", "write 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32") from None
    raise Refused("is an address inside a network, with its length", f"write {meant}, or {text.split('/')[0]} for this host alone")


@form("mail address")
def email(value: str) -> str:
    if not _EMAIL.fullmatch(value.strip()):
        raise Refused("is not a mail address", "write an address that is read, such as ops@example.com")
    return value.strip()


@form("variable")
def variable_name(value: str) -> str:
    if not VARIABLE_NAME.fullmatch(value):
        meant = re.sub(r"[^A-Za-z0-9_]", "_", value)
        meant = meant if VARIABLE_NAME.fullmatch(meant) else f"_{meant}"
        raise Refused("is not the name of an environment variable", f"write {meant}: letters, digits and _, no digit first")
    return value


@form("header")
def header_name(value: str) -> str:
    if not _HEADER.fullmatch(value):
        raise Refused("is not the name of a header", "write letters, digits and -, such as X-Frame-Options")
    return value


@form("string")
def header_value(value: str) -> str:
    if re.search(r"[\x00-\x1f\x7f]", value):
        raise Refused("has a line break or control character", "write the value of the header on one line")
    return value


@form("folder")
def folder(value: str) -> str:
    if not value.startswith("/") or not re.fullmatch(r"[A-Za-z0-9/_.-]+", value) or ".." in value.split("/"):
        raise Refused("is not an absolute path", "write a path from the root without spaces, such as /opt/latentum")
    text = value.rstrip("/")
    if text.count("/") < 2:
        raise Refused("is a folder of the system", "write a folder of its own below it, such as /opt/latentum")
    return text


@form("size")
def body_limit(value: str) -> str:
    """A size in the form nginx reads; 0 switches the limit off."""
    try:
        return nginx_size(parse_size(value))
    except ValueError:
        raise Refused("is not a size", SIZE_HINT) from None


def lasting(least: float, most: float, *, whole: bool = False) -> Form[float]:
    """A check for a duration within limits of seconds; it keeps seconds.

    :param whole: fractions are rounded up, for programs that read none.
    """
    limits = f"between {spell_duration(least)} and {spell_duration(most)}"

    def check(value: str) -> float:
        try:
            parsed = parse_duration(value)
        except ValueError:
            raise Refused("is not a duration", DURATION_HINT) from None
        parsed = math.ceil(parsed) if whole else parsed
        if not least <= parsed <= most:
            raise Refused(f"is not {limits}", f"write something {limits}")
        return int(parsed) if parsed == int(parsed) else parsed

    return Form(check, f"duration, {spell_duration(least)} to {spell_duration(most)}", DURATION_PATTERN)


@form("1 to 100, or 1% to 100%", r"^\s*(?:[1-9][0-9]?|100)%?\s*$")
def whole_or_percent(value: str) -> str:
    """A number of containers, or a percentage of them."""
    match = re.fullmatch(r"([0-9]{1,3})(%?)", value.strip())
    if match and 1 <= int(match[1]) <= 100:
        return value.strip() if match[2] else str(int(match[1]))
    raise Refused("is neither a number of containers nor a percentage of them", "write a number from 1 on, or 1% to 100%, such as 50%")


def between(least: float, most: float, example: str) -> Form[float]:
    """A check for a number with decimals."""

    def check(value: str) -> float:
        try:
            parsed = float(value)
        except ValueError:
            parsed = math.nan
        if not least <= parsed <= most:
            raise Refused(f"is not a number from {least:g} to {most:g}", f"write a number such as {example}")
        return parsed

    return Form(check, f"number, {least:g} to {most:g}", r"^\s*[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?\s*$")


@form("address")
def web_address(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/@]+(?:/\S*)?", value):
        raise Refused("is not the address of a service", "write http:// or https:// and a name, such as http://127.0.0.1:9090")
    return value.rstrip("/")


@form("address")
def runbook(value: str) -> str:
    """The address of a page, in which C({service}) and C({runbook}) are replaced."""
    if not re.fullmatch(r"https?://[^\s/@]+(?:/\S*)?", value):
        raise Refused("is not the address of a page", "write http:// or https://, such as https://wiki.example.com/{service}")
    if re.search(r"[{}]", value.replace("{service}", "").replace("{runbook}", "")):
        raise Refused("has braces that nothing fills", "write {service} or {runbook}, the only names that are known in it")
    return value


@form("host name")
def server(value: str) -> str:
    """A host name or an address, without scheme and port."""
    text = value.strip()
    try:
        return str(ip_address(text))
    except ValueError:
        pass
    if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", text):
        raise Refused("is not the name of a server", "write only its name, such as smtp.example.com; its port has a key of its own")
    return text


@form("regular expression")
def expression(value: str) -> str:
    """A regular expression of Python."""
    try:
        re.compile(value)
    except re.error as error:
        raise Refused(f"is not a regular expression: {error}", r"correct it; a sign that stands for itself needs a \ before it") from None
    return value


def _probe_timeout(value: str) -> float:
    try:
        parsed = parse_duration(value)
    except ValueError:
        raise Refused("is not a duration", DURATION_HINT) from None
    if not 0 < parsed <= 300:
        raise Refused("is zero or longer than five minutes", "write something between 100ms and 5m, such as 5s")
    return parsed


probe_timeout = Form(_probe_timeout, "duration, up to 5m", DURATION_PATTERN)
