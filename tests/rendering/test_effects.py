import numpy as np
from support.midi import RATE

from stemtree.rendering.effects import apply_effects, draw_effects


def test_effects_keep_length_and_change_the_sound() -> None:
    random = np.random.default_rng(1)
    audio = random.standard_normal((2, RATE)).astype(np.float32) / 10
    for leaf in ("accompaniment/other/electric_guitar", "accompaniment/bass"):
        changed = apply_effects(audio, RATE, draw_effects(leaf, random))
        assert changed.shape == audio.shape and np.isfinite(changed).all()
        assert np.abs(changed - audio).max() > 0.01
