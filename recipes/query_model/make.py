"""Train the model of `stemtree query`, and publish it with the threshold and the figures that it reaches.

    python recipes/query_model/make.py FREEDOOM OUT [--corpora DATA] [--instruments FOLDER] [--epochs 60]

One command, which goes on where it was stopped:

1. corpora, 44.1 kHz stereo, in OUT/data: what the default model's recipe makes, in small (600 excerpts of 10 s). For
   validation songs that are held out, with instruments drawn anew (OUT/data/queries); for the test openmsx with
   TimGM6mb, from neither of which anything is learned. An estimated quarter of an hour of CPU time and
   12 GB, from eleven excerpts.
   ``--corpora DATA`` takes those that are in DATA instead, by the names of recipes/default_model/corpora.sh.
2. OUT/start: the network of the configuration ``query`` with the default model's weights where they fit.
3. OUT/run: the training (`stemtree train query`), an estimated 5 hours of CPU time for 60 epochs, from five steps.
4. OUT/query_model: weights in half precision and a card with the threshold of presence, fitted on songs for validation
   (`stemtree.masks.presence.fit_presence`), and figures on the test songs. Copied into the folder of
   `stemtree.separation.splitters.abilities.QUERY_MODEL`, it is the model that comes along.

FREEDOOM holds the MIDI files of Freedoom (`musics/*.mid` in its source), ``--instruments`` recorded instruments in SFZ,
named as in recipes/soundfonts/instruments.py. Debian packages: libfluidsynth3 mma fluid-soundfont-gm openttd-openmsx,
and, as far as they are installed, musescore-general-soundfont csound-soundfont. Needs the extras render, sfz and train.
``--size tiny`` tries all of it out at 8 kHz with few songs and steps.
"""

import argparse
import json
import math
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pretty_midi
import torch
import yaml
from safetensors.torch import load_file, save_file

from stemtree.corpora.settings import CorpusSettings
from stemtree.corpora.track import Corpus
from stemtree.data.salience import Chunking
from stemtree.errors import StemtreeError
from stemtree.evaluation.found_leaves import fitted_presence, found_figures
from stemtree.evaluation.query_tree import TreeRows, draw_songs, evaluate_query_tree
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.hierarchy import Hierarchy, load
from stemtree.model import Model, load_model, make_model, save_model
from stemtree.model_files import WEIGHTS
from stemtree.model_page import model_page
from stemtree.rendering.sfz import check_sfz
from stemtree.separation.splitters.abilities import DEFAULT_MODEL
from stemtree.training.configuration import read_settings
from stemtree.training.initial_model import make_card
from stemtree.training.targets import training_targets

Runner = Callable[..., object]
"""Runs `stemtree` with some words."""

HERE = Path(__file__).parent
TRAINING = ("effects", "doubled", "plain", "bands", "mixed", "low", "modelled")
"""Names of corpora that are learned from, where they are there."""

FONTS = ("sf2/FluidR3_GM.sf2", "sf3/MuseScore_General.sf3", "sf2/sf_GMbank.sf2")
"""Soundfonts whose licences let weights be given away, beneath the folder of Debian's packages."""

PLAYED = {
    "acoustic_grand_piano": ("Acoustic Grand Piano", "Bright Acoustic Piano"),
    "bright_acoustic_piano": ("Acoustic Grand Piano", "Bright Acoustic Piano", "Honky-tonk Piano"),
    "electric_grand_piano": ("Electric Grand Piano",),
    "electric_piano_1": ("Electric Piano 1", "Electric Piano 2"),
    "acoustic_guitar_steel": ("Acoustic Guitar (nylon)", "Acoustic Guitar (steel)"),
    "electric_guitar_strat": ("Electric Guitar (jazz)", "Electric Guitar (clean)", "Electric Guitar (muted)"),
    "alto_sax": ("Soprano Sax", "Alto Sax", "Tenor Sax"),
    "tremolo_strings": ("Tremolo Strings", "String Ensemble 1", "String Ensemble 2"),
    "pizzicato_strings": ("Pizzicato Strings",),
}
"""Which programs of General MIDI recorded instruments play."""


