from pathlib import Path

import numpy as np
import pytest
import torch

from stemtree.corpora.track import AudioFile, Corpus, Stem, Track
from stemtree.data.augmentation import Augmentation, Augmenter, Cut, apply
from stemtree.data.dataset import Examples
from stemtree.data.salience import Chunking, salience_index
from stemtree.data.sampling import Rules, Sampler
from stemtree.errors import OptionError
from stemtree.hierarchy import load

BASS, DRUMS = "accompaniment/bass", "accompaniment/drums"
N = 3000


@pytest.fixture
def corpus() -> Corpus:
    file = AudioFile(Path("none.wav"))
    leaves = ([BASS, DRUMS], [BASS, DRUMS], [BASS], ["vocals"])
    return Corpus(
        Path(), "folder", "musdb18",
        tuple(Track(str(n), None, 100, 1000, tuple(Stem(leaf, leaf, leaf, file) for leaf in stems))
              for n, stems in enumerate(leaves)),
    )  # fmt: skip


def vary(corpus: Corpus, cuts: list[Cut], times: int = N, **options) -> list[list[Cut]]:
    augmenter = Augmenter(Augmentation(**options), corpus, Chunking(2, 1))
    return [augmenter.vary(cuts, np.random.default_rng(number)) for number in range(times)]


def test_nothing_comes_from_a_song_to_avoid(corpus: Corpus) -> None:
    augmenter = Augmenter(Augmentation(other_song=0.5, doubled=0.5), corpus, Chunking(2, 1))
    mixes = [augmenter.vary(CUTS, np.random.default_rng(number), avoid=1) for number in range(200)]
    assert {cut.track for mix in mixes for cut in mix if cut.stem == 0} == {0, 2}  # the second has bass as well
    assert {cut.track for mix in mixes for cut in mix if cut.stem == 1} == {0}  # no other has drums


def test_nothing_is_drawn_from_where_truth_is_missing(corpus: Corpus) -> None:
    augmenter = Augmenter(
        Augmentation(shift=0.3, other_song=0.3, doubled=0.3), corpus, Chunking(2, 1), None,
        lambda track, start: track == 1 or start % 200 == 0,
    )  # fmt: skip
    mixes = [augmenter.vary([Cut(0, 0, 200)], np.random.default_rng(number)) for number in range(500)]
    moved = {(cut.track, cut.start) for mix in mixes for cut in mix} - {(0, 200)}
    assert moved == {(track, start) for track in (0, 2) for start in range(100, 900, 200)}
    closed = Augmenter(Augmentation(shift=1.0), corpus, Chunking(2, 1), None, lambda track, start: True)
    assert closed.vary(CUTS, np.random.default_rng(0)) == CUTS


def within(count: int, share: float) -> bool:
    return abs(count - share * N) <= 5 * np.sqrt(N * share * (1 - share))


CUTS = [Cut(0, 0, 300), Cut(0, 1, 300)]


def test_nothing_by_default(corpus: Corpus) -> None:
    assert vary(corpus, CUTS, 1) == [CUTS]


def test_shares(corpus: Corpus) -> None:
    assert within(sum(bass.swapped for bass, _ in vary(corpus, CUTS, swap=0.3)), 0.3)
    moved = [bass for bass, _ in vary(corpus, CUTS, shift=1.0)]
    assert {cut.start for cut in moved} == set(range(0, 900, 100)) and {cut.track for cut in moved} == {0}
    replaced = [bass for bass, _ in vary(corpus, CUTS, other_song=0.4)]
    assert within(sum(cut.track != 0 for cut in replaced), 0.4)
    assert {cut.track for cut in replaced} == {0, 1, 2}
    doubled = vary(corpus, CUTS[:1], doubled=0.6)
    assert within(sum(len(cuts) == 2 for cuts in doubled), 0.6)
    assert all(cuts[0] == CUTS[0] and cuts[1].track in (1, 2) for cuts in doubled if len(cuts) == 2)
    dropped = vary(corpus, CUTS, drop=0.3)
    assert within(sum(len(cuts) == 2 for cuts in dropped), 0.49)
    assert within(sum(cuts == CUTS[:1] for cuts in dropped), 0.7 * 0.3 + 0.09 / 2)  # one stays where both would go
    assert all(cuts for cuts in vary(corpus, CUTS, 200, drop=1.0))


