import io

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly

from stemtree.page import codecs
from stemtree.page.stems import Width


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100, 48_000, 96_000])
def test_opus_chunks_are_the_resampled_song(rate: int) -> None:
    tone = 0.3 * np.sin(2 * np.pi * 997 * np.arange(3 * rate) / rate)
    song = np.rint(2.0**15 * np.stack([tone, 0.5 * tone], axis=1)).astype(np.int16)
    grid = codecs.opus_grid(rate)
    chunk = 48_000 // grid * grid
    blocks = [[song[start : start + 7000]] for start in range(0, len(song), 7000)]
    chunks = [part[0] for part in codecs.opus_chunks(blocks, [Width(16)], rate, chunk)]
    whole = resample_poly(song / 2.0**15, grid, rate * grid // 48_000, axis=0)
    assert len(chunks) == -(-codecs.opus_samples(len(song), rate) // chunk)
    for number, part in enumerate(chunks):
        assert len(part) == chunk + 2 * codecs.OPUS_LEAD
        wanted = whole[number * chunk : (number + 1) * chunk]
        ends = slice(200, -200) if number in (0, len(chunks) - 1) else slice(None)  # there filters differ
        assert np.abs((part[codecs.OPUS_LEAD :][: len(wanted)] - wanted)[ends]).max() < 1e-3
    decoded, decoded_rate = soundfile.read(io.BytesIO(codecs.opus(chunks[0])))
    assert decoded_rate == 48_000 and len(decoded) == len(chunks[0])
