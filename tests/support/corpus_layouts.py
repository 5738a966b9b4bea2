"""Small corpora in every layout, of noise that is quick to write."""

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import yaml

RATE = 8000


def write_noise(path: Path, seconds: float = 2.0, seed: int = 0) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(-3000, 3000, int(seconds * RATE)).astype(np.int16)
    soundfile.write(path, noise, RATE)
    return noise


def _mix(path: Path, stems: list[np.ndarray]) -> None:
    soundfile.write(path, np.sum(stems, axis=0, dtype=np.int32).astype(np.int16), RATE)


def make_slakh(root: Path, songs: dict[str, list[tuple[str, str]]], ending: str = "wav") -> Path:
    """Songs by ``split/TrackNNNNN``, each a list of (patch, General MIDI name)."""
    for number, (place, patches) in enumerate(songs.items()):
        stems = {
            f"S{index:02}": {
                "inst_class": "x",
                "is_drum": program == "Drums",
                "midi_program_name": program,
                "plugin_name": patch,
                "program_num": 0,
            }
            for index, (patch, program) in enumerate(patches)
        }
        audio = [
            write_noise(root / place / "stems" / f"{name}.{ending}", seed=100 * number + index)
            for index, (name, stem) in enumerate(stems.items())
            if stem["plugin_name"] != "None"
        ]
        _mix(root / place / f"mix.{ending}", audio)
        (root / place / "metadata.yaml").write_text(yaml.safe_dump({"UUID": place, "stems": stems}))
    return root


@pytest.fixture
def slakh(tmp_path: Path) -> Path:
    band = [("elektrik_guitar.nkm", "Distortion Guitar"), ("pop_kit.nkm", "Drums"), ("None", "FX 8 (sci-fi)")]
    return make_slakh(
        tmp_path / "slakh",
        {
            "train/Track00001": band,
            "train/Track00003": [("jazz_upright.nkm", "Acoustic Bass")],
            "test/Track02000": band,
        },
    )


def _musdb_hq(root: Path) -> Path:
    for number, split in enumerate(("train", "test")):
        place = root / split / f"Artist - {split} song"
        stems = [
            write_noise(place / f"{name}.wav", seed=10 * number + index)
            for index, name in enumerate(("drums", "bass", "other", "vocals"))
        ]
        _mix(place / "mixture.wav", stems)
    return root


def _dsd100(root: Path) -> Path:
    for number, split in enumerate(("Dev", "Test")):
        song = f"05{number} - Artist - {split} song"
        names = ("bass", "drums", "other", "vocals")
        stems = [
            write_noise(root / "Sources" / split / song / f"{name}.wav", seed=10 * number + index)
            for index, name in enumerate(names)
        ]
        (root / "Mixtures" / split / song).mkdir(parents=True)
        _mix(root / "Mixtures" / split / song / "mixture.wav", stems)
    return root


def _musdb(root: Path) -> Path:
    (root / "train").mkdir(parents=True)
    with av.open(str(root / "train" / "A - B.stem.mp4"), "w", format="mp4") as container:
        streams = [container.add_stream("aac", rate=44100, layout="stereo") for _ in range(5)]
        for number, stream in enumerate(streams):
            for start in range(0, 44100, 1024):
                tone = np.sin(np.arange(start, start + 1024) / 20 * (number + 1)) / 5
                frame = av.AudioFrame.from_ndarray(np.stack([tone, tone]).astype(np.float32), "fltp", "stereo")
                frame.sample_rate, frame.pts, frame.time_base = 44100, start, Fraction(1, 44100)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return root


def _medleydb(root: Path) -> Path:
    song = "Some_Song"
    stems = {
        "S01": {"component": "bass", "filename": f"{song}_STEM_01.wav", "instrument": "electric bass", "raw": {}},
        "S02": {"component": "melody", "filename": f"{song}_STEM_02.wav", "instrument": "female singer", "raw": {}},
        "S03": {"component": "", "filename": f"{song}_STEM_03.wav", "instrument": ["female singer"], "raw": {}},
    }
    data = {"stem_dir": f"{song}_STEMS", "mix_filename": f"{song}_MIX.wav", "stems": stems}
    (root / "Metadata").mkdir(parents=True)
    (root / "Metadata" / f"{song}_METADATA.yaml").write_text(yaml.safe_dump(data))
    for number, stem in enumerate(stems.values()):
        write_noise(root / "Audio" / song / f"{song}_STEMS" / stem["filename"], seed=number)
    write_noise(root / "Audio" / song / f"{song}_MIX.wav", seed=9)
    return root


def _ms21(root: Path) -> Path:
    song = "Artist - Title"
    stems = {
        "S01": {"filename": "bass.wav", "instrument": "Electric_Bass"},
        "S02": {"filename": "lead.wav", "instrument": "Lead_Vocal"},
    }
    data = {"stem_dir": "STEMS", "mix_filename": "mix.wav", "stems": stems, "split": "validation"}
    (root / song).mkdir(parents=True)
    (root / song / f"{song}_METADATA.yaml").write_text(yaml.safe_dump(data))
    audio = [write_noise(root / song / "STEMS" / stem["filename"], seed=n) for n, stem in enumerate(stems.values())]
    _mix(root / song / "mix.wav", audio)
    return root


def _moisesdb(root: Path) -> Path:
    tracks = {
        "vocals": ["lead male singer"],
        "guitar": ["acoustic guitar", "clean electric guitar"],
        "drums": ["snare drum"],
    }
    stems = []
    for stem, types in tracks.items():
        entries = [{"id": f"{stem}-{n}", "trackType": kind, "extension": "wav"} for n, kind in enumerate(types)]
        for n, entry in enumerate(entries):
            write_noise(root / "song-id" / stem / f"{entry['id']}.wav", seed=n)
        stems.append({"stemName": stem, "tracks": entries})
    (root / "song-id" / "data.json").write_text(json.dumps({"song": "x", "stems": stems}))
    return root


def _folder(root: Path) -> Path:
    audio = [
        write_noise(root / "train" / "song" / name, seed=n) for n, name in enumerate(("01_Piano.wav", "Drums.wav"))
    ]
    _mix(root / "train" / "song" / "mix.wav", audio)
    return root


@pytest.fixture
def corpora(tmp_path: Path, slakh: Path) -> Callable[[str], Path]:
    """Make a corpus of a kind."""
    makers = {
        "musdb18-hq": _musdb_hq,
        "musdb18": _musdb,
        "dsd100": _dsd100,
        "medleydb": _medleydb,
        "ms21": _ms21,
        "moisesdb": _moisesdb,
        "folder": _folder,
    }
    return lambda kind: slakh if kind.startswith("slakh") else makers[kind](tmp_path / kind)


def stem_file(root: Path) -> Path:
    """The second stem of the first song of `slakh`."""
    return root / "train" / "Track00001" / "stems" / "S01.wav"


def edit_metadata(root: Path, change: Callable[[dict], object]) -> None:
    """Change the metadata of the first song of `slakh`."""
    file = root / "train" / "Track00001" / "metadata.yaml"
    data = yaml.safe_load(file.read_text())
    change(data)
    file.write_text(yaml.safe_dump(data))
