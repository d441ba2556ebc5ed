# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one masker: what others wrote (containers, programs, receivers) loses every secret before it goes anywhere.

Two things are hidden: the values in the secret store of this host, in every form in which they travel, and whatever stands where a
secret usually stands (``password=…``, ``Authorization: …``, the password in a URL).

A value in the store is hidden from `SHORTEST` characters on. A short word (letters only) may also be a word of the log, as the name
of a user is: it is hidden where it stands alone, and only in what others wrote, not in the engine's own sentences. A short number may be
a part of a longer one: it is hidden where it stands alone. Values of several lines (keys) are also hidden line by line, from `LINE`
characters on: shorter lines are braces and the last characters of a key. Of long values any part of `FRAGMENT` characters is hidden, and
of any value what an end of a line cuts in two, so that wrapping or cutting them does not help them out.

Text comes in at few places, and each of them calls this: `containers` for what containers wrote, `process` for the failures of programs,
`receivers` for the answers of others. It leaves at few places, too (`journal.log`, the output of opsctl, tracebacks), and each hides the
values once more, should one of the former have been forgotten. ``tests/unit/secrecy`` fails on a further place of either kind.
"""

from __future__ import annotations

import base64
import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any
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
_WRAP = re.compile(r"\r?\n[ \t]*")  # what a program puts into a value that is too long for its line
WITHHELD = "(withheld: this process may not read the secret store, so it cannot tell what is secret)"

# A check that passed, a kernel's bypass and its syncookies, /etc/passwd and the folder of sudo's PWD say nothing that is secret.
_NAME = (
    r"(?:(?<!by)(?<!com)(?<!tres)(?<!etc/)pass(?!(?:ed|es|ing|ive(?:ly)?|enger\w*|through|port)\b)(?:word|wd|phrase)?|pwd(?!=[/~])|secret"
    r"|token(?!s\b\W{1,6}\d{1,9}(?![\w-]))|credentials?|(?<!syn)cookie|(?:api|access|private|routing|signing|encryption)[_-]?key)"
)
_HINTS = ("pass", "pwd", "secret", "token", "credential", "cookie", "key")
_ARGUMENTS = r"[^\n;|&]{0,512}?\s"  # what stands between a program and its option
# Nothing, what holds further pairs, and where a secret is kept.
_PLAIN = r"""(?!(?:null|none|nil|true|false)\b|[\[{](?:[\[{"'\]}]|\s|$))"""
_PLACE = r"""(?![\w.-]{0,64}(?:file|path|dir)\\?["']?\s*[=:]\s*\\?["']?/)"""
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
    # a key in PEM, also one that ends nowhere, and in JSON
    Rule(
        ("private key",),
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----(?:[A-Za-z0-9+/=\s]|\\[nr]|(?:Proc-Type|DEK-Info):[^\n]{0,80}){16,}"
            r"(?:-----END [A-Z0-9 ]{0,60}-----)?"
        ),
        HIDDEN,
    ),
    # addresses that are the secret themselves
    Rule(
        ("hooks.slack", "discord", "webhook", "api.telegram.org/", "hc-ping.com/"),
        re.compile(
            r"\b(hooks\.slack(?:-gov)?\.com|discord(?:app)?\.com/api/webhooks|[\w.-]{0,64}(?:outlook|webhook)\.office\.com/webhookb?2?"
            r"|api\.telegram\.org|hc-ping\.com)/[^\s\"'<>]+",
            re.IGNORECASE,
        ),
        rf"\1/{HIDDEN}",
    ),
    # postgresql://user:password@host, redis://:password@host, https://key@host; to the last @, as passwords have some of their own
    Rule(("://",), re.compile(r"(?<![a-z0-9+.-])([a-z][a-z0-9+.-]*://)([^\s/:@]{0,256}:)?\S{0,1024}@", re.IGNORECASE), rf"\1\2{HIDDEN}@"),
    # signed addresses of object stores; a name that means a secret is one of the pairs below
    Rule(
        ("sig", "key="),
        re.compile(r"([?&](?:sig|signature|x-(?:amz|goog)-signature|key)=|\bsignature=)[^&\s\"'<>]+", re.IGNORECASE),
        rf"\1{HIDDEN}",
    ),
    Rule(
        ("authorization",),
        # of a scheme that is not known, as it may be the secret itself, also what follows
        re.compile(
            r"""\b((?:proxy-)?authorization\\?["']?\s*[:=]\s*["']?(?:(?:basic|bearer|digest|token)\s+)?)"""
            r"""(?:[a-z][\w-]{0,30}\s+(?=[^\s"']{12}))?[^\s"']+""",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
    # all cookies of a header
    Rule(("cookie",), re.compile(r"""\b((?:set-)?cookie\\?["']?:\s*\\?["']?)[^\n"'\\]+""", re.IGNORECASE), rf"\1{HIDDEN}"),
    Rule(("bearer",), re.compile(r"\b(bearer\s+)[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1{HIDDEN}"),
    # password=…, DB_PASSWORD: …, "api_key": "…", ?token=…
    Rule(_HINTS, re.compile(rf"""({_NAME}{_PLACE}[\w.-]{{0,64}}\\?["']?\s*[=:]\s*){_PLAIN}{_VALUE}""", re.IGNORECASE), rf"\1{HIDDEN}"),
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
    # values that are known by their own form: tokens of services, keys of clouds and of age, JSON web tokens
    Rule(
        (
            "gh",
            "glpat-",
            "xox",
            "xapp-",
            "akia",
            "asia",
            "aiza",
            "eyj",
            "k_live",
            "k_test",
            "sk-",
            "sg.",
            "npm_",
            "_pat_",
            "hf_",
            "age-sec",
        ),
        re.compile(
            r"\b(?:gh[opsur]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abeprs]-[\w-]{10,}|xapp-[\w-]{10,}|A[KS]IA[0-9A-Z]{16}\b"
            r"|AIza[\w-]{35}|[sr]k_(?:live|test)_\w{16,}|sk-(?:proj|ant|svcacct|or)-[\w-]{16,}|SG\.[\w-]{16,}\.[\w-]{16,}|npm_\w{30,}"
            r"|dckr_pat_[\w-]{20,}|hf_[A-Za-z]{30,}|AGE-SECRET-KEY-1[0-9A-Z]{20,}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)"
        ),
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
        numbers: set[str] = set()
        forms: set[str] = set()
        for value in {value.strip("\r\n") for value in values}:
            if len(value) < SHORTEST:
                continue
            if value.isalpha() and len(value) < WORD:
                words.add(value)
                forms.update(_base64(value))
            elif value.isdecimal() and len(value) < WORD:
                numbers.add(value)
                forms.update(_base64(value))
            else:
                forms.update(_forms(value))
        for form in forms:
            for offset in range(0, len(form) - _GRAM + 1, _STRIDE) if len(form) >= FRAGMENT else (0,):
                self._anchors.setdefault(form[offset : offset + _GRAM], []).append((form, offset))
        self._words, self._numbers = _alone(words), _alone(numbers)

    def mask(self, text: str, *, own: bool = False) -> str:
        """The text with all that looks like a secret hidden; rather one too many.

        :param own: it is the engine's own sentence, in which a word that is also a value stays.
        """
        text = self.hide(text, cut=not own)
        if self._words and not own:
            text = self._words.sub(HIDDEN, text)
        lower = text.lower()
        for rule in _RULES:
            if any(hint in lower for hint in rule.hints):
                text = rule.pattern.sub(rule.replacement, text)
        return text

    def hide(self, text: str, *, cut: bool = False) -> str:
        """The text without the values, and nothing else changed: also JSON stays what it is.

        :param cut: the text may end in the middle of a value, as the engine keeps 4096 bytes of a health check.
        """
        parts, kept = [], 0
        spans = [*self._spans(text, range(len(text) - _GRAM + 1), cut=cut), *self._wrapped(text)] if self._anchors else []
        for start, end in sorted(spans):
            if start >= kept:
                parts += [text[kept:start], HIDDEN]
            kept = max(kept, end)
        hidden = "".join([*parts, text[kept:]])
        return self._numbers.sub(HIDDEN, hidden) if self._numbers else hidden

    def _spans(self, text: str, positions: Iterable[int], *, cut: bool = False) -> list[tuple[int, int]]:
        """Where values stand.

        :param positions: where the beginning of a form is looked for, in their order.
        """
        anchors, spans = self._anchors, []
        ends: dict[str, int] = {}  # of each form, how far the text is known to be it
        for position in [at for at in positions if text[at : at + _GRAM] in anchors]:
            for form, offset in anchors[text[position : position + _GRAM]]:
                if position + _GRAM <= ends.get(form, 0):
                    continue
                start, end = _extend(text, position, form, offset)
                least = min(FRAGMENT, len(form))
                if end - start >= (max(_GRAM, least // 2) if cut and end == len(text) and start == position - offset else least):
                    spans.append((start, end))
                    ends[form] = end
        return spans

    def _wrapped(self, text: str) -> list[tuple[int, int]]:
        """Where values stand that an end of a line cuts in two.

        They are looked for in the text without its ends of lines, and only around these: of what lies across one, the beginning of a form
        or of a stride is not farther away.
        """
        left, removed, gone = [0], [0], 0  # from which place of the joined text on, how much of the text is not in it
        for match in _WRAP.finditer(text):
            left.append(match.start() - gone)
            gone += match.end() - match.start()
            removed.append(gone)
        if not gone:
            return []
        joined, spans = _WRAP.sub("", text), []
        around = sorted({at for end in left[1:] for at in range(max(0, end - FRAGMENT), end + _STRIDE)})
        for start, end in self._spans(joined, around):
            begins, ends = (at + removed[bisect_right(left, at) - 1] for at in (start, end - 1))
            if ends - begins != end - 1 - start:
                spans.append((begins, ends + 1))
        return spans


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
    yield "".join(lines)
    for plain in (value, *(line for line in lines if len(line) >= LINE and not _ARMOUR.fullmatch(line))):
        yield plain
        yield " ".join(plain.split())
        yield from _in_json(plain)
        yield repr(plain)[1:-1]
        yield plain.replace("$", "$$")  # Compose
        yield escape(plain)
        yield escape(plain, quote=False)
        yield escape(plain, quote=False).replace('"', "&#34;").replace("'", "&#39;")  # Go's html/template, Jinja
        yield from _in_quotes(plain)
        for safe in _SAFE:
            for quoted in (quote(plain, safe=safe), quote_plus(plain, safe=safe)):
                yield quoted
                yield re.sub("%..", lambda escape: escape[0].lower(), quoted)


# What encoders of URLs leave as it is: all of them nothing, Python's `quote` a slash, JavaScript's two, and Go's for a user's password.
_SAFE = ("", "/", "!'()*", ";,/?:@&=+$!*'()#", "$&+,;=")


def _in_json(plain: str) -> Iterator[str]:
    """As encoders of JSON write it: Python's and most others', PHP's (a slash escaped), Go's (safe in HTML), and JSON within JSON."""
    for ascii_only in (True, False):
        written = json.dumps(plain, ensure_ascii=ascii_only)[1:-1]
        yield written
        yield written.replace("/", "\\/")
        yield re.sub("[<>&]", lambda match: f"\\u{ord(match[0]):04x}", written)
        yield json.dumps(written, ensure_ascii=ascii_only)[1:-1]


def _in_quotes(plain: str) -> Iterator[str]:
    """As a shell quotes it: in single quotes (two ways for one in them), in double quotes, without any; and SQL, and libpq."""
    yield plain.replace("'", "'\"'\"'")
    yield plain.replace("'", "'\\''")
    yield re.sub(r'([\\"$`])', r"\\\1", plain)
    yield re.sub(r"([^\w@%+=:,./~-])", r"\\\1", plain)
    yield plain.replace("'", "''")
    yield re.sub(r"(['\\])", r"\\\1", plain)


def _alone(values: Iterable[str]) -> re.Pattern[str] | None:
    """What finds these where they stand alone; None where there are none."""
    alternatives = "|".join(sorted(map(re.escape, values), key=len, reverse=True))
    return re.compile(rf"\b(?:{alternatives})\b") if alternatives else None


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


def masked(value: Any) -> Any:
    """The same for all texts in plain data, and for the names of its entries."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {mask(name) if isinstance(name, str) else str(name): masked(item) for name, item in value.items()}
    return [masked(item) for item in value] if isinstance(value, (list, tuple)) else value


def foreign(raw: bytes | str) -> str:
    """What a container wrote, as text without secrets.

    The engine hands out bytes, and this alone makes text of them. A container knows secrets by profession, so a process that may not
    read the store gets nothing at all of what it wrote.
    """
    text = raw.decode(errors="replace") if isinstance(raw, bytes) else raw
    shown = mask(text)
    return WITHHELD if _known.closed and text.strip() else shown


def hide(text: str) -> str:
    """A text on its way out without the values in the store: for the case that it was not masked where it came in."""
    return masker().hide(text)


def written(line: bytes | str, *, colours: bool = False) -> str:
    """A line that a container wrote, for a terminal or a file: without secrets, and without anything that moves the cursor, gives the
    window another title, or turns the text around.

    :param line: bytes straight from the container, as `foreign` takes them; text has been masked by somebody who may read the store.
    :param colours: its colours stay, unless something in it is hidden: a colour in the middle of a secret would hide it from the masker.
    """
    straight = isinstance(line, bytes)
    line = line.decode(errors="replace") if isinstance(line, bytes) else line
    plain = _fit(line)
    shown = foreign(plain) if straight else mask(plain)
    if not colours or shown != plain or "\x1b" not in line:
        return shown
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
