import numpy as np
import pytest

from stemtree.separation.output.integer_sums import running_sums


@pytest.mark.parametrize("leaves", [0, 1, 13])
def test_running_sums_equal_numpys(leaves: int) -> None:
    samples = np.random.default_rng(0).standard_normal((leaves, 2, 700)).astype(np.float32)
    fast, plain = running_sums(samples), running_sums.plain(samples)
    assert fast.dtype == plain.dtype == np.float64
    np.testing.assert_array_equal(fast, plain)
