from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save_file
from support.noise_corpus import make_corpus
from support.stub_device import STUB, stub_device

from stemtree.corpora.track import Corpus
from stemtree.data.salience import Chunking
from stemtree.errors import AudioError, OptionError
from stemtree.evaluation.estimators.base import Batch
from stemtree.evaluation.estimators.mean_mask import MeanMask, fit_mean_mask
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.spectral import Stft

NODES = ("vocals", "accompaniment", "accompaniment/other")
SMALL = Stft(64, 32, 4000)


def _fit(corpus: Corpus, **options) -> MeanMask:
    how = {name: options.pop(name) for name in ("kind", "device", "left_out") if name in options}
    return fit_mean_mask(corpus, NODES, EvaluationSettings(Chunking(2, 2), **options), stft=SMALL, **how)


def test_the_mean_is_that_of_a_slow_twin(corpus: Corpus) -> None:
    """Every frame of every chunk, one after the other; the second song has no vocals."""
    total, count = np.zeros((3, 33)), 0
    for track in corpus.tracks:
        for start in (0, 8000, 16000):
            stems = [soundfile.read(stem.file.path, start=start, frames=8000)[0] for stem in track.stems]
            mixture = np.sum(stems, axis=0)
            vocals = stems[0] if len(stems) == 3 else np.zeros(8000)
            for frame in range(251):
                x, s = (
                    np.fft.rfft(np.pad(audio, 32)[frame * 32 : frame * 32 + 64] * np.hanning(65)[:64])
                    for audio in (mixture, vocals)
                )
                total += np.stack([np.clip((s / x).real, 0, 1), np.clip(((x - s) / x).real, 0, 1), np.zeros(33)])
                count += 1
    np.testing.assert_allclose(_fit(corpus).mask, total / count, atol=1e-4)
    with stub_device():
        np.testing.assert_allclose(_fit(corpus, device=STUB).mask, total / count, atol=1e-4)


def test_songs_that_cannot_be_read_are_left_out_where_that_is_wanted(corpus: Corpus, tmp_path: Path) -> None:
    songs = make_corpus(tmp_path, [["vocals", "accompaniment/other"]] * 2)
    stem = songs.tracks[1].stems[1].file.path
    samples = soundfile.read(stem)[0]
    samples[-1] = np.nan
    soundfile.write(stem, samples, 4000, "FLOAT")
    with pytest.raises(AudioError):
        _fit(songs)
    told: dict[str, AudioError] = {}
    fitted = _fit(songs, left_out=told.__setitem__)
    assert list(told) == ["1"] and "NaN" in str(told["1"])
    first = _fit(replace(songs, tracks=songs.tracks[:1]))
    assert torch.equal(fitted.mask, first.mask) and fitted.fitted == first.fitted == "psa masks of 3 chunks of 1 song"
    with pytest.raises(AudioError, match="none of 1 song can be read"):
        _fit(replace(songs, tracks=songs.tracks[1:]), left_out=told.__setitem__)


def test_it_filters_the_mixture(corpus: Corpus) -> None:
    masks = MeanMask(NODES[:1], torch.linspace(0, 1, 33)[None].square(), Stft(64, 16, 4000), "")
    tone = torch.sin(torch.arange(8000) * (2 * torch.pi * 8 / 64))[None]  # in the middle of bin 8
    (estimate,) = masks.estimate(Batch(tone[None], torch.zeros(1, 1, 1, 8000), 4000, "song", (0,)))[0]
    # Hann's window spreads it over three bins with weights 1/2, 1, 1/2: their squares' shares are 1/6, 2/3, 1/6.
    gain = (49 / 6 + 64 * 2 / 3 + 81 / 6) / 32**2
    torch.testing.assert_close(estimate[:, 100:-100], gain * tone[:, 100:-100], atol=1e-3, rtol=0)


def test_saved_and_loaded(corpus: Corpus, tmp_path: Path) -> None:
    fitted = _fit(corpus, sample=2, seed=3)
    fitted.save(tmp_path / "deep" / "mean.safetensors")
    loaded = MeanMask.load(tmp_path / "deep" / "mean.safetensors")
    assert torch.equal(loaded.mask, fitted.mask)
    assert (loaded.nodes, loaded.stft, loaded.sample_rate) == (NODES, SMALL, 4000)
    assert loaded.fitted.startswith("psa masks of 2 chunks of ")
    assert loaded.provenance() == fitted.provenance() != _fit(corpus, sample=2, seed=4).provenance()
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["mean.safetensors"]


def test_files_that_hold_something_else(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"cannot read the mean masks .*none.*check the path"):
        MeanMask.load(tmp_path / "none")
    (tmp_path / "text").write_text("no tensors here, and some more text")
    save_file({"mask": torch.zeros(3, 33)}, tmp_path / "bare")
    fitted = _fit(corpus, sample=1)
    MeanMask(NODES, fitted.mask[:, :32], SMALL, "").save(tmp_path / "shape")
    for name in ("text", "bare", "shape"):
        with pytest.raises(OptionError, match=f"{name}' does not hold mean masks"):
            MeanMask.load(tmp_path / name)
    with pytest.raises(OptionError, match=r"cannot write to '.*text/mean.safetensors' \(.*\): choose another folder$"):
        fitted.save(tmp_path / "text" / "mean.safetensors")


def test_options_that_do_not_fit(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no ideal mask 'ipm'"):
        _fit(corpus, kind="ipm")
    other = make_corpus(tmp_path / "other", [["vocals"]]).tracks[0]
    object.__setattr__(other, "sample_rate", 8000)
    mixed = Corpus(tmp_path, "folder", "musdb18", (*corpus.tracks, other))
    with pytest.raises(OptionError, match=r"sample rates of \[4000, 8000\] Hz"):
        _fit(mixed)
