"""SamplingRules, on an index that is written down instead of measured."""

from dataclasses import replace
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


@pytest.mark.parametrize("family", [0, 0.5, 1])
def test_share_with_another_of_the_family(family: float) -> None:
    drawn = sampler(SamplingRules(absent=0.2, family=family), (BASS, DRUMS, OTHER, "vocals"))
    draws = [drawn.draw(number) for number in range(N)]
    for target in (BASS, DRUMS, OTHER):
        others = {BASS, DRUMS, OTHER} - {target}
        chunks = [ChunkPosition(t, c) for t in range(4) for c in range(CHUNKS)]
        together = [any(is_salient(chunk, other) for other in others) for chunk in chunks if is_salient(chunk, target)]
        present = [draw.position for draw in draws if draw.target == target and is_salient(draw.position, target)]
        assert within(N // 4 - len(present), 0.2, N // 4)
        with_other = sum(any(is_salient(chunk, other) for other in others) for chunk in present)
        assert within(with_other, family + (1 - family) * np.mean(together), len(present))


def test_of_several_targets_some_have_no_siblings() -> None:
    salient = {"a": {BASS: flags(0), "vocals": flags(1)}, "b": {DRUMS: flags(2)}, "c": {DRUMS: flags(3)}}
    drawn = sampler(SamplingRules(absent=0.5, sibling=1), (BASS, "vocals"), salient)
    gone = [
        draw.position
        for draw in map(drawn.draw, range(400))
        if draw.target == "vocals" and not (draw.position.track == 0 and salient["a"]["vocals"][draw.position.chunk])
    ]
    assert len(gone) == 100


def test_no_chunk_comes_twice_before_all_came() -> None:
    drawn = sampler(SamplingRules(absent=0.25), (BASS, OTHER))
    draws = [drawn.draw(number) for number in range(400)]
    for target, chunks in ((BASS, {0: 20, 1: 20, 2: 4}), (OTHER, {})):
        positions = [draw.position for draw in draws if draw.target == target]
        present = [position for position in positions if is_salient(position, target)]
        absent = [position for position in positions if not is_salient(position, target)]
        assert len(present) == 150 and len(absent) == 50
        for kind in (present, absent):
            counts = [kind.count(position) for position in set(kind)]
            assert max(counts) - min(counts) <= 1
        asked, there = drawn.num_chunks(400)[target]
        assert asked == 150 and set(present) == set(present[:there]) and len(set(present)) == there
        assert not chunks or there == sum(sum(SALIENT["abcd"[track]][BASS]) for track in chunks)
    order = [draw.target for draw in draws]
    assert all(set(order[start : start + 2]) == {BASS, OTHER} for start in range(0, 400, 2))
    kinds = [is_salient(draw.position, draw.target) for draw in draws]
    assert not any(not kinds[n] and not kinds[n + 1] for n in range(0, 400, 2))  # not both of a pair without it


def overlapping(length: int, rules: SamplingRules, songs: int = 1) -> ChunkSampler:
    """Songs of so many chunks of 4 s, every second, all with bass."""
    rate, duration = 10, 4
    track = Track("", "train", rate, rate * (length + duration - 1), (Stem(BASS, BASS, BASS, AudioFile(Path("x"))),))
    tracks = tuple(replace(track, id=str(number)) for number in range(songs))
    rows = [(track.id, node, "", [-10.0] * length) for track in tracks for node in ("", BASS)]
    table = pl.DataFrame(rows, schema=["track", "node", "fingerprint", "rms"], orient="row")
    corpus = Corpus(Path(), "folder", "musdb18", tracks)
    return ChunkSampler(corpus, SalienceIndex(table, Chunking(duration, 1)), load("musdb18"), (BASS,), rules)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.97])
@pytest.mark.parametrize("unit", ["stretch", "song"])
def test_so_much_audio_loses_its_truth(share: float, unit: str) -> None:
    """Although chunks overlap by three quarters: the audio of all chunks that keep it, counted second by second."""
    length, songs = 157, 40
    drawn = overlapping(length, SamplingRules(missing=share, missing_unit=unit), songs)  # type: ignore[arg-type]
    known = np.zeros((songs, length + 3), bool)
    for song in range(songs):
        for chunk in range(length):
            if not drawn.is_missing(ChunkPosition(song, chunk)):
                known[song, chunk : chunk + 4] = True
    assert known.mean() == pytest.approx(1 - share, abs=0.004 if unit == "stretch" else 0.02)
    audio = drawn.known_audio()[BASS]
    assert (audio.known, audio.total) == (known.sum(), known.size) and audio.share == known.mean()
    if unit == "song":
        assert set(known.mean(axis=1)) == {0, 1}
    else:
        assert np.count_nonzero(known.any(axis=1)) > songs * (1 - share) * 1.5


def test_something_is_left_of_few_songs() -> None:
    drawn = overlapping(40, SamplingRules(missing=0.97, missing_mode="all", missing_unit="song"), 2)
    assert len({drawn.draw(number).position.track for number in range(80)}) == 1


def test_a_greater_share_withholds_what_a_smaller_one_does() -> None:
    samplers = [overlapping(100, SamplingRules(missing=share), 5) for share in (0.3, 0.6)]
    gone = [{n for n in range(500) if drawn.is_missing(ChunkPosition(*divmod(n, 100)))} for drawn in samplers]
    assert gone[0] < gone[1]


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9, 1.0])
def test_missing_leaves_are_flagged(share: float) -> None:
    drawn = sampler(SamplingRules(missing=share, seed=3))
    draws = [drawn.draw(number) for number in range(N)]
    verdicts = {draw.position: draw.leaf_known for draw in draws}
    assert all(verdicts[draw.position] == draw.leaf_known for draw in draws)  # fixed for each chunk
    assert all(known != drawn.is_missing(position) for position, known in verdicts.items())
    assert {0.0: {True}, 1.0: {False}}.get(share, {True, False}) == set(verdicts.values())


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
    with pytest.raises(OptionError, match="'missing_unit' is 'chunk': give 'stretch' or 'song'"):
        SamplingRules(missing_unit="chunk")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="'leaks' is 'dropped': give 'ignored' or 'ancestor'"):
        SamplingRules(leaks="dropped")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="'missing_mode' is 'some'"):
        SamplingRules(missing_mode="some")  # type: ignore[arg-type]
