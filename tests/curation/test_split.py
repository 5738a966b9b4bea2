import collections
import shutil
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from stemtree.curation.splits.artists import connected, credited
from stemtree.curation.splits.assign import SHARES, Song, assign_splits, published_test_songs
from stemtree.curation.splits.tables import assign_to_table, read_splits, songs_from_tables, split_corpus
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


@pytest.mark.parametrize(
    ("artist", "title", "expected"),
    [
        ("The Ünders", "Song", {"unders"}),
        ("Bobby Nobody feat. N.I.A.", "x", {"bobbynobody", "nia"}),
        ("BaumXmedia", "Dream State (feat. Flora Lin)", {"baumxmedia", "floralin"}),
        ("James Elder & Mark M Thompson", "x", {"jameseldermarkmthompson", "jameselder", "markmthompson"}),
        ("Ian Dearden (with Vicki Swann)", "x", {"iandeardenwithvickiswann", "iandearden", "vickiswann"}),
        ("Malcolm X", "x", {"malcolmx"}),
        ("Андрей Андреев ft Ёж", "x", {"андреиандреев", "еж"}),
        ("", "x", set()),
    ],
)
def test_credits(artist: str, title: str, expected: set[str]) -> None:
    assert credited(artist, title) == expected


def test_groups_are_connected_through_guests() -> None:
    credits = [("1", credited("A")), ("2", credited("B")), ("3", credited("C feat. B")), ("4", frozenset[str]())]
    assert list(connected(credits)) == [["1"], ["2", "3"], ["4"]]
    assert list(connected([*credits, ("5", credited("A & C"))])) == [["1", "2", "3", "5"], ["4"]]


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
    assert distances["test"].genre_bits == pytest.approx(0.3113, abs=1e-4)  # (0, 1) against (1/2, 1/2)
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


def test_bad_tables_are_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="stands twice"):
        assign_splits([song(1), song(1)])
    (tmp_path / "t.csv").write_text("song,split\nx,holdout\n")
    with pytest.raises(CorpusError, match=r"'x' has the split 'holdout' in '.*t.csv': write train, validation, test"):
        assign_to_table(library(4), tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text("song,split\nx,train\nx,test\n")
    with pytest.raises(CorpusError, match="'x' is in train and in test"):
        assign_to_table(library(4), tmp_path / "t.csv")


def test_tables_without_audio(tmp_path: Path) -> None:
    (tmp_path / "songs.csv").write_text("Music_Title,Artist,Sub_Genre\nA - B,A,Jazz\nC - D,C,Rock\n")
    (tmp_path / "labels.csv").write_text("song,file,label\nA - B,1.wav,Piano\nA - B,2.wav,Unused\nC - D,1.wav,Violin\n")
    songs, problems = songs_from_tables(tmp_path / "songs.csv", tmp_path / "labels.csv")
    assert problems == []
    assert [(item.name, item.genre, set(item.instruments)) for item in songs] == [
        ("A - B", "Jazz", {"pianos"}),
        ("C - D", "Rock", {"strings"}),
    ]
    (tmp_path / "valid.csv").write_text("song,split\nA - B,valid\n")
    splits = assign_to_table(songs, tmp_path / "out" / "splits.csv", fixed=tmp_path / "valid.csv")
    assert splits.of["A - B"] == "validation"
    assert read_splits(tmp_path / "out" / "splits.csv") == splits.of


def test_songs_that_one_table_lacks_are_counted(tmp_path: Path) -> None:
    (tmp_path / "songs.csv").write_text("song\nA - Bé\nC - D\nE - F\n")
    (tmp_path / "labels.csv").write_text("song,file,label\nA - Be\u0301,1.wav,Piano\nG - H,1.wav,Violin\n", "utf-8")
    songs, problems = songs_from_tables(tmp_path / "songs.csv", tmp_path / "labels.csv")
    assert [item.name for item in songs] == ["A - Bé"]
    assert [problem.message.partition(" songs of")[0] for problem in problems] == ["2", "1"]
    assert problems[0].message.endswith("such as 'C - D'") and problems[1].message.endswith("such as 'G - H'")
    (tmp_path / "others.csv").write_text("song\nX\n")
    with pytest.raises(CorpusError, match="give tables of the same songs"):
        songs_from_tables(tmp_path / "others.csv", tmp_path / "labels.csv")


def test_the_tables_that_are_read_are_not_written_over(cli, tmp_path: Path) -> None:
    (tmp_path / "songs.csv").write_text("song\nA - B\n")
    (tmp_path / "labels.csv").write_text("song,file,label\nA - B,1.wav,Piano\n")
    tables = ("--songs", tmp_path / "songs.csv", "--annotation", tmp_path / "labels.csv")
    outcome = cli("curate", "split", *tables, "-o", tmp_path / "songs.csv", "--anew")
    assert outcome.code == 1 and "one of the tables that are read" in outcome.err
    assert (tmp_path / "songs.csv").read_text() == "song\nA - B\n"


def _write_song(root: Path, number: int) -> None:
    name = f"Artist{number}_Song"
    (root / name).mkdir(parents=True)
    stems = {"S01": {"filename": "x.wav", "instrument": "bass"}}
    data = {"artist": f"Artist {number}", "title": "Song", "session": f"Artist {number} - Song", "stems": stems}
    (root / name / f"{name}_METADATA.yaml").write_text(yaml.safe_dump(data))


def test_a_corpus_gets_its_splits_and_keeps_them(tmp_path: Path) -> None:
    for number in range(20):
        _write_song(tmp_path, number)
    first = split_corpus(tmp_path, (0.7, 0.1, 0.2))
    assert collections.Counter(first.of.values()) == {"train": 14, "validation": 2, "test": 4}
    for number in range(20, 30):
        _write_song(tmp_path, number)
    second = split_corpus(tmp_path, (0.7, 0.1, 0.2))
    assert first.of.items() <= second.of.items() and len(second.of) == 30
    metadata = yaml.safe_load((tmp_path / "Artist7_Song" / "Artist7_Song_METADATA.yaml").read_text())
    assert metadata["split"] == first.of["Artist 7 - Song"]
    assert split_corpus(tmp_path, SHARES, anew=True).of.keys() == second.of.keys()
    with pytest.raises(CorpusError, match="no songs with metadata"):
        split_corpus(tmp_path / "Artist7_Song")
    shutil.copytree(tmp_path / "Artist7_Song", tmp_path / "Copy")
    with pytest.raises(CorpusError, match=r"'Artist 7 - Song' is in '.*Artist7_Song' and in '.*Copy': remove one"):
        split_corpus(tmp_path)
