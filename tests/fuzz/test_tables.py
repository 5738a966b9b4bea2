"""Tables that spreadsheets or people spoilt are read, or refused in a sentence."""

from collections.abc import Callable
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st
from support.fuzz import Edit, edited, edits, fuzzed, only_sentences, spoilt_file

from stemtree.curation.annotation.table import read_annotation, read_names, read_settled, rows_to_review
from stemtree.curation.bleed.table import read_leaks
from stemtree.curation.gather.listing import read_listing
from stemtree.curation.sessions.sessions import read_track_labels
from stemtree.curation.sessions.songs import read_songs
from stemtree.curation.splits.tables import read_splits
from stemtree.evaluation.chunk_list import read_chunks


def _read_annotation(file: Path) -> None:
    rows_to_review(read_annotation(file), 0.5)
    read_settled(file)


_TABLES: dict[str, tuple[Callable[[Path], object], str]] = {
    "annotation": (
        _read_annotation,
        "song,file,label,confidence,review\nA - B,kick.wav,Drums,0.95,\nA - B,01 gtr.wav,Acoustic_Guitar,,done\n",
    ),
    "names": (read_names, "song,file\nA - B,kick in.wav\nÄ - B,sub/01 gtr.wav\n"),
    "labels": (read_track_labels, "song,file,label\nA - B,kick.wav,Drums\n"),
    "leaks": (
        read_leaks,
        "song,file,label,leaks,leak_db,from_label,from_file,delay_ms,same_instrument_db\n"
        "A,a.wav,Drums,yes,-12.5,Bass,b.wav,1.5,\n",
    ),
    "splits": (read_splits, "song,split\nA,train\nB,valid\n"),
    "songs": (read_songs, "song,artist,title,genre,sub_genre,preview\nA - B,A,B,Pop,Indie,p.mp3\n"),
    "listing": (read_listing, "Pop,Indie,Title,Artist,a.zip,a.mp3\nRock,Metal,'Other',Band,http://[::1]/b.zip,\n"),
    "chunks": (read_chunks, "# a rule\nsong,start,duration,target\nA,0.0,10.0,vocal\nA,10.0,10.0,\n"),
}

_PAGE = """<html><head><base href="http://x.org/"></head><body><h2>Pop</h2><h3>Anna</h3><ul><li><b class="title">'A
song'</b> <span class="genre">Indie</span> <a href="Anna_ASong_Full.zip">full</a> <a href="Anna_ASong.mp3">mp3</a>
<audio src="x.mp3"></audio></li><li>"Other" <a href="Anna_Other%20Song_Edited.zip">e</a></li></ul></body></html>"""
_TAGS = ["<h1>", "</h1>", "<a href='x.zip'>", "<a href=", "http://[", "//", "<!--", "]]>", "<![CDATA[", "&#x110000;",
         "<base href='http://['>", "<li>" * 600, "<!DOCTYPE", "<?xml", "%zz%ff"]  # fmt: skip


@fuzzed(150)
@given(st.sampled_from(list(_TABLES)), edits(text=True))
@example("listing", [(146, 1, b"")])
@example("listing", [(147, 0, b"\0")])
def test_table(tmp_path: Path, name: str, changes: list[Edit]) -> None:
    read, content = _TABLES[name]
    with spoilt_file(tmp_path, "table.csv", edited(content.encode(), changes)) as file, only_sentences():
        read(file)


@fuzzed(30)
@given(edits(text=True), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 30), st.sampled_from(_TAGS))))
@example([(0, 0, b"")], [(0, 0, "<base href='http://['>")])
@example([(0, 0, b"")], [(298, 6, "<![CDATA["), (0, 0, "<h1>"), (309, 30, "<a href=")])
@example([(0, 1 << 20, b"http://x.org/a.zip")], [])
@example([(0, 0, b"")], [(0, 0, "<h1>"), (0, 0, "<a href='x.zip'>"), (0, 2, "<?xml")])
def test_page(tmp_path: Path, changes: list[Edit], tags: list[tuple[int, int, str]]) -> None:
    content = edited(_PAGE.encode(), [*changes, *((at, removed, tag.encode()) for at, removed, tag in tags)])
    with spoilt_file(tmp_path, "page.html", content) as file, only_sentences():
        read_listing(file)
