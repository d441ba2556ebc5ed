# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words of PromQL: selectors, numbers, durations, and text that a template of Prometheus leaves alone."""

from __future__ import annotations

import json
from collections.abc import Mapping


def selector(labels: Mapping[str, str], *more: str) -> str:
    """C({stack="shop",slo="api"}).

    :param more: further matchers, as PromQL has them.
    """
    return "{" + ",".join([*(f"{name}={quoted(value)}" for name, value in labels.items()), *more]) + "}"


def quoted(text: str) -> str:
    """A string of PromQL, whose escapes are those of Go; JSON has none that Go lacks."""
    return json.dumps(text, ensure_ascii=False)


def number(value: float) -> str:
    """A number without the noise of its binary form."""
    return f"{value:.12g}"


def duration(seconds: float) -> str:
    """Seconds in the largest unit that Prometheus reads and that leaves no rest."""
    whole = int(seconds)
    return next(f"{whole // size}{unit}" for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)) if whole % size == 0)


def plain(text: str) -> str:
    """A text of people in an annotation: its braces begin no template."""
    return text.replace("{{", '{{ "{{" }}')


def bound(seconds: float) -> str:
    """A matcher of the bucket with this bound. Exporters write the same number as C(1) and as C(1.0), and so do versions of Prometheus."""
    text = number(seconds)
    return f'le=~"{text}|{text}[.]0"' if "." not in text and "e" not in text else f"le={quoted(text)}"
