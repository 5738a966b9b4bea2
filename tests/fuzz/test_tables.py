"""Tables that spreadsheets or people spoilt are read, or refused in a sentence."""

from collections.abc import Callable
from pathlib import Path

from hypothesis import given
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
        "song,file,label,leaks,level_db,from_label,from_file,delay_ms,same_instrument_db\n"
        "A,a.wav,Drums,yes,-12.5,Bass,b.wav,1.5,\n",
    ),
    "splits": (read_splits, "song,split\nA,train\nB,valid\n"),
    "songs": (read_songs, "song,artist,title,genre,sub_genre,preview\nA - B,A,B,Pop,Indie,p.mp3\n"),
    "listing": (read_listing, "Pop,Indie,Title,Artist,a.zip,a.mp3\nRock,Metal,'Other',Band,http://[::1]/b.zip,\n"),
    "chunks": (read_chunks, "# a rule\nsong,start,duration,target\nA,0.0,10.0,vocal\nA,10.0,10.0,\n"),
}


@fuzzed(150)
@given(st.sampled_from(list(_TABLES)), edits(text=True))
def test_table(tmp_path: Path, name: str, changes: list[Edit]) -> None:
    read, content = _TABLES[name]
    with spoilt_file(tmp_path, "table.csv", edited(content.encode(), changes)) as file, only_sentences():
        read(file)
