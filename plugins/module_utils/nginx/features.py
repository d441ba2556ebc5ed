# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the nginx of this host can do: its version, its OpenSSL, and whether the host speaks IPv6."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..core.process import CommandError, run

# Directives and the version that brought them (nginx's CHANGES).
HTTP2_DIRECTIVE = (1, 25, 1)
HTTP3 = (1, 25, 0)
KEEPALIVE_MIN_TIMEOUT = (1, 27, 4)
UPSTREAMS = Path("/etc/nginx/upstreams.d")
# The hybrid post-quantum group in TLS 1.3 (OpenSSL 3.5's NEWS).
MLKEM = (3, 5)


@dataclass(frozen=True)
class Features:
    """What configuration can be written for this nginx; a host without nginx has none of it."""

    installed: bool = False
    version: str = ""
    openssl_version: str = ""
    http2_directive: bool = False
    keepalive_min_timeout: bool = False
    post_quantum: bool = False
    ipv6: bool = False
    state_directory: str = ""
    streams: bool = False
    http3: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for a module's result."""
        return asdict(self)


def numbers(version: str) -> tuple[int, ...]:
    """A version that can be compared."""
    return tuple(int(part) for part in version.split("."))


def parse(output: str, *, ipv6: bool = False) -> Features:
    """Features from what ``nginx -V`` says; of two OpenSSL versions the one that it runs with counts."""
    version = re.search(r"nginx version: \S+?/(\d+\.\d+\.\d+)", output)
    openssl = re.search(r"running with OpenSSL (\d+\.\d+\.\d+)", output) or re.search(r"built with OpenSSL (\d+\.\d+\.\d+)", output)
    nginx = numbers(version[1]) if version else ()
    return Features(
        installed=version is not None,
        version=version[1] if version else "",
        openssl_version=openssl[1] if openssl else "",
        http2_directive=nginx >= HTTP2_DIRECTIVE,
        keepalive_min_timeout=nginx >= KEEPALIVE_MIN_TIMEOUT,
        post_quantum=openssl is not None and numbers(openssl[1]) >= MLKEM,
        ipv6=ipv6,
        http3="--with-http_v3_module" in output,
        # Where this build keeps bodies and caches; its package has made it, and the unit may write there.
        state_directory=temporary[1] if (temporary := re.search(r"--http-proxy-temp-path=(\S+)/", output)) else "",
    )


def speaks_ipv6(table: Path = Path("/proc/net/if_inet6")) -> bool:
    """The kernel has an IPv6 address, its loopback's at least; without one, ``listen [::]`` ends nginx."""
    try:
        return bool(table.read_text().strip())
    except OSError:
        return False


def look() -> Features:
    """The features of this host now."""
    try:
        result = run(["nginx", "-V"], check=False)
    except CommandError:
        return parse("", ipv6=speaks_ipv6())
    streams = any(UPSTREAMS.glob("*.stream"))
    return replace(parse(result.stderr + result.stdout, ipv6=speaks_ipv6()), streams=streams)