@dataclass(frozen=True)
class Size:
    """How much is rendered, trained and measured.

    Parameters
    ----------
    takes, composed : int
        Takes of each song that is learned from, and songs composed.
    songs : int or None
        How many songs of Freedoom are used of each kind; None for all.
    held_takes : int
        Takes of each song for validation.
    excerpt, held_excerpt : float
        Seconds of a take.
    judged : int
        Songs, and tens of chunks, on which the finished model is measured.
    options : tuple of str
        Of `stemtree corpus render`.
    settings : tuple of str
        Laid over the configuration ``query``.
    """

    takes: int = 4
    composed: int = 200
    songs: int | None = None
    held_takes: int = 6
    excerpt: float = 10
    held_excerpt: float = 16
    judged: int = 16
    options: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()


SIZES = {
    "small": Size(),
    "tiny": Size(
        takes=1,
        composed=2,
        songs=2,
        held_takes=1,
        excerpt=4,
        held_excerpt=6,
        judged=2,
        options=("--rate", "8000", "--mono"),
        settings=(
            "targets=[bass/bass/electric_basses, percussion/percussion/drums]",
            "channels=1",
            "stft={window: 512, hop: 128, sample_rate: 8000}",
            "chunking={duration: 2, hop: 1}",
            "network={kind: folded_query, widths: [4, 8], squeeze: 2, units: 4, query_widths: [4, 6], dimensions: 4}",
            "rules={absent: 0, sibling: 0, family: 0}",
            "batch=2",
            "epoch=4",
            "validation_size=2",
        ),
    ),
}


