import numpy as np
import pytest
from support.midi import RATE

from stemtree.rendering.effects import apply_effects, draw_effects


def test_effects_keep_length_and_change_the_sound() -> None:
    random = np.random.default_rng(1)
    audio = random.standard_normal((2, RATE)).astype(np.float32) / 10
    for leaf in ("accompaniment/other/electric_guitar", "accompaniment/bass"):
        changed = apply_effects(audio, RATE, draw_effects(leaf, random, RATE))
        assert changed.shape == audio.shape and np.isfinite(changed).all()
        assert np.abs(changed - audio).max() > 0.01


@pytest.mark.parametrize("rate", [8000, 10000, 11025, 96000])
def test_any_rate_is_played(rate: int) -> None:
    """Filters beyond half of the rate make infinity, and MP3 takes few rates."""
    random = np.random.default_rng(2)
    audio = random.standard_normal((1, 4000)).astype(np.float32) / 10
    for _ in range(60):
        chain = draw_effects("accompaniment/other/electric_guitar", random, rate)
        assert np.isfinite(apply_effects(audio, rate, chain)).all(), chain
