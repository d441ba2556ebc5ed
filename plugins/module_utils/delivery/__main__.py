# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two daemons of deliveries, as systemd starts them: C(worker) as root, C(receiver) as a user of its own.

Each loads what it needs and no more: the receiver never has the rollout engine, nor anything that could reach Docker.
"""

from __future__ import annotations

import sys

from ..core.tracebacks import mask_tracebacks


def main(which: str) -> int:
    """The exit status."""
    if which == "receiver":
        from .receiver_daemon import main as run
    else:
        from .worker import main as run
    return run()


if __name__ == "__main__":
    mask_tracebacks()
    raise SystemExit(main(sys.argv[1] if len(sys.argv) > 1 else "worker"))
