import os
import shutil
from dataclasses import replace
from pathlib import Path

from stemtree.corpora.fingerprint import corpus_fingerprint, track_fingerprint
from stemtree.corpora.load import load_corpus


def test_a_tracks_files_leaves_and_settings(slakh: Path) -> None:
    track = load_corpus(slakh, "slakh").tracks[0]
    fingerprint = track_fingerprint(track, 1)
    assert len(fingerprint) == 32 and fingerprint == track_fingerprint(track, 1)
    stems = tuple(replace(stem, leaf="bass") for stem in track.stems)
    for other in (track_fingerprint(track, 2), track_fingerprint(replace(track, stems=stems), 1)):
        assert other[:16] == fingerprint[:16] and other[16:] != fingerprint[16:]
    os.utime(track.stems[0].file.path, (1, 1))
    touched = track_fingerprint(track, 1)
    assert touched[:16] != fingerprint[:16] and touched[16:] == fingerprint[16:]


def test_a_corpus_copied_elsewhere_is_the_same(slakh: Path, tmp_path: Path) -> None:
    shutil.copytree(slakh, tmp_path / "copy")
    original, copy = (load_corpus(root, "slakh") for root in (slakh, tmp_path / "copy"))
    assert corpus_fingerprint(original) == corpus_fingerprint(copy)
    assert corpus_fingerprint(replace(copy, tracks=copy.tracks[1:])) != corpus_fingerprint(original)
    assert corpus_fingerprint(load_corpus(slakh, "slakh", "ms21")) != corpus_fingerprint(original)
