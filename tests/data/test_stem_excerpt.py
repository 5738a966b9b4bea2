import numpy as np
import pytest

from stemtree.data.stem_excerpt import StemExcerpt, apply_augmentation


def test_augmentation_of_audio() -> None:
    rate, seconds = 16000, 2
    tone = np.sin(2 * np.pi * 440 * np.arange(rate * seconds) / rate).astype(np.float32) / 2
    stereo = np.stack([tone, 0 * tone])
    np.testing.assert_allclose(
        apply_augmentation(stereo, StemExcerpt(0, 0, 0, gain=0.5, swapped=True), rate, len(tone)), stereo[::-1] / 2
    )
    assert apply_augmentation(stereo, StemExcerpt(0, 0, 0), rate, 10).shape == (2, 10)
    higher = apply_augmentation(tone[None], StemExcerpt(0, 0, 0, pitch=2.0), rate, len(tone))[0]
    faster = apply_augmentation(tone[None], StemExcerpt(0, 0, 0, tempo=1.1), rate, round(len(tone) / 1.1))[0]

    def pitch(audio: np.ndarray) -> float:
        middle = audio[len(audio) // 4 : -len(audio) // 4]
        return float(np.argmax(np.abs(np.fft.rfft(middle))) * rate / len(middle))

    assert pitch(higher) == pytest.approx(440 * 2 ** (2 / 12), rel=0.01)
    assert pitch(faster) == pytest.approx(440, rel=0.01)
    assert np.abs(faster[-rate // 10 :]).max() > 0.3  # and it fills its length
