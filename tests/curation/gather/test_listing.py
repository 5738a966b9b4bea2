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


CELLS = ROW.split(",")


@pytest.mark.parametrize(
    "header",
    [
        "Genre,Sub,Title,Artist,URL,MP3",
        "genre,style,Song Title,Band,Download Link,x",
        "a,b,Name,Performer,zip,Preview URL",
    ],
)
def test_headers_of_others(header: str, tmp_path: Path) -> None:
    (entry,), _ = read_listing(listing(tmp_path, f"{header}\n{ROW}"))
    assert (entry.title, entry.artist, entry.archive) == (ENTRY.title, ENTRY.artist, ENTRY.archive)


def test_what_is_not_clear_is_refused(tmp_path: Path) -> None:
    genre, sub_genre, title, artist, archive, preview = CELLS
    for text, said in (
        (
            f"Artist,Piece,Address\n{artist},{title},{archive}",
            "'Artist', 'Piece', 'Address' and none for the title: name",
        ),
        (f"Title,Performer\n{title},{artist}", "and none for the archive: name them in its first line, as genre"),
        (
            f"Band,Artists,title,url\n{artist},{artist},{title},{archive}",
            "'Band' and 'Artists' for the artist: leave one",
        ),
        (f"{artist},{title},{archive}\n", "does not say what its columns are: name them"),
        (
            ",".join((genre, sub_genre, artist, title, archive, preview)),
            "seems to have artists before titles: name them",
        ),
        ("<html><a href='a_b.zip'></a></html>", "is not CSV but a page: name it .html"),
        ("RIFF\0WAVEfmt, and half a minute of it\n", "is not CSV: save it as that"),
    ):
        with pytest.raises(CorpusError, match=said):
            read_listing(listing(tmp_path, text))


def test_a_header_as_the_messages_ask_for(tmp_path: Path) -> None:
    _, _, title, artist, archive, _ = CELLS
    (entry,), _ = read_listing(listing(tmp_path, f"Song,artist,title,archive\nx,{artist},{title},{archive}"))
    assert entry == ListedSong("", "", title, artist, archive)
    (entry,), _ = read_listing(listing(tmp_path, "<a href='Anna_SomeSong_Full.zip'></a>", "page.html"))
    assert (entry.artist, entry.title) == ("Anna", "Some Song")


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be"])
def test_what_spreadsheets_of_other_countries_write(separator: str, encoding: str, tmp_path: Path) -> None:
    for head in ("", separator.join(("genre", "sub_genre", "title", "artist", "archive", "preview")) + "\r\n"):
        text = head + separator.join(CELLS) + "\r\n" + separator.join(("G", "", '"a, b"', "B", "c, d.zip", ""))
        entries, problems = read_listing(listing(tmp_path, text.encode(encoding)))
        assert entries == [ENTRY, ListedSong("G", "", "a, b", "B", "c, d.zip")] and problems == []


def test_bad_rows_are_named(tmp_path: Path) -> None:
    text = "\n".join((ROW, "", "Pop,Sub,,Bert,https://h/b.zip,", "Pop,Sub,T,Bert", ROW, ROW.replace("Full", "Other")))
    entries, problems = read_listing(listing(tmp_path, text))
    assert entries == [ENTRY]
    assert [problem.kind for problem in problems] == ["row", "row", "twice"]
    assert "row 2 of" in problems[0].message and "lacks the title" in problems[0].message
    assert "lacks the archive" in problems[1].message


@pytest.mark.parametrize("content", [b"", b"\n\n", b"genre,title,archive\n"])
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


LIBRARY_PAGE = """<html><body><h2>Multitracks</h2>
<div class="c-mtk__genre"><h3>Rock</h3>
 <div class="c-mtk__artist m-container--artist">
  <div class="m-container__header"><h4 class="m-container__title-bar-item">The Band</h4>
   <span class="m-container__title-bar-item">Indie Rock</span></div>
  <ul>{first}{second}</ul></div>
 <div class="c-mtk__artist m-container--artist">
  <div class="m-container__header"><h4 class="m-container__title-bar-item">Solo Artist</h4>
   <span class="m-container__title-bar-item">Metal</span></div>
  <ul>{only}</ul></div></div>
<div class="c-mtk__genre"><h3>Jazz</h3>
 <div class="c-mtk__artist m-container--artist">
  <div class="m-container__header"><h4 class="m-container__title-bar-item">Lone Trio</h4>
   <span class="m-container__title-bar-item">Bebop</span></div>
  <ul>{single}</ul></div></div></body></html>"""


