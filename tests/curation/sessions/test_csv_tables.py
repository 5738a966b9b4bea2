import csv
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemtree.curation.sessions.csv_tables import format_table, parse_rows, read_table, write_table, write_text
from stemtree.errors import CorpusError


def test_names_of_columns_are_folded_and_cells_stripped(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("\ufeffSong, Sub Genre ,file\r\n\r\n a ,b\r\n, ,\r\nc,d,e,more\r\n,,\r\n".encode())
    assert read_table(tmp_path / "t.csv", ("song", "file")) == [
        {"song": "a", "sub_genre": "b", "file": ""},
        {"song": "c", "sub_genre": "d", "file": "e"},
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"song,label\n", "the table '.*t.csv' lacks the column 'file': its first line must name it"),
        (b"", "lacks the column 'song'"),
        (b"song,file\n\xe9,1\n", "is not CSV in UTF-8: save it as that"),
        (b"song,file\n" + b"x" * (csv.field_size_limit() + 1), "is not CSV in UTF-8: save it as that"),
    ],
)
def test_errors_name_the_file(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(CorpusError, match=message):
        read_table(tmp_path / "t.csv", ("song", "file"))
    with pytest.raises(CorpusError, match=r"cannot read the table '.*none.csv': .*; check the path"):
        read_table(tmp_path / "none.csv")


def test_a_fallback_encoding(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("song\né\n".encode("cp1252"))
    assert read_table(tmp_path / "t.csv", fallback="cp1252") == [{"song": "é"}]
    (tmp_path / "t.csv").write_bytes("song\né\n".encode())
    assert read_table(tmp_path / "t.csv", fallback="cp1252") == [{"song": "é"}]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_tables_of_spreadsheets_elsewhere(encoding: str, tmp_path: Path) -> None:
    rows = [{"song": "A, b", "file": "ü.wav"}, {"song": "c", "file": "d, e.wav"}]
    for text in (
        "song;file\r\nA, b;ü.wav\r\nc;d, e.wav\r\n",
        "song\tfile\r\nA, b\tü.wav\r\nc\td, e.wav\r\n",
        "sep=;\r\nsong;file\r\nA, b;ü.wav\r\nc;d, e.wav\r\n",
        'song,file\r\n"A, b",ü.wav\r\nc,"d, e.wav"\r\n',
    ):
        (tmp_path / "t.csv").write_bytes(text.encode(encoding))
        assert read_table(tmp_path / "t.csv", ("song", "file")) == rows
    (tmp_path / "t.csv").write_text("song,file\na;b;c;d,e;f\n")
    assert read_table(tmp_path / "t.csv") == [{"song": "a;b;c;d", "file": "e;f"}]


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8")), min_size=2, max_size=2)))
def test_what_is_formatted_is_parsed_again(rows: list[list[str]]) -> None:
    assert parse_rows(format_table(("a", "b"), rows)) == [["a", "b"], *rows]


def test_a_table_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "new" / "t.csv"
    write_table(file, ("song", "split"), [("a", None), ("b,", 1)])
    assert file.read_bytes() == b'song,split\r\na,\r\n"b,",1\r\n'
    write_table(file, ("song",), [("\udcff",)], line_end="\n")
    assert file.read_bytes() == b"song\n\\udcff\n"
    assert os.listdir(file.parent) == ["t.csv"]
    with pytest.raises(CorpusError, match=r"cannot write to '.*x.csv' \(File exists\): choose another folder"):
        write_text(file / "x.csv", "")
    with pytest.raises(CorpusError, match=r"cannot write to '.*' \(.*\): choose another folder"):
        write_text(file.parent, "")
    assert os.listdir(file.parent) == ["t.csv"]
