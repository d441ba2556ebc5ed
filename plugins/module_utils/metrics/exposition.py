# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text format in which Prometheus reads metrics (version 0.0.4), written straight away: a thousand samples cost a few milliseconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def label(name: str, value: str) -> str:
    """One label as text."""
    return f'{name}="{value.translate(_ESCAPES)}"'


def labels(values: Mapping[str, str]) -> str:
    """Labels as text; an empty one is none."""
    return ",".join(label(name, value) for name, value in values.items() if value)


class Exposition:
    """Samples by family; a family without a sample does not appear.

    :param families: type and help by name.
    """

    def __init__(self, families: Mapping[str, tuple[str, str]]) -> None:
        self._families = families
        self._lines: dict[str, list[str]] = {name: [] for name in families}

    def add(self, base: str, samples: Iterable[tuple[str, str, float]]) -> None:
        """Add samples that have some labels (as text) in common; a family that is not known is an error of this program.

        :raises KeyError: there is no such family.
        """
        for name, extra, value in samples:
            both = f"{base},{extra}" if base and extra else base or extra
            self._lines[name].append(f"{name}{{{both}}} {value!r}" if both else f"{name} {value!r}")

    def text(self) -> bytes:
        """All of it."""
        parts = []
        for name, lines in self._lines.items():
            if lines:
                kind, about = self._families[name]
                parts.append(f"# HELP {name} {about}\n# TYPE {name} {kind}\n" + "\n".join(lines) + "\n")
        return "".join(parts).encode(errors="replace")
