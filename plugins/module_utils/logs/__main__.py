# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The log services as systemd starts them, ``collect``, ``forward`` and ``close``, and ``write``, which rsyslogd starts on a log host."""

from __future__ import annotations

import os
import sys

from ..core.masking import clean
from ..core.tracebacks import mask_tracebacks
from .settings import SETTINGS, Settings, load


def collect(settings: Settings) -> None:
    """Read the logs of this host."""
    from .collector import Collector

    Collector(settings).run()


def forward(settings: Settings) -> None:
    """Send them to the log host."""
    from .forwarder import Forwarder
    from .relp import require_readable

    if settings.target:
        require_readable(settings.target)
    Forwarder(settings).run()


def close(settings: Settings) -> None:
    """Close the days that are over."""
    from .collector import today
    from .digests import close as close_days
    from .digests import last_entry
    from .forwarder import Forwarder

    unsent = Forwarder(settings).waiting() if settings.target else {}
    entry = close_days(settings.tree, today(), dict(settings.keep), unsent)
    if entry:
        _entry, digest = last_entry(settings.tree)
        lost = sum(int(about["missing"]) for about in entry.files.values())
        # The journal keeps what the chain was: `opsctl log-archive verify --known` compares it.
        sys.stdout.write(f"entry {entry.number} closes {len(entry.files)} files, removes {len(entry.removed)}, digest {digest}\n")
        if lost:
            sys.stderr.write(f"<4>{lost} records of these files are missing: the log host was away for longer than the queue lasts\n")


def write(settings: Settings) -> None:
    """Append what comes on standard input."""
    from .writer import Writer, serve

    serve(Writer(settings.tree, settings.host), sys.stdin.buffer, lambda text: os.write(1, text))


def main(argv: list[str]) -> int:
    """Carry one out."""
    services = {"collect": collect, "forward": forward, "close": close, "write": write}
    if len(argv) not in (1, 2) or argv[0] not in services:
        sys.stderr.write("usage: python3 -m latentum_ops.logs collect|forward|close|write [SETTINGS]\n")
        return 2
    try:
        from pathlib import Path

        services[argv[0]](load(Path(argv[1]) if len(argv) == 2 else SETTINGS))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"<3>logs: {clean(error)}\n")
        return 1
    return 0


if __name__ == "__main__":
    mask_tracebacks()
    raise SystemExit(main(sys.argv[1:]))
