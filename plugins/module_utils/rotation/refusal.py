# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of a rotation: what cannot be rotated, and what a server does not take."""

from __future__ import annotations


class RotationRefused(ValueError):
    """A secret cannot be rotated as it is; nothing was changed. The message names it, and what to write."""


class RotationFailed(Exception):
    """A rotation that did not come to its end; the message says what was taken back, and what is left."""
