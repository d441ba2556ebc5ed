# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of C(freshness): how old the newest of something may be."""

from __future__ import annotations

import posixpath
import re

from ...contracts.freshness import Freshness
from ...contracts.nodes import described, duration, text
from ...schema import values
from ...schema.nodes import Number, Record, Refused, Table, Text
from ..backups.values import query
from ..forms import service_name

freshness_name = values.named(
    r"[a-z][a-z0-9_]{0,30}", "is not a name for what is to be fresh", "write lower case letters, digits and _, such as market_data"
)
_MODEL = values.named(r"[^\x00-\x1f\x7f/]{1,250}", "is not the name of a registered model", "write the name that MLflow shows", "model")
_ALIAS = values.named(
    r"[A-Za-z0-9._-]{1,255}", "is not an alias of a model", "write letters, digits, -, _ and ., such as champion", "alias"
)
_FIELD = values.named(
    r"[^\s.\x00-\x1f]+(?:\.[^\s.\x00-\x1f]+)*",
    "is not a field of a JSON answer",
    "write its name, with dots between levels: model.trained_at",
    "field",
)


@values.form("path in a container", "^/")
def inside(value: str) -> str:
    """An absolute path in a container."""
    if not value.startswith("/") or re.search(r"[\x00-\x1f\x7f*?\[]", value) or ".." in value.split("/"):
        raise Refused(
            "is not the path of one file in a container", "write it from the root and without patterns, such as /models/latest.pkl"
        )
    return posixpath.normpath(value)


def _service(description: str, implied: str = "", *, required: bool = False) -> Text:
    return Text(required=required, default="", check=service_name, example="serving", description=description, implied=implied)


_PORT = Number(default=0, least=1, most=65535, example="8080", description=described(Freshness, "port"))
_ADDRESS = Text(
    default="",
    check=values.web_address,
    example="https://models.example.com/latest",
    description="An address, in place of a service and its port.",
)
QUERY = Record(
    default=None,
    description="A question to one of C(databases). It is asked in a transaction that can only read, and ended after C(timeout).",
    fields={
        "database": Text(required=True, default="", example="market", description="The name of one of C(databases)."),
        "service": _service("Only needed when several servers have a database of this name.", "its server"),
        "sql": Text(
            required=True,
            default="",
            check=query,
            example="SELECT max(received_at) FROM prices",
            description="One statement whose only answer is a time, or nothing where there is no data.",
        ),
    },
    example="{database: market, sql: SELECT max(received_at) FROM prices}",
)
FILE = Record(
    default=None,
    description="The time at which a file, or a folder, was changed. No program of the container is needed for it.",
    fields={
        "service": _service("Whose first container has it.", required=True),
        "path": Text(required=True, default="", check=inside, example="/models/latest.pkl", description="Its path in the container."),
    },
    example="{service: serving, path: /models/latest.pkl}",
)
URL = Record(
    default=None,
    description="An answer by HTTP: its field C(field), else its header C(Last-Modified).",
    fields={
        "service": _service("Whose first container is asked.", "C(address)"),
        "port": _PORT,
        "path": text(Freshness, "path", "/model", check=values.path, default="/", description="The path of the request."),
        "address": _ADDRESS,
        "field": text(Freshness, "field", "trained_at", check=_FIELD),
    },
    example="{service: serving, port: 8080, path: /model, field: trained_at}",
)
MLFLOW = Record(
    default=None,
    description="A model in the registry of MLflow: when its version was made.",
    fields={
        "service": _service("The service that is MLflow.", "C(address)"),
        "port": _PORT,
        "address": _ADDRESS,
        "model": Text(required=True, default="", check=_MODEL, example="price-forecast", description=described(Freshness, "model")),
        "alias": text(Freshness, "alias", "champion", check=_ALIAS),
    },
    example="{service: mlflow, port: 5000, model: price-forecast, alias: champion}",
)
FRESHNESS = Record(
    description="Data that must not get old. One of C(query), C(file), C(url) and C(mlflow) says where its age is read.",
    fields={
        "newest": duration(Freshness, "newest", "5m", description="Older than this is an incident."),
        "query": QUERY,
        "file": FILE,
        "url": URL,
        "mlflow": MLFLOW,
        "interval": duration(Freshness, "interval", "1m", description="Time between two looks."),
        "timeout": duration(Freshness, "timeout", "10s", description="Time to wait for the answer; a query is ended by the database then."),
        "severity": text(Freshness, "severity"),
    },
    example=f"{{newest: 5m, query: {QUERY.example}}}",
)
FRESHNESS_TABLE = Table(
    of=FRESHNESS,
    name=freshness_name,
    default={},
    example=f"{{market_data: {FRESHNESS.example}}}",
    description="Data that must not get old, by a name for messages; whoever brings it.",
)
