# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Compose project as YAML that every reader understands alike: those of YAML 1.1 and 1.2, and Compose's own parser.

What one of them would take for a number, a date or a boolean is in quotes, and what is not plainly printable is escaped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from .scalars import BOOLEAN, DATE, FLOAT, INTEGER, NULL

_ONE_LETTER = re.compile(r"[yYnN]")  # booleans of YAML 1.1 that PyYAML does not know
_AMBIGUOUS = (BOOLEAN, DATE, FLOAT, INTEGER, NULL, _ONE_LETTER)


def dump(project: Mapping[str, Any]) -> str:
    """The project in the order of its keys. Without PyYAML, on a bare host that is checked, as JSON: that is YAML, too."""
    try:
        import yaml
    except ImportError:
        return json.dumps(project, indent=2, ensure_ascii=False) + "\n"

    class Dumper(yaml.SafeDumper):
        """PyYAML's own rules, which are of YAML 1.1, and ours on top."""

    def text(dumper: Any, value: str) -> Any:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=_style(value))

    Dumper.add_representer(str, text)
    return str(yaml.dump(dict(project), Dumper=Dumper, sort_keys=False, width=float("inf"), allow_unicode=True))


def _style(text: str) -> str | None:
    """The quotes of a string; none where PyYAML may decide.

    Line breaks of YAML 1.1 are spaces or nothing to YAML 1.2, so they are escaped, as all that is not printable.
    """
    if not text.isprintable():
        return '"'
    return "'" if any(pattern.fullmatch(text) for pattern in _AMBIGUOUS) else None
