# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings from the environment; secrets from files, as containers get them. Standard library only."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit


class ConfigError(Exception):
    """A setting is missing or wrong; the message names the variable and never its value."""


def secret(environ: Mapping[str, str], name: str, default: str | None = None) -> str:
    """The value of ``NAME``, or the content of the file that ``NAME_FILE`` names, without the newline at its end."""
    direct, path = environ.get(name), environ.get(f"{name}_FILE")
    if direct and path:
        raise ConfigError(f"{name} and {name}_FILE are both set: remove one of them")
    if path:
        try:
            direct = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as error:
            raise ConfigError(f"{name}_FILE: cannot read {path} as uid {os.getuid()}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"{name}_FILE: {path} is not text in UTF-8") from error
        if not direct:
            raise ConfigError(f"{name}_FILE: {path} is empty")
    if direct:
        return direct
    if default is None:
        raise ConfigError(f"{name} is missing: set {name}_FILE to the path of a file, or {name} itself")
    return default


def secrets_of(environ: Mapping[str, str], name: str) -> list[str]:
    """A secret that is being rotated has a line for each value that is good; the first one is that to send."""
    return [line for line in secret(environ, name).splitlines() if line]


def address(environ: Mapping[str, str], name: str, schemes: tuple[str, ...]) -> str:
    """A secret that is a URL with one of these schemes and a host."""
    value = secret(environ, name)
    try:
        parts = urlsplit(value)
        sound = parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        sound = False
    if not sound:
        raise ConfigError(f"{name} is not a URL such as {schemes[0]}://user:password@host:port/name (is the password URL-quoted?)")
    return value


def number(environ: Mapping[str, str], name: str, default: float, low: float, high: float) -> float:
    """A number between ``low`` and ``high``."""
    given = environ.get(name, "")
    try:
        value = float(given) if given else default
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise ConfigError(f"{name}={given!r} is not a number from {low:g} to {high:g}")
    return value


def seconds_asked(text: str, limit: float) -> float:
    """The ``s`` of ``/slow?s=N``: seconds from 0 to ``limit``; ValueError otherwise."""
    value = float(text)
    if not 0 <= value <= limit:
        raise ValueError(f"from 0 to {limit:g}")
    return value


FAULTS = ("", "unhealthy", "crash", "errors", "slow", "migration")


def fault_of(environ: Mapping[str, str]) -> str:
    """What is wrong with this version on purpose."""
    fault = environ.get("FAULT", "")
    if fault not in FAULTS:
        raise ConfigError(f"FAULT={fault!r} is not one of {', '.join(FAULTS[1:])}")
    return fault


@dataclass(frozen=True)
class Identity:
    """Who answers: the service, its version, and the container."""

    service: str
    version: str
    host: str = field(default_factory=socket.gethostname)

    def shown(self) -> dict[str, str]:
        return {"service": self.service, "version": self.version, "host": self.host}


@dataclass(frozen=True)
class Settings:
    """What every service shares."""

    identity: Identity
    port: int
    fault: str
    log_level: str
    shutdown_seconds: float
    node_env: str

    @property
    def broken(self) -> bool:
        """It starts, and never becomes healthy."""
        return self.fault == "unhealthy"

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Settings:
        level = environ.get("LOG_LEVEL", "info").upper()
        if level not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            raise ConfigError(f"LOG_LEVEL={level.lower()!r} is not one of debug, info, warning, error")
        return cls(
            identity=Identity(environ.get("SERVICE", "unnamed"), environ.get("VERSION", "0.0.0")),
            port=int(number(environ, "PORT", 8080, 1, 65535)),
            fault=fault_of(environ),
            log_level=level,
            shutdown_seconds=number(environ, "SHUTDOWN_SECONDS", 25, 0, 3600),
            node_env=environ.get("NODE_ENV", "development"),
        )
