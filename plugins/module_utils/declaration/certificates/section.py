# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The section C(certificates). Those of all other sites are of the routes."""

from __future__ import annotations

from ..model import Derivation, Part, Section
from .checks import certificate_secrets, check_certificates
from .derive import own_certificates, own_domains
from .model import certificates_from
from .schema import CERTIFICATES

SECTION = Section(
    parts={"certificates": Part(CERTIFICATES, certificates_from)},
    checks=(check_certificates,),
    derivations={"own_certificates": Derivation(own_certificates, list, merged=True)},
    facts={"own_domains": own_domains},
    reads=certificate_secrets,
)
