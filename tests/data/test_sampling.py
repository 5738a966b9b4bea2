"""SamplingRules, on an index that is written down instead of measured."""

from math import sqrt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from stemtree.corpora.track import AudioFile, Corpus, Stem, Track
from stemtree.data.salience import Chunking, SalienceIndex
from stemtree.data.sampling import ChunkPosition, ChunkSampler, SamplingRules
from stemtree.errors import HierarchyError, OptionError, SamplingError
from stemtree.hierarchy import load

BASS, DRUMS, OTHER = (f"accompaniment/{name}" for name in ("bass", "drums", "other"))
CHUNKS = 40
N = 4000


def make(salient: dict[str, dict[str, list[bool]]]) -> tuple[Corpus, SalienceIndex]:
    """Songs with the chunks in which each of their nodes is salient."""
    file = AudioFile(Path("none.wav"))
    tracks = [
        Track(name, "train", 100, 100 * CHUNKS, tuple(Stem(node, node, node, file) for node in nodes))
        for name, nodes in salient.items()
    ]
    rows = [
        (track, node, "", np.where(flags, -10.0, -50.0).tolist())
        for track, nodes in salient.items()
        for node, flags in {**nodes, "": [True] * CHUNKS}.items()
    ]
    table = pl.DataFrame(rows, schema=["track", "node", "fingerprint", "rms"], orient="row")
    index = SalienceIndex(table, Chunking(1, 1))
    return Corpus(Path(), "folder", "musdb18", tuple(tracks)), index


def flags(seed: int, share: float = 0.5) -> list[bool]:
    return (np.random.default_rng(seed).random(CHUNKS) < share).tolist()


SALIENT = {
    "a": {BASS: flags(0), DRUMS: flags(1)},
    "b": {BASS: flags(2), OTHER: flags(3)},
    "c": {BASS: flags(4, 0.1), DRUMS: flags(5)},
    "d": {"vocals": [True] * CHUNKS, OTHER: flags(6)},
}


def sampler(rules: SamplingRules, targets: tuple[str, ...] = (BASS,), salient: dict = SALIENT) -> ChunkSampler:
    corpus, index = make(salient)
    return ChunkSampler(corpus, index, load("musdb18"), targets, rules)


def is_salient(position: ChunkPosition, node: str) -> bool:
    return SALIENT["abcd"[position.track]].get(node, [False] * CHUNKS)[position.chunk]


def within(count: int, share: float, of: int = N) -> bool:
    """Within five standard deviations of a binomial distribution."""
    return abs(count - share * of) <= 5 * sqrt(of * share * (1 - share)) + 1e-9


@pytest.mark.parametrize(("absent", "sibling"), [(0, 0), (0.3, 0), (0.3, 0.6), (1, 1)])
def test_shares(absent: float, sibling: float) -> None:
    drawn = sampler(SamplingRules(absent=absent, sibling=sibling))
    positions = [drawn.draw(number).position for number in range(N)]
    present = [is_salient(position, BASS) for position in positions]
    assert within(N - sum(present), absent)
    gone = [position for position, there in zip(positions, present, strict=True) if not there]
    with_sibling = sum(is_salient(position, DRUMS) or is_salient(position, OTHER) for position in gone)
    if sibling in (0, 1):
        assert sibling == 0 or with_sibling == len(gone)
    else:  # those drawn for a sibling, and those of the others that happen to have one
        pool = [
            ChunkPosition(t, c) for t in range(4) for c in range(CHUNKS) if not is_salient(ChunkPosition(t, c), BASS)
        ]
        by_chance = np.mean([is_salient(position, DRUMS) or is_salient(position, OTHER) for position in pool])
        assert within(with_sibling, sibling + (1 - sibling) * by_chance, len(gone))


def test_every_chunk_is_as_likely_as_the_others() -> None:
    drawn = sampler(SamplingRules())
    pool = [ChunkPosition(t, c) for t in range(4) for c in range(CHUNKS) if is_salient(ChunkPosition(t, c), BASS)]
    positions = [drawn.draw(number).position for number in range(N)]
    assert set(positions) == set(pool)
    assert all(within(positions.count(position), 1 / len(pool)) for position in pool)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9, 1.0])
