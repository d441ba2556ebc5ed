# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one masker: what others wrote (containers, programs, receivers) loses every secret before it goes anywhere.

Two things are hidden: the values in the secret store of this host, in every form in which they travel, and whatever stands where a
secret usually stands (``password=…``, ``Authorization: …``, the password in a URL).

A value in the store is hidden from `SHORTEST` characters on. A short word (letters only) may also be a word of the log, as the name
of a user is: it is hidden where it stands alone, and only in what others wrote, not in the engine's own sentences. Values of several lines
(keys) are also hidden line by line, from `LINE` characters on: shorter lines are braces and the last characters of a key. Of long
values any part of `FRAGMENT` characters is hidden, so that wrapping or cutting them does not help them out.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

from .known_secrets import Known

HIDDEN = "********"
SHORTEST = 6  # characters: a shorter value would shred the text
WORD = 12  # characters from which on a value of letters alone is no word of a language any more
LINE = 12
FRAGMENT = 32
_GRAM, _STRIDE = SHORTEST, 24  # any fragment holds the beginning of a stride: FRAGMENT >= _STRIDE + _GRAM - 1
_WIDTHS = (64, 76)  # of lines of base64
_ARMOUR = re.compile(r"-----(?:BEGIN|END) [A-Z0-9 ]+-----")

# A check that passed, and what it says, is no password.
_NAME = (
    r"(?:pass(?!(?:ed|es|ing)\b)(?:word|wd|phrase)?|pwd|secret|token|credentials?|cookie"
    r"|(?:api|access|private|routing|signing|encryption)[_-]?key)"
)
_HINTS = ("pass", "pwd", "secret", "token", "credential", "cookie", "key")
_ARGUMENTS = r"[^\n;|&]{0,512}?\s"  # what stands between a program and its option
_VALUE = r"""(?:\\["'].*?\\["']|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s"']+)"""


@dataclass(frozen=True)
class Rule:
    """What stands where a secret stands is hidden.

    :param hints: in lower case; text without any of them, which is nearly all, is not searched.
    :param pattern: bounded, so that a word of 16 KiB takes no more time than many short ones.
    """

    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    replacement: str


