"""The short-time Fourier transform and its inverse, in bounded memory; the features of networks."""

from stemtree.spectral.features import FLOOR, log_magnitude, mid_side, salient_bins
from stemtree.spectral.stft import Stft
from stemtree.spectral.streaming import MaskedSpectrogram, Synthesis, analyse_stream

__all__ = [
    "FLOOR",
    "MaskedSpectrogram",
    "Stft",
    "Synthesis",
    "analyse_stream",
    "log_magnitude",
    "mid_side",
    "salient_bins",
]
