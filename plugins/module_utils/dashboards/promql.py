# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words of PromQL that panels share: rates over a window that fits, shares that are there without a failure, quantiles.

Windows are C($__rate_interval): at least four scrapes, however far somebody zooms in. The data source knows how often Prometheus scrapes.
"""

from __future__ import annotations

WINDOW = "$__rate_interval"


def rate(metric: str, chosen: str, by: str = "") -> str:
    """A rise per second, summed."""
    return f"{_sum(by)}(rate({metric}{{{chosen}}}[{WINDOW}]))"


def increase(metric: str, chosen: str, by: str = "", window: str = "$__range") -> str:
    """A rise in a window, summed; by default in all that is looked at."""
    return f"{_sum(by)}(increase({metric}{{{chosen}}}[{window}]))"


def share(part: str, whole: str) -> str:
    """A part of a whole: 0 where the part never occurred and so has no series, nothing where there is no whole."""
    return f"({part} or 0 * {whole}) / ({whole} > 0)"


def quantile(which: float, metric: str, chosen: str, by: str = "") -> str:
    """A quantile of a histogram; nothing where there was nothing."""
    labels = f"{by}, le" if by else "le"
    return f"histogram_quantile({which:g}, sum by ({labels}) (rate({metric}_bucket{{{chosen}}}[{WINDOW}]))) >= 0"


def age(moment: str) -> str:
    """Seconds since then."""
    return f"time() - {moment}"


def _sum(by: str) -> str:
    return f"sum by ({by}) " if by else "sum"