_RULES = (
    # postgresql://user:password@host, redis://:password@host, https://key@host; to the last @, as passwords have some of their own
    Rule(("://",), re.compile(r"(?<![a-z0-9+.-])([a-z][a-z0-9+.-]*://)([^\s/:@]{0,256}:)?\S{0,1024}@", re.IGNORECASE), rf"\1\2{HIDDEN}@"),
    Rule(
        ("slack", "discord", "outlook"),
        re.compile(r"\b(hooks\.slack\.com|discord(?:app)?\.com/api/webhooks|outlook\.office\.com/webhook)/\S+", re.IGNORECASE),
        rf"\1/{HIDDEN}",
    ),
    Rule(
        ("authorization",),
        re.compile(r"""\b((?:proxy-)?authorization\\?["']?\s*[:=]\s*["']?(?:(?:basic|bearer|digest|token)\s+)?)[^\s"']+""", re.IGNORECASE),
        rf"\1{HIDDEN}",
    ),
    Rule(("bearer",), re.compile(r"\b(bearer\s+)[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1{HIDDEN}"),
    # password=…, DB_PASSWORD: …, "api_key": "…", ?token=…
    Rule(_HINTS, re.compile(rf"""({_NAME}[\w.-]{{0,64}}\\?["']?\s*[=:]\s*){_VALUE}""", re.IGNORECASE), rf"\1{HIDDEN}"),
    Rule(_HINTS, re.compile(rf"(\s--?[\w-]{{0,64}}{_NAME}\s+)(?!-){_VALUE}", re.IGNORECASE), rf"\1{HIDDEN}"),
    # passwords that programs take by an option of one letter: mysqldump -pX, curl -u user:X, redis-cli -a X, sshpass -p X, zip -P X
    Rule(
        ("mysql", "mariadb", "7z", "rar"),
        re.compile(rf"(\b(?:mysql\w*|mariadb[\w-]*|7z[ar]?|(?:un)?rar)\b{_ARGUMENTS}-p){_VALUE}"),
        rf"\1{HIDDEN}",
    ),
    Rule(
        ("curl", "wget"),
        re.compile(rf"""(\b(?:curl|wget)\b{_ARGUMENTS}(?:-u|--(?:proxy-)?user)[\s=]*["']?[^\s:"']{{1,64}}:)[^\s"']+"""),
        rf"\1{HIDDEN}",
    ),
    Rule(
        ("sshpass", "-cli", "zip", "ldap"),
        re.compile(
            rf"(\b(?:sshpass\s+-p|(?:redis|valkey)-cli\b{_ARGUMENTS}-a|(?:un)?zip\b{_ARGUMENTS}-P|ldap\w+\b{_ARGUMENTS}-w)\s*){_VALUE}"
        ),
        rf"\1{HIDDEN}",
    ),
    # values that are known by their own form: tokens of GitHub, GitLab and Slack, keys of AWS, JSON web tokens
    Rule(
        ("gh", "glpat-", "xox", "akia", "eyj"),
        re.compile(r"\b(?:gh[opsur]_\w{20,}|glpat-[\w-]{16,}|xox[abeprs]-[\w-]{10,}|AKIA[0-9A-Z]{16}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)"),
        HIDDEN,
    ),
)
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
# Control characters, marks that turn the direction of text around, and halves of characters (octets that were no UTF-8).
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")
_COLOUR = re.compile(r"(\x1b\[[0-9;:]*m)")
_HALVES = re.compile("[\ud800-\udfff]")


class Masker:
    """Hides these values, and what the rules know, in any text.

    The index holds the first characters of every form, of long ones also those at each stride; one pass over the text looks each of its
    positions up. So the time depends on the text alone, not on how many secrets a host has.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._anchors: dict[str, list[tuple[str, int]]] = {}
        words: set[str] = set()
        forms: set[str] = set()
        for value in {value.strip("\r\n") for value in values}:
            if len(value) < SHORTEST:
                continue
            if value.isalpha() and len(value) < WORD:
                words.add(value)
                forms.update(_base64(value))
            else:
                forms.update(_forms(value))
        for form in forms:
            for offset in range(0, len(form) - _GRAM + 1, _STRIDE) if len(form) >= FRAGMENT else (0,):
                self._anchors.setdefault(form[offset : offset + _GRAM], []).append((form, offset))
        alternatives = "|".join(sorted(map(re.escape, words), key=len, reverse=True))
        self._words = re.compile(rf"\b(?:{alternatives})\b") if words else None

    def mask(self, text: str, *, own: bool = False) -> str:
        """The text with all that looks like a secret hidden; rather one too many.

        :param own: it is the engine's own sentence, in which a word that is also a value stays.
        """
        text = self._without_values(text)
        if self._words and not own:
            text = self._words.sub(HIDDEN, text)
        lower = text.lower()
        for rule in _RULES:
            if any(hint in lower for hint in rule.hints):
                text = rule.pattern.sub(rule.replacement, text)
        return text

    def _without_values(self, text: str) -> str:
        parts, kept = [], 0
        for start, end in self._spans(text):
            if start >= kept:
                parts += [text[kept:start], HIDDEN]
            kept = max(kept, end)
        return "".join([*parts, text[kept:]])

    def _spans(self, text: str) -> list[tuple[int, int]]:
        """Where values stand, by their beginning."""
        anchors, spans = self._anchors, []
        ends: dict[str, int] = {}  # of each form, how far the text is known to be it
        for position in [at for at in range(len(text) - _GRAM + 1) if text[at : at + _GRAM] in anchors] if anchors else ():
            for form, offset in anchors[text[position : position + _GRAM]]:
                if position + _GRAM <= ends.get(form, 0):
                    continue
                start, end = _extend(text, position, form, offset)
                if end - start >= min(FRAGMENT, len(form)):
                    spans.append((start, end))
                    ends[form] = end
        return sorted(spans)


def _extend(text: str, position: int, form: str, offset: int) -> tuple[int, int]:
    """How far text and form are equal around a position where they are: start and end in the text."""
    before, most_before = 0, min(position, offset)
    while before < most_before and text[position - before - 1] == form[offset - before - 1]:
        before += 1
    after, most_after = _GRAM, min(len(text) - position, len(form) - offset)
    while after < most_after and text[position + after] == form[offset + after]:
        after += 1
    return position - before, position + after


def _forms(value: str) -> Iterator[str]:
    """The value as it is, as programs quote it, and in base64; of several lines each that says something."""
    yield from _base64(value)
    lines = [line.strip() for line in value.splitlines()]
    for plain in (value, *(line for line in lines if len(line) >= LINE and not _ARMOUR.fullmatch(line))):
        yield plain
        yield " ".join(plain.split())
        yield json.dumps(plain)[1:-1]
        yield json.dumps(plain, ensure_ascii=False)[1:-1]
        yield repr(plain)[1:-1]
        yield plain.replace("$", "$$")  # Compose
        for quoted in (quote(plain, safe=""), quote(plain), quote_plus(plain)):
            yield quoted
            yield re.sub("%..", lambda escape: escape[0].lower(), quoted)


def _base64(value: str) -> Iterator[str]:
    """The value in base64, wherever in the encoded bytes it begins (RFC 4648, sections 4 and 5): ``Basic`` has the user before it.

    Three bytes make four characters, so there are three ways; characters that neighbours have a share in are left out. Wrapped (RFC 7468,
    RFC 2045), the last line may be shorter than a fragment.
    """
    for before in range(3):
        data = bytes(before) + value.encode(errors="surrogatepass")
        own = slice(-(-before * 8 // 6), len(data) * 8 // 6)
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            form = encode(data).decode()[own]
            if len(form) >= _GRAM:
                yield form
            for width in _WIDTHS if not before else ():
                if _GRAM <= len(form) % width < min(FRAGMENT, len(form)):
                    yield form[-(len(form) % width) :]


_known: Known[Masker] = Known(Masker)


def masker() -> Masker:
    """The masker of this host: knows the values that its secret store holds now."""
    return _known.current()


def mask(text: str) -> str:
    """What others wrote, without secrets. To be called where it comes in, before anything is cut off."""
    return masker().mask(text)


def written(line: str, *, colours: bool = False) -> str:
    """A line that a container wrote, for a terminal or a file: without secrets, and without anything that moves the cursor, gives the
    window another title, or turns the text around.

    :param colours: its colours stay, unless something in it is hidden: a colour in the middle of a secret would hide it from the masker.
    """
    plain = _fit(line)
    masked = mask(plain)
    if not colours or masked != plain or "\x1b" not in line:
        return masked
    parts = _COLOUR.split(line)
    return "".join(part if index % 2 else _fit(part) for index, part in enumerate(parts)) + ("\x1b[0m" if len(parts) > 1 else "")


def _fit(text: str) -> str:
    """Text without what a terminal would act on."""
    return _HALVES.sub("\ufffd", _UNFIT.sub("", _ESCAPES.sub("", text)))


def clean(text: object, limit: int = 0) -> str:
    """Masked, printable text of the engine.

    :param limit: characters that stay, the last one an ellipsis; 0 for all.
    """
    fit = masker().mask(_fit(str(text)), own=True)
    return fit if not limit or len(fit) <= limit else fit[: limit - 1].rstrip() + "…"


def line(text: object, limit: int = 0) -> str:
    """The same on one line."""
    return clean(" ".join(str(text).split()), limit)


def lines(texts: Iterable[object], count: int, limit: int) -> list[str]:
    """The last `count` of these, each cut to `limit` characters; says how many were left out."""
    every = [clean(part.expandtabs(4).rstrip(), limit) for text in texts for part in (str(text).splitlines() or [""])]
    return every if len(every) <= count else [f"… {len(every) - count} earlier", *every[-count:]]
