# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of C(metrics) of a service: a database server or a cache that is measured by an exporter of its own."""

from __future__ import annotations

import re

from ...contracts.database_exporters import KINDS, DatabaseExporter, MeasuredKey, MeasuredQuery
from ...contracts.nodes import described, duration, flag, number, text
from ...schema import values
from ...schema.nodes import Items, Number, Record, Refused, Table, Text
from ..backups.values import query
from ..forms import secret

# Names that exporters, Prometheus and this collection have for themselves: a second metric of the same name would end a whole scrape.
_TAKEN = re.compile(
    r"(?:pg|postgres|redis|pgbouncer|go|process|promhttp|node|nginx|http|container|blackbox|probe|machine|latentum_ops|slo"
    r"|prometheus|alertmanager|scrape)_|up$|ALERTS"
)
_LABELS = ("stack", "service", "instance", "job", "server", "le", "quantile")
_USER = values.named(r"[A-Za-z_][A-Za-z0-9_.-]{0,62}", "is not the name of a user", "write letters, digits, _, . and -", "user")
_KEY = values.named(r"[^\x00-\x1f\x7f]{1,512}", "is not a key of Redis", "write the key as Redis has it, such as jobs", "string")
MOST_QUERIES = MOST_KEYS = 50


@values.form("metric", r"^[a-z][a-z0-9]*(?:_[a-z0-9]+)+$")
def metric_name(value: str) -> str:
    """A name with two words or more, so that it says whose it is."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+", value) or len(value) > 100:
        raise Refused(
            "is not the name of a metric", "write lower case words with _ between them, two or more, such as shop_documents_uploaded"
        )
    if taken := _TAKEN.match(value):
        raise Refused(
            f"begins as the metrics of exporters do ({taken[0]}), and one name twice would end their scrape",
            "begin it with a name of your own, such as shop_documents_uploaded",
        )
    return value


@values.form("label", r"^[a-z_][a-z0-9_]*$")
def label_name(value: str) -> str:
    """A label that nobody else sets."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", value):
        raise Refused("is not the name of a label", "write lower case letters, digits and _, such as state")
    if value in _LABELS:
        raise Refused("is a label that each series has already", "give it another name, such as document_state")
    return value


@values.form("query")
def number_query(value: str) -> str:
    """One SELECT, which becomes a part of another one: no statement can follow it, and no comment can swallow what does."""
    sql = str(query(value))
    plain = re.sub(r"'(?:[^']|'')*'|\"[^\"]*\"", "", sql)
    if "--" in plain or "/*" in plain:
        raise Refused("has a comment, which could swallow what is written after it", "write it without, and what it says into help")
    depth = 0
    for sign in plain:
        depth += (sign == "(") - (sign == ")")
        if depth < 0:
            break
    if depth or "$$" in plain or re.search(r"\$[A-Za-z_]\w*\$", plain):
        raise Refused("has brackets or quotes that are not closed", "write one whole SELECT")
    if word := re.search(r"\b(insert|update|delete|merge|truncate|drop|alter|create|grant|copy|call|vacuum|nextval|setval)\b", plain, re.I):
        raise Refused(
            f"has {word[1].upper()} in it: what measures does not write",
            'write a SELECT that only reads; a column of this name in double quotes, such as "update"',
        )
    return sql


def _limit(contract: type[MeasuredQuery | MeasuredKey]) -> Text:
    check = values.between(0, 1e15, "1000")
    return Text(default=None, numbers=True, check=check, example="1000", description=described(contract, "max"), implied="no alert")


QUERY = Record(
    description="A number of the application that SQL knows, as a gauge of this name.",
    fields={
        "sql": Text(
            required=True,
            default="",
            check=number_query,
            example="SELECT count(*) FROM documents",
            description=described(MeasuredQuery, "sql"),
        ),
        "labels": Items(
            of=Text(default="", check=label_name, example="state"),
            default=[],
            example="[state]",
            description="Names of the columns before the number, as labels.",
        ),
        "series": number(MeasuredQuery, "series"),
        "interval": duration(MeasuredQuery, "interval", "60s", description="Time for which an answer is given again."),
        "help": text(MeasuredQuery, "help", "Documents that were uploaded"),
        "max": _limit(MeasuredQuery),
        "for": duration(MeasuredQuery, "patience", "10m", description="Time for which it must be more."),
    },
    example="{sql: SELECT count(*) FROM documents}",
)
KEY = Record(
    description="A key of Redis. Lists of C(watch.queues) are measured without being named here.",
    fields={
        "key": Text(required=True, default="", check=_KEY, example="jobs", description=described(MeasuredKey, "key")),
        "db": number(MeasuredKey, "db"),
        "measure": text(MeasuredKey, "measure"),
        "max": _limit(MeasuredKey),
        "for": duration(MeasuredKey, "patience", "10m", description="Time for which it must be more."),
    },
    example="{key: jobs, max: 1000}",
)
METRICS = Record(
    default=None,
    description="Measured by an exporter of its own, where role C(exporters) is on. No port is published for it.",
    fields={
        "kind": Text(
            default=None, choices=KINDS, description=described(DatabaseExporter, "kind"), implied="V(postgresql) for one of C(databases)"
        ),
        "exporter_port": Number(
            default=None,
            least=1,
            most=65535,
            example="9187",
            description="The port of loopback at which the exporter answers; each has its own.",
            implied="V(9187), V(9121), V(9127), by C(kind)",
        ),
        "port": Number(
            default=None,
            least=1,
            most=65535,
            example="5432",
            description="The port inside the container.",
            implied="V(5432), V(6379), V(6432), by C(kind)",
        ),
        "user": Text(
            default="",
            check=_USER,
            example="metrics",
            description="Who asks: a role with C(pg_monitor), a user of Redis' ACL, one of C(stats_users) of PgBouncer.",
            implied="V(latentum_ops_metrics) for PostgreSQL, which the host makes; the default user of Redis",
        ),
        "password_secret": secret("The password of C(user).", "metrics_password"),
        "database": Text(
            default="",
            example="app",
            description="The database in which C(queries) are asked.",
            implied="with C(queries) the only one of C(databases) of the service, else V(postgres)",
        ),
        "tls": flag(DatabaseExporter, "tls"),
        "timeout": duration(DatabaseExporter, "timeout", "5s", description="The server ends a query that takes longer."),
        "queries": Table(
            of=QUERY,
            name=metric_name,
            default={},
            example=f"{{shop_documents_uploaded: {QUERY.example}}}",
            description="Numbers of the application by SQL, by the names of their metrics, asked in transactions that only read.",
        ),
        "keys": Items(of=KEY, default=[], example=f"[{KEY.example}]", description="Keys of Redis whose size or value is measured."),
    },
    example="{exporter_port: 9187}",
)
