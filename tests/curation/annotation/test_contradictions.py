from pathlib import Path

import pytest
import yaml

from stemtree.curation.annotation import contradictions
from stemtree.curation.annotation.contradictions import can_contain, check_labels
from stemtree.errors import CorpusError
from stemtree.hierarchy import load

Labels = str | list[str]


def song(root: Path, stems: list[tuple[Labels, list[Labels]]], name: str = "Song") -> Path:
    data = {
        f"S{number:02}": {
            "instrument": label,
            "filename": f"{name}_STEM_{number:02}.wav",
            "raw": {
                f"R{at:02}": {"instrument": raw, "filename": f"{name}_RAW_{number:02}_{at:02}.wav"}
                for at, raw in enumerate(raws, 1)
            },
        }
        for number, (label, raws) in enumerate(stems, 1)
    }
    root.mkdir(exist_ok=True)
    content = {"stems": data, "stem_dir": f"{name}_STEMS", "raw_dir": f"{name}_RAW"}
    (root / f"{name}_METADATA.yaml").write_text(yaml.safe_dump(content))
    return root


def found(root: Path) -> list[tuple[str, str]]:
    return [(problem.kind, problem.message) for problem in check_labels(root)[1]]


CLEAN, DIRTY = "clean electric guitar", "distorted electric guitar"


def test_labels_that_agree(tmp_path: Path) -> None:
    stems: list[tuple[Labels, list[Labels]]] = [
        ("drum set", ["kick drum", "snare drum"]),
        ("vocalists", ["female singer", "male singer"]),
        ("drum_set", ["Drum_Kick", "Loop"]),
        ("vocal", ["Lead_Vocal", "Choir"]),
    ]
    for number, stem in enumerate(stems):
        assert found(song(tmp_path / str(number), [stem])) == []


def test_the_thesis_examples(tmp_path: Path) -> None:
    """Section 3.1.3: clean guitars in a distorted one's stem; drum set beside drum machine; both percussion stems."""
    ((kind, message),) = found(song(tmp_path / "1", [(DIRTY, [CLEAN, DIRTY, CLEAN])]))
    assert kind == "contradiction" and f"is '{DIRTY}' and its R01, R03 '{CLEAN}'" in message
    ((kind, message),) = found(song(tmp_path / "2", [("drum set", ["drum set"]), ("drum machine", ["drum machine"])]))
    assert kind == "levels" and "'drum set' stands beside 'drum machine'" in message
    ((kind, _),) = found(song(tmp_path / "3", [("drum set", ["drum set"]), ("auxiliary percussion", ["shaker"])]))
    assert kind == "levels"


@pytest.mark.parametrize(
    ("stems", "kinds"),
    [
        ([("piano", [])], ["stem without raws"]),
        ([("drum set", ["drum set", "kick drum"])], ["levels"]),
        ([("kick drum", ["drum set"])], ["levels"]),
        ([("piano", ["flute"])], ["contradiction"]),
        ([(["piano", "flute"], ["piano"])], ["contradiction"]),
        ([("Unlabeled", ["toms"])], ["no label", "no label"]),
        ([("Unlabeled", ["Unlabeled"])], ["no label"]),
        ([("kazoo", ["kazoo"])], ["unknown label"]),
        ([(["male singer", "vocalists"], [["male singer", "vocalists"]])], ["levels"]),
    ],
)
def test_kinds(stems: list[tuple[Labels, list[Labels]]], kinds: list[str], tmp_path: Path) -> None:
    assert [kind for kind, _ in found(song(tmp_path, stems))] == kinds


def test_numbers_and_files(tmp_path: Path) -> None:
    root = song(tmp_path / "Song", [("piano", ["piano"])])
    file = root / "Song_METADATA.yaml"
    file.write_text(file.read_text().replace("RAW_01_01", "RAW_02_01"))
    for name in ("STEMS/Song_STEM_01.wav", "STEMS/Song_STEM_09.wav", "RAW/Song_RAW_05_01.wav"):
        path = root / f"Song_{name}"
        path.parent.mkdir(exist_ok=True)
        path.touch()
    kinds = [kind for kind, _ in found(root)]
    assert sorted(kinds) == ["missing file", "raw without stem", "stem without raws", "wrong stem"]


def test_sums_of_stems_need_no_raw_tracks(tmp_path: Path) -> None:
    root = song(tmp_path / "Song", [("piano", ["piano"])])
    file = root / "Song_METADATA.yaml"
    file.write_text(file.read_text() + "\nmusdb_stems: {other: {filename: Song_MUSDB_other.wav}}\n")
    (root / "Song_STEMS").mkdir()
    for name in ("Song_STEM_01.wav", "Song_MUSDB_other.wav"):
        (root / "Song_STEMS" / name).touch()
    assert found(root) == []
    (root / "Song_STEMS" / "Song_MUSDB_other.wav").unlink()
    assert [kind for kind, _ in found(root)] == ["missing file"]


def test_bad_metadata(tmp_path: Path) -> None:
    for name, text in (("A", "stems: 3"), ("B", "stems: {S01: {}}"), ("C", "- 1"), ("D", "a: [")):
        (tmp_path / f"{name}_METADATA.yaml").write_text(text)
    count, problems = check_labels(tmp_path)
    assert count == 0 and [problem.kind for problem in problems] == ["metadata"] * 4
    with pytest.raises(CorpusError, match="holds no files called"):
        check_labels(tmp_path / "none")


def test_fits() -> None:
    assert can_contain("Drum Set", "kick drum") and not can_contain("kick drum", "drum set")
    assert can_contain("other", "Piano") and not can_contain("bass", "Piano")


def test_hierarchies_are_read_once_whatever_the_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contradictions._tree.cache_clear()
    names: list[str] = []
    monkeypatch.setattr(contradictions, "load", lambda name: names.append(name) or load(name))
    for number in range(3):
        stems: list[tuple[Labels, list[Labels]]] = [(f"kazoo {number} {at}", [f"comb {at}"]) for at in range(20)]
        song(tmp_path, stems, f"Song{number}")
    done: list[tuple[int, int]] = []
    _, problems = check_labels(tmp_path, lambda count, of_all: done.append((count, of_all)))
    assert {problem.kind for problem in problems} == {"unknown label", "contradiction"}
    assert sorted(names) == ["medleydb", "ms21"]
    assert done == [(1, 3), (2, 3), (3, 3)]
