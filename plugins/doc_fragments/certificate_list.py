# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of certificates that certificates and its info twin take."""

from __future__ import annotations


class ModuleDocFragment:
    """C(certificates)."""

    DOCUMENTATION = r"""
options:
  certificates:
    description: The certificates, by the name of their folder.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the certificate; nginx finds it in C(/etc/latentum-ops/tls/<name>).
        type: str
        required: true
      domains:
        description: The domains that it must name; the first is its subject.
        type: list
        elements: str
        required: true
requirements:
  - python3-cryptography on the host
"""
