"""What the messages about corpora advise helps: each remedy is tried."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml
from support.corpus_layouts import edit_metadata, make_slakh

from stemtree.corpora.check import check_corpus
from stemtree.corpora.resample import resample_corpus
from stemtree.corpora.resample_plan import ResampleSettings
from stemtree.corpora.settings import CorpusSettings
from stemtree.data.salience import Chunking, salience_index
from stemtree.errors import CorpusError, OptionError

BAND = [("elektrik_guitar.nkm", "Distortion Guitar"), ("pop_kit.nkm", "Drums")]


def test_songs_that_differ_are_resampled(slakh: Path, tmp_path: Path) -> None:
    for file in (slakh / "test").rglob("*.wav"):
        audio = soundfile.read(file, dtype="int16")[0]
        soundfile.write(file, np.stack([audio, audio], 1), 16000)
    problems = check_corpus(slakh, "slakh").problems
    assert {problem.kind for problem in problems} == {"sample rate", "channels"}
    assert all(problem.message.endswith("resample or leave out what differs") for problem in problems)
    resample_corpus(slakh, "slakh", tmp_path / "copy", ResampleSettings(8000), workers=1)
    assert check_corpus(tmp_path / "copy", "slakh").problems == ()


def test_unknown_labels(slakh: Path, tmp_path: Path) -> None:
    def rename(data: dict) -> None:
        data["stems"]["S00"] |= {"plugin_name": "kazoo.nkm", "midi_program_name": "Kazoo"}

    edit_metadata(slakh, rename)
    described = CorpusSettings(slakh)
    with pytest.raises(CorpusError, match="give it a leaf with --labels FILE, or leave it out with --skip-bad"):
        described.load(described.hierarchy())
    skipping = CorpusSettings(slakh, skip_bad=True)
    assert len(skipping.load(skipping.hierarchy()).tracks) > 0
    leaf = next(leaf for leaf in described.hierarchy().leaves() if "clean_guitars" in leaf)
    (tmp_path / "labels.yaml").write_text(yaml.safe_dump({"kazoo.nkm": leaf}))
    labelled = CorpusSettings(slakh, labels=tmp_path / "labels.yaml")
    assert labelled.load(labelled.hierarchy()).problems == ()


def test_where_an_index_goes(slakh: Path, tmp_path: Path) -> None:
    described = CorpusSettings(slakh)
    tree = described.hierarchy()
    corpus = described.load(tree)
    (tmp_path / "taken").mkdir()
    with pytest.raises(CorpusError, match="give another file with -o, or 'index' in a configuration"):
        salience_index(corpus, tree, tmp_path / "taken", Chunking(1.0, 1.0))
    assert salience_index(corpus, tree, tmp_path / "another.parquet", Chunking(1.0, 1.0)).problems == ()


@pytest.mark.parametrize(
    ("rate", "message", "remedy"), [(7999, "give 8000 to 192000", 8000), (192001, "give 8000 to 192000", 192000)]
)
def test_rates(rate: int, message: str, remedy: int) -> None:
    with pytest.raises(OptionError, match=message):
        ResampleSettings(rate)
    ResampleSettings(remedy)


def test_rates_that_flac_cannot_hold(tmp_path: Path) -> None:
    root = make_slakh(tmp_path / "flac", {"Track00001": BAND}, "flac")
    with pytest.raises(CorpusError, match="flac cannot hold a sample rate of 96096 Hz: choose wav"):
        resample_corpus(root, "slakh", tmp_path / "copy", ResampleSettings(96096), workers=1)
    wav = ResampleSettings(96096, as_wav=True)
    assert resample_corpus(root, "slakh", tmp_path / "wav", wav, workers=1) == []


def test_folders_of_copies(slakh: Path, tmp_path: Path) -> None:
    settings: Callable[[int], ResampleSettings] = ResampleSettings
    with pytest.raises(OptionError, match="cannot lie in its own folder: give another"):
        resample_corpus(slakh, "slakh", slakh, settings(16000), workers=1)
    resample_corpus(slakh, "slakh", tmp_path / "copy", settings(16000), workers=1)
    with pytest.raises(OptionError, match="have sample_rate 16000, not 8000: give that, or another folder"):
        resample_corpus(slakh, "slakh", tmp_path / "copy", settings(8000), workers=1)
    resample_corpus(slakh, "slakh", tmp_path / "copy", settings(16000), workers=1)
