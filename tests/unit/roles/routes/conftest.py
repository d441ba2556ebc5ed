# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One nginx for all tests of routes: its files are what a declaration with all that they need derives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.nginx import sync
from ansible_runs import AnsibleRuns

from .declaration import KEYS
from .declared_site import Declared, rendered
from .echo_service import Echo
from .grpc_service import GrpcService
from .nginx_runs import Nginx, Service, running


@pytest.fixture(scope="package")
def declared(ansible: AnsibleRuns, tmp_path_factory: pytest.TempPathFactory) -> Declared:
    """The files of the role."""
    return rendered(ansible, tmp_path_factory.mktemp("routes") / "rendered", **KEYS)


@pytest.fixture(scope="package")
def service() -> Iterator[Service]:
    """What all routes lead to."""
    service = Service()
    yield service
    service.close()


@pytest.fixture(scope="package")
def rpc() -> Iterator[GrpcService]:
    """What routes of gRPC lead to."""
    service = GrpcService()
    yield service
    service.close()


@pytest.fixture(scope="package")
def pair() -> Iterator[list[Service]]:
    """Two containers of one service."""
    services = [Service(), Service()]
    yield services
    for service in services:
        service.close()


@pytest.fixture(scope="package")
def echo() -> Iterator[Echo]:
    """What streams lead to."""
    service = Echo()
    yield service
    service.close()


@dataclass(frozen=True)
class Maintenance:
    """What an upstream is replaced by while its service is being recreated."""

    address: str = sync.MAINTENANCE


@pytest.fixture(scope="package")
def nginx(
    declared: Declared, service: Service, rpc: GrpcService, pair: list[Service], echo: Echo, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Nginx]:
    """nginx, which serves them."""
    services = {"web": service, "rpc": rpc, "pair": pair, "away": Maintenance(), "echo": echo, "echoes": echo.datagrams}
    with running(declared.files, tmp_path_factory.mktemp("nginx"), declared.upstreams, **services) as nginx:
        yield nginx
