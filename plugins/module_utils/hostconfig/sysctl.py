# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the running kernel (sysctl), with an honest account of those that it does not take.

A key may be a pattern, as in sysctl.d(5): ``net.ipv6.conf.*.accept_ra`` is that of each interface that is there. ``all`` and ``default``
alone leave an interface as it is that was there before. A key without a pattern wins over any, and one without a value is left alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from ..core.process import CommandError, run

PROC = Path("/proc/sys")


@dataclass
class Outcome:
    """What was done; in check mode, what would be."""

    changed: dict[str, tuple[str, str]] = field(default_factory=dict)  # key → (before, after)
    missing: list[str] = field(default_factory=list)  # this kernel has no such key
    refused: dict[str, str] = field(default_factory=dict)  # key → why it keeps another value


def path_of(key: str) -> Path:
    """The key's file: in ``net.ipv4.conf.eth0/100.rp_filter`` dots part and slashes stand for dots, as in sysctl.d(5)."""
    first = next((letter for letter in key if letter in "./"), ".")
    return PROC / (key.translate(str.maketrans("./", "/.")) if first == "." else key)


def key_of(path: Path) -> str:
    """The key of a file, dots between its parts."""
    return ".".join(part.replace(".", "/") for part in path.relative_to(PROC).parts)


def is_pattern(key: str) -> bool:
    """Whether a key stands for several."""
    return any(letter in key for letter in "*?[")


def expanded(settings: Mapping[str, object]) -> dict[str, object]:
    """The same with a key of its own for all that a pattern stands for now; a pattern that nothing fits stays: the kernel lacks it."""
    explicit = {path_of(key): key for key in settings if not is_pattern(key)}
    result: dict[str, object] = {key: value for key, value in settings.items() if key in explicit.values() and value is not None}
    for key, value in settings.items():
        if key in explicit.values() or value is None:
            continue
        there = sorted(PROC.glob(str(path_of(key).relative_to(PROC))))
        result |= {key_of(path): value for path in there if path not in explicit}
        if not there:
            result[key] = value
    return result


def wanted_of(settings: Mapping[str, object], key: str) -> object:
    """What these settings make of one key; None where they leave it alone. Of two patterns the later one counts."""
    path, found = path_of(key), None
    for other, value in settings.items():
        if not is_pattern(other):
            if path_of(other) == path:
                return value
        elif fits(path, path_of(other)):
            found = value
    return found


def fits(path: Path, pattern: Path) -> bool:
    """Part by part: a star stands for no slash."""
    return len(path.parts) == len(pattern.parts) and all(map(fnmatchcase, path.parts, pattern.parts))


def assignments(text: str) -> Iterator[tuple[int, str, str | None]]:
    """The lines of a file in the form of sysctl.d(5): number, key, and value; None for a key that is only kept out of patterns."""
    for number, line in enumerate(text.splitlines(), 1):
        key, equals, value = line.strip().partition("=")
        key = key.strip()
        if not key or key.startswith(("#", ";")):
            continue
        if equals:
            yield number, key.removeprefix("-").strip(), " ".join(value.split())
        elif key.startswith("-"):
            yield number, key[1:].strip(), None


def apply(settings: Mapping[str, object], *, check_mode: bool = False) -> Outcome:
    """Bring the running kernel to these values; each is read again, for some are accepted and not kept."""
    outcome = Outcome()
    for key, value in expanded(settings).items():
        path, wanted = path_of(key), " ".join(str(value).split())
        try:
            before = _read(path)
        except FileNotFoundError:
            outcome.missing.append(key)
            continue
        except OSError as error:
            outcome.refused[key] = f"{error.strerror} when reading"
            continue
        if before == wanted:
            continue
        try:
            if check_mode:
                if not os.access(path, os.W_OK):
                    outcome.refused[key] = f"not writable, stays {before}"
                    continue
            else:
                path.write_text(f"{wanted}\n")
                if (kept := _read(path)) != wanted:
                    outcome.refused[key] = f"the kernel keeps {kept}"
                    continue
        except OSError as error:
            outcome.refused[key] = f"{error.strerror}, stays {before}"
            continue
        outcome.changed[key] = (before, wanted)
    return outcome


def in_container() -> bool:
    """Whether the kernel is somebody else's."""
    try:
        return run(["systemd-detect-virt", "--quiet", "--container"], check=False).rc == 0
    except CommandError:
        return Path("/.dockerenv").exists() or Path("/run/.containerenv").exists()


def _read(path: Path) -> str:
    return " ".join(path.read_text().split())
