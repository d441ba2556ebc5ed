# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TCP and UDP through a real nginx."""

from __future__ import annotations

import re
import socket
import ssl
from contextlib import suppress

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.upstreams import upstreams_from
from ansible_collections.latentum.ops.plugins.module_utils.nginx import sync

from .declaration import PORTS
from .declared_site import Declared
from .echo_service import Echo
from .nginx_runs import DEADLINE, STREAMS_THERE, Nginx, needs_nginx

pytestmark = [needs_nginx, pytest.mark.skipif(not STREAMS_THERE, reason="this nginx has no stream module")]


def connected(name: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", PORTS[name]), DEADLINE)


def said(connection: socket.socket, line: bytes) -> bytes:
    """What comes back for a line."""
    connection.sendall(line)
    return connection.makefile("rb").readline()


def test_a_connection_is_passed_on(nginx: Nginx) -> None:
    with connected("plain") as connection:
        assert said(connection, b"hello\n") == b"hello\n" and said(connection, b"again\n") == b"again\n"


def test_tls_ends_at_nginx_with_the_certificate_of_its_name(nginx: Nginx) -> None:
    context = ssl.create_default_context(cafile=str(nginx.root / "etc/latentum-ops/tls/mqtt.example.com/fullchain.pem"))
    with connected("tls") as connection, context.wrap_socket(connection, server_hostname="mqtt.example.com") as secure:
        assert said(secure, b"hello\n") == b"hello\n"
        assert secure.version() == "TLSv1.3"


def test_a_name_for_a_certificate_alone_serves_nothing(nginx: Nginx) -> None:
    assert nginx.ask("https://mqtt.example.com/").status == 404


def test_the_service_can_be_told_who_connects(nginx: Nginx) -> None:
    with connected("told") as connection:
        assert re.fullmatch(rb"PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 \d+ \d+\r\n", said(connection, b""))


def test_networks_that_are_not_listed_are_refused(nginx: Nginx) -> None:
    with connected("closed") as connection:
        assert connection.recv(1) == b""


def test_while_a_service_is_recreated_connections_are_refused(nginx: Nginx) -> None:
    """And not given a page."""
    with connected("nobody") as connection, suppress(ConnectionError):  # reset, or closed before anything was said
        connection.sendall(b"hello\n")
        assert connection.recv(1) == b""


def test_datagrams_come_back(nginx: Nginx) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(DEADLINE)
        for number in range(3):
            client.sendto(b"%d" % number, ("127.0.0.1", PORTS["udp"]))
            assert client.recv(100) == b"%d" % number


def test_a_connection_lives_through_a_rollout(nginx: Nginx, declared: Declared, echo: Echo) -> None:
    """nginx is reloaded with other addresses; who is connected goes on with the old container."""
    (upstream,) = [
        upstream for upstream in upstreams_from(declared.upstreams) if upstream.stream and upstream.stream.port == PORTS["plain"]
    ]
    other = Echo()
    with connected("plain") as connection:
        assert said(connection, b"before\n") == b"before\n"
        nginx.write({str(sync.path_of(upstream)): sync.render(upstream, [other.address])})
        nginx.reload(wait=False)
        assert said(connection, b"after\n") == b"after\n"
    with connected("plain") as connection:
        assert said(connection, b"new\n") == b"new\n"
    other.close()
