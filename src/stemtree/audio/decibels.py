"""Amplitudes and powers in decibels."""

import math
from typing import overload

import numpy as np
from numpy.typing import NDArray


@overload
def to_decibels(value: float, *, power: bool = False) -> float: ...
@overload
def to_decibels(value: NDArray[np.floating], *, power: bool = False) -> NDArray[np.floating]: ...


def to_decibels(value: float | NDArray[np.floating], *, power: bool = False) -> float | NDArray[np.floating]:
    """Express amplitudes or powers in dB relative to 1.

    Parameters
    ----------
    value : float or array
        Amplitudes, or powers (energies, ratios of energies); not negative.
    power : bool
        Whether `value` is a power: 10 log10 of it instead of 20 log10.

    Returns
    -------
    float or array
        In dB, of the shape of `value`; ``-inf`` where it is 0.

    Raises
    ------
    ValueError
        If a float is negative. In an array negative values become NaN.
    """
    factor = 10 if power else 20
    if isinstance(value, np.ndarray | np.generic):
        with np.errstate(divide="ignore"):
            decibels: NDArray[np.floating] = factor * np.log10(value)
        return decibels
    return factor * math.log10(value) if value else -math.inf
