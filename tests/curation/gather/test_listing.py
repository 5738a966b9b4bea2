from pathlib import Path

import pytest

from stemtree.curation.gather.listing import ListedSong, read_listing
from stemtree.errors import CorpusError

ROW = "Pop / Singer-Songwriter,Bubblegum,Some Song,Anna,https://h/Anna_SomeSong_Full.zip?download=1,https://h/p.mp3"
ENTRY = ListedSong(*ROW.split(","))


def listing(tmp_path: Path, text: str | bytes, name: str = "list.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_rows_with_and_without_a_header(tmp_path: Path) -> None:
    assert read_listing(listing(tmp_path, ROW)) == ([ENTRY], [])
    header = "Artist Name,Track Name,Archive URL,Broad Genre,Sub Genre,Preview MP3\n"
    cells = ROW.split(",")
    text = header + ",".join((cells[3], cells[2], cells[4], cells[0], cells[1], cells[5]))
    assert read_listing(listing(tmp_path, text)) == ([ENTRY], [])
    assert ENTRY.song == "Anna - Some Song"


def test_bad_rows_are_named(tmp_path: Path) -> None:
    text = "\n".join((ROW, "", "Pop,Sub,,Bert,https://h/b.zip,", "Pop,Sub,T,Bert", ROW, ROW.replace("Full", "Other")))
    entries, problems = read_listing(listing(tmp_path, text))
    assert entries == [ENTRY]
    assert [problem.kind for problem in problems] == ["row", "row", "twice"]
    assert "row 2 of" in problems[0].message and "lacks the title" in problems[0].message
    assert "lacks the archive" in problems[1].message


@pytest.mark.parametrize("content", [b"", b"\n\n", b"<html></html>", b"genre,title,archive\n"])
def test_listings_of_nothing(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="names no songs with an archive"):
        read_listing(listing(tmp_path, content))
    with pytest.raises(CorpusError, match="cannot read the listing"):
        read_listing(tmp_path / "none.csv")


def test_encodings(tmp_path: Path) -> None:
    row = "Choral,Choral,Så,Öjebokören,a.zip,"
    for encoding in ("utf-8", "utf-8-sig", "cp1252"):
        (entry,), _ = read_listing(listing(tmp_path, row.encode(encoding)))
        assert entry.song == "Öjebokören - Så"


PAGE = """<html><head><title>Library</title></head><body>
<h1>Multitracks</h1>
<h3>Pop / Singer-Songwriter</h3>
<div><h4>Anna</h4>
 <div class="track"><span class="track__name">'Some Song'</span> <span class="genre">Bubblegum</span>
  <ul><li>Excerpt: <a href="https://h/dl/Anna_SomeSong_Edited.zip">12 tracks</a></li>
      <li>Full: <a href="https://h/dl/Anna_SomeSong_Full.zip?x=1">24 tracks</a></li>
      <li><a href="https://h/Anna_SomeSong_Full_Preview.mp3">Full preview</a></li></ul></div>
 <div class="track"><p>&lsquo;Don&rsquo;t Go&rsquo; <a href="https://h/dl/Anna_DontGo_Full.rar">all</a></p></div>
</div>
<h3>Rock</h3>
<div><h4>Bert: Heavy Rock</h4>
 <p><a href="https://h/dl/Bert_NightDrive_Full.7z">all</a> <audio src="https://h/night.mp3"></audio></p></div>
<p><a href="https://h/about.html">About</a></p>
</body></html>"""


def test_a_saved_page(tmp_path: Path) -> None:
    entries, problems = read_listing(listing(tmp_path, PAGE, "page.html"))
    assert problems == []
    assert entries == [
        ListedSong(
            "Pop / Singer-Songwriter", "Bubblegum", "Some Song", "Anna", "https://h/dl/Anna_SomeSong_Full.zip?x=1",
            "https://h/Anna_SomeSong_Full_Preview.mp3",
        ),
        ListedSong("Pop / Singer-Songwriter", "", "Don\u2019t Go", "Anna", "https://h/dl/Anna_DontGo_Full.rar"),
        ListedSong("Rock", "Heavy Rock", "Night Drive", "Bert", "https://h/dl/Bert_NightDrive_Full.7z", "https://h/night.mp3"),
    ]  # fmt: skip


def test_a_page_with_nothing_but_links(tmp_path: Path) -> None:
    (entry,), _ = read_listing(listing(tmp_path, "<a href='x/TheBand_LongWay_Full.zip'>download<b>", "page.htm"))
    assert entry == ListedSong("", "", "Long Way", "The Band", "x/TheBand_LongWay_Full.zip")
