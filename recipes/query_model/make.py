"""Train the model of `stemtree query`, and publish it with the threshold and the figures that it reaches.

    python recipes/query_model/make.py FREEDOOM OUT [--corpora DATA] [--instruments FOLDER] [--epochs 4]

One command, which goes on where it was stopped:

1. corpora, 44.1 kHz stereo, in OUT/data: what the default model's recipe makes, in small (600 excerpts of 10 s). For
   validation songs that are held out, with instruments drawn anew (OUT/data/queries); for the test openmsx with
   TimGM6mb, from neither of which anything is learned. 10 GB; a quarter of an hour on two cores that did other work
   too.
   ``--corpora DATA`` takes those that are in DATA instead, by the names of recipes/default_model/corpora.sh.
2. OUT/start: the network of the configuration ``query``, whose components are the default model's leaves.
3. OUT/run: the training (`stemtree train query`), in which shares of components alone are learned: 12 minutes of CPU
   time for 4 epochs of 100 steps.
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
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import yaml
from corpora import SIZES, Corpora
from safetensors.torch import load_file, save_file

from stemtree.corpora.settings import CorpusSettings
from stemtree.corpora.track import Corpus
from stemtree.data.salience import Chunking
from stemtree.evaluation.found_leaves import fitted_presence, found_figures
from stemtree.evaluation.query_tree import TreeRows, draw_songs, evaluate_query_tree
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.hierarchy import Hierarchy, load
from stemtree.model import Model, load_model, make_model, save_model
from stemtree.model_files import WEIGHTS
from stemtree.model_page import model_page
from stemtree.separation.splitters.abilities import DEFAULT_MODEL
from stemtree.training.configuration import read_settings
from stemtree.training.initial_model import make_card
from stemtree.training.targets import training_targets

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Recipe:
    """The steps after the corpora.

    Parameters
    ----------
    corpora : Corpora
        What is learned from and tested on.
    out : pathlib.Path
        Where all goes.
    epochs : int
        Of 100 steps.
    note : str
        What the card says of this training beside its settings.
    """

    corpora: Corpora
    out: Path
    epochs: int
    note: str = ""

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
        self.corpora.run("train", "query", "-o", run, *words)
        return run

    def publish(self, run: Path) -> Path:
        """Write the finished model: half precision, and a card with its threshold and figures."""
        folder, size = self.out / "query_model", self.corpora.size
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
        words = ("--corpus", self.corpora.folder("openmsx"), "--kind", "slakh", "--hierarchy", "slakh", "--depth", 3)
        self.corpora.run(
            *("evaluate", folder, *words, "--skip-bad", *(() if mono else ("--stereo",)), "--no-bss", "--workers", 1),
            *("--duration", min(10, 2 * size.held_excerpt / 3), "--sample", 10 * size.judged, "-o", file),
        )
        metrics = {"openmsx": _by_level(file, trained)}
        training = trained.card.training | {"leaves_found": leaves} | ({"note": self.note} if self.note else {})
        _change_card(folder, metrics=metrics, training=training)
        print(json.dumps(metrics | {"leaves found": leaves}, indent=2), flush=True)
        return folder

    @property
    def _settings(self) -> tuple[str, ...]:
        """What is laid over the configuration."""
        listed = ", ".join(f"{{root: {folder}, split: train, skip_bad: true}}" for folder in self.corpora.training)
        validation = f"{{root: {self.corpora.folder('queries')}, split: validation, skip_bad: true}}"
        return (
            f"train=[{listed}]",
            f"validation=[{validation}]",
            f"trainer.max_epochs={self.epochs}",
            *self.corpora.size.settings,
        )

    def _judge(self, model: Path, corpus: str, split: str, hierarchy: Hierarchy, mono: bool) -> TreeRows:
        """Score trees of queries on some songs of a corpus."""
        described = CorpusSettings(self.corpora.folder(corpus), "slakh", split, skip_bad=True)
        loaded = described.load(hierarchy)
        duration = min(10.0, self.corpora.size.held_excerpt / 3)
        settings = EvaluationSettings(Chunking(duration, duration), mono=mono, window=min(1.0, duration), bss=False)
        drawn = draw_songs(loaded, self.corpora.size.judged, 0)
        rows, _ = evaluate_query_tree(model, loaded, settings, songs=drawn)
        return rows


def borrow_weights(model: Model, default: Model) -> int:
    """Take the default model's weights for all parts of a query model that are alike; return the number of tensors.

    Its network divides the song into components, which then are its leaves.
    """
    weights, earlier, count = model.network.state_dict(), default.network.state_dict(), 0
    for name, tensor in weights.items():
        known = earlier.get(name.removeprefix("divide."))
        if known is not None and known.shape == tensor.shape:
            weights[name] = known.to(tensor.dtype)
            count += 1
    model.network.load_state_dict(weights)
    return count


def run_stemtree(*words: object) -> None:
    """Run the command; what ``--skip-bad`` leaves out is no failure."""
    command = ["stemtree", *map(str, words)]
    code = subprocess.run(command, check=False).returncode
    if code and not (code == 1 and "--skip-bad" in command):
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
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--note", default="", help="a sentence for the card on this training beside its settings")
    parser.add_argument("--size", choices=SIZES, default="small")
    options = parser.parse_args()
    corpora = Corpora(
        options.freedoom,
        options.out / "data",
        options.corpora,
        options.instruments,
        options.sounds,
        options.openmsx,
        SIZES[options.size],
        run_stemtree,
    )
    corpora.render()
    recipe = Recipe(corpora, options.out, options.epochs, options.note)
    print(recipe.publish(recipe.train()))


if __name__ == "__main__":
    main()
