# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from .samples import changed


@pytest.fixture
def stack() -> dict[str, Any]:
    """A faultless declaration that the test may change."""
    return changed()
