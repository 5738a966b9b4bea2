from pathlib import Path

import numpy as np
import pytest
from support.noise_corpus import RATE, SECONDS, make_corpus

from stemtree.data import kernels


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("max_values", [kernels.MAX_VALUES, 3001])
def test_powers_of_chunks(channels: int, max_values: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Overlapping chunks, the last one cut off at the end of the song, in large and small blocks."""
    monkeypatch.setattr(kernels, "MAX_VALUES", max_values)
    (track,) = make_corpus(tmp_path, [["vocals", "accompaniment/bass", "accompaniment/drums"]], channels).tracks
    starts = np.arange(0, SECONDS * RATE, 1700)
    ends = np.minimum(starts + 5000, track.num_samples)
    sums = [(0,), (1, 2), (0, 1, 2)]
    fast = kernels.chunk_powers(track, sums, starts, ends)
    plain = kernels.chunk_powers_plain(track, sums, starts, ends)
    assert fast.keys() == plain.keys() == set(sums)
    for stems in sums:
        np.testing.assert_allclose(fast[stems], plain[stems], rtol=1e-5)
