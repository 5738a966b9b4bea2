import collections

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemtree.curation.splits.artists import credited
from stemtree.curation.splits.assign import Song, assign_splits, published_test_songs
from stemtree.errors import CorpusError, OptionError


def song(number: int, artist: str | None = None, genre: str = "Rock", instruments: str = "bass drum_set") -> Song:
    artist = artist or f"Artist {number}"
    return Song(f"{artist} - Song {number}", artist, f"Song {number}", genre, frozenset(instruments.split()))


def library(size: int = 200) -> list[Song]:
    """Two songs an artist, genres and instruments of unequal frequency."""
    genres = ["Rock"] * 5 + ["Jazz"] * 3 + ["Techno"] * 2
    instruments = ["bass drum_set", "bass drum_set lead_vocal", "pianos strings", "bass lead_vocal brass", "woodwinds"]
    return [
        song(number, f"Artist {number // 2}", genres[number % 10], instruments[number * 7 % 5])
        for number in range(size)
    ]


def test_shares_and_distributions_are_met() -> None:
    songs = library()
    splits = assign_splits(songs, fixed={})
    counts = collections.Counter(splits.of.values())
    assert [counts[name] for name in ("train", "validation", "test")] == [168, 12, 20]
    for split in splits.distances.values():
        assert split.genre < 0.1 and split.instrument < 0.06
    # Counted by hand: the share of jazz in the test split.
    jazz = [item.name for item in songs if item.genre == "Jazz"]
    assert sum(splits.of[name] == "test" for name in jazz) == 6


def test_distances_by_hand() -> None:
    songs = [song(1), song(2, genre="Jazz"), song(3), song(4, genre="Jazz")]
    of = {songs[0].name: "train", songs[1].name: "train", songs[2].name: "train", songs[3].name: "test"}
    distances = assign_splits(songs, fixed=of).distances
    assert distances["train"].genre == pytest.approx(2 / 3 - 1 / 2, abs=1e-4)
    assert distances["test"].genre == pytest.approx(1 / 2)
    assert distances["test"].instrument == 0 and distances["validation"].songs == 0


songs_strategy = st.lists(
    st.tuples(st.sampled_from("ABCDEFGH"), st.sampled_from(["", "C", "F"]), st.sampled_from(["Rock", "Jazz", "Folk"])),
    max_size=24,
).map(
    lambda rows: [
        Song(f"{number}", artist + (f" feat. {guest}" if guest else ""), f"t{number}", genre, frozenset({genre}))
        for number, (artist, guest, genre) in enumerate(rows)
    ]
)


@settings(max_examples=20, deadline=None)
@given(songs_strategy, st.integers(0, 24), st.randoms(use_true_random=False))
def test_no_artist_in_two_splits_no_song_moves_and_order_does_not_matter(songs, first: int, random) -> None:
    earlier = assign_splits(songs[:first])
    shuffled = random.sample(songs, len(songs))
    splits = assign_splits(shuffled, earlier=earlier.of)
    assert splits.of == assign_splits(songs, earlier=earlier.of).of
    assert all(splits.of[name] == split for name, split in earlier.of.items())
    homes = collections.defaultdict(set)
    for item in songs:
        if item.name in splits.of:
            for artist in credited(item.artist, item.title):
                homes[artist].add(splits.of[item.name])
    assert all(len(found) == 1 for found in homes.values())
    assert {item.name for item in songs} == {*splits.of} | {problem.track for problem in splits.problems}


def test_published_test_songs_stay_with_all_of_their_artists() -> None:
    assert len(published_test_songs()) == 36
    songs = [
        *library(),
        Song("x", "AL JAMES", "Schoolboy fascination!", "Pop", frozenset({"bass"})),
        song(999, "Al James"),
    ]
    splits = assign_splits(songs)
    assert splits.of["x"] == splits.of["Al James - Song 999"] == "test"


def test_a_song_that_is_fixed_too_late_stays_and_is_named() -> None:
    songs = [song(number) for number in range(3)]
    earlier = {one.name: "train" for one in songs[:2]}
    splits = assign_splits(songs, fixed={songs[0].name: "test", songs[1].name: "train"}, earlier=earlier)
    assert splits.of[songs[0].name] == "train"
    assert [(problem.track, problem.kind) for problem in splits.problems] == [(songs[0].name, "fixed too late")]
    assert "stays in train, in which an earlier run put it, and should be in test" in splits.problems[0].message


def test_artists_of_songs_that_are_away_stay_in_their_split() -> None:
    """Else they would be in two when these songs are back."""
    songs = library(100)
    earlier = dict(assign_splits(songs, fixed={}).of)
    away = next(one for one in songs if earlier[one.name] == "test")
    new = song(1000, away.artist)
    here = [one for one in songs if one.artist != away.artist]
    splits = assign_splits([*here, new], fixed={}, earlier=earlier)
    assert splits.of[new.name] == "test" and away.name not in splits.of


def test_songs_without_any_instrument() -> None:
    assert len(assign_splits([song(number, instruments="") for number in range(9)], fixed={}).of) == 9


def test_a_song_between_splits_is_named_and_left_out() -> None:
    songs = [song(1, "A"), song(2, "B")]
    earlier = {songs[0].name: "train", songs[1].name: "test"}
    both = Song("both", "A & B", "t", "Rock", frozenset())
    splits = assign_splits([*songs, both], earlier=earlier)
    assert splits.of == earlier and [problem.track for problem in splits.problems] == ["both"]
    assert "test and train" in splits.problems[0].message
    moved = assign_splits(songs, fixed={"A - Song 1": "test"}, earlier={songs[0].name: "train"})
    assert moved.of[songs[0].name] == "train"  # what was dealt out stays


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.9, 0.2, -0.1), (0.5, 0.1, 0.1), (float("nan"), 0, 1)])
def test_shares_that_cannot_be(shares: tuple[float, ...]) -> None:
    with pytest.raises(OptionError, match="cannot be"):
        assign_splits(library(4), shares)


def test_one_name_for_two_songs() -> None:
    with pytest.raises(CorpusError, match="stands twice"):
        assign_splits([song(1), song(1)])
