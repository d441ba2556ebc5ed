# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host whose certbot, nginx and systemd are played."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import Any

from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError, Result
from ansible_collections.latentum.ops.plugins.module_utils.tls.certificates import Layout, Wanted
from ansible_collections.latentum.ops.plugins.module_utils.tls.placeholder import self_signed

DIRECTORY = "https://acme.example.com/dir"
REFUSED = """Saving debug log to /var/log/letsencrypt/letsencrypt.log
Requesting a certificate for blog.example.com

Certbot failed to authenticate some domains (authenticator: webroot). The Certificate Authority reported these problems:
  Domain: blog.example.com
  Type:   dns
  Detail: no such name

Hint: The Certificate Authority failed to download the temporary challenge files created by Certbot.

Some challenges have failed.
Ask for help or search for solutions at https://community.letsencrypt.org.
"""


def put(layout: Layout, wanted: Wanted, server: str = DIRECTORY) -> None:
    """What certbot leaves behind: a certificate, its key, and a renewal configuration."""
    live = layout.live(wanted.name)
    live.mkdir(parents=True, exist_ok=True)
    certificate, key = self_signed(wanted)
    (live / "fullchain.pem").write_bytes(certificate)
    (live / "privkey.pem").write_bytes(key)
    layout.renewal(wanted.name).parent.mkdir(exist_ok=True)
    layout.renewal(wanted.name).write_text(f"version = 4.0.0\n[renewalparams]\nserver = {server}\nkey_type = ecdsa\n")


class Host:
    """Plays certbot, nginx and systemd, and writes down what was asked of them."""

    def __init__(self, layout: Layout, refused: Sequence[str] = (), *, serving: bool = True, nginx_rc: int = 0) -> None:
        self.layout, self.refused, self.serving, self.nginx_rc = layout, refused, serving, nginx_rc
        self.users: list[str] = []  # files that name what certbot has
        self.calls: list[list[str]] = []
        self.environments: list[dict[str, str]] = []

    def __call__(self, command: Sequence[str], *, check: bool = True, env: Any = None, **_: Any) -> Result:
        self.calls.append(list(command))
        rc, said = 0, ""
        if command[0] == "grep":
            rc, said = (0, "\n".join(self.users)) if self.users else (1, "")
        elif list(command[:2]) == ["certbot", "delete"]:
            self.layout.renewal(command[command.index("--cert-name") + 1]).unlink()
            shutil.rmtree(self.layout.live(command[command.index("--cert-name") + 1]))
        elif command[0] == "certbot":
            self.environments.append(dict(env or {}))
            name = command[command.index("--cert-name") + 1]
            names = tuple(command[index + 1] for index, word in enumerate(command) if word == "--domain")
            if name in self.refused:
                rc, said = 1, REFUSED
            else:
                put(self.layout, Wanted(name, names))
        elif list(command[:2]) == ["systemctl", "is-active"]:
            rc = 0 if self.serving else 3
        elif command[0] == "nginx":
            rc, said = self.nginx_rc, "nginx: broken"
        result = Result(tuple(command), rc, said, "")
        if check and rc:
            raise CommandError(result, "failed")
        return result

    def asked(self) -> list[str]:
        """The certificates that certbot was asked for, in order."""
        return [call[call.index("--cert-name") + 1] for call in self.calls if call[0] == "certbot"]

    def reloads(self) -> int:
        """How often nginx was told to take over."""
        return self.calls.count(["systemctl", "reload", "nginx.service"])
