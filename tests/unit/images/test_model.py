# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model: the same input gives the same vector, and a broken model file says what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from latentum_sample.config import ConfigError
from latentum_sample.model import latent, load


def test_the_same_input_gives_the_same_vector() -> None:
    weights = [1.0, 0.5]
    assert latent([1, 2, 3], weights) == latent([1, 2, 3], weights)
    assert latent([1, 2, 3], weights) != latent([1, 2, 4], weights)
    assert all(-1 <= value <= 1 for value in latent([1e9, -1e9], weights))


def test_weights_come_from_the_models_folder(tmp_path: Path) -> None:
    assert len(load(tmp_path)) == 4
    (tmp_path / "model.json").write_text('{"weights": [1, 2, 3]}')
    assert load(tmp_path) == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("content", ["", "{}", '{"weights": 1}', '{"weights": ["x"]}', "[]"])
def test_a_broken_model_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "model.json").write_text(content)
    with pytest.raises(ConfigError, match="MODEL_PATH"):
        load(tmp_path)
