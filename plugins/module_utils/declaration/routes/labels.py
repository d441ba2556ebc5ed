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
