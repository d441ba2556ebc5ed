# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of routes declare: a domain a concept."""

from __future__ import annotations

from typing import Any

from ...free_ports import free_ports
from .nginx_runs import STREAMS_THERE

WEB = {"service": "web", "port": 8080}

ONCE = {"requests": 1, "per": "minute", "burst": 0}

REDIRECTED: dict[str, list[dict[str, Any]]] = {
    "routes": [
        {"domain": "shop.example.com", **WEB},
        {"domain": "shop.example.com", "path": "/old/kept", **WEB},
        {"domain": "app.example.com", "path": "/app", **WEB},
    ],
    "redirects": [
        {"domain": "www.shop.example.com", "to": "https://shop.example.com"},
        {"domain": "shop.example.com", "path": "/old", "to": "/new"},
        {"domain": "shop.example.com", "path": "/root", "to": "/"},
        {"domain": "shop.example.com", "path": "/", "exact": True, "to": "/start", "status": 302},
        {"domain": "shop.example.com", "path": "/page.html", "to": "https://docs.example.com/page", "keep_query": False, "status": 301},
        {"domain": "shop.example.com", "path": "/all", "to": "/one?from=all#top", "keep_path": False, "keep_query": False, "status": 307},
        {"domain": "app.example.com", "path": "/", "to": "/app/", "keep_path": False, "status": 302},
        {"domain": "gone.example.com", "to": "https://shop.example.com/gone", "status": 301},
    ],
}
CORS = {
    "origins": ["https://app.example.com", "https://*.example.org", "http://localhost:3000"],
    "methods": ["GET", "PUT"],
    "headers": ["Content-Type", "Authorization"],
    "expose": ["X-Total-Count"],
    "credentials": True,
    "max_age": "5m",
}
CALLED: list[dict[str, Any]] = [
    {"domain": "cors.example.com", **WEB, "cors": CORS},
    {"domain": "cors.example.com", "path": "/open", **WEB, "cors": {"origins": ["*"]}},
    {"domain": "cors.example.com", "path": "/closed", **WEB},
    {"domain": "cors.example.com", "path": "/once", **WEB, "cors": CORS, "rate_limit": ONCE},
    {"domain": "cors.example.com", "path": "/inside", **WEB, "cors": CORS, "allow_from": ["192.0.2.1"]},
    {"domain": "cors.example.com", "path": "/socket", **WEB, "cors": CORS, "websocket": True},
]
LIMITED: list[dict[str, Any]] = [
    {"domain": "limits.example.com", "path": "/predict", **WEB, "rate_limit": {"requests": 30, "per": "minute", "burst": 5}},
    {"domain": "limits.example.com", "path": "/few", **WEB, "connections": 2},
    {"domain": "limits.example.com", "path": "/prefix", **WEB, "strip_prefix": True},
]
KEPT: list[dict[str, Any]] = [
    {"domain": "cache.example.com", **WEB, "cache": {"valid": "1m"}},
    {
        "domain": "cache.example.com",
        "path": "/shop",
        **WEB,
        "cache": {
            "valid": "1s",
            "personal_cookies": ["sessionid"],
            "key_cookies": ["currency"],
            "key_headers": ["Accept-Language"],
            "query": False,
            "bypass_headers": ["X-Preview"],
            "stale": True,
        },
    },
    {"domain": "cache.example.com", "path": "/called", **WEB, "cache": {"valid": "1m"}, "cors": {"origins": CORS["origins"]}},
]
STATIC: list[dict[str, Any]] = [
    {"domain": "static.example.com", **WEB, "static": {"immutable": ["/assets", "/fonts/"], "fallback": "/index.html"}},
    {"domain": "static.example.com", "path": "/api", **WEB},
]
FILES: list[dict[str, Any]] = [
    {
        "domain": "files.example.com",
        **WEB,
        "static": {"immutable": ["/assets", "/fonts"], "fallback": "/index.html", "image_files": "/app/dist"},
        "cors": {"origins": ["https://app.example.com"]},
    },
    {
        "domain": "files.example.com",
        "path": "/shop",
        **WEB,
        "strip_prefix": True,
        "allow_from": ["192.0.2.1"],
        "static": {"immutable": ["/shop/assets"], "image_files": "/app/dist", "keep": "1d"},
    },
]
SNIPPETS: list[dict[str, Any]] = [
    {
        "domain": "snippet.example.com",
        **WEB,
        "snippet": '# a comment; with } and "\nadd_header X-Snippet "a } b" always;\nif ($arg_teapot) {\n    return 406;\n}\n',
    },
]
CALLS: list[dict[str, Any]] = [
    {"domain": "rpc.example.com", "service": "rpc", "port": 9000, "protocol": "grpc", "timeout": "2s"},
    {"domain": "rpc.example.com", "path": "/test.Limited", "service": "rpc", "port": 9000, "protocol": "grpc", "rate_limit": ONCE},
    {"domain": "rpc.example.com", "path": "/test.Inside", "service": "rpc", "port": 9000, "protocol": "grpc", "allow_from": ["192.0.2.1"]},
    {"domain": "rpc.example.com", "path": "/test.Nobody", "service": "nobody", "port": 9000, "protocol": "grpc"},
    {"domain": "rpc.example.com", "path": "/test.Small", "service": "rpc", "port": 9000, "protocol": "grpc", "body_limit": "1k"},
]
STICKY: list[dict[str, Any]] = [{"domain": "sticky.example.com", "service": "pair", "port": 8080, "balance": "sticky"}]
PAGES = {
    "404": "<h1>Nothing of ours</h1>",
    "502": "<style>a{color:#$f}</style>\\ \"quoted\" 'single' $host ${host} \n{};#" + "é" * 3000 + "<p>gone</p>",
    "503": "<h1>Back soon</h1>",
}
BROKEN: list[dict[str, Any]] = [
    {"domain": "pages.example.com", "path": "/gone", "service": "nobody", "port": 8080},
    {"domain": "pages.example.com", "path": "/called", "service": "nobody", "port": 8080, "cors": CORS},
    {"domain": "pages.example.com", "path": "/app", **WEB, "static": {"fallback": "/app/index.html"}},
    {"domain": "pages.example.com", "path": "/socket", **WEB, "websocket": True},
    {"domain": "pages.example.com", "path": "/away", "service": "away", "port": 8080},
]
PORTS = free_ports("plain", "tls", "told", "closed", "udp", "nobody")
STREAMS: list[dict[str, Any]] = [
    {"port": PORTS["plain"], "service": "echo", "service_port": 7000},
    {"port": PORTS["tls"], "service": "echo", "service_port": 7000, "tls": "mqtt.example.com", "balance": "ip_hash"},
    {"port": PORTS["told"], "service": "echo", "service_port": 7000, "proxy_protocol": True, "balance": "round_robin"},
    {"port": PORTS["closed"], "service": "echo", "service_port": 7000, "allow_from": ["192.0.2.0/24"]},
    {"port": PORTS["udp"], "protocol": "udp", "service": "echoes", "service_port": 7001, "timeout": "5s"},
    {"port": PORTS["nobody"], "service": "away", "service_port": 7000},
]
KEYS: dict[str, Any] = {
    "routes": [*REDIRECTED["routes"], *CALLED, *LIMITED, *KEPT, *STATIC, *FILES, *SNIPPETS, *CALLS, *STICKY, *BROKEN],
    "redirects": [*REDIRECTED["redirects"]],
    "error_pages": PAGES,
    "streams": STREAMS if STREAMS_THERE else [],
}
