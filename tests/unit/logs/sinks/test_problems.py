# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sinks that cannot be are refused with their key, their value, and what to write."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.logs.sinks.declared import sink_from
from ansible_collections.latentum.ops.plugins.module_utils.logs.sinks.problems import problems

LOKI: dict[str, Any] = {"name": "loki", "kind": "loki", "url": "https://loki.example.com:3100"}
SEARCH: dict[str, Any] = {"name": "search", "kind": "elasticsearch", "url": "https://search.example.com:9200"}
VICTORIA: dict[str, Any] = {"name": "victoria", "kind": "victorialogs", "url": "https://logs.example.com:9428"}


def sinks(*declared: Any) -> Any:
    """The variable."""
    return list(declared)


CASES: dict[str, tuple[Any, str]] = {
    "sinks": (sinks(LOKI, SEARCH, VICTORIA, {**SEARCH, "name": "opensearch", "kind": "opensearch"}), ""),
    "sinks with all that there is": (
        sinks(
            {
                **LOKI,
                "classes": ["audit"],
                "queue": "16M",
                "queue_days": 60,
                "batch": "512K",
                "longest": "100K",
                "labels": ["host", "service"],
                "static": {"environment": "production"},
                "tenant": "shop",
                "own": True,
                "user": "shipper",
                "password_file": "/etc/loki-password",
                "authority": "/etc/ssl/a.pem",
                "certificate": "/etc/ssl/c.pem",
                "key": "/etc/ssl/k.pem",
            },
            {
                **SEARCH,
                "index": "logs-shop-default",
                "data_stream": True,
                "api_key_file": "/etc/key",
                "url": "https://[2001:db8::5]:9200/search",
            },
            {**VICTORIA, "tenant": "12:3", "token_file": "/etc/token", "url": "http://127.0.0.1:9428"},
            {**VICTORIA, "name": "plain", "url": "http://10.0.0.5:9428", "plain": True},
        ),
        "",
    ),
    "sinks that are none": ("https://loki.example.com", "is no list"),
    "a sink that is none": (sinks("https://loki.example.com"), "log_shipping_sinks[0]: 'https://loki.example.com' is no sink"),
    "a sink without a name": (sinks({**LOKI, "name": None}), "log_shipping_sinks[0].name: None is no name"),
    "a sink with a name that leads elsewhere": (sinks({**LOKI, "name": "../loki"}), "log_shipping_sinks[0].name: '../loki'"),
    "two sinks of one name": (sinks(LOKI, {**SEARCH, "name": "loki"}), "is the name of sink 1 of the list as well"),
    "two sinks to one place": (sinks(LOKI, {**LOKI, "name": "second"}), "is where sink loki sends already"),
    "a kind that is unknown": (
        sinks({**LOKI, "kind": "splunk"}),
        "log_shipping_sinks.loki.kind: 'splunk' is no kind of sink: write one of loki",
    ),
    "a sink without a url": (sinks({"name": "loki", "kind": "loki"}), "log_shipping_sinks.loki.url: None is no address"),
    "a url of another kind": (sinks({**LOKI, "url": "loki.example.com:3100"}), "write http or https, a host and a port"),
    "a url with a port beyond": (sinks({**LOKI, "url": "https://loki.example.com:310000"}), "is no address"),
    "a url with a query": (
        sinks({**VICTORIA, "url": "https://logs.example.com:9428/?_stream_fields=a"}),
        "more than an address and a path",
    ),
    "a url with the path of the interface": (
        sinks({**LOKI, "url": "https://loki.example.com/logs/loki/api/v1/push"}),
        "write https://loki.example.com/logs",
    ),
    "http to another host": (sinks({**LOKI, "url": "http://loki.example.com:3100"}), "for everybody to read: write https, or plain: true"),
    "a password over http": (
        sinks({**LOKI, "url": "http://loki.example.com:3100", "plain": True, "token_file": "/etc/token"}),
        "sends a password over the network",
    ),
    "plain and https": (sinks({**LOKI, "plain": True}), "log_shipping_sinks.loki.plain: True is for http"),
    "plain in words": (sinks({**LOKI, "plain": "yes please"}), "log_shipping_sinks.loki.plain: 'yes please' is neither true nor false"),
    "an authority and http": (sinks({**LOKI, "url": "http://localhost:3100", "authority": "/etc/a.pem"}), "is for https, and url is http"),
    "a label of each request": (sinks({**LOKI, "labels": ["host", "request_id"]}), "each value would make a stream"),
    "a label of each container": (
        sinks({**VICTORIA, "labels": ["host", "source"]}),
        "log_shipping_sinks.victoria.labels: 'source' has a value for",
    ),
    "no labels": (sinks({**LOKI, "labels": []}), "is no list of labels with host among them"),
    "labels of documents": (sinks({**SEARCH, "labels": ["host"]}), "documents have all fields"),
    "a static label that is a field": (sinks({**LOKI, "static": {"host": "x"}}), "is a field of each record already"),
    "a static label of a template": (sinks({**LOKI, "static": {"day": "{{ '{{' }} day }}"}}), "is no value of a label"),
    "too many static labels": (sinks({**LOKI, "static": {f"a{number}": "x" for number in range(6)}}), "is no mapping of up to 5"),
    "a class that a sink does not know": (sinks({**LOKI, "classes": ["debug"]}), "['debug'] are no classes of logs"),
    "a queue of a sink that is too small": (
        sinks({**LOKI, "queue": "1M"}),
        "log_shipping_sinks.loki.queue: '1M' is too little: write at least 16M",
    ),
    "a queue of a sink that is none": (sinks({**LOKI, "queue": "much"}), "log_shipping_sinks.loki.queue: 'much' is no size"),
    "a queue of no days": (sinks({**LOKI, "queue_days": 0}), "log_shipping_sinks.loki.queue_days: 0 is no number of days"),
    "a batch that no server takes": (sinks({**LOKI, "batch": "1G"}), "is too much: write at least 64K and at most 16M"),
    "a record beyond its batch": (sinks({**LOKI, "batch": "64K"}), "is more than a batch"),
    "an index in capitals": (sinks({**SEARCH, "index": "Logs"}), "log_shipping_sinks.search.index: 'Logs' is no name of an index"),
    "an index that becomes a data stream a day": (sinks({**SEARCH, "index": "logs-shop"}), "write another name, or data_stream: true"),
    "an index of Loki": (
        sinks({**LOKI, "index": "latentum"}),
        "log_shipping_sinks.loki.index: 'latentum' is for elasticsearch and opensearch",
    ),
    "a tenant of Elasticsearch": (sinks({**SEARCH, "tenant": "a"}), "is for loki and victorialogs"),
    "a tenant that ends the header": (sinks({**LOKI, "tenant": "a\r\nX: b"}), "is no tenant"),
    "a user without a password": (sinks({**LOKI, "user": "shipper"}), "and password_file belong together"),
    "a password and a token": (
        sinks({**LOKI, "user": "a", "password_file": "/etc/a", "token_file": "/etc/b"}),
        "log_shipping_sinks.loki.token_file: '/etc/b' stands beside password_file",
    ),
    "an API key of Loki": (sinks({**LOKI, "api_key_file": "/etc/a"}), "write token_file"),
    "a password by a relative path": (sinks({**LOKI, "user": "a", "password_file": "secret"}), "is no path"),
    "a certificate without its key": (sinks({**LOKI, "certificate": "/etc/a"}), "and key belong together"),
    "a key of a sink that is unknown": (sinks({**LOKI, "compress": True}), "log_shipping_sinks.loki.compress: True is unknown"),
}
HIDDEN: dict[str, tuple[Any, str]] = {
    "a password in a url": (
        sinks({**LOKI, "url": "https://shipper:Pa55word@loki.example.com"}),
        "https://…@loki.example.com' has credentials",
    ),
    "a password in a variable": (
        sinks({**LOKI, "password": "Pa55word"}),
        "log_shipping_sinks.loki.password: a secret stands in no variable",
    ),
    "a token in a variable": (sinks({**LOKI, "token": "Pa55word"}), "write token_file, the path of a file on the host"),
}
CASES |= HIDDEN


@pytest.mark.parametrize("case", CASES)
def test_a_case(case: str) -> None:
    declared, wanted = CASES[case]
    found = problems(declared)
    assert bool(found) is bool(wanted) and wanted in "; ".join(found), found
    if not wanted:
        assert [sink_from(sink).name for sink in declared] == [sink["name"] for sink in declared]


@pytest.mark.parametrize("case", HIDDEN)
def test_a_secret_is_not_repeated(case: str) -> None:
    assert "Pa55word" not in "; ".join(problems(CASES[case][0]))


@pytest.mark.parametrize(
    "sink", [{}, {"name": []}, {"name": "a", "kind": {}}, {"name": "a", "kind": [], "url": 3, "labels": [{}], "static": 1}]
)
def test_nonsense_is_refused_and_breaks_nothing(sink: dict[Any, Any]) -> None:
    assert problems([sink, sink])


def test_what_is_not_masked_goes_nowhere() -> None:
    assert problems([], masked=False) == [] and "log_shipping_mask: False" in problems([LOKI], masked=False)[0]
