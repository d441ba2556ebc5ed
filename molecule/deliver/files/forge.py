#!/usr/bin/python3
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A forge of the tests: Git by git http-backend, a hook that tells of each push as Gitea does, and commit statuses that it keeps.

forge prepare HOST…          a repository with the hook
forge serve                  Git and the interface, on port 8443
forge hook                   what the repository runs
forge call HOST REF COMMIT   a call of a pipeline, signed as the receiver wants it; --secret, --age, --repository, --body change it
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import os
import re
import ssl
import subprocess
import sys
import time
from http.client import HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT, REPOSITORY = Path("/srv/git"), "acme/shop"
BARE = ROOT / f"{REPOSITORY}.git"
STATUSES, CALLS = Path("/var/lib/forge/statuses.jsonl"), Path("/var/lib/forge/calls.jsonl")
SECRET = Path("/etc/forge-secret")
STATUS = re.compile(r"/api/v1/repos/([^/]+/[^/]+)/statuses/([0-9a-f]{40})")


def prepare(hosts: list[str]) -> None:
    """A bare repository that may be pushed to."""
    BARE.parent.mkdir(parents=True, exist_ok=True)
    STATUSES.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(BARE)], check=True)
    subprocess.run(["git", "-C", str(BARE), "config", "http.receivepack", "true"], check=True)
    (BARE / "tell").write_text("\n".join(hosts))
    hook = BARE / "hooks/post-receive"
    hook.write_text("#!/bin/sh\nexec /usr/local/sbin/forge hook\n")
    hook.chmod(0o755)


def keep(file: Path, document: object) -> None:
    """A line more."""
    with file.open("a") as out:
        out.write(json.dumps(document) + "\n")


def post(host: str, source: str, headers: dict[str, str], body: bytes) -> tuple[int, str]:
    """A call of a host, whose certificate is none of this machine's to judge."""
    connection = HTTPSConnection(host, timeout=20, context=ssl._create_unverified_context())  # noqa: S323 - a test network
    try:
        given = {"Content-Type": "application/json", **headers}
        connection.request("POST", f"/deploy/deliver/latentum/{source}", body, given)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()


def hook() -> None:
    """Tell of each ref, as Gitea does. Git waits for a hook, and whoever pushes with it."""
    for line in sys.stdin:
        before, after, ref = line.split()
        commit = subprocess.run(["git", "rev-parse", f"{after}^{{commit}}"], capture_output=True, text=True, check=True).stdout.strip()
        document = {
            "ref": ref,
            "before": before,
            "after": commit,
            "repository": {"full_name": REPOSITORY},
            "pusher": {"login": "alice"},
            "sender": {"login": "alice"},
            "head_commit": {"id": commit},
        }
        body = json.dumps(document).encode()
        signature = hmac.new(SECRET.read_bytes(), body, hashlib.sha256).hexdigest()
        for host in (BARE / "tell").read_text().split():
            try:
                status, answer = post(host, "gitea", {"X-Gitea-Event": "push", "X-Gitea-Signature": signature}, body)
            except OSError as error:
                status, answer = 0, str(error)
            keep(CALLS, {"host": host, "ref": ref, "commit": commit, "status": status, "answer": answer, "at": time.time()})


def call(given: argparse.Namespace) -> None:
    """A call of a pipeline; status and answer on two lines."""
    document = {"repository": given.repository, "ref": given.ref, "commit": given.commit, "who": "pipeline", "nonce": time.time_ns()}
    body = given.body.encode() if given.body else json.dumps(document).encode()
    secret, at = (given.secret or SECRET.read_text()).encode(), int(time.time()) - given.age
    signature = hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {} if given.unsigned else {"X-Deliver-Timestamp": str(at), "X-Deliver-Signature": f"sha256={signature}"}
    for _time in range(given.times):
        print(*post(given.host, "generic", headers, body), sep="\n")


class Handler(BaseHTTPRequestHandler):
    """Git below /git, and statuses as Gitea takes them."""

    protocol_version = "HTTP/1.0"

    def _git(self) -> None:
        path, _mark, query = self.path.removeprefix("/git").partition("?")
        length = int(self.headers.get("Content-Length") or 0)
        environment = {
            **os.environ,
            "GIT_PROJECT_ROOT": str(ROOT),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REMOTE_USER": "alice",
            "REMOTE_ADDR": self.client_address[0],
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(length),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        done = subprocess.run(["git", "http-backend"], input=self.rfile.read(length), env=environment, capture_output=True, check=False)
        head, _blank, body = done.stdout.partition(b"\r\n\r\n")
        rows = [line.partition(": ")[::2] for line in head.decode().split("\r\n") if ": " in line]
        status = next((int(value.split()[0]) for name, value in rows if name == "Status"), 200)
        self.send_response(status)
        for name, value in rows:
            if name != "Status":
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _status(self, repository: str, commit: str) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        token = self.headers.get("Authorization", "")
        about = {"repository": repository, "commit": commit, "token": token, "from": self.client_address[0], "at": time.time()}
        keep(STATUSES, {**body, **about})
        self.send_response(201)
        self.end_headers()
        self.wfile.write(b"{}")

    def _answer(self) -> None:
        match = STATUS.fullmatch(self.path)
        if self.path.startswith("/git/"):
            self._git()
        elif match and self.command == "POST":
            self._status(*match.groups())
        else:
            self.send_error(404)

    do_GET = do_POST = _answer

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def serve() -> None:
    server = ThreadingHTTPServer(("0.0.0.0", 8443), Handler)  # noqa: S104 - a test network
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain("/etc/ssl/forge.pem", "/etc/ssl/private/forge.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("prepare").add_argument("hosts", nargs="+")
    verbs.add_parser("serve")
    verbs.add_parser("hook")
    calling = verbs.add_parser("call")
    for name in ("host", "ref", "commit"):
        calling.add_argument(name)
    for name, default in (("secret", ""), ("repository", REPOSITORY), ("body", "")):
        calling.add_argument(f"--{name}", default=default)
    calling.add_argument("--age", type=int, default=0)
    calling.add_argument("--times", type=int, default=1)
    calling.add_argument("--unsigned", action="store_true")
    given = parser.parse_args()
    if given.verb == "prepare":
        prepare(given.hosts)
    elif given.verb == "call":
        call(given)
    else:
        {"serve": serve, "hook": hook}[given.verb]()


if __name__ == "__main__":
    main()
