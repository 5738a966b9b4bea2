import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from support import separator_packages as packages

from stemtree.errors import OptionError, SplitterError
from stemtree.evaluation.estimators.base import Batch
from stemtree.evaluation.estimators.raw import Raw, SpleeterWaveforms
from stemtree.evaluation.estimators.registry import make_estimator
from stemtree.hierarchy import load
from stemtree.separation.separator import Separator
from stemtree.separation.splitters.base import CPU
from stemtree.separation.splitters.external_loading import load_package
from stemtree.separation.splitters.spleeter import Spleeter

MS21, MUSDB = load("ms21"), load("musdb18")


def batch(mixture: np.ndarray, nodes: int, rate: int = 44100) -> Batch:
    audio = torch.from_numpy(np.ascontiguousarray(mixture))[None]
    return Batch(audio, torch.zeros(1, nodes, *audio.shape[1:]), rate, "song", (0,))


def test_spleeters_waveforms_are_its_masks_without_the_bins_that_it_does_not_know(excerpt: np.ndarray) -> None:
    raw = Raw("spleeter", MS21.descendants())
    assert (raw.name, raw.nodes) == ("raw:spleeter", ("vocal", "accompaniment"))
    estimates = raw.estimate(batch(excerpt, 2))[0]
    result = Separator(splitters=[Spleeter()]).separate(excerpt, 44100)
    stft = Spleeter.stft
    for name, estimate in zip(raw.nodes, estimates, strict=True):
        ours, own = stft.transform(torch.from_numpy(result[name].audio.copy())), stft.transform(estimate)
        ours, own = ours[..., 8:-8], own[..., 8:-8]  # the ends are cut off sharply
        assert own[:, 1030:].abs().max() < 1e-3 * own.abs().max()
        difference = (own - ours)[:, :1000].abs().square().sum() / ours[:, :1000].abs().square().sum()
        assert difference < 0.01


def test_long_songs_are_separated_block_by_block(excerpt: np.ndarray) -> None:
    audio = torch.from_numpy(np.tile(excerpt, 5))
    assert SpleeterWaveforms(CPU).separate(audio).shape == (2, *audio.shape)


@pytest.mark.parametrize("kind", list(packages.MAKE))
def test_a_packages_own_waveforms(
    kind: str, excerpt: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    separator = packages.MAKE[kind](tmp_path, monkeypatch)
    raw = make_estimator(f"raw:{separator}", MUSDB.descendants())
    four = ("vocals", "accompaniment", "accompaniment/bass", "accompaniment/drums", "accompaniment/other")
    assert raw.nodes == (four[:2] if "two" in kind else four)
    estimates = dict(zip(raw.nodes, raw.estimate(batch(excerpt, len(raw.nodes)))[0], strict=True))
    package = load_package(*separator.split(":", 1))
    with torch.inference_mode():
        stems = dict(zip(package.sources, package.separate(torch.from_numpy(excerpt)), strict=True))
    torch.testing.assert_close(estimates["vocals"], stems.pop("vocals"), atol=1e-4, rtol=0)
    torch.testing.assert_close(estimates["accompaniment"], sum(stems.values()), atol=1e-4, rtol=0)
    if "two" not in kind:
        other = sum(stem for name, stem in stems.items() if name not in ("drums", "bass"))
        torch.testing.assert_close(estimates["accompaniment/other"], other, atol=1e-4, rtol=0)
    assert pickle.loads(pickle.dumps(raw)).provenance() == raw.provenance()


@pytest.mark.parametrize(
    ("sources", "served"),
    [
        (("Vocals", "Instrumental"), {"vocals": [0], "accompaniment": [1]}),
        (("kick", "snare", "toms"), {}),
        (("vocals",), {"vocals": [0]}),
        (
            ("drums", "bass", "other"),
            {"accompaniment/bass": [1], "accompaniment/drums": [0], "accompaniment/other": [2]},
        ),
    ],
)
def test_no_node_without_a_stem(sources: tuple[str, ...], served: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else its estimate would be silence."""
    monkeypatch.setattr(Raw, "_separator", SimpleNamespace(sources=sources))
    if served:
        assert Raw("demucs", MUSDB.paths)._stems == served
    else:
        with pytest.raises(OptionError, match="separates kick, snare, toms, and none of the nodes is named so"):
            Raw("demucs", MUSDB.paths)


def test_mono_at_another_rate(excerpt: np.ndarray) -> None:
    mono = excerpt[:1, ::2] + excerpt[1:, ::2]
    raw = Raw("spleeter", MUSDB.descendants())
    estimates = raw.estimate(batch(mono, 2, 22050))[0]
    assert estimates.shape == (2, *mono.shape) and estimates.dtype == torch.float32
    lost = estimates.sum(dim=0).numpy() - mono
    assert np.square(lost[:, 2000:-2000]).mean() < 0.01 * np.square(mono).mean()


def test_what_cannot_be() -> None:
    with pytest.raises(OptionError, match="there is no separator 'spleter': give spleeter, demucs"):
        Raw("spleter", MUSDB.paths)
    with pytest.raises(OptionError, match="separates vocals, accompaniment, and none of the nodes is named so"):
        Raw("spleeter", ("accompaniment/bass",))
    with pytest.raises(SplitterError, match="demucs"):
        Raw("demucs:no_such_model", MUSDB.paths)
    with pytest.raises(OptionError, match="no estimator 'raw:'"):
        make_estimator("raw:", MUSDB.paths)
