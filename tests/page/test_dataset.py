import zlib
from pathlib import Path

import pytest
from support.page_songs import make_song, noise, read_call, read_packet

from stemtree.errors import StemtreeError
from stemtree.page import codecs
from stemtree.page.dataset import chunk_samples
from stemtree.page.make import make_page
from stemtree.page.tree import read_tree


def test_an_opus_page(tmp_path: Path) -> None:
    make_song(tmp_path, num_samples=100_000)
    song = read_call(make_page(tmp_path, codec="opus").parent / "data" / "song.js")[0]
    assert song["audio"]["samples"] == 600_000 and song["audio"]["lead"] == codecs.OPUS_LEAD and not song["exact"]
    with pytest.raises(StemtreeError, match="a page cannot play 'mp3'; there are flac, opus"):
        make_page(tmp_path, codec="mp3")


@pytest.mark.parametrize("subtype", ["pcm24", "float"])
def test_an_opus_page_of_wide_stems(tmp_path: Path, subtype: str) -> None:
    make_song(tmp_path, num_samples=8000, subtype=subtype)
    page = make_page(tmp_path, codec="opus").parent
    assert all(read_packet(page / "data" / "audio" / "0.html"))


def test_tiles_and_overview_have_the_shapes_they_say(tmp_path: Path) -> None:
    make_song(tmp_path, num_samples=8000 * 61, signal=lambda leaf, count, _: noise(leaf, count, 1))
    page = make_page(tmp_path).parent
    song = read_call(page / "data" / "song.js")[0]
    grid, nodes = song["grid"], len(song["nodes"])
    assert (grid["columns"], grid["tiles"]) == (610, 2)
    for tile, columns in enumerate((600, 10)):
        sizes = [len(zlib.decompress(part)) for part in read_packet(page / "data" / "tiles" / f"{tile}.html")]
        assert sizes == [nodes * columns * grid["bands"], nodes * columns * 10, nodes * columns]
    bands = zlib.decompress(read_packet(page / "data" / "overview.html")[0])
    assert len(bands) == nodes * grid["bands"] * -(-610 // song["overview"]["columnsEach"])


def test_chunks_are_shorter_where_many_leaves_would_fill_the_memory(tmp_path: Path) -> None:
    many = {f"leaf {number}": {} for number in range(40)}
    make_song(tmp_path, many, num_samples=100, rate=44_100)
    tree = read_tree(tmp_path)
    assert 4 * 2 * 40 * chunk_samples(tree, "flac") <= 28e6
    make_song(tmp_path / "few", num_samples=100, rate=44_100)
    assert 7 < chunk_samples(read_tree(tmp_path / "few"), "flac") / 44_100 <= 8
