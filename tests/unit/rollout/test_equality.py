# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers that somebody has started by hand, in the forms in which people have them, beside what a release would start.

`recorded/resolved.json` is what ``docker compose config`` (2.26.1 and 2.40.3, the same) makes of a project; `recorded/inspected.json` is in
the form of Docker 26.1 and describes containers that Compose 2.26.1 starts of it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.compose import cli
from ansible_collections.latentum.ops.plugins.module_utils.rollout.equality import Wanted, differences
from ansible_collections.latentum.ops.plugins.module_utils.rollout.same_network import HASH, same

RECORDED = Path(__file__).parent / "recorded"
Change = Callable[[dict[str, Any]], Any]


class Host:
    """A container, its image, and the project of the release; a test changes one of them."""

    def __init__(self, service: str) -> None:
        there = json.loads((RECORDED / "inspected.json").read_text())
        self.container, self.image, self.network = there["containers"][service], there["images"][service], there["network"]
        self.project = cli._unescaped(json.loads((RECORDED / "resolved.json").read_text()))
        self.service = self.project["services"][service]
        self.name, self.cgroups = service, "2"
        self.config, self.host = self.container["Config"], self.container["HostConfig"]
        self.joined = self.container["NetworkSettings"]["Networks"]

    def differences(self) -> list[str]:
        return differences(self.container, Wanted(self.project, self.name, self.image, self.cgroups))


def test_with_cgroups_v1_a_container_has_no_namespace_of_its_own_where_nobody_asks() -> None:
    web = Host("web")
    web.cgroups = "1"
    assert web.differences() == ["cgroup"]
    web.host["CgroupnsMode"] = "host"
    assert web.differences() == []
    web.service["cgroup"] = "private"
    assert web.differences() == ["cgroup"]


@pytest.mark.parametrize("service", ["web", "db"])
def test_the_derived_project_started_by_hand_is_what_the_release_would_start(service: str) -> None:
    assert Host(service).differences() == []


def rename_as_compose_1_did(web: Host) -> None:
    web.container["Name"] = "/shop_web_1"
    web.joined["shop_default"]["Aliases"] = ["web", web.container["Id"][:12]]
    web.config["Labels"] = {
        name: value for name, value in web.config["Labels"].items() if "depends_on" not in name and not name.endswith("image")
    }


def give_volumes_as_compose_2_40_does(web: Host) -> None:
    web.host["Mounts"] = [mount for mount in web.host["Mounts"] if mount["Type"] != "volume"]
    web.host["Binds"].append("shop_models:/models:rw")
    web.container["Mounts"][0]["Mode"] = "rw"


def an_anonymous_volume(web: Host) -> None:
    web.image["Config"]["Volumes"] = {"/cache": {}}
    name = "0f" * 32
    where = {"Source": f"/var/lib/docker/volumes/{name}/_data", "Destination": "/cache", "Driver": "local", "Mode": "", "RW": True}
    web.container["Mounts"].append({"Type": "volume", "Name": name, "Propagation": "", **where})


def a_check_of_the_image_alone(web: Host) -> None:
    del web.service["healthcheck"]
    web.config["Healthcheck"] = {"Test": ["CMD", "/bin/check", "--slow"], "Interval": 60_000_000_000}


def of_docker_28(web: Host) -> None:
    web.host.update(CapDrop=["CAP_ALL"], Annotations=None, SecurityOpt=["no-new-privileges"], CapAdd=[])
    del web.host["BlkioWeight"], web.host["ContainerIDFile"]
    web.joined["shop_default"].update(IPAMConfig={}, GwPriority=0)


