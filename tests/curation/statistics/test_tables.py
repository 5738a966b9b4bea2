from stemtree.curation.sessions.genres import UNKNOWN, genre_families
from stemtree.curation.statistics import tables
from stemtree.curation.statistics.records import SongRecord


def record(song: str, **facts: object) -> SongRecord:
    given: dict[str, object] = {
        "corpus": "A", "song": song, "split": None, "seconds": 100.0, "channels": 2, "tracks": 4, "unmapped": 0,
        "labels": frozenset({"Piano", "Lead_Vocal"}), "instruments": frozenset({"pianos", "lead_vocal"}),
        "genre": "Jazz", "vocals": True, "leakage": None, "vocal_leakage": None,
    }  # fmt: skip
    return SongRecord(**{**given, **facts})  # type: ignore[arg-type]


def column(table: tables.Table, name: str) -> dict[object, object]:
    return {row[0]: row[table.header.index(name)] for row in table.rows}


def test_table_of_corpora() -> None:
    songs = [
        record("1", leakage=True, vocal_leakage=False),
        record("2", leakage=False, vocal_leakage=True, tracks=8, seconds=260.0, labels=frozenset({"Bell"})),
        record("3", channels=1, vocals=False, tracks=6, seconds=None),
    ]
    (row,) = tables.corpora_table({"A": songs}).rows
    assert row == ("A", 3, 0.1, 6, 1.6, 3, 66.7, 50.0, 50.0, "both")


def test_tables_of_labels() -> None:
    songs = [
        record("1", split="train"), record("2", split="test", genre="Metal"), record("3", split="train", genre="Metal"),
    ]  # fmt: skip
    others = [record("4", corpus="B", genre=UNKNOWN, instruments=frozenset({"bass"}), unmapped=5)]
    both = {"A": songs, "B": others}
    assert tables.genre_table(both).header == ("genre", "A") and column(tables.genre_table(both), "A")["Metal"] == 2
    assert tables.instrument_table(both).header == ("instrument", "A")  # most stems of B stand for no instrument
    split = tables.genre_table_by_split("A", songs)
    assert split.header == ("genre", "train", "test")
    assert (column(split, "train")["Metal"], column(split, "test")["Jazz"]) == (1, 0)
    assert tables.shares(split)["train"][genre_families().index("Jazz")] == 50
    lengths = tables.duration_table({"A": [*songs, record("5", seconds=10.0)]})
    assert column(lengths, "A") == {
        "0-30": 1, "30-60": 0, "60-90": 0, "90-120": 3, "mean": 77.5, "median": 100.0, "deviation": 39.0,
    }  # fmt: skip
