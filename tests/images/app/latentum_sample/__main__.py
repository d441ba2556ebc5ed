# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python3 -m latentum_sample SERVICE``."""

from __future__ import annotations

import importlib
import sys

from .config import ConfigError

SERVICES = {"api-gateway": "gateway", "model-server": "model", "worker": "worker", "migrate": "migrate"}


def main() -> int:
    """Run one service; a wrong configuration is one line and exit code 2."""
    if len(sys.argv) != 2 or sys.argv[1] not in SERVICES:
        print(f"name one of {', '.join(SERVICES)}", file=sys.stderr)
        return 2
    try:
        importlib.import_module(f".{SERVICES[sys.argv[1]]}", __package__).main()
    except ConfigError as error:
        print(f"{sys.argv[1]}: {error}", file=sys.stderr)
        return 2
    return 0


sys.exit(main())