EQUAL: dict[str, Change] = {
    "variables in another order": lambda web: web.config["Env"].reverse(),
    "the same image by another tag": lambda web: web.config.update(Image="shop/web:release"),
    "Compose 1 with its names": rename_as_compose_1_did,
    "Compose 2.40 gives volumes as binds": give_volumes_as_compose_2_40_does,
    "an anonymous volume of the image": an_anonymous_volume,
    "the image's own health check": a_check_of_the_image_alone,
    "Docker 28 and its spellings": of_docker_28,
    "a limit of logs by daemon.json": lambda web: web.host["LogConfig"].update(Config={"max-size": "10m", "max-file": "5"}),
    "started in the foreground first": lambda web: web.host.update(ConsoleSize=[48, 190]),
    "another folder and hash of Compose": lambda web: web.config["Labels"].update(
        {HASH: "0", "com.docker.compose.project.working_dir": "/x"}
    ),
    "a field of a newer engine that says nothing": lambda web: web.host.update(Somewhat=None, Other=[], More={}),
    "no limit of processes, in Docker's three ways": lambda web: web.host.update(PidsLimit=-1),
    "no core dumps, by the engine's own limit": lambda web: web.host.update(Ulimits=[{"Name": "core", "Hard": 0, "Soft": 0}]),
    "a stop signal that is Docker's own": lambda web: web.config.update(StopSignal="SIGTERM"),
    "a check that is switched off, of an image without one": lambda web: (
        web.service.update(healthcheck={"disable": True}),
        web.config.update(Healthcheck={"Test": ["NONE"]}),
    ),
    "published on loopback by the declaration as well": lambda web: (
        web.service.update(ports=[{"mode": "ingress", "host_ip": "127.0.0.1", "target": 8081, "published": "8080", "protocol": "tcp"}]),
        web.host.update(PortBindings={"8081/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]}),
    ),
}


@pytest.mark.parametrize("situation", EQUAL)
def test_what_makes_no_difference(situation: str) -> None:
    web = Host("web")
    EQUAL[situation](web)
    assert web.differences() == []


def as_people_start_it(web: Host) -> None:
    """Nothing of what production must have."""
    web.host.update(
        ReadonlyRootfs=False, CapDrop=None, SecurityOpt=None, Init=None, Tmpfs=None, LogConfig={"Type": "json-file", "Config": {}}
    )
    web.config["StopTimeout"] = None
    web.host["RestartPolicy"] = {"Name": "always", "MaximumRetryCount": 0}


def bind_of_another_folder(web: Host) -> None:
    web.host["Binds"] = ["/home/ops/shop/conf:/etc/web:ro"]
    web.container["Mounts"][1]["Source"] = "/home/ops/shop/conf"


def secret_by_environment(web: Host) -> None:
    del web.container["Mounts"][2], web.host["Mounts"][1]
    web.config["Env"] = ["API_KEY=hunter2-of-production", *web.config["Env"][1:]]


def joined_by_hand(web: Host) -> None:
    web.joined["proxy"] = {**web.joined["shop_default"], "Aliases": []}


DIFFERENT: dict[str, tuple[Change, list[str]]] = {
    "as people start it": (
        as_people_start_it,
        ["cap_drop", "init", "logging", "read_only", "restart", "security_opt", "stop_grace_period", "tmpfs"],
    ),
    "the image was built again under the same tag": (lambda web: web.image.update(Id="sha256:" + "7" * 64), ["image"]),
    "restart: always": (lambda web: web.host["RestartPolicy"].update(Name="always"), ["restart"]),
    "a bind of another folder": (bind_of_another_folder, ["volumes"]),
    "a volume of another name": (lambda web: web.container["Mounts"][0].update(Name="shop_old"), ["volumes"]),
    "a label for watchtower": (
        lambda web: web.config["Labels"].update({"com.centurylinklabs.watchtower.enable": "true"}),
        ["labels (com.centurylinklabs.watchtower.enable)"],
    ),
    "a router of traefik": (lambda web: web.config["Labels"].update({"traefik.enable": "false"}), ["labels (traefik.enable)"]),
    "a check every minute": (lambda web: web.config["Healthcheck"].update(Interval=60_000_000_000), ["healthcheck"]),
    "logs without an end": (lambda web: web.host["LogConfig"].update(Config={}), ["logging"]),
    "another log driver by daemon.json": (lambda web: web.host["LogConfig"].update(Type="journald"), ["logging"]),
    "a variable": (lambda web: web.config["Env"].__setitem__(1, "LOG_LEVEL=debug"), ["environment (LOG_LEVEL)"]),
    "variables of a proxy of the client": (
        lambda web: web.config["Env"].extend(["HTTP_PROXY=a", "HTTPS_PROXY=a", "http_proxy=a", "https_proxy=a"]),
        ["environment (HTTPS_PROXY, HTTP_PROXY, http_proxy and 1 more)"],
    ),
    "a secret as a variable": (secret_by_environment, ["environment (API_KEY, API_KEY_FILE)", "volumes"]),
    "container_name": (
        lambda web: (web.container.update(Name="/shop"), web.joined["shop_default"].update(Aliases=["shop", "web"])),
        ["container_name"],
    ),
    "a published port": (
        lambda web: web.host.update(PortBindings={"8081/tcp": [{"HostIp": "", "HostPort": "80"}]}),
        ["ports"],
    ),
    "in the network of a proxy": (joined_by_hand, ["networks"]),
    "an address of its own": (lambda web: web.joined["shop_default"].update(IPAMConfig={"IPv4Address": "172.18.0.9"}), ["networks"]),
    "docker update --memory": (lambda web: web.host.update(Memory=1 << 30, MemorySwap=1 << 31), ["mem_limit", "memswap_limit"]),
    "docker update --cpus": (lambda web: web.host.update(NanoCpus=500_000_000), ["cpus"]),
    "privileged": (lambda web: web.host.update(Privileged=True), ["privileged"]),
    "in the network of the host": (lambda web: web.host.update(NetworkMode="host"), ["hostname", "network_mode", "networks"]),
    "another command": (lambda web: web.config.update(Cmd=["serve", "--debug"]), ["command"]),
    "all paths of the kernel": (lambda web: web.host.update(MaskedPaths=[], ReadonlyPaths=[]), ["security_opt"]),
    "a field of a newer engine": (lambda web: web.host.update(Somewhat="else"), ["HostConfig.Somewhat"]),
    "a device of a GPU": (lambda web: web.host.update(DeviceRequests=[{"Driver": "nvidia"}]), ["HostConfig.DeviceRequests"]),
    "a part of a volume": (lambda web: web.host["Mounts"][0].update(VolumeOptions={"Subpath": "a"}), ["volumes"]),
    "what the release asks for and nobody compares": (lambda web: web.service.update(gpus=[{"count": -1}]), ["gpus"]),
    "a config that is content": (
        lambda web: (web.service.update(configs=[{"source": "app"}]), web.project.update(configs={"app": {"content": "a"}})),
        ["volumes"],
    ),
    "namespaces of another service": (lambda web: web.service.update(network_mode="service:db"), ["network_mode", "networks"]),
    "what cannot be read": (lambda web: web.container.pop("Image"), ["cannot be compared (KeyError: 'Image')"]),
}


@pytest.mark.parametrize("situation", DIFFERENT)
def test_what_differs_is_named_by_the_key_to_write(situation: str) -> None:
    web = Host("web")
    change, expected = DIFFERENT[situation]
    change(web)
    assert web.differences() == expected


def test_no_value_is_shown() -> None:
    web = Host("web")
    secret_by_environment(web)
    web.config["Labels"]["token"] = "hunter2-of-production"
    assert "hunter2" not in " ".join(web.differences())


def test_each_field_of_the_engine_counts() -> None:
    """Whatever Docker may say of a container: none is passed over that is not named with its reason."""
    from ansible_collections.latentum.ops.plugins.module_utils.rollout.equality import NOT_COMPARED

    for section in ("Config", "HostConfig"):
        for name in Host("web").container[section]:
            if name in NOT_COMPARED[section] or name == "Tmpfs":
                continue
            web = Host("web")
            value = web.container[section][name]
            web.container[section][name] = (
                {"x": "y"} if isinstance(value, dict) else ["PATH=x"] if isinstance(value, list) else value or "x"
            )
            if web.container[section][name] == value:  # a scalar that says something: say another thing
                web.container[section][name] = not value if isinstance(value, bool) else value + value
            assert web.differences(), (section, name)


# Networks.


def network() -> tuple[dict[str, Any], dict[str, Any]]:
    web = Host("web")
    return web.network, web.project["networks"]["default"]


def test_the_hash_of_compose_as_people_have_it() -> None:
    """Two that were published: of Compose 2.32.4 and 2.34.0, both of a network of which nothing is said."""
    for name, hashed in (
        ("phpmyadmin", "ba43439e637b9a85c5cc5a0e7f1026048251f55346bbe10cfb89f592f05e5f3c"),
        ("build", "15dcad421ebb3df3e2e53dc0cb00938a0f4cbeafec99e5c95e4143e67cb2ce91"),
    ):
        there = {"Driver": "bridge", "Internal": False, "Labels": {HASH: hashed, "com.docker.compose.network": "default"}}
        assert same(there, "default", {"name": f"{name}_default", "ipam": {}})
        assert not same(there, "default", {"name": f"{name}_default", "ipam": {}, "internal": True})


@pytest.mark.parametrize(
    ("of_docker", "of_compose", "equal"),
    [
        ({}, {}, True),
        ({"Internal": False}, {}, False),  # shop_default of a file that says nothing of it
        ({"Attachable": True}, {}, False),
        ({"EnableIPv6": True}, {}, False),
        ({"Driver": "macvlan"}, {}, False),
        ({"Options": {"com.docker.network.driver.mtu": "1400"}}, {}, False),
        ({"Options": {"com.docker.network.driver.mtu": "1400"}}, {"driver_opts": {"com.docker.network.driver.mtu": "1400"}}, True),
        ({"Options": {"com.docker.network.enable_ipv4": "true", "com.docker.network.enable_ipv6": "false"}}, {}, True),  # Docker 28
        ({"Labels": {"com.docker.compose.project": "shop"}}, {}, False),  # made by `docker network create`: Compose refuses it
        ({}, {"ipam": {"config": [{"subnet": "172.18.0.0/16"}]}}, True),
        ({}, {"ipam": {"config": [{"subnet": "172.18.0.0/16", "gateway": "172.18.0.9"}]}}, False),
        ({}, {"ipam": {"config": [{"subnet": "10.9.0.0/24"}]}}, False),
    ],
)
def test_networks_of_an_older_compose_by_what_they_are(of_docker: dict[str, Any], of_compose: dict[str, Any], equal: bool) -> None:
    there, wanted = copy.deepcopy(network())
    assert same({**there, **of_docker}, "default", {**wanted, **of_compose}) is equal
