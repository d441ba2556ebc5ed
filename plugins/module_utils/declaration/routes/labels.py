# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The name of a route wherever it is counted: in nginx's access log, in metrics, and in what is made of them."""

from __future__ import annotations

# What a request has instead that belongs to no route.
NO_ROUTE = ""


def route_label(domain: str, path: str) -> str:
    """Domain and path, as they are declared: ``shop.example.com/api``, and ``shop.example.com/`` for all that no other route has.

    A slash at the end of the path makes no difference, as it makes none to nginx.
    """
    return f"{domain}{path.rstrip('/') or '/'}"


# Bounds of the histograms of a route's response times in seconds, where role exporters is told no others (exporters_requests_buckets).
# What is asked about one latency is exact only where it is a bound.
DURATION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
