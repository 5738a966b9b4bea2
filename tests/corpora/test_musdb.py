import shutil
from collections.abc import Callable
from pathlib import Path

import musdb
import pytest
import soundfile
import yaml

from stemtree.corpora.load import load_corpus
from stemtree.corpora.track import AudioFile
from stemtree.errors import CorpusError


def test_dsd100s_splits(corpora: Callable[[str], Path]) -> None:
    root = corpora("dsd100")
    corpus = load_corpus(root, "dsd100")
    assert [track.split for track in corpus.tracks] == ["train", "test"]
    assert corpus.tracks[0].mixture == AudioFile(root / "Mixtures" / "Dev" / corpus.tracks[0].id / "mixture.wav")
    shutil.rmtree(root / "Sources" / "Test")
    with pytest.raises(CorpusError, match=r"Sources/Test/051.*drums\.wav' is missing"):
        load_corpus(root, "dsd100")


def test_the_usual_validation_songs(tmp_path: Path) -> None:
    """The list of the package musdb, which museval requires."""
    configuration = Path(musdb.__file__).with_name("configs") / "mus.yaml"
    usual = set(yaml.safe_load(configuration.read_text("utf-8"))["validation_tracks"])
    assert len(usual) == 14
    for split, song in [*(("train", song) for song in usual), ("train", "A - B"), ("test", "Young Griffo - Pennies 2")]:
        for name in ("vocals", "drums", "bass", "other"):
            file = tmp_path / split / song / f"{name}.wav"
            file.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(file, [0.1, 0.2], 8000)
    assert {track.id for track in load_corpus(tmp_path, "musdb18-hq", split="validation").tracks} == usual
    assert [track.id for track in load_corpus(tmp_path, "musdb18-hq", split="train").tracks] == ["A - B"]
