# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate that an operator brings, as the controller hands it over to a host."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .base import Contract, ContractError, option

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,252}")
_STACK = re.compile(r"[a-z][a-z0-9-]{0,30}")
_FILE = re.compile(r"/[^\x00-\x1f]+")


@dataclass(frozen=True)
class OwnCertificate(Contract):
    """Chain and key of one site; the key by the name of its secret, or as a file of the host."""

    name: str = option("Its name, which is the domain of the site.")
    stack: str = option("The stack whose site it is.")
    domains: tuple[str, ...] = option("The names that it must be for.")
    chain: str = option("The certificate and those that have issued it, PEM.", "")
    chain_file: str = option("The same as a file of the host.", "")
    ca: str = option("The authority that the chain must end at, PEM; empty for those that the host trusts.", "")
    key_secret: str = option("The secret in the store of the stack that is the private key.", "")
    key_file: str = option("The same as a file of the host.", "")

    def check(self, key: str) -> None:
        """A name is a folder, and each half comes from one place."""
        if not _NAME.fullmatch(self.name):
            raise ContractError(f"{key}.name: {self.name!r}: write the domain of the site, such as app.example.com")
        if not _STACK.fullmatch(self.stack):
            raise ContractError(f"{key}.stack: {self.stack!r}: write the name of the stack, such as shop")
        if not self.domains:
            raise ContractError(f"{key}.domains: nothing: write the names of the site")
        if bool(self.chain) == bool(self.chain_file) or bool(self.key_secret) == bool(self.key_file):
            raise ContractError(f"{key}: write one of chain and chain_file, and one of key_secret and key_file")
        for name, path in (("chain_file", self.chain_file), ("key_file", self.key_file)):
            if path and not _FILE.fullmatch(path):
                raise ContractError(f"{key}.{name}: {path!r}: write an absolute path of a file on the host")
