from collections import Counter

import numpy as np
import pytest

from stemtree.corpora.track import Corpus
from stemtree.data.salience import Chunking
from stemtree.errors import OptionError
from stemtree.evaluation.chunks import choose_chunks


def test_every_chunk(corpus: Corpus) -> None:
    chosen = choose_chunks(corpus, Chunking(2, 1))
    assert [(song.track.id, song.starts) for song in chosen] == [
        (song, (0, 4000, 8000, 12000, 16000)) for song in ("0", "1")
    ]


def test_a_sample_is_drawn_without_repetition_and_evenly(corpus: Corpus) -> None:
    times: Counter[tuple[str, int]] = Counter()
    for seed in range(500):
        chosen = choose_chunks(corpus, Chunking(2, 1), sample=3, seed=seed)
        assert chosen == choose_chunks(corpus, Chunking(2, 1), sample=3, seed=seed)
        drawn = [(song.track.id, start) for song in chosen for start in song.starts]
        assert len(set(drawn)) == 3 and drawn == sorted(drawn)
        times.update(drawn)
    counts = np.array(list(times.values()))
    assert len(counts) == 10 and counts.min() > 105 and counts.max() < 195  # 150, four standard deviations of 11


def test_a_sample_of_more_than_all_is_all(corpus: Corpus) -> None:
    assert choose_chunks(corpus, Chunking(2, 1), sample=99) == choose_chunks(corpus, Chunking(2, 1))
    with pytest.raises(OptionError, match="a sample of 0 chunks"):
        choose_chunks(corpus, Chunking(2, 1), sample=0)
