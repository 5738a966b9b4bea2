import math

import numpy as np
import pytest

from stemtree.audio.decibels import to_decibels


def test_amplitudes_count_twice_as_much_as_powers() -> None:
    assert to_decibels(0.1) == pytest.approx(-20)
    assert to_decibels(0.1, power=True) == pytest.approx(-10)
    assert to_decibels(1) == 0


def test_arrays_keep_their_shape_and_type() -> None:
    values = np.array([[1.0, 0.5], [0.01, 0.0]], np.float32)
    decibels = to_decibels(values)
    assert decibels.dtype == np.float32
    np.testing.assert_allclose(decibels, [[0, -6.0206], [-40, -np.inf]], rtol=1e-5)


def test_silence_is_minus_infinity_without_a_warning() -> None:
    assert to_decibels(0) == to_decibels(0.0, power=True) == -math.inf
    assert to_decibels(np.float64(0)) == -math.inf
    assert np.all(to_decibels(np.zeros(3), power=True) == -np.inf)


def test_negative_values_are_refused() -> None:
    with pytest.raises(ValueError):
        to_decibels(-1.0)
