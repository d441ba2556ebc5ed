# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers of the log services, for node_exporter's folder of text files.

The folder is not theirs, so their files are there before them (tmpfiles.d, role log_shipping), and are written in place: always the same
length in one write, so that no reader sees the end of an older text.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

LENGTH = 2048  # bytes; what is left of them are empty lines, which the format allows


def publish(folder: str, name: str, numbers: Mapping[str, int], labels: Mapping[str, str] | None = None) -> None:
    """Write numbers by their names; those that end in ``_total`` are counters. Without a file for them there is nobody who asks.

    :param labels: of all of them; their values need no quoting.
    """
    shown = ",".join(f'{label}="{value}"' for label, value in (labels or {}).items())
    of_all = f"{{{shown}}}" if shown else ""
    lines: list[str] = []
    for metric, number in numbers.items():
        lines += [f"# TYPE {metric} {'counter' if metric.endswith('_total') else 'gauge'}", f"{metric}{of_all} {number}"]
    text = "\n".join(lines).encode().ljust(LENGTH, b"\n")
    if folder:
        with contextlib.suppress(OSError):
            file = os.open(Path(folder) / name, os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.pwrite(file, text, 0)
            finally:
                os.close(file)
