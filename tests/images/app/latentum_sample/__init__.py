# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small application of five services that behaves like one in production: what the demo and the tests deploy."""

from __future__ import annotations

QUEUE = "latentum:jobs"
PROCESSING = "latentum:jobs:processing"
