# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What role monitoring wrote down for the report of this host."""

from __future__ import annotations

import json
from pathlib import Path

from ..contracts.capacity import ReportSettings
from ..contracts.monitoring import FOLDER
from ..core.atomic_files import read_text

FILE = Path(FOLDER) / "report.json"


def load(prometheus: str = "", host: str = "") -> ReportSettings:
    """The settings of this host.

    :param prometheus: another Prometheus than its own, which calls this host so.
    :raises ValueError: there is no Prometheus, or the file is damaged.
    """
    text = read_text(FILE)
    try:
        known = ReportSettings.from_dict(json.loads(text), tolerant=True) if text is not None else None
    except ValueError as error:  # no JSON, or of another form
        raise ValueError(f"{FILE} is damaged ({error}): run site.yml with --tags monitoring") from error
    if known is None and not (prometheus and host):
        raise ValueError(
            "no Prometheus measures this host: set monitoring_enabled: true (and exporters_enabled: true) and run site.yml with"
            " --tags exporters,monitoring; of one elsewhere write --prometheus ADDRESS --host NAME, the name as its label instance has it"
        )
    own = known or ReportSettings(host, prometheus)
    return ReportSettings(host or own.host, prometheus or own.prometheus, own.monthly, own.prices)