@dataclass(frozen=True)
class Recipe:
    """The steps.

    Parameters
    ----------
    freedoom, out : pathlib.Path
        MIDI files, and where all goes.
    corpora : pathlib.Path, optional
        Corpora that are there.
    instruments : pathlib.Path, optional
        Recorded instruments in SFZ.
    sounds, openmsx : pathlib.Path
        Folders of Debian's soundfonts and of openttd-openmsx.
    epochs : int
        Of 100 steps.
    size : Size
        How much of everything.
    run : callable
        Runs `stemtree`.
    """

    freedoom: Path
    out: Path
    corpora: Path | None
    instruments: Path | None
    sounds: Path
    openmsx: Path
    epochs: int
    size: Size
    run: Runner

    @property
    def data(self) -> Path:
        """Where corpora lie that are made here."""
        return self.out / "data"

    def corpus(self, name: str) -> Path:
        """A corpus by its name, of those that are there or of those made here."""
        return self.corpora / name if self.corpora and self._is_given(name) else self.data / name

    def render(self) -> None:
        """Make the corpora that are not there; songs that were rendered before are left."""
        train, held_out = self._freedoom_songs()
        fonts, drums = self._soundfonts()
        varied = ("--redraw", "--vary", "--effects")
        if not any(map(self._is_given, TRAINING)):
            midi, size = self.data / "midi", self.size
            self.run("corpus", "compose", size.composed, "-o", midi)
            short = ("--split", "train", "--excerpt", size.excerpt)
            composed = sorted(midi.glob("*.mid"))
            self._render(train, "doubled", *short, *fonts, *drums, *varied, "--double", "--takes", size.takes)
            self._render(composed[::2], "bands", *short, *fonts, *drums, "--effects")
            self._render(composed[1::2], "mixed", *short, *fonts, *drums, *varied, "--seed", 1)
        if not self._is_given("queries"):
            long = ("--split", "validation", "--excerpt", self.size.held_excerpt, "--takes", self.size.held_takes)
            self._render(held_out, "queries", *long, *fonts, *drums, *varied, "--double", "--seed", 2)
        if not self._is_given("openmsx"):
            unseen = Path(pretty_midi.__file__).with_name("TimGM6mb.sf2")
            songs = sorted(self.openmsx.glob("*.mid"))[: self.size.songs]
            whole = ("--split", "test", "--excerpt", 2 * self.size.held_excerpt, "--soundfont", unseen)
            self._render(songs, "openmsx", *whole)

    def start(self) -> Path:
        """Write the model that the training begins with."""
        folder = self.out / "start"
        if not (folder / WEIGHTS).is_file():
            settings = read_settings(["query"], self._settings)
            targets = training_targets(settings, load(settings.hierarchy))
            model = make_model(make_card(settings, targets, Corpus(Path(), "slakh", settings.hierarchy, ())))
            default = load_model(DEFAULT_MODEL)
            count = borrow_weights(model, default)
            print(f"{folder}: {count} tensors are the default model's", flush=True)
            card = model.card.model_copy(update={"corpora": default.card.corpora, "training": default.card.training})
            save_model(replace(model, card=card), folder)
        return folder

    def train(self) -> Path:
        """Train, or go on."""
        run, start = self.out / "run", self.start()
        words = [word for setting in (*self._settings, f"weights={start}") for word in ("--set", setting)]
        self.run("train", "query", "-o", run, *words)
        return run

    def publish(self, run: Path) -> Path:
        """Write the finished model: half precision, and a card with its threshold and figures."""
        folder, size = self.out / "query_model", self.size
        trained = load_model(run)
        ours, began = yaml.safe_load((HERE / "licences.yaml").read_text("utf-8")), load_model(DEFAULT_MODEL).card
        licences = {what: began.licences.get(what, {}) | of for what, of in ours.items()}
        update: dict[str, object] = {"licences": licences, "present_db": None, "metrics": {}}
        save_model(replace(trained, card=trained.card.model_copy(update=update)), folder)
        weights = load_file(folder / WEIGHTS)
        halved = {name: one.half() if one.dtype == torch.float32 else one for name, one in weights.items()}
        save_file(halved, folder / WEIGHTS)
        hierarchy = load(trained.card.training["hierarchy"])
        mono = trained.card.channels == 1
        rows = self._judge(folder, "queries", "validation", hierarchy, mono)
        threshold, f1 = fitted_presence(rows.leaves)
        leaves: dict[str, object] = {}
        if not math.isnan(f1):
            leaves["validation"] = {"f1": round(f1, 3)}
            _change_card(folder, present_db=round(threshold, 1))
        tested = self._judge(folder, "openmsx", "test", hierarchy, mono)
        (overall,) = found_figures(tested.leaves).head(1).iter_rows(named=True)
        leaves["openmsx"] = {name: overall[name] and round(overall[name], 3) for name in ("precision", "recall", "f1")}
        file = self.out / "openmsx.parquet"
        words = ("--corpus", self.corpus("openmsx"), "--kind", "slakh", "--hierarchy", "slakh", "--depth", 3)
        self.run(
            *("evaluate", folder, *words, "--skip-bad", *(() if mono else ("--stereo",)), "--no-bss", "--workers", 1),
            *("--duration", min(10, 2 * size.held_excerpt / 3), "--sample", 10 * size.judged, "-o", file),
        )
        metrics = {"openmsx": _by_level(file, trained)}
        _change_card(folder, metrics=metrics, training=trained.card.training | {"leaves_found": leaves})
        print(json.dumps(metrics | {"leaves found": leaves}, indent=2), flush=True)
        return folder

    @property
    def _settings(self) -> tuple[str, ...]:
        """What is laid over the configuration."""
        train = [name for name in TRAINING if self.corpus(name).is_dir()]
        listed = ", ".join(f"{{root: {self.corpus(name)}, split: train, skip_bad: true}}" for name in train)
        validation = f"{{root: {self.corpus('queries')}, split: validation, skip_bad: true}}"
        return (
            f"train=[{listed}]",
            f"validation=[{validation}]",
            f"trainer.max_epochs={self.epochs}",
            *self.size.settings,
        )

    def _is_given(self, name: str) -> bool:
        return self.corpora is not None and (self.corpora / name).is_dir()

    def _judge(self, model: Path, corpus: str, split: str, hierarchy: Hierarchy, mono: bool) -> TreeRows:
        """Score trees of queries on some songs of a corpus."""
        described = CorpusSettings(self.corpus(corpus), "slakh", split, skip_bad=True)
        loaded = described.load(hierarchy)
        duration = min(10.0, self.size.held_excerpt / 3)
        settings = EvaluationSettings(Chunking(duration, duration), mono=mono, window=min(1.0, duration), bss=False)
        drawn = draw_songs(loaded, self.size.judged, 0)
        rows, _ = evaluate_query_tree(model, loaded, settings, songs=drawn)
        return rows

    def _freedoom_songs(self) -> tuple[list[Path], list[Path]]:
        """Songs to learn from, and songs held out, as recipes/freedoom.sh divides them."""
        names = set((HERE.parent / "freedoom_held_out.txt").read_text("utf-8").split())
        songs = [song for song in sorted(self.freedoom.glob("*.mid")) if song.name not in ("d_introa.mid", "dummy.mid")]
        train = [song for song in songs if song.name not in names]
        return train[: self.size.songs], [song for song in songs if song.name in names][: self.size.songs]

    def _soundfonts(self) -> tuple[list[object], list[object]]:
        """Options of `stemtree corpus render` for all sounds that are there, and for drum kits."""
        fonts = [self.sounds / name for name in FONTS if (self.sounds / name).is_file()]
        if missing := [name for name in FONTS if self.sounds / name not in fonts]:
            print(f"rendered without {', '.join(missing)}: not in '{self.sounds}'", flush=True)
        named, kits = [*map(str, fonts)], list[Path]()
        if self.instruments:
            for name, programs in PLAYED.items():
                file = self.instruments / name / f"{name}.sfz"
                named += [f"{program}={file}" for program in programs] if is_whole(file) else []
            kits = [*fonts, *filter(is_whole, self.instruments.glob("standard_kit/*.sfz"))]
        sounds: list[object] = [word for font in named for word in ("--soundfont", font)]
        return sounds, [word for kit in kits for word in ("--drums", kit)]

    def _render(self, songs: Sequence[Path], name: str, *options: object) -> None:
        """Render a corpus; silent excerpts and broken files are reported and left out."""
        common = ("--hierarchy", "slakh", "--skip-bad", *self.size.options)
        self.run("corpus", "render", *songs, "-o", self.data / name, *options, *common)
        if not (self.data / name).is_dir():
            raise SystemExit(f"'{self.data / name}' was not rendered: see above")


