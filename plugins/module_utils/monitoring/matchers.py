# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Matchers of labels, as Alertmanager reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..slo.promql import quoted


def equal(label: str, value: str) -> str:
    """The label has this value; an empty one is none."""
    return f"{label}={quoted(value)}"


def one_of(label: str, values: Iterable[str]) -> str:
    """The label has one of these values."""
    return f"{label}=~{quoted(_either(values))}"


def not_one_of(label: str, values: Iterable[str]) -> str:
    """It has none of these."""
    return f"{label}!~{quoted(_either(values))}"


def present(label: str) -> str:
    """There is such a label."""
    return f'{label}=~".+"'


def _either(values: Iterable[str]) -> str:
    return "|".join(re.escape(value) for value in values)
