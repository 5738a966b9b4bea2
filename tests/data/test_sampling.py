"""Rules, on an index that is written down instead of measured."""

from math import sqrt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from stemtree.corpora.track import AudioFile, Corpus, Stem, Track
from stemtree.data.salience import Chunking, SalienceIndex
from stemtree.data.sampling import Place, Rules, Sampler
from stemtree.errors import HierarchyError, OptionError, SamplingError
from stemtree.hierarchy import load

BASS, DRUMS, OTHER = (f"accompaniment/{name}" for name in ("bass", "drums", "other"))
CHUNKS = 40
N = 4000


def make(heard: dict[str, dict[str, list[bool]]]) -> tuple[Corpus, SalienceIndex]:
    """Songs with the chunks in which each of their nodes is heard."""
    file = AudioFile(Path("none.wav"))
    tracks = [
        Track(name, "train", 100, 100 * CHUNKS, tuple(Stem(node, node, node, file) for node in nodes))
        for name, nodes in heard.items()
    ]
    rows = [
        (track, node, "", np.where(flags, -10.0, -50.0).tolist())
        for track, nodes in heard.items()
        for node, flags in {**nodes, "": [True] * CHUNKS}.items()
    ]
    table = pl.DataFrame(rows, schema=["track", "node", "fingerprint", "rms"], orient="row")
    index = SalienceIndex(table, Chunking(1, 1))
    return Corpus(Path(), "folder", "musdb18", tuple(tracks)), index


def flags(seed: int, share: float = 0.5) -> list[bool]:
    return (np.random.default_rng(seed).random(CHUNKS) < share).tolist()


HEARD = {
    "a": {BASS: flags(0), DRUMS: flags(1)},
    "b": {BASS: flags(2), OTHER: flags(3)},
    "c": {BASS: flags(4, 0.1), DRUMS: flags(5)},
    "d": {"vocals": [True] * CHUNKS, OTHER: flags(6)},
}


def sampler(rules: Rules, targets: tuple[str, ...] = (BASS,), heard: dict = HEARD) -> Sampler:
    corpus, index = make(heard)
    return Sampler(corpus, index, load("musdb18"), targets, rules)


def is_heard(place: Place, node: str) -> bool:
    return HEARD["abcd"[place.track]].get(node, [False] * CHUNKS)[place.chunk]


def within(count: int, share: float, of: int = N) -> bool:
    """Within five standard deviations of a binomial distribution."""
    return abs(count - share * of) <= 5 * sqrt(of * share * (1 - share)) + 1e-9


@pytest.mark.parametrize(("absent", "sibling"), [(0, 0), (0.3, 0), (0.3, 0.6), (1, 1)])
def test_shares(absent: float, sibling: float) -> None:
    drawn = sampler(Rules(absent=absent, sibling=sibling))
    places = [drawn.draw(number).place for number in range(N)]
    present = [is_heard(place, BASS) for place in places]
    assert within(N - sum(present), absent)
    gone = [place for place, there in zip(places, present, strict=True) if not there]
    with_sibling = sum(is_heard(place, DRUMS) or is_heard(place, OTHER) for place in gone)
    if sibling in (0, 1):
        assert sibling == 0 or with_sibling == len(gone)
    else:  # those drawn for a sibling, and those of the others that happen to have one
        pool = [Place(t, c) for t in range(4) for c in range(CHUNKS) if not is_heard(Place(t, c), BASS)]
        by_chance = np.mean([is_heard(place, DRUMS) or is_heard(place, OTHER) for place in pool])
        assert within(with_sibling, sibling + (1 - sibling) * by_chance, len(gone))


def test_every_chunk_is_as_likely_as_the_others() -> None:
    drawn = sampler(Rules())
    pool = [Place(t, c) for t in range(4) for c in range(CHUNKS) if is_heard(Place(t, c), BASS)]
    places = [drawn.draw(number).place for number in range(N)]
    assert set(places) == set(pool)
    assert all(within(places.count(place), 1 / len(pool)) for place in pool)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9, 1.0])
def test_missing_leaves_are_flagged(share: float) -> None:
    drawn = sampler(Rules(missing=share, seed=3))
    draws = [drawn.draw(number) for number in range(N)]
    verdicts = {draw.place: draw.leaf_known for draw in draws}
    assert all(verdicts[draw.place] == draw.leaf_known for draw in draws)  # fixed for each chunk
    assert within(sum(not known for known in verdicts.values()), share, len(verdicts))


def test_missing_chunks_are_dropped() -> None:
    rules = {mode: Rules(missing=0.5, missing_mode=mode, seed=3) for mode in ("all", "leaf")}  # type: ignore[arg-type]
    flagged = sampler(rules["leaf"])
    gone = {Place(t, c) for t in range(4) for c in range(CHUNKS) if flagged.is_missing(Place(t, c))}
    draws = [sampler(rules["all"]).draw(number) for number in range(200)]
    assert all(draw.leaf_known and draw.place not in gone for draw in draws)
    assert any(flagged.draw(number).place in gone for number in range(200))


def test_queries_come_from_another_song() -> None:
    drawn = sampler(Rules(query=True, absent=0.4), (BASS, DRUMS, OTHER))
    draws = [drawn.draw(number) for number in range(N)]
    for draw in draws:
        assert draw.query is not None and draw.query.track != draw.place.track
        assert is_heard(draw.query, draw.target)
    for target in (BASS, DRUMS, OTHER):
        assert within(sum(draw.target == target for draw in draws), 1 / 3)


def test_the_same_seed_gives_the_same_draws_in_any_order() -> None:
    rules = Rules(query=True, absent=0.4, sibling=0.5, missing=0.5, seed=7)
    forward = [sampler(rules).draw(number) for number in range(50)]
    shuffled = sampler(rules)
    order = np.random.default_rng(0).permutation(50)
    backward = {int(number): shuffled.draw(int(number)) for number in order}
    assert forward == [backward[number] for number in range(50)]
    assert forward != [sampler(Rules(seed=8, query=True, absent=0.4)).draw(number) for number in range(50)]


@pytest.mark.parametrize(
    ("target", "rules", "kind", "message"),
    [
        (DRUMS + "x", Rules(), HierarchyError, "no node"),
        ("vocals", Rules(query=True), SamplingError, "'vocals' is salient only in 'd': a query needs a second song"),
        (BASS, Rules(missing=1, missing_mode="all"), SamplingError, "'accompaniment/bass' is salient in no chunk"),
        (
            "accompaniment",
            Rules(absent=0.5, sibling=1),
            SamplingError,
            "no chunk has a sibling of 'accompaniment' without it",
        ),
    ],
)
def test_what_cannot_be_drawn(target: str, rules: Rules, kind: type[Exception], message: str) -> None:
    heard = {name: {**nodes, "accompaniment": [True] * CHUNKS} for name, nodes in HEARD.items()}
    with pytest.raises(kind, match=message):
        sampler(rules, (target,), heard)


def test_salient_everywhere_has_no_absent_chunk() -> None:
    with pytest.raises(SamplingError, match="'vocals' is salient in every chunk: set the share of absent"):
        sampler(Rules(absent=0.5), ("vocals",), {"d": {"vocals": [True] * CHUNKS}})


def test_rules_are_checked() -> None:
    with pytest.raises(OptionError, match=r"'absent' is 1\.5: give a share between 0 and 1"):
        Rules(absent=1.5)
    with pytest.raises(OptionError, match="'seed' is -1: give 0 or more"):
        Rules(seed=-1)
    with pytest.raises(OptionError, match="'missing_mode' is 'some'"):
        Rules(missing_mode="some")  # type: ignore[arg-type]
