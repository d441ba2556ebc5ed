# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judge: policies as their files say now, what is verified by them, and where browsers go to log in."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

from ..contracts.route_authentication import FOLDER, RouteAuthentication
from . import key_sets, tokens
from .answers import Accepted, NotAccepted, Reason
from .hashes import digest
from .limits import Limiter
from .policy_file import POLICIES, read_policies

LOG = logging.getLogger(__name__)
REMEMBERED = 60.0  # seconds for which a token that was verified is not verified again; never beyond its end
MOST_REMEMBERED = 10_000
_STACK = re.compile(r"[a-z][a-z0-9-]{0,30}")


@dataclass(frozen=True)
class Policy:
    """A policy with what it verifies by.

    :param callers: names by the digests of their keys.
    """

    spec: RouteAuthentication
    callers: Mapping[str, str] = field(default_factory=dict)
    keys: tuple[key_sets.Key, ...] = ()


class Judge:
    """Who somebody is. A file that was changed holds from the next request on."""

    def __init__(
        self,
        folder: Path = FOLDER,
        cache: Path | None = None,
        *,
        get: Callable[[str], bytes] = key_sets.fetch,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.folder, self.cache, self.get, self.clock = folder, cache, get, clock
        self.limiter = Limiter()
        self._stacks: dict[str, tuple[tuple[int, int, int], dict[str, Policy]]] = {}
        self._sets: dict[str, key_sets.KeySet] = {}
        self._verified: OrderedDict[tuple[str, bytes], tuple[float, object, int, Accepted]] = OrderedDict()

    def policy(self, reference: str) -> Policy:
        """The policy of this name, as its file says now.

        :raises NotAccepted: there is none.
        """
        stack, _separator, name = reference.partition("/")
        policy = self._policies(stack).get(name) if _STACK.fullmatch(stack) else None
        if policy is None:
            raise NotAccepted(Reason.POLICY)
        return policy

    def _policies(self, stack: str) -> dict[str, Policy]:
        file = f"{self.folder}/{stack}/{POLICIES}"
        try:
            status = os.stat(file)  # noqa: PTH116 - a Path would cost more than all the rest, at each request
        except OSError:
            return {}
        mark = (status.st_mtime_ns, status.st_ino, status.st_size)
        known = self._stacks.get(stack)
        if known is None or known[0] != mark:
            try:
                loaded = {spec.name: self._loaded(spec, callers) for spec, callers in read_policies(Path(file))}
            except (OSError, ValueError) as error:
                # Nobody is let in by what cannot be read; the next request looks again.
                LOG.error("%s", error)
                return {}
            known = self._stacks[stack] = (mark, loaded)
        return known[1]

    @staticmethod
    def _loaded(spec: RouteAuthentication, callers: Mapping[str, str]) -> Policy:
        try:
            keys = key_sets.declared(spec.public_keys)
        except ValueError as error:
            LOG.error("%s: %s", spec.reference, error)
            keys = ()
        return Policy(spec, callers, keys)

    def check(self, reference: str, credential: str) -> Accepted:
        """Who sends this credential.

        :param credential: the header that carries it, as nginx got it.
        :raises NotAccepted: nobody who may come in.
        :raises NotYet: that is known only when a set of keys has been fetched.
        """
        policy = self.policy(reference)
        if policy.spec.kind == "api_key":
            accepted = self._by_key(policy, credential)
        elif policy.spec.kind == "jwt":
            accepted = self._by_token(policy, credential)
        else:
            raise NotAccepted(Reason.POLICY)
        if policy.spec.limit and not self.limiter.allows(reference, accepted.user, policy.spec.limit):
            raise NotAccepted(Reason.LIMITED)
        return accepted

    @staticmethod
    def _by_key(policy: Policy, credential: str) -> Accepted:
        key = _bearer(credential) if policy.spec.header.lower() == "authorization" else credential.strip()
        if not key:
            raise NotAccepted(Reason.MISSING)
        # By its digest: how long the look-up takes says nothing about the keys that there are.
        user = policy.callers.get(digest(key))
        if user is None:
            raise NotAccepted(Reason.UNKNOWN)
        return Accepted(user)

    def _by_token(self, policy: Policy, credential: str) -> Accepted:
        token = _bearer(credential)
        if not token:
            raise NotAccepted(Reason.MISSING)
        key_set = self._key_set(policy.spec.jwks) if policy.spec.jwks else None
        mark = (policy.spec.reference, hashlib.sha256(token.encode()).digest())
        known = self._verified.get(mark)
        generation = key_set.generation if key_set else 0
        if known and known[0] > self.clock() and known[1] is policy and known[2] == generation:
            if key_set:
                key_set.keep_fresh()
            return known[3]
        candidates = key_set.candidates if key_set else _among(policy.keys)
        accepted, until = tokens.verify(token, policy.spec, candidates, any_keys=lambda: bool(key_set.keys if key_set else policy.keys))
        generation = key_set.generation if key_set else 0
        self._verified[mark] = (min(until, self.clock() + REMEMBERED), policy, generation, accepted)
        if len(self._verified) > MOST_REMEMBERED:
            self._verified.popitem(last=False)
        return accepted

    def _key_set(self, url: str) -> key_sets.KeySet:
        if url not in self._sets:
            self._sets[url] = key_sets.KeySet(url, self.cache, get=self.get)
        return self._sets[url]

    def login(self, reference: str, host: str, path: str) -> str:
        """Where a browser is sent that asked for a page without being logged in.

        :param path: of the page, with its query.
        :raises NotAccepted: there is no login, or the page is not one of the route: nobody is sent elsewhere by us.
        """
        spec = self.policy(reference).spec
        if spec.kind != "forward" or not spec.login or host not in spec.hosts or not path.startswith("/"):
            raise NotAccepted(Reason.MISSING)
        asked = f"https://{host}{path}"
        login = spec.login if spec.login.startswith("https://") else f"https://{host}{spec.login}"
        separator = "&" if urlsplit(login).query else "?"
        return f"{login}{separator}{spec.login_parameter}={quote(asked, safe='')}"


def _among(keys: tuple[key_sets.Key, ...]) -> tokens.Candidates:
    return lambda _name, algorithm: [key for key in keys if algorithm in key.algorithms]


def _bearer(credential: str) -> str:
    """What stands after C(Bearer) (RFC 6750)."""
    scheme, _space, rest = credential.strip().partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else ""
