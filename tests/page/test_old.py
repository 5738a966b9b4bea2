import sys
from pathlib import Path

import pytest
from support.page_songs import make_song

from stemtree.page.make import make_page
from stemtree.page.old import drop_page


def test_a_page_goes_with_the_stems_it_was_made_from(tmp_path: Path) -> None:
    make_song(tmp_path)
    make_page(tmp_path)
    drop_page(tmp_path)
    assert (tmp_path / "page" / "index.html").is_file()
    (tmp_path / "vocal.wav").write_bytes((tmp_path / "vocal.wav").read_bytes()[:-2])
    drop_page(tmp_path)
    assert not (tmp_path / "page").exists()


def test_what_a_link_leads_to_stays(tmp_path: Path) -> None:
    make_song(tmp_path)
    make_page(tmp_path)
    (tmp_path / "page").rename(tmp_path / "elsewhere")
    (tmp_path / "page").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "vocal.wav").write_bytes((tmp_path / "vocal.wav").read_bytes()[:-2])
    drop_page(tmp_path)
    assert not (tmp_path / "page").is_symlink() and (tmp_path / "elsewhere" / "index.html").is_file()


def test_a_folder_that_is_no_page_stays(tmp_path: Path) -> None:
    make_song(tmp_path)
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "notes.txt").write_text("mine")
    drop_page(tmp_path)
    assert (tmp_path / "page" / "notes.txt").read_text() == "mine"


def test_songs_without_a_page_need_nothing_that_makes_pages(
    cli, wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What makes pages brings FFmpeg, for which memory may be lacking when all stems are written."""
    monkeypatch.setitem(sys.modules, "stemtree.page.make", None)
    assert cli("separate", wav, "-o", tmp_path / "out", "--depth", "1").code == 0
    without = cli("separate", wav, "-o", tmp_path / "paged", "--depth", "1", "--page")
    assert without.code == 1 and "is separated, but its page could not be made or removed: " in without.err
