from pathlib import Path

import numpy as np
import pytest
import torch

from stemtree.corpora.track import AudioFile, Corpus, Stem, Track
from stemtree.data.augmentation import Augmentation, Augmenter
from stemtree.data.dataset import Examples
from stemtree.data.salience import Chunking, salience_index
from stemtree.data.sampling import ChunkSampler, SamplingRules
from stemtree.data.stem_excerpt import StemExcerpt
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


def augment(corpus: Corpus, excerpts: list[StemExcerpt], times: int = N, **options) -> list[list[StemExcerpt]]:
    augmenter = Augmenter(Augmentation(**options), corpus, Chunking(2, 1))
    return [augmenter.augment(excerpts, np.random.default_rng(number)) for number in range(times)]


def test_nothing_comes_from_a_song_to_avoid(corpus: Corpus) -> None:
    augmenter = Augmenter(Augmentation(other_song=0.5, doubled=0.5), corpus, Chunking(2, 1))
    mixes = [augmenter.augment(EXCERPTS, np.random.default_rng(number), avoid=1) for number in range(200)]
    assert {excerpt.track for mix in mixes for excerpt in mix if excerpt.stem == 0} == {
        0,
        2,
    }  # the second has bass as well
    assert {excerpt.track for mix in mixes for excerpt in mix if excerpt.stem == 1} == {0}  # no other has drums


def test_a_song_without_a_stem_stays_as_it_is(corpus: Corpus) -> None:
    """As songs are that have nothing beneath the node that is used as the mixture."""
    assert augment(corpus, [], 50, drop=0.5, other_song=0.5) == [[]] * 50


def test_nothing_is_drawn_from_where_truth_is_missing(corpus: Corpus) -> None:
    augmenter = Augmenter(
        Augmentation(shift=0.3, other_song=0.3, doubled=0.3), corpus, Chunking(2, 1), None,
        lambda track, start: track == 1 or start % 200 == 0,
    )  # fmt: skip
    mixes = [augmenter.augment([StemExcerpt(0, 0, 200)], np.random.default_rng(number)) for number in range(500)]
    moved = {(excerpt.track, excerpt.start) for mix in mixes for excerpt in mix} - {(0, 200)}
    assert moved == {(track, start) for track in (0, 2) for start in range(100, 900, 200)}
    closed = Augmenter(Augmentation(shift=1.0), corpus, Chunking(2, 1), None, lambda track, start: True)
    assert closed.augment(EXCERPTS, np.random.default_rng(0)) == EXCERPTS


def within(count: int, share: float) -> bool:
    return abs(count - share * N) <= 5 * np.sqrt(N * share * (1 - share))


EXCERPTS = [StemExcerpt(0, 0, 300), StemExcerpt(0, 1, 300)]


def test_nothing_by_default(corpus: Corpus) -> None:
    assert augment(corpus, EXCERPTS, 1) == [EXCERPTS]


def test_shares(corpus: Corpus) -> None:
    assert within(sum(bass.swapped for bass, _ in augment(corpus, EXCERPTS, swap=0.3)), 0.3)
    moved = [bass for bass, _ in augment(corpus, EXCERPTS, shift=1.0)]
    assert {excerpt.start for excerpt in moved} == set(range(0, 900, 100)) and {excerpt.track for excerpt in moved} == {
        0
    }
    replaced = [bass for bass, _ in augment(corpus, EXCERPTS, other_song=0.4)]
    assert within(sum(excerpt.track != 0 for excerpt in replaced), 0.4)
    assert {excerpt.track for excerpt in replaced} == {0, 1, 2}
    doubled = augment(corpus, EXCERPTS[:1], doubled=0.6)
    assert within(sum(len(excerpts) == 2 for excerpts in doubled), 0.6)
    assert all(excerpts[0] == EXCERPTS[0] and excerpts[1].track in (1, 2) for excerpts in doubled if len(excerpts) == 2)
    dropped = augment(corpus, EXCERPTS, drop=0.3)
    assert within(sum(len(excerpts) == 2 for excerpts in dropped), 0.49)
    assert within(
        sum(excerpts == EXCERPTS[:1] for excerpts in dropped), 0.7 * 0.3 + 0.09 / 2
    )  # one stays where both would go
    assert all(excerpts for excerpts in augment(corpus, EXCERPTS, 200, drop=1.0))


def test_a_leaf_that_no_other_song_has_stays(corpus: Corpus) -> None:
    excerpts = [StemExcerpt(3, 0, 100)]
    assert augment(corpus, excerpts, 5, other_song=1.0, doubled=1.0) == [excerpts] * 5


def test_pitch_and_tempo_are_the_songs_and_drums_keep_their_pitch(corpus: Corpus) -> None:
    gains = []
    for bass, drums in augment(corpus, EXCERPTS, 200, pitch=2.0, tempo=(0.88, 1.12), gain=(0.25, 1.25)):
        assert -2 <= bass.pitch <= 2 and bass.pitch != 0 and drums.pitch == 0
        assert 0.88 <= bass.tempo == drums.tempo <= 1.12
        gains += [bass.gain, drums.gain]
    assert 0.25 <= min(gains) < 0.3 and 1.2 < max(gains) <= 1.25


def test_a_songs_speed_is_one_and_each_stem_has_a_timbre_of_its_own(corpus: Corpus) -> None:
    speeds = []
    for bass, drums in augment(corpus, EXCERPTS, 200, speed=(0.8, 1.25), equaliser=6.0):
        assert bass.speed == drums.speed and bass.pitch == 0 and bass.tempo == 1
        assert bass.equaliser != drums.equaliser
        assert len(bass.equaliser) == 9 and all(-6 <= gain <= 6 for gain in bass.equaliser)
        speeds.append(bass.speed)
    assert 0.8 <= min(speeds) < 0.82 and 1.23 < max(speeds) <= 1.25


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"swap": 1.5}, r"'swap' is 1\.5: give a share"),
        ({"gain": (0, 1)}, "'gain' is .*: give a range of positive numbers"),
        ({"tempo": (1.2, 0.8)}, "'tempo' is .*the lower first"),
        ({"pitch": -1}, "'pitch' is -1"),
        ({"pitch": np.nan}, "'pitch' is nan"),
        ({"speed": (0, 1)}, "'speed' is .*: give a range of positive numbers"),
        ({"equaliser": -1}, "'equaliser' is -1"),
        ({"gain": (1, np.inf)}, "'gain' is .*: give a range of positive numbers"),
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
    everything = Augmentation(
        0.5, (0.25, 1.25), 0.5, 0.5, 0.5, pitch=2.0, tempo=(0.88, 1.12), speed=(0.8, 1.2), equaliser=6.0
    )
    nodes = list(hierarchy.paths)
    sampler = ChunkSampler(songs, index, hierarchy, [BASS], SamplingRules())
    plain, once, again = (
        Examples(sampler, nodes, size=4, mono=False, augmentation=augmentation)
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
