# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Delivery, as it is declared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..model import Declaration

DeliveryEntry = Mapping[str, Any]


def delivery_from(item: DeliveryEntry | None) -> DeliveryEntry:
    """What the schema read; empty where nothing is declared."""
    return dict(item or {})


def delivery_of(declaration: Declaration) -> DeliveryEntry:
    """The delivery of a stack as the schema read it."""
    delivery: DeliveryEntry = declaration.parts["delivery"]
    return delivery


def delivery_secrets(declaration: Declaration) -> Iterable[tuple[str, str]]:
    """The secrets that it reads itself: who calls, what is looked at, who is told."""
    delivery = delivery_of(declaration)
    for part, field in (("push", "secret"), ("pull", "token"), ("report", "token")):
        for name, item in (delivery.get(part) or {}).items():
            if item[field]:
                yield f"delivery.{part}.{name}.{field}", item[field]
