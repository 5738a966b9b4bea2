from pathlib import Path

import pytest

from stemtree.curation.sessions.songs import SongFacts, read_songs
from stemtree.errors import CorpusError


def test_facts_of_every_song(tmp_path: Path) -> None:
    songs = tmp_path / "songs.csv"
    songs.write_text(
        "Music_Title,Artist,Broad_Genre,Sub_Genre,Vocal_Quality\nA - B - C,A,Pop,Synth Pop,0\nD,,,,\n", "utf-8"
    )
    assert read_songs(songs) == {
        "A - B - C": SongFacts("B - C", "A", "Pop", "Synth Pop", 0),
        "D": SongFacts("D", "", "", "", None),
    }
    songs.write_text("song,genre\nCre\u0301dit,Pop\n", "utf-8")
    assert read_songs(songs)["Cr\u00e9dit"].genre == "Pop", "accents are composed, as names are compared"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "holds no songs"),
        ("song,artist\n", "holds no songs"),
        ("genre\nJazz\n", "lacks the column 'song'"),
        ("song,genre\nA - B,Jazz\n,Rock\n", "row 3 of .* names no song"),
        ("song,genre\nA - B,Jazz\nA - B,Rock\n", "'A - B' stands twice in .*: keep one row"),
    ],
)
def test_bad_tables_of_songs_are_one_sentence(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "songs.csv").write_text(content)
    with pytest.raises(CorpusError, match=said):
        read_songs(tmp_path / "songs.csv")
