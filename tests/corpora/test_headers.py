from pathlib import Path

import numpy as np
import pytest
from support.corpus_layouts import stem_file

from stemtree.audio import ArraySource
from stemtree.corpora import headers
from stemtree.corpora.headers import Header, differences, read_header
from stemtree.corpora.track import AudioFile


def test_the_header_of_a_file(slakh: Path) -> None:
    file = AudioFile(stem_file(slakh))
    assert read_header(file) == Header(file, 8000, 16000)
    with pytest.raises(FileNotFoundError):
        read_header(AudioFile(slakh / "none.wav"))


def test_a_length_that_no_header_states_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Unstated(ArraySource):
        def __init__(self) -> None:
            super().__init__(np.ones((1, 12345)), 8000)
            self.num_samples = None

    monkeypatch.setattr(headers, "open_source", lambda path, stream, **options: Unstated())
    file = AudioFile(tmp_path)
    assert read_header(file) == Header(file, 8000, 12345)


def test_one_difference_at_a_time(tmp_path: Path) -> None:
    first, other = (AudioFile(tmp_path / name) for name in ("a.wav", "b.wav"))
    reference = Header(first, 8000, 100)
    assert list(differences("song", Header(other, 8000, 100), reference)) == []
    for header, kind in ((Header(other, 16000, 50), "sample rate"), (Header(other, 8000, 50), "length")):
        (problem,) = differences("song", header, reference)
        assert (problem.track, problem.kind) == ("song", kind)
