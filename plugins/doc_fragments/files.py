# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that a module writes as one transaction."""

from __future__ import annotations


class ModuleDocFragment:
    """C(files), as hostconfig.entries.FILE_OPTIONS takes it."""

    DOCUMENTATION = r"""
options:
  files:
    description: Files, links and directories that are written as one transaction.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path on the host.
        type: path
        required: true
      state:
        description: What the path should be.
        type: str
        choices: [file, directory, link, absent]
        default: file
      content:
        description: The whole content of a file.
        type: str
      template:
        description: A file among the role's templates, rendered on the controller in place of C(content).
        type: str
      variables:
        description: Variables for that template alone.
        type: dict
        default: {}
      target:
        description: Where a link points.
        type: str
      mode:
        description: Octal permissions, quoted. V(0644) for files and V(0755) for directories when not given.
        type: str
      owner:
        description: Name or number of the owner.
        type: str
        default: root
      group:
        description: Name or number of the group.
        type: str
        default: root
      sensitive:
        description: Never show the content, neither in a diff nor in a result or the journal of the host.
        type: bool
        default: false
      sensitive_content:
        description: What C(content) of a O(files[].sensitive) file becomes on its way to the host. Nobody has to write it.
        type: str
"""
