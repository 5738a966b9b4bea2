"""What a reader of each page is taken to have: songs, corpora, models and listings, all small."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pretty_midi
import soundfile
import torch
import yaml

from stemtree.hierarchy import load
from stemtree.masks.relation import RelationSettings
from stemtree.model import make_model, save_model
from stemtree.model_card import Card
from stemtree.networks.mask_inference import MaskInferenceSettings
from stemtree.networks.query_by_example import QueryByExampleSettings
from stemtree.networks.registry import NetworkSettings
from stemtree.separation.splitters.spleeter_weights import example_song
from stemtree.spectral import Stft
from support.archives import make_zip
from support.multitracks import write_session

REPOSITORY = Path(__file__).parents[2]

CLEAN_GUITARS = (
    "strings_guitar_keyboards/guitar/clean_guitars",
    "strings_guitar_keyboards/guitar",
    "strings_guitar_keyboards",
)


def readme(folder: Path) -> None:
    shutil.copyfile(example_song(), folder / "song.mp3")


def separate(folder: Path) -> None:
    _excerpt(folder / "song.mp3", 3)
    for name in ("album/one.wav", "live/two.flac"):
        _excerpt(folder / name, 1)


def listen(folder: Path) -> None:
    _excerpt(folder / "song.mp3", 2)


def conservation(folder: Path) -> None:
    _excerpt(folder / "song.wav", 3)


def queries(folder: Path) -> None:
    _excerpt(folder / "song.wav", 3)
    _excerpt(folder / "clarinet.wav", 2)
    _query_model(folder / "runs" / "qbe")
    for name in ("clarinet", "clean_guitars"):
        _excerpt(folder / "examples" / f"{name}.wav", 1)


def _query_model(folder: Path) -> None:
    tree: dict = {}
    for level in (1, 2, 3):
        tree = {f"level_{level}": tree, "rest": {}}
    nodes = ("level_3/level_2/level_1", "level_3/level_2", "level_3")
    training = {
        "hierarchy": "slakh",
        "targets": [CLEAN_GUITARS[0], "winds_voices/winds/single_reeds", "bass/bass/electric_basses"],
    }
    _model(folder, tree, nodes, QueryByExampleSettings(layers=1, query_layers=1, units=4), training)


def corpora(folder: Path) -> None:
    _slakh(folder / "data" / "slakh")
    for number, label in enumerate(("kick in", "voice")):
        _tone(folder / "data" / "mine" / "song" / f"{label}.wav", 200 * (number + 1), number)
    soundfont = Path(pretty_midi.__file__).with_name("TimGM6mb.sf2")
    (folder / "FluidR3_GM.sf2").symlink_to(soundfont)


def training(folder: Path) -> None:
    _excerpt(folder / "song.wav", 2)
    _slakh(folder / "data" / "slakh")


def evaluation(folder: Path) -> None:
    _slakh(folder / "data" / "slakh")
    _model(folder / "runs" / "try", load("slakh").as_dict(), CLEAN_GUITARS, MaskInferenceSettings(layers=1, units=4))
    _query_model(folder / "runs" / "qbe")
    _tone(folder / "examples" / "clean_guitars.wav", 440, 0)


def curation(folder: Path) -> None:
    lines = ["genre,sub_genre,title,artist,archive,preview"]
    for number, (artist, title) in enumerate((("Anna", "One"), ("Bert", "Two"), ("Cleo", "Three"))):
        write_session(folder / "raw", title, seconds=1, seed=number)
        files = {f"{title}_Full/{file.name}": file.read_bytes() for file in (folder / "raw" / title).iterdir()}
        make_zip(folder / f"{artist}_{title}_Full.zip", files)
        lines.append(f"Pop,Folk Pop,{title},{artist},{artist}_{title}_Full.zip,")
    shutil.rmtree(folder / "raw")
    (folder / "listing.csv").write_text("\n".join(lines) + "\n")


CHAPTERS: dict[str, tuple[tuple[str, ...], Callable[[Path], None]]] = {
    "readme": (("README.md",), readme),
    "separate": (("docs/guides/separate.md",), separate),
    "listen": (("docs/guides/listen.md",), listen),
    "conservation": (("docs/guides/conservation.md",), conservation),
    "other separators": (("docs/guides/other-separators.md",), lambda folder: None),
    "queries": (("docs/guides/queries.md",), queries),
    "corpora": (("docs/guides/corpora.md",), corpora),
    "training": (("docs/guides/training.md",), training),
    "evaluation": (("docs/guides/evaluation.md",), evaluation),
    "experiments": (("docs/guides/experiments.md",), lambda folder: None),
    "clusters": (("docs/guides/clusters.md",), lambda folder: None),
    "curation": (
        tuple(
            f"docs/guides/curation/{name}.md"
            for name in ("index", "gather", "annotate", "listen", "bleed", "stems", "check", "split", "statistics")
        ),
        curation,
    ),
}
"""Pages that are read in one folder, in this order, and what lies in it."""

_RATE = 16000
_PATCHES = {"elektrik_guitar.nkm": 330, "nylon_guitar.nkm": 440, "pop_kit.nkm": 0, "jazz_upright.nkm": 90}


def _excerpt(file: Path, seconds: int) -> None:
    """The beginning of the real song, after its first second."""
    file.parent.mkdir(parents=True, exist_ok=True)
    samples, rate = soundfile.read(example_song(), start=44100, frames=seconds * 44100)
    soundfile.write(file, samples, rate)


def _model(
    folder: Path, tree: dict, nodes: tuple[str, ...], network: NetworkSettings, training: dict | None = None
) -> None:
    """A model with random weights."""
    card = Card(
        hierarchy="any",
        tree=tree,
        nodes=nodes,
        relation=RelationSettings(kind="constrained"),
        network=network,
        stft=Stft(1024, 512, _RATE),
        training=training or {},
    )
    torch.manual_seed(0)
    save_model(make_model(card), folder)


def _slakh(root: Path) -> None:
    """Three songs of 12 s, one in each split."""
    for number, split in enumerate(("train", "validation", "test")):
        place = root / split / f"Track{number:05}"
        stems = {}
        for stem, (patch, pitch) in enumerate(_PATCHES.items()):
            _tone(place / "stems" / f"S{stem:02}.wav", pitch * (1 + number / 20), 10 * number + stem)
            stems[f"S{stem:02}"] = {"plugin_name": patch, "is_drum": not pitch, "midi_program_name": ""}
        (place / "metadata.yaml").write_text(yaml.safe_dump({"stems": stems}))
        audio = [soundfile.read(file, dtype="int16")[0] for file in sorted((place / "stems").iterdir())]
        soundfile.write(place / "mix.wav", np.sum(audio, axis=0, dtype=np.int16), _RATE)


def _tone(file: Path, pitch: float, seed: int) -> None:
    """12 s of a tone, or of noise where the pitch is 0, in beats of various loudness."""
    random = np.random.default_rng(seed)
    time = np.arange(12 * _RATE) / _RATE
    sound = np.sin(2 * np.pi * pitch * time) if pitch else random.uniform(-1, 1, len(time))
    file.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(file, 0.15 * sound * np.repeat(random.uniform(0.3, 1, 24), len(time) // 24), _RATE, "PCM_16")
