# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module returns when it fails."""

from __future__ import annotations

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.core.masking import HIDDEN
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError, run
from ansible_collections.latentum.ops.plugins.module_utils.secretstore.store import Store


def test_of_a_program_all_is_said() -> None:
    with pytest.raises(CommandError) as failed:
        run(["sh", "-c", "echo out; echo why >&2; exit 4"])
    result = failure(failed.value, services=[])
    assert result.pop("msg").endswith("failed with exit status 4: why")
    assert result.pop("cmd") == ["sh", "-c", "echo out; echo why >&2; exit 4"]
    assert result == {"failed": True, "rc": 4, "stdout": "out\n", "stderr": "why\n", "services": []}


def test_also_of_one_that_is_the_cause_of_the_error() -> None:
    with pytest.raises(ValueError, match="upstreams") as caught:
        try:
            run(["sh", "-c", "exit 3"])
        except CommandError as error:
            raise ValueError("upstreams: not changed") from error
    result = failure(caught.value)
    assert result["msg"] == "upstreams: not changed" and result["rc"] == 3


@pytest.mark.parametrize("error", [ValueError("key: write a number"), "key: write a number"])
def test_of_anything_else_there_is_a_message(error: ValueError | str) -> None:
    assert failure(error) == {"failed": True, "msg": "key: write a number"}


def test_no_secret_is_in_it(store: Store) -> None:
    secret = store.value("password_environment") or ""
    with pytest.raises(CommandError) as failed:
        run(["sh", "-c", "echo $1; echo $1 >&2; exit 1", "sh", secret])
    result = failure(failed.value)
    assert secret not in str(result) and str(result).count(HIDDEN) == 5
    assert failure(f"it is {secret}") == {"failed": True, "msg": f"it is {HIDDEN}"}
