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


def test_speed_and_timbre() -> None:
    rate, length = 16000, 32000
    bands = (0.0, 0.0, 0.0, 6.0, -12.0, 0.0, 0.0, 0.0, 0.0)  # 500 Hz by 6 dB up, 1 kHz by 12 down
    excerpt = StemExcerpt(0, 0, 0, gain=0.5, speed=1.25, equaliser=bands)
    read = excerpt.samples_to_read(length)
    assert read == 40000 and StemExcerpt(0, 0, 0, tempo=1.1, speed=1.25).samples_to_read(length) == 44000
    seconds = np.arange(read) / rate
    low, high = (np.sin(2 * np.pi * hertz * seconds) for hertz in (500, 1000))
    changed = apply_augmentation(np.stack([low, high]).astype(np.float32), excerpt, rate, length)
    assert changed.shape == (2, length) and changed.dtype == np.float32
    spectrum = np.abs(np.fft.rfft(changed)) / (length / 2)
    assert [int(np.argmax(one)) * rate / length for one in spectrum] == [625, 1250]
    np.testing.assert_allclose(20 * np.log10(spectrum.max(axis=1) / 0.5), [6, -12], atol=0.01)


@pytest.mark.parametrize("length", range(4))
def test_hardly_any_samples_are_left_as_they_are(length: int) -> None:
    samples = np.full((2, length), 0.5, np.float32)
    changed = apply_augmentation(samples, StemExcerpt(0, 0, 0, pitch=1.0, tempo=1.1), 16000, 10)
    assert changed.shape == (2, 10) and not changed[:, length:].any()


def test_a_stem_that_ends_early_is_filled_up() -> None:
    samples = np.ones((1, 100), np.float32)
    changed = apply_augmentation(samples, StemExcerpt(0, 0, 0, speed=1.25), 16000, 1000)
    assert changed.shape == (1, 1000) and np.abs(changed[0, 200:900]).max() < 0.1 < np.abs(changed[0, :70]).min()
