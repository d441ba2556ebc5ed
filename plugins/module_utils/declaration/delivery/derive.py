# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host is told of deliveries: the content of their settings of one stack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...contracts.delivery import (
    BRANCH,
    GITHUB,
    GITLAB,
    TAG,
    Approval,
    DeliveryRule,
    DeliverySettings,
    Freeze,
    PullSource,
    PushSource,
    Report,
)
from ..model import Declaration
from .model import DeliveryEntry, delivery_of

APIS = {GITHUB: "https://api.github.com", GITLAB: "https://gitlab.com/api/v4"}
_SAME = ("environment", "budget", "downgrade", "site_run", "image_timeout", "address")


def delivery_config(declaration: Declaration) -> dict[str, Any]:
    """All durations in seconds; empty without C(delivery)."""
    delivery = delivery_of(declaration)
    if not delivery:
        return {}
    return DeliverySettings(
        stack=declaration.name,
        services=dict(delivery["services"]),
        push=tuple(PushSource(name, **_tuples(item)) for name, item in delivery["push"].items()),
        pull=tuple(PullSource(name, **item) for name, item in delivery["pull"].items()),
        rules=tuple(_rule(item) for item in delivery["rules"]),
        approval=Approval(**(delivery["approval"] or {})),
        freezes=tuple(Freeze(**item) for item in delivery["freezes"]),
        report=tuple(_report(delivery, name, item) for name, item in delivery["report"].items()),
        **{field: delivery[field] for field in _SAME},
    ).to_dict()


def _rule(item: Mapping[str, Any]) -> DeliveryRule:
    kind, rest = BRANCH if item["branch"] else TAG, ("environment", "versions", "approval", "image_tag")
    return DeliveryRule(kind, item[kind], **{field: item[field] for field in rest})


def _report(delivery: DeliveryEntry, name: str, item: Mapping[str, Any]) -> Report:
    provider = item["provider"]
    return Report(
        name,
        provider,
        item["token"],
        api=item["api"] or APIS.get(provider, ""),
        context=item["context"] or f"deploy/{delivery['environment']}",
        repositories=tuple(item["repositories"]) or tuple(dict.fromkeys(_repositories(delivery, provider))),
    )


def _repositories(delivery: DeliveryEntry, provider: str) -> Iterable[str]:
    """Those of all sources that speak of the provider's repositories; a pipeline that calls by itself names one, too."""
    for item in delivery["push"].values():
        if item["provider"] in (provider, "generic"):
            yield from item["repositories"]
    yield from (item["repository"] for item in delivery["pull"].values() if item["repository"])


def _tuples(item: Mapping[str, Any]) -> dict[str, Any]:
    return {field: tuple(value) if isinstance(value, list) else value for field, value in item.items()}
