# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment that a module is to change, where that is protected."""

from __future__ import annotations


class ModuleDocFragment:
    """C(confirm), as maintenance.protection.require_confirmed takes it."""

    DOCUMENTATION = r"""
options:
  confirm:
    description:
      - The environment that is meant. A host whose environment is protected (M(latentum.ops.host_environment)) is changed only with its
        name, and no host that knows its own is changed with another one. C(ops_confirm) in the playbooks; check mode needs none.
    type: str
    default: ""
"""
