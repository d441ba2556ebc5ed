# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read from `nginx -V`."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.nginx.features import parse, speaks_ipv6

DEBIAN_13 = """nginx version: nginx/1.26.3
built with OpenSSL 3.5.0 8 Apr 2025 (running with OpenSSL 3.5.4 30 Sep 2025)
TLS SNI support enabled
"""
DEBIAN_12 = "nginx version: nginx/1.22.1\nbuilt with OpenSSL 3.0.8 7 Feb 2023 (running with OpenSSL 3.0.17 1 Jul 2025)\n"
NGINX_ORG = "nginx version: nginx/1.30.0\nbuilt by gcc 14.2.0 (Debian 14.2.0-19)\nbuilt with OpenSSL 3.5.4 30 Sep 2025\n"
UBUNTU = "nginx version: nginx/1.24.0 (Ubuntu)\nbuilt with OpenSSL 3.0.13 30 Jan 2024\n"


@pytest.mark.parametrize(
    ("said", "version", "openssl", "http2", "keepalive", "mlkem"),
    [
        (DEBIAN_13, "1.26.3", "3.5.4", True, False, True),
        (DEBIAN_12, "1.22.1", "3.0.17", False, False, False),
        (NGINX_ORG, "1.30.0", "3.5.4", True, True, True),
        (UBUNTU, "1.24.0", "3.0.13", False, False, False),
        ("nginx version: nginx/1.27.4\n", "1.27.4", "", True, True, False),
        ("nginx version: nginx/1.27.3\n", "1.27.3", "", True, False, False),
    ],
)
def test_versions(said: str, version: str, openssl: str, http2: bool, keepalive: bool, mlkem: bool) -> None:
    found = parse(said)
    assert found.installed
    assert (found.version, found.openssl_version) == (version, openssl)
    assert (found.http2_directive, found.keepalive_min_timeout, found.post_quantum) == (http2, keepalive, mlkem)


def test_no_nginx_has_no_features() -> None:
    found = parse("", ipv6=True).as_dict()
    assert found.pop("ipv6") is True
    assert not any(found.values())


def test_ipv6_is_what_the_kernel_says(tmp_path: Path) -> None:
    table = tmp_path / "if_inet6"
    assert not speaks_ipv6(table)
    table.write_text("")
    assert not speaks_ipv6(table)
    table.write_text("00000000000000000000000000000001 01 80 10 80       lo\n")
    assert speaks_ipv6(table)


def test_the_folder_for_caches_is_that_of_the_build() -> None:
    assert (
        parse("nginx version: nginx/1.22.1\nconfigure arguments: --http-proxy-temp-path=/var/lib/nginx/proxy").state_directory
        == "/var/lib/nginx"
    )
    assert parse("nginx version: nginx/1.30.6 --http-proxy-temp-path=/var/cache/nginx/proxy_temp").state_directory == "/var/cache/nginx"
    assert parse("nginx version: nginx/1.30.6").state_directory == ""
