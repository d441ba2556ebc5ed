# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways from the watchdog's rights to root or to a secret that lead through Docker: run on the host with exactly those rights.

Each is tried at every socket that there is, and prints what it got; nothing for a way that is closed. Whoever runs it gives, as JSON, the
containers and networks that the test has made, and the words that nobody may read.
"""

from __future__ import annotations

import base64
import http.client
import io
import json
import socket
import sys
import tarfile
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

SOCKETS = ("/run/docker.sock", "/var/run/docker.sock", "/run/latentum-ops-socket-proxy/watchdog.sock")
PLAN: dict[str, Any] = {}
WAYS: dict[str, Callable[[str], object]] = {}


class Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("docker", timeout=10)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def ask(path: str, method: str, target: str, body: object = None, kind: str = "application/json", raw: bytes | None = None) -> bytes | None:
    """The body of an answer; None for a refusal."""
    connection = Connection(path)
    content = raw if raw is not None else None if body is None else json.dumps(body).encode()
    connection.request(method, target, content, {"Connection": "close", **({"Content-Type": kind} if content is not None else {})})
    answer = connection.getresponse()
    try:
        text = answer.read(1 << 20)
    except TimeoutError:
        text = b"..."
    connection.close()
    return text if answer.status < 400 else None


def way(function: Callable[[str], object]) -> Callable[[str], object]:
    WAYS[function.__name__.replace("_", " ")] = function
    return function


def words(text: bytes | None) -> str:
    """Which of the words are in it."""
    return next((name for name, word in PLAN["words"].items() if text and word.encode() in text), "")


def names(kind: str) -> tuple[str, str, str]:
    """A container by its id, its name, and the beginning of its id."""
    return PLAN[kind], PLAN[f"{kind}_name"], PLAN[kind][:12]


@way
def the_engine_itself(path: str) -> object:
    return "latentum" not in path and ask(path, "GET", "/_ping")


@way
def containerd(_path: str) -> object:
    with socket.socket(socket.AF_UNIX) as channel:
        channel.connect("/run/containerd/containerd.sock")
        return "connected"


def created(path: str, host: dict[str, Any]) -> object:
    made = ask(path, "POST", "/containers/create", {"Image": PLAN["image"], "Cmd": ["true"], "HostConfig": host})
    if made:
        ask(path, "DELETE", f"/containers/{json.loads(made)['Id']}?force=1")
    return made


@way
def create_with_the_root_of_the_host(path: str) -> object:
    return created(path, {"Binds": ["/:/host"]})


@way
def create_privileged(path: str) -> object:
    return created(path, {"Privileged": True, "PidMode": "host"})


def executed(path: str, identity: str, config: dict[str, Any]) -> object:
    return ask(path, "POST", f"/containers/{identity}/exec", {"AttachStdout": True, "AttachStderr": True, "Cmd": ["id"], **config})


@way
def exec_as_root_in_a_watched_container(path: str) -> object:
    return [made for identity in names("watched") if (made := executed(path, identity, {"User": "0"}))]


@way
def exec_as_root_in_another_container(path: str) -> object:
    return [made for identity in names("other") if (made := executed(path, identity, {"User": "0"}))]


@way
def exec_privileged(path: str) -> object:
    return executed(path, PLAN["watched"], {"Privileged": True})


@way
def exec_of_any_command(path: str) -> object:
    return executed(path, PLAN["watched"], {"Cmd": ["cat", "/run/secrets/word"]})


@way
def exec_with_an_environment(path: str) -> object:
    return executed(path, PLAN["watched"], {"Env": ["LD_PRELOAD=/tmp/x"]})


@way
def environment_of_a_watched_container(path: str) -> object:
    return [word for identity in names("watched") if (word := words(ask(path, "GET", f"/containers/{identity}/json")))]


@way
def environment_of_another_container(path: str) -> object:
    return [word for identity in names("other") if (word := words(ask(path, "GET", f"/containers/{identity}/json")))]


@way
def commands_in_the_list(path: str) -> object:
    return words(ask(path, "GET", "/containers/json?all=1")) or words(ask(path, "GET", "/containers/json?all=1&filters=%7B%7D"))


def archive(path: str, identity: str) -> str:
    raw = ask(path, "GET", f"/containers/{identity}/archive?path=/run/secrets/word")
    if not raw:
        return ""
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        return words(b"".join(file.read() for member in tar if (file := tar.extractfile(member))))


@way
def files_of_a_watched_container(path: str) -> object:
    return archive(path, PLAN["watched"])


@way
def files_of_another_container(path: str) -> object:
    return archive(path, PLAN["other"])


@way
def write_files_into_a_container(path: str) -> object:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("written"))
    target = f"/containers/{PLAN['watched']}/archive?path=/tmp"
    return ask(path, "PUT", target, kind="application/x-tar", raw=content.getvalue()) is not None and "written"


@way
def export_of_a_container(path: str) -> object:
    return ask(path, "GET", f"/containers/{PLAN['other']}/export")


@way
def changes_of_a_container(path: str) -> object:
    return ask(path, "GET", f"/containers/{PLAN['watched']}/changes")


def logs(path: str, identity: str) -> str:
    return words(ask(path, "GET", f"/containers/{identity}/logs?stdout=1&stderr=1&tail=50"))


@way
def secret_in_the_log_of_a_watched_container(path: str) -> object:
    return logs(path, PLAN["watched"])


@way
def log_of_another_container(path: str) -> object:
    return [word for identity in names("other") if (word := logs(path, identity))]


@way
def secret_in_a_health_check(path: str) -> object:
    raw = ask(path, "GET", f"/containers/{PLAN['watched']}/json")
    return raw and words(json.dumps(json.loads(raw)["State"].get("Health")).encode())


@way
def attach(path: str) -> object:
    return words(ask(path, "POST", f"/containers/{PLAN['watched']}/attach?logs=1&stdout=1&stream=0"))


@way
def processes_with_their_arguments(path: str) -> object:
    return ask(path, "GET", f"/containers/{PLAN['other']}/top")


@way
def end_another_container(path: str) -> object:
    return any(ask(path, "POST", f"/containers/{PLAN['other']}/{verb}") is not None for verb in ("restart?t=0", "kill", "start"))


@way
def end_a_watched_container(path: str) -> object:
    return any(ask(path, "POST", f"/containers/{PLAN['watched']}/{verb}") is not None for verb in ("pause", "stop?t=0", "kill"))


@way
def change_the_limits_of_a_container(path: str) -> object:
    return ask(path, "POST", f"/containers/{PLAN['other']}/update", {"RestartPolicy": {"Name": "no"}})


@way
def rename_a_container(path: str) -> object:
    return ask(path, "POST", f"/containers/{PLAN['other']}/rename?name=rights-renamed") is not None and "renamed"


@way
def commit_a_container_as_an_image(path: str) -> object:
    return ask(path, "POST", f"/commit?container={PLAN['other']}&repo=rights-committed")


@way
def build(path: str) -> object:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        recipe = b"FROM scratch\nLABEL a=b\n"
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(recipe)
        tar.addfile(entry, io.BytesIO(recipe))
    return ask(path, "POST", "/build?t=rights-built", kind="application/x-tar", raw=content.getvalue())


@way
def images(path: str) -> object:
    return ask(path, "GET", "/images/json")


@way
def save_an_image(path: str) -> object:
    return ask(path, "GET", f"/images/{quote(PLAN['image'], safe='/:')}/history")


@way
def volumes(path: str) -> object:
    return ask(path, "GET", "/volumes")


@way
def make_a_volume(path: str) -> object:
    body = {"Name": "rights-volume", "DriverOpts": {"type": "none", "o": "bind", "device": "/"}}
    return ask(path, "POST", "/volumes/create", body)


@way
def networks(path: str) -> object:
    return ask(path, "GET", "/networks")


@way
def make_a_network(path: str) -> object:
    return ask(path, "POST", "/networks/create", {"Name": "rights-made"})


@way
def put_a_watched_container_into_a_network_of_others(path: str) -> object:
    body = {"Container": PLAN["healed"], "EndpointConfig": {"Aliases": []}}
    return ask(path, "POST", f"/networks/{PLAN['network']}/connect", body) is not None and "connected"


@way
def put_another_container_into_a_watched_network(path: str) -> object:
    body = {"Container": PLAN["other"], "EndpointConfig": {"Aliases": []}}
    return ask(path, "POST", "/networks/faults_default/connect", body) is not None and "connected"


@way
def cut_a_container_off(path: str) -> object:
    body = {"Container": PLAN["other"], "Force": True}
    return ask(path, "POST", f"/networks/{PLAN['network']}/disconnect", body) is not None and "cut off"


@way
def events_with_what_containers_carry(path: str) -> object:
    now = int(time.time())
    return words(ask(path, "GET", f"/events?since={now - 3600}&until={now}"))


@way
def description_of_the_engine(path: str) -> object:
    return ask(path, "GET", "/info")


@way
def become_a_swarm(path: str) -> object:
    made = ask(path, "POST", "/swarm/init", {"ListenAddr": "127.0.0.1:2377", "AdvertiseAddr": "127.0.0.1"})
    if made:
        ask(path, "POST", "/swarm/leave?force=1")
    return made


@way
def plugins(path: str) -> object:
    return ask(path, "GET", "/plugins")


@way
def remove_a_container(path: str) -> object:
    """Last of all: it is gone afterwards."""
    return ask(path, "DELETE", f"/containers/{PLAN['gone']}?force=1") is not None and "removed"


def main() -> None:
    PLAN.update(json.loads(base64.b64decode(sys.argv[1])))
    open_ways: dict[str, str] = {}
    for name, function in WAYS.items():
        for path in SOCKETS:
            try:
                got = function(path)
            except OSError:
                continue
            if got:
                open_ways[name] = f"{path}: {str(got)[:100]}"
                break
        open_ways.setdefault(name, "")
    print(json.dumps(open_ways))


if __name__ == "__main__":
    main()
