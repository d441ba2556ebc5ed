# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Docker engine's own configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...hostconfig.docker_daemon import FILE, flags, parse
from ...preflight.docker import INSTALLED, present
from ...schema.nodes import Problem
from ..host import SurveyedHost


@dataclass(frozen=True)
class Daemon:
    """daemon.json, the flags of the unit, and the packages that the engine came with.

    :param options: by key, each as JSON.
    :param fault: why the file cannot be read.
    :param packages: with their versions; the snap is one of them.
    """

    options: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    running: bool = False


def daemon(host: SurveyedHost) -> Daemon:
    """Read from the files; a stopped engine stays stopped."""
    there = present(host)
    options = parse(there.text)
    lines = [line.split() for line in (host.output(INSTALLED) or "").splitlines()]
    given: Mapping[str, Any] = {} if isinstance(options, Problem) else options
    return Daemon(
        options={key: json.dumps(value, ensure_ascii=False) for key, value in given.items()},
        flags=flags(there.unit, there.opts),
        fault=f"{FILE} {options.problem}" if isinstance(options, Problem) else "",
        packages={words[1]: words[2] for words in lines if len(words) == 3 and words[0] in {"ii", "hi"}},
        running=host.runs("dockerd"),
    )
