# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter of role exporters: what exporters of databases read on a host."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.latentum.ops.plugins.module_utils.contracts.database_exporters import FOLDER, POSTGRESQL, REDIS, DatabaseExporter
from ansible_collections.latentum.ops.plugins.module_utils.metrics.database_files import queries_file, queries_path, script, script_path
from ansible_collections.latentum.ops.plugins.module_utils.schema.nodes import plain


def database_exporter_files(exporters: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """See the filter's own documentation."""
    read = [DatabaseExporter.from_dict(item, f"exporters_databases[{index}]") for index, item in enumerate(plain(exporters))]
    files = {}
    for stack in dict.fromkeys(exporter.stack for exporter in read):
        entries = [exporter.to_dict() for exporter in read if exporter.stack == stack]
        files[f"{FOLDER}/{stack}.json"] = json.dumps(entries, indent=1) + "\n"
    files |= {queries_path(exporter): queries_file(exporter) for exporter in read if exporter.kind == POSTGRESQL}
    return files | {script_path(exporter): script(exporter) for exporter in read if exporter.kind == REDIS and exporter.keys}


class FilterModule:
    """It is documented in a file of its own name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {"database_exporter_files": database_exporter_files}
