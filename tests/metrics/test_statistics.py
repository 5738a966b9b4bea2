import numpy as np
import pytest
import torch

from stemtree.metrics.statistics import framewise_mean, framewise_median, global_sdr, split_windows


def test_windows_lie_side_by_side_and_the_rest_is_left_out() -> None:
    audio = torch.arange(2 * 3 * 10).reshape(2, 3, 10)
    windows = split_windows(audio, 4)
    assert windows.shape == (2, 2, 3, 4)
    assert windows[1, 1, 2].tolist() == audio[1, 2, 4:8].tolist()


@pytest.mark.parametrize("values", [[1.0, 5, 2, np.nan], [4.0, 1, 2, 10], [np.nan, 3], [np.nan, np.nan]])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numpy, of nothing but NaN
def test_framewise_equals_numpy(values: list[float]) -> None:
    both = torch.tensor([values, values[::-1]], dtype=torch.float64)
    np.testing.assert_allclose(framewise_mean(both), np.nanmean(both, axis=-1))
    np.testing.assert_allclose(framewise_median(both), np.nanmedian(both, axis=-1))


def test_global_is_one_ratio_of_sums() -> None:
    reference, error = torch.tensor([[4.0, 0], [0, 0]]), torch.tensor([[0.2, 0.2], [0, 0]])
    assert global_sdr(reference, error).tolist() == pytest.approx([10, 0], abs=1e-5)
    leaking = global_sdr(torch.tensor([0.0]), torch.tensor([1.0]))  # in a song without the node
    assert leaking.item() == pytest.approx(-70, abs=1e-5)