def test_a_leaf_that_no_other_song_has_stays(corpus: Corpus) -> None:
    cuts = [Cut(3, 0, 100)]
    assert vary(corpus, cuts, 5, other_song=1.0, doubled=1.0) == [cuts] * 5


def test_pitch_and_tempo_are_the_songs_and_drums_keep_their_pitch(corpus: Corpus) -> None:
    gains = []
    for bass, drums in vary(corpus, CUTS, 200, pitch=2.0, tempo=(0.88, 1.12), gain=(0.25, 1.25)):
        assert -2 <= bass.pitch <= 2 and bass.pitch != 0 and drums.pitch == 0
        assert 0.88 <= bass.tempo == drums.tempo <= 1.12
        gains += [bass.gain, drums.gain]
    assert 0.25 <= min(gains) < 0.3 and 1.2 < max(gains) <= 1.25


def test_what_is_heard() -> None:
    rate, seconds = 16000, 2
    tone = np.sin(2 * np.pi * 440 * np.arange(rate * seconds) / rate).astype(np.float32) / 2
    stereo = np.stack([tone, 0 * tone])
    np.testing.assert_allclose(apply(stereo, Cut(0, 0, 0, gain=0.5, swapped=True), rate, len(tone)), stereo[::-1] / 2)
    assert apply(stereo, Cut(0, 0, 0), rate, 10).shape == (2, 10)
    higher = apply(tone[None], Cut(0, 0, 0, pitch=2.0), rate, len(tone))[0]
    faster = apply(tone[None], Cut(0, 0, 0, tempo=1.1), rate, round(len(tone) / 1.1))[0]

    def pitch(audio: np.ndarray) -> float:
        middle = audio[len(audio) // 4 : -len(audio) // 4]
        return float(np.argmax(np.abs(np.fft.rfft(middle))) * rate / len(middle))

    assert pitch(higher) == pytest.approx(440 * 2 ** (2 / 12), rel=0.01)
    assert pitch(faster) == pytest.approx(440, rel=0.01)
    assert np.abs(faster[-rate // 10 :]).max() > 0.3  # and it fills its length


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"swap": 1.5}, r"'swap' is 1\.5: give a share"),
        ({"gain": (0, 1)}, "'gain' is .*: give a range of positive numbers"),
        ({"tempo": (1.2, 0.8)}, "'tempo' is .*the lower first"),
        ({"pitch": -1}, "'pitch' is -1"),
    ],
)
def test_what_makes_no_sense(options: dict, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Augmentation(**options)


def test_augmented_examples_are_seeded_and_consistent(tmp_path: Path) -> None:
    from support.noise_corpus import SHORT, make_corpus

    hierarchy = load("musdb18")
    songs = make_corpus(tmp_path, [["vocals", BASS, DRUMS], [BASS, DRUMS], ["vocals", BASS]], channels=2)
    index = salience_index(songs, hierarchy, tmp_path / "index.parquet", SHORT)
    everything = Augmentation(0.5, (0.25, 1.25), 0.5, 0.5, 0.5, pitch=2.0, tempo=(0.88, 1.12))
    nodes = list(hierarchy.paths)
    sampler = Sampler(songs, index, hierarchy, [BASS], Rules())
    plain, once, again = (
        Examples(sampler, index, hierarchy, nodes, size=4, mono=False, augmentation=augmentation)
        for augmentation in (None, everything, everything)
    )
    for number in range(4):
        example = once[number]
        assert torch.equal(example["mixture"], again[number]["mixture"])
        assert not torch.equal(example["mixture"], plain[number]["mixture"])
        signals = dict(zip(nodes, example["nodes"], strict=True))
        for path in ("", "accompaniment"):
            total = sum(signals[child] for child in hierarchy.children(path))
            torch.testing.assert_close(total, signals[path] if path else example["mixture"], atol=1e-5, rtol=0)
        for flag, signal in zip(example["present"], example["nodes"], strict=True):
            assert bool(flag) == bool(10 * torch.log10(signal.square().mean()) > SHORT.threshold)
