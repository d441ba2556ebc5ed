# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of secrets, and the templates that refer to them: the same words on the controller and on the host."""

from __future__ import annotations

import base64
import re
from urllib.parse import quote

# ``{{ name }}`` or ``{{ name | filter }}``.
REFERENCE = re.compile(r"\{\{\s*([a-z][a-z0-9_]*)\s*(?:\|\s*([a-z0-9_]+)\s*)?\}\}")
FILTERS = {
    # RFC 3986: everything but unreserved characters is escaped, '/' too.
    "urlencode": lambda value: quote(value, safe=""),
    "b64encode": lambda value: base64.b64encode(value.encode()).decode(),
}
# ``{{ database_password | login }}`` is not made of the value: it names the role of PostgreSQL whose password that is now.
LOGIN = "login"
NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


def references(template: str) -> list[str]:
    """Names of the secrets that a template uses."""
    return [match[1] for match in REFERENCE.finditer(template)]


def logins(template: str) -> list[str]:
    """Names of the secrets whose role a template names."""
    return [match[1] for match in REFERENCE.finditer(template) if match[2] == LOGIN]