def item(title: str, archive: str) -> str:
    return f"""<li class="m-mtk-track"><p><span class="m-mtk-track__name">'{title}'</span></p><ul>
     <li class="m-mtk-download">Full Preview: <a href="o.mp3">MP3</a></li>
     <li class="m-mtk-download"><div class="m-mtk-download__type">Full Multitrack:</div>
      <span class="m-mtk-download__count">24 Tracks:</span><a href="{archive}">ZIP</a></li></ul></li>"""


def test_the_librarys_own_class_names(tmp_path: Path) -> None:
    """An artist with one song, a genre with one artist, and sub-genres beside the artists."""
    page = LIBRARY_PAGE.format(
        first=item("Song One", "one_a_Full.zip"), second=item("Song Two", "https://h/x.php?f=two_b_Full.zip"),
        only=item("Only One", "solo_c_Full.zip"), single=item("Single", "//h/lone%20d_Full.zip"),
    )  # fmt: skip
    entries, problems = read_listing(listing(tmp_path, page, "page.html"))
    assert problems == []
    assert entries == [
        ListedSong("Rock", "Indie Rock", "Song One", "The Band", "one_a_Full.zip", "o.mp3"),
        ListedSong("Rock", "Indie Rock", "Song Two", "The Band", "https://h/x.php?f=two_b_Full.zip", "o.mp3"),
        ListedSong("Rock", "Metal", "Only One", "Solo Artist", "solo_c_Full.zip", "o.mp3"),
        ListedSong("Jazz", "Bebop", "Single", "Lone Trio", "https://h/lone%20d_Full.zip", "o.mp3"),
    ]


def test_headings_of_songs_are_not_taken_for_artists(tmp_path: Path) -> None:
    page = "<h2>Rock</h2><h3>The Band</h3><h4>Long Way</h4><p><a href='TheBand_LongWay_Full.zip'>all</a></p>"
    (entry,), _ = read_listing(listing(tmp_path, page, "page.htm"))
    assert entry == ListedSong("Rock", "", "Long Way", "The Band", "TheBand_LongWay_Full.zip")


def test_a_page_that_its_archives_contradict_is_not_believed(tmp_path: Path) -> None:
    song = "<h3>{}</h3><div class='song'><b class='title'>{}</b> <a href='{}.zip'>all</a></div>"
    page = song.format("Long Way", "The Band", "TheBand_LongWay_Full") + song.format("Anna", "Go", "Anna_Go_Full")
    entries, problems = read_listing(listing(tmp_path, page, "page.htm"))
    assert [entry.song for entry in entries] == ["Anna - Go"]
    assert "names 'The Band' as the artist" in problems[0].message and "list it in a CSV file" in problems[0].message


def test_a_web_archive(tmp_path: Path) -> None:
    text = "MIME-Version: 1.0\nContent-Type: multipart/related; boundary=x\n\n--x\nContent-Type: text/html\n"
    body = 'Content-Transfer-Encoding: quoted-printable\n\n<a href=3D"A_S=C3=B6ng_Full.zip">x</a>\n--x--\n'
    (entry,), _ = read_listing(listing(tmp_path, text + body, "page.mhtml"))
    assert entry.song == "A - Söng"


def test_addresses_that_lead_nowhere(tmp_path: Path) -> None:
    listing = tmp_path / "list.csv"
    listing.write_text("title,artist,archive\nOne,Anna,http://[/a.zip\nTwo,Anna,b.zip\n")
    songs, (problem,) = read_listing(listing)
    assert [song.title for song in songs] == ["Two"]
    assert problem.message.endswith("list.csv' has the address 'http://[/a.zip', which leads nowhere: correct it")