def test_missing_leaves_are_flagged(share: float) -> None:
    drawn = sampler(SamplingRules(missing=share, seed=3))
    draws = [drawn.draw(number) for number in range(N)]
    verdicts = {draw.position: draw.leaf_known for draw in draws}
    assert all(verdicts[draw.position] == draw.leaf_known for draw in draws)  # fixed for each chunk
    assert within(sum(not known for known in verdicts.values()), share, len(verdicts))


def test_missing_chunks_are_dropped() -> None:
    rules = {mode: SamplingRules(missing=0.5, missing_mode=mode, seed=3) for mode in ("all", "leaf")}  # type: ignore[arg-type]
    flagged = sampler(rules["leaf"])
    gone = {ChunkPosition(t, c) for t in range(4) for c in range(CHUNKS) if flagged.is_missing(ChunkPosition(t, c))}
    draws = [sampler(rules["all"]).draw(number) for number in range(200)]
    assert all(draw.leaf_known and draw.position not in gone for draw in draws)
    assert any(flagged.draw(number).position in gone for number in range(200))


def test_queries_come_from_another_song() -> None:
    drawn = sampler(SamplingRules(query=True, absent=0.4), (BASS, DRUMS, OTHER))
    draws = [drawn.draw(number) for number in range(N)]
    for draw in draws:
        assert draw.query is not None and draw.query.track != draw.position.track
        assert is_salient(draw.query, draw.target)
    for target in (BASS, DRUMS, OTHER):
        assert within(sum(draw.target == target for draw in draws), 1 / 3)


def test_the_same_seed_gives_the_same_draws_in_any_order() -> None:
    rules = SamplingRules(query=True, absent=0.4, sibling=0.5, missing=0.5, seed=7)
    forward = [sampler(rules).draw(number) for number in range(50)]
    shuffled = sampler(rules)
    order = np.random.default_rng(0).permutation(50)
    backward = {int(number): shuffled.draw(int(number)) for number in order}
    assert forward == [backward[number] for number in range(50)]
    assert forward != [sampler(SamplingRules(seed=8, query=True, absent=0.4)).draw(number) for number in range(50)]


@pytest.mark.parametrize(
    ("target", "rules", "kind", "message"),
    [
        (DRUMS + "x", SamplingRules(), HierarchyError, "no node"),
        (
            "vocals",
            SamplingRules(query=True),
            SamplingError,
            "'vocals' is salient only in 'd': a query needs a second song",
        ),
        (
            BASS,
            SamplingRules(missing=1, missing_mode="all"),
            SamplingError,
            "'accompaniment/bass' is salient in no chunk",
        ),
        (
            "accompaniment",
            SamplingRules(absent=0.5, sibling=1),
            SamplingError,
            "no chunk has a sibling of 'accompaniment' without it",
        ),
    ],
)
def test_what_cannot_be_drawn(target: str, rules: SamplingRules, kind: type[Exception], message: str) -> None:
    salient = {name: {**nodes, "accompaniment": [True] * CHUNKS} for name, nodes in SALIENT.items()}
    with pytest.raises(kind, match=message):
        sampler(rules, (target,), salient)


def test_salient_everywhere_has_no_absent_chunk() -> None:
    with pytest.raises(SamplingError, match="'vocals' is salient in every chunk: set the share of absent"):
        sampler(SamplingRules(absent=0.5), ("vocals",), {"d": {"vocals": [True] * CHUNKS}})


def test_rules_are_checked() -> None:
    with pytest.raises(OptionError, match=r"'absent' is 1\.5: give a share between 0 and 1"):
        SamplingRules(absent=1.5)
    with pytest.raises(OptionError, match="'seed' is -1: give 0 or more"):
        SamplingRules(seed=-1)
    with pytest.raises(OptionError, match="'missing_mode' is 'some'"):
        SamplingRules(missing_mode="some")  # type: ignore[arg-type]
