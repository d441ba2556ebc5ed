# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Freshness of data: how old the newest of something may be, and where its age is read."""

from __future__ import annotations

from dataclasses import dataclass

from .base import Contract, option

DAY = 86400
KINDS = ("query", "file", "url", "mlflow")
SEVERITIES = ("critical", "warning")


@dataclass(frozen=True)
class Freshness(Contract):
    """One thing that must not get old. Times in seconds. What does not belong to its kind is empty."""

    name: str = option("What messages call it.")
    kind: str = option("V(query), V(file), V(url) or V(mlflow).", choices=KINDS)
    newest: float = option("Older than so many seconds is an incident.", least=1, most=3660 * DAY)
    interval: float = option("Seconds between two looks.", 60, least=1, most=DAY)
    timeout: float = option("Seconds to wait for the answer; a query is ended by the database then.", 10, least=1, most=300)
    severity: str = option("What it is when it is too old.", "warning", choices=SEVERITIES)
    service: str = option("The service that is asked.", "")
    database: str = option("Of V(query), the database.", "")
    user: str = option("Of V(query), its user in the database.", "")
    sql: str = option("Of V(query), one SELECT whose only answer is a time.", "")
    path: str = option("Of V(file), the path in the container; of V(url), the path of the request.", "")
    port: int = option("Of V(url) and V(mlflow), the port inside the container.", 0, least=0, most=65535)
    address: str = option("Of V(url) and V(mlflow), an address in place of a service.", "")
    field: str = option("Of V(url), the field of the JSON answer that holds the time, with dots between levels.", "")
    model: str = option("Of V(mlflow), the registered model.", "")
    alias: str = option("Of V(mlflow), its alias; the newest version without one.", "")
