import numpy as np
import pytest
import torch

from stemtree.audio import ArraySource
from stemtree.errors import AudioError


def test_arrays() -> None:
    (block,) = ArraySource(np.array([0, 16384, -32768], np.int16), 8000).blocks(10)
    assert block.tolist() == [[0, 0.5, -1]]
    for shape in ((2, 3, 4), (1000, 3), (1000, 0)):
        with pytest.raises(AudioError, match=r"shape \(.*\): give it as \(channel, sample\)|has 1000 channels"):
            ArraySource(np.zeros(shape), 44100)
    for kind in (complex, np.int64, np.uint8, bool):
        with pytest.raises(AudioError, match=r"holds .*: give floats in \[-1, 1\], int16 or int32"):
            ArraySource(np.zeros((1, 5), kind), 44100)
    for rate in ("44100", 44100.7, float("nan")):
        with pytest.raises(AudioError, match="give a whole number of Hz"):
            ArraySource(np.zeros((1, 5)), rate)  # type: ignore[arg-type]
    tensor = torch.full((1, 4), 0.5, dtype=torch.bfloat16, requires_grad=True)
    assert next(ArraySource(tensor, 8000).blocks(9)).tolist() == [[0.5] * 4]
    with pytest.raises(AudioError, match="a sample of 1e\\+20, where full scale is 1"):
        list(ArraySource(np.array([0, 1e20]), 44100).blocks(2))
    with pytest.raises(AudioError, match="holds complex128"):
        ArraySource(np.zeros((1, 5), complex), 44100)
    with pytest.raises(AudioError, match="holds no samples"):
        ArraySource(np.zeros((1, 0)), 44100)
    with pytest.raises(AudioError, match="NaN or infinity at sample 3"):
        list(ArraySource(np.array([0, 0, 0, np.nan]), 44100).blocks(2))
    with pytest.raises(AudioError, match="sample rate of 4000 Hz: resample"):
        ArraySource(np.zeros((1, 5)), 4000)
