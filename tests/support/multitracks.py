"""Small sessions of raw tracks with names as people give them, and their annotation."""

import csv
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import soundfile
import yaml

from stemtree.curation.stems.build import StemReport, build_stems
from stemtree.curation.stems.settings import StemSettings

RATE = 44100

BAND = {
    "01_Kick.wav": "Drum_Kick",
    "02_Overheads L.wav": "Drum_Overheads",
    "03_Overheads R.wav": "Drum_Overheads",
    "04_Shaker.wav": "Shaker",
    "05_BassDI.wav": "Electric_Bass",
    "06_ElecGtr1.wav": "Electric_Guitar",
    "07_ElecGtr1DT.wav": "Electric_Guitar",
    "08_Piano.wav": "Piano",
    "09_LeadVox.wav": "Lead_Vocal",
    "10_BackingVox1.wav": "Backing_Vocal",
    "11_BackingVox2.wav": "Backing_Vocal",
    "12_RoomMic.wav": "Ambient_Microphone",
    "13_KickTrigger.wav": "Unused",
}


SONG = "Ana Luz - Río Abajo"
"""The session of the fixture ``raw`` in ``tests/curation/stems``: its tracks are those of `BAND`."""

SONG_ID = "AnaLuz_RíoAbajo"
"""Its folder in the corpus."""


def sound(seed: int, seconds: float = 2.0, rate: int = RATE, channels: int = 1) -> np.ndarray:
    """Notes on a few partials over faint noise: ``(channel, sample)``."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    tones = sum(np.sin(2 * np.pi * random.uniform(80, 2000) * time + random.uniform(0, 6)) for _ in range(4))
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * random.uniform(0.5, 3) * time)
    noise = random.standard_normal((channels, len(time))) * 0.01
    return 0.04 * random.uniform(0.5, 2) * tones * swell + noise


def write_session(
    root: Path, song: str, tracks: dict[str, str] = BAND, *, seconds: float = 2.0, seed: int = 0
) -> list[tuple[str, str, str]]:
    """A folder of 24-bit files, and its annotation's rows."""
    (root / song).mkdir(parents=True)
    for number, name in enumerate(tracks):
        audio = sound(100 * seed + number, seconds, channels=2 if "Piano" in name else 1)
        soundfile.write(root / song / name, audio.T, RATE, "PCM_24")
    return [(song, name, label) for name, label in tracks.items()]


def write_annotation(file: Path, rows: Sequence[tuple[str, str, str]]) -> Path:
    with file.open("w", encoding="utf-8", newline="") as text:
        table = csv.writer(text)
        table.writerow(["song", "file", "label", "confidence", "review"])
        table.writerows((*row, "0.9", "0") for row in rows)
    return file


def read_song(place: Path) -> tuple[dict, dict[str, np.ndarray]]:
    """A song's metadata, and all files that it lists as ``(sample, channel)``."""
    data = yaml.safe_load((place / f"{place.name}_METADATA.yaml").read_text("utf-8"))
    listed = [stem["filename"] for kind in ("stems", "musdb_stems") for stem in data[kind].values()]
    audio = {name: soundfile.read(place / data["stem_dir"] / name, always_2d=True)[0] for name in listed}
    audio["mix"] = soundfile.read(place / data["mix_filename"], always_2d=True)[0]
    return data, audio


def ffmpeg_loudness(file: Path, scratch: Path) -> float:
    """Integrated loudness in LUFS by FFmpeg's filter ``ebur128``."""
    with av.open(str(file)) as container:
        stream, graph = container.streams.audio[0], av.filter.Graph()
        chain = [
            graph.add_abuffer(template=stream),
            graph.add("ebur128", "metadata=1"),
            graph.add("ametadata", f"mode=print:key=lavfi.r128.I:file={scratch}"),
            graph.add("abuffersink"),
        ]
        for before, after in pairwise(chain):
            before.link_to(after)
        graph.configure()
        for frame in [*container.decode(stream), None]:
            graph.push(frame)
            while True:
                try:
                    graph.pull()
                except (av.error.BlockingIOError, av.error.EOFError):
                    break
        del chain, graph  # closes the file
    return float(scratch.read_text().split("lavfi.r128.I=")[-1].split()[0])


def build(folder: Path, settings: StemSettings | None = None, **options: object) -> StemReport:
    """Make the corpus ``MS21`` in a folder that holds the sessions ``raw`` and ``annotation.csv``."""
    files = (folder / "raw", folder / "annotation.csv", folder / "MS21")
    return build_stems(*files, settings or StemSettings(), workers=1, **options)  # type: ignore[arg-type]
