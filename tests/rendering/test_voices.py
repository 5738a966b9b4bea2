"""The recipe ``recipes/voices/render.py`` in small."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

RATE = 44100


@pytest.fixture(scope="module")
def recipe() -> Iterator[ModuleType]:
    pytest.importorskip("python_stretch")
    file = Path(__file__).parents[2] / "recipes" / "voices" / "render.py"
    spec = importlib.util.spec_from_file_location("voices_recipe", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(file.parent)  # as for a script
        patch.delitem(sys.modules, "gather", raising=False)
        spec.loader.exec_module(module)
        yield module
        sys.modules.pop("gather")


def _scale(notes: list[int]) -> np.ndarray:
    """Each note 0.5 s, as a sum of overtones."""
    time = np.arange(RATE // 2) / RATE
    pitches = [440 * 2 ** ((note - 69) / 12) for note in notes]
    return np.concatenate(
        [0.1 * sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 6)) for pitch in pitches]
    ).astype(np.float32)


def test_harmonies_stay_in_the_key(recipe: ModuleType) -> None:
    intervals = sys.modules["gather"].intervals(_scale([60, 62, 64, 65, 67, 69, 71, 72]))
    third = intervals[recipe.STEPS.index(2)]
    at = [(round((number + 0.5) * RATE / 2)) // recipe.HOP for number in range(8)]
    assert third[at].tolist() == [4, 3, 3, 4, 4, 3, 3, 4]


def test_a_folder_that_is_no_clone(recipe: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"1\.Song' holds no leading voice: give a clone"):
        recipe.gather(tmp_path, "1.Song", tmp_path / "sources" / "1.Song")
    assert not any(tmp_path.iterdir())


def test_the_leader_stands_in_the_centre(recipe: ModuleType, tmp_path: Path) -> None:
    own = tmp_path / "sources" / "1.Song"
    own.mkdir(parents=True)
    random = np.random.default_rng(0)
    for shift in sys.modules["gather"].SHIFTS:
        soundfile.write(own / f"lead_{shift}.flac", random.normal(0, 0.1, 2 * RATE), RATE)
    np.save(own / "intervals.npy", np.zeros((len(recipe.STEPS), 2 * RATE // recipe.HOP), np.int8))
    for name in ("produced_lead", "produced_backing"):
        soundfile.write(own / f"{name}.flac", np.zeros((3 * RATE, 2)), RATE)
    jobs = [*recipe._jobs(tmp_path / "sources", {"1.Song": "train"}, {"train": 6}, tmp_path / "out", 1.0)]
    for job in jobs:
        recipe.render(job)
    assert [*recipe._jobs(tmp_path / "sources", {"1.Song": "train"}, {"train": 6}, tmp_path / "out", 1.0)] == []
    width = {"lead_vocal": [], "backing_vocal": []}
    for job in jobs:
        for name, found in width.items():
            stem, rate = soundfile.read(job.folder / f"{name}.wav")
            assert rate == RATE and stem.any()
            found.append(np.square(stem[:, 0] - stem[:, 1]).sum() / np.square(stem.sum(axis=1)).sum())
    assert max(width["lead_vocal"]) < 0.1 < np.median(width["backing_vocal"])


@pytest.mark.parametrize("learns_all", [False, True])
def test_kept_songs_are_learned_only_where_that_is_asked_for(
    recipe: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, learns_all: bool
) -> None:
    def gather(clone: Path, song: str, place: Path) -> None:
        place.mkdir(parents=True)
        for name in ("lead", "backing"):
            (place / f"produced_{name}.flac").write_bytes(b"fLaC")

    jobs: list = []
    monkeypatch.setattr(recipe, "gather", gather)
    monkeypatch.setattr(recipe, "map_in_processes", lambda render, given, workers: jobs.extend(given) or [])
    words = ["render.py", str(tmp_path / "clone"), str(tmp_path / "out"), "--songs", "10", "--validation", "4"]
    monkeypatch.setattr("sys.argv", words + ["--all"] * learns_all)
    recipe.main()
    learned = {job.own.name for job in jobs if job.folder.parent.name == "train"}
    kept = {"3.Sodium", "5.Rubidium"}
    assert len(learned) == (5 if learns_all else 3) and (kept <= learned) == learns_all
    assert len(jobs) == (10 if learns_all else 14)
    assert (tmp_path / "out" / "test").exists() != learns_all