def is_whole(instrument: Path) -> bool:
    """Whether an SFZ instrument is there with all its samples; says what is missing."""
    try:
        check_sfz(instrument)
    except StemtreeError as error:
        print(f"left out: {error}", flush=True)
        return False
    return True


def borrow_weights(model: Model, default: Model) -> int:
    """Take the default model's weights for all parts of a query model that are alike; return the number of tensors.

    Its network is the masking network without what the example changes, and the way down is that of the example too.
    """
    weights, earlier, count = model.network.state_dict(), default.network.state_dict(), 0
    for name, tensor in weights.items():
        part, _, rest = name.partition(".")
        known = earlier.get(rest)
        if part in ("masking", "query") and known is not None and known.shape == tensor.shape:
            weights[name] = known.to(tensor.dtype)
            count += 1
    model.network.load_state_dict(weights)
    return count


def run_stemtree(*words: object) -> None:
    """Run the command; what `corpus render --skip-bad` leaves out is no failure."""
    command = ["stemtree", *map(str, words)]
    code = subprocess.run(command, check=False).returncode
    if code and not (code == 1 and "render" in command):
        raise SystemExit(f"{' '.join(command[:3])} ended with {code}: see above, then run this again to go on")


def _change_card(folder: Path, **changes: object) -> None:
    file = folder / "config.json"
    card = json.loads(file.read_text("utf-8")) | changes
    file.write_text(json.dumps(card, indent=2) + "\n", "utf-8")
    (folder / "README.md").write_text(model_page(card, folder.name), "utf-8")


def _by_level(file: Path, model: Model) -> dict[str, object]:
    """Mean SI-SDR improvement of each level of queries over counted chunks, by the model's nodes."""
    import polars as pl

    rows = pl.read_parquet(file).filter((pl.col("status") == "counted") & pl.col("si_sdr_improvement").is_finite())
    means = rows.group_by("level").agg(pl.col("si_sdr_improvement").mean(), pl.len()).sort("level", descending=True)
    nodes = {model.tree.level(node): node for node in model.card.nodes}
    return {
        nodes[level]: {"si_sdr_improvement": round(mean, 2), "chunks": count}
        for level, mean, count in means.iter_rows()
    }


def main() -> None:
    """Do all steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("freedoom", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--corpora", type=Path)
    parser.add_argument("--instruments", type=Path)
    parser.add_argument("--sounds", type=Path, default=Path("/usr/share/sounds"))
    parser.add_argument("--openmsx", type=Path, default=Path("/usr/share/games/openttd/baseset/openmsx"))
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--size", choices=SIZES, default="small")
    options = vars(parser.parse_args())
    recipe = Recipe(**options | {"size": SIZES[options["size"]], "run": run_stemtree})
    recipe.render()
    print(recipe.publish(recipe.train()))


if __name__ == "__main__":
    main()
