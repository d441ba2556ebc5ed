# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""C(python3 -m latentum_ops.cli): what /usr/local/sbin/opsctl runs."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    if sys.argv[1:3] == ["completion", "words"]:
        # Without the rest of the engine, which takes longer than one presses a key.
        from .completion_words import main as words

        raise SystemExit(words(sys.argv[3:]))
    from ..core.tracebacks import mask_tracebacks
    from .main import main

    mask_tracebacks()
    raise SystemExit(main())
