r"""Make the model of `stemtree query`, and publish it with the figures that it reaches.

    python recipes/query_model/make.py FREEDOOM OUT [--corpora DATA] [--instruments FOLDER] [--songs 100]

One command, which goes on where it was stopped:

1. corpora, 44.1 kHz stereo, in OUT/data: Freedoom's songs with the instruments that they were written for (`own`) and
   with others (`redrawn`), 392 and 196 excerpts of 12 s; for the test openmsx with TimGM6mb, from neither of which
   anything is learned.
   ``--corpora DATA`` takes those that are in DATA instead, by the names of recipes/real_sounds/make.py and
   recipes/default_model/corpora.sh; from composed songs, `bands`, is learned what is in a song and nothing else.
2. OUT/start: the network of the configuration ``query``, whose components are the default model's leaves.
3. OUT/heard: what it hears of 100 songs of each corpus, and of twice as many of `own` (`hear.py`).
4. OUT/query_model: what an example means, and what is in a song, learned from that in seconds (`learn.py`); weights
   in half precision and a card with figures on the test songs. Copied into the folder of
   `stemtree.separation.splitters.abilities.QUERY_MODEL`, it is the model that comes along.

FREEDOOM holds the MIDI files of Freedoom (`musics/*.mid` in its source), ``--instruments`` recorded instruments in SFZ,
named as in recipes/soundfonts/instruments.py. Debian packages: libfluidsynth3 fluid-soundfont-gm openttd-openmsx, and,
as far as they are installed, musescore-general-soundfont csound-soundfont. Needs the extras render, sfz and train.
``--size tiny`` tries all of it out at 8 kHz with few songs.
"""

import argparse
import json
import subprocess
import time
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
import yaml
from corpora import COMPOSED, OTHERS, OWN, SIZES, Corpora
from hear import hear, read
from learn import learn
from safetensors.torch import load_file, save

from stemtree.corpora.settings import CorpusSettings
from stemtree.corpora.track import Corpus
from stemtree.data.salience import Chunking
from stemtree.evaluation.found_leaves import found_figures
from stemtree.evaluation.query_tree import TreeRows, draw_songs, evaluate_query_tree
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.hierarchy import Hierarchy, load
from stemtree.model import Model, load_model, make_model, save_model
from stemtree.model_files import WEIGHTS
from stemtree.model_page import model_page
from stemtree.separation.splitters.abilities import DEFAULT_MODEL
from stemtree.training.configuration import read_settings
from stemtree.training.initial_model import make_card
from stemtree.training.settings import TrainSettings
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
    songs : int
        How many of each corpus are heard; twice as many of those with their own instruments.
    note : str
        What the card says of this training.
    """

    corpora: Corpora
    out: Path
    songs: int
    note: str = ""

    @cached_property
    def settings(self) -> TrainSettings:
        """The configuration ``query``, of whose network the names of examples are told too."""
        targets = read_settings(["query"], self.corpora.size.settings).targets
        named = ("network.named=true", f"network.classes={len(targets)}")
        return read_settings(["query"], (*self.corpora.size.settings, *named))

    @cached_property
    def hierarchy(self) -> Hierarchy:
        """Of the corpora."""
        return load(self.settings.hierarchy)

    def start(self) -> Path:
        """Write the model that divides songs, and has learned nothing else."""
        folder = self.out / "start"
        if not (folder / WEIGHTS).is_file():
            targets = training_targets(self.settings, self.hierarchy)
            model = make_model(make_card(self.settings, targets, Corpus(Path(), "slakh", self.hierarchy.name, ())))
            default = load_model(DEFAULT_MODEL)
            count = borrow_weights(model, default)
            print(f"{folder}: {count} tensors are the default model's", flush=True)
            lent = {name: getattr(default.card, name) for name in ("corpora", "training", "licences")}
            card = model.card.model_copy(update=lent)
            save_model(replace(model, card=card), folder)
        return folder

    def hear(self) -> dict[str, Path]:
        """Write what the model hears of some songs of each corpus."""
        files, model = {}, load_model(self.start())
        for folder in self.corpora.training:
            file = files[folder.name] = self.out / "heard" / f"{folder.name}.safetensors"
            if not file.is_file():
                corpus = CorpusSettings(folder, "slakh", "train", skip_bad=True).load(self.hierarchy)
                songs = draw_songs(corpus, self.songs * (1 + (folder.name == OWN)), 0)
                hear(model, self.settings.targets, corpus, songs, file)
        return files

    def learn(self) -> Path:
        """Learn the rest, and write the model: half precision, and a card without figures."""
        files, folder = self.hear(), self.out / "query_model"
        start = load_model(self.out / "start")
        if OWN not in files or not set(files) - {OWN, COMPOSED}:
            raise SystemExit(f"'{self.corpora.given}' needs {OWN} and one of {', '.join(OTHERS)}")
        own = read([file for name, file in files.items() if name == OWN])
        others = read([file for name, file in files.items() if name not in (OWN, COMPOSED)])
        composed = read([files[COMPOSED]]) if COMPOSED in files else None
        began = time.process_time()
        learn(start.network, own, others, start.relation.partition.part_nodes, composed)
        training = {
            "hierarchy": self.hierarchy.name,
            "targets": list(self.settings.targets),
            "heard": {name: len(load_file(file)["gram"]) for name, file in files.items()},
            "cpu_seconds": round(time.process_time() - began),
            "began_with": start.card.training,
        }
        ours = yaml.safe_load((HERE / "licences.yaml").read_text("utf-8"))
        before = start.card.licences
        licences = {what: before.get(what, {}) | of for what, of in ours.items()}
        note = {"note": self.note} if self.note else {}
        card = start.card.model_copy(
            update={"training": training | note, "licences": licences, "follows_position": self.settings.channels == 2}
        )
        save_model(replace(start, card=card), folder)
        weights = load_file(folder / WEIGHTS)
        halved = {name: one.half() if one.dtype == torch.float32 else one for name, one in weights.items()}
        (folder / WEIGHTS).write_bytes(save(halved))
        return folder

    def publish(self, folder: Path) -> Path:
        """Measure the finished model, and write the figures to its card."""
        model, size = load_model(folder), self.corpora.size
        mono = model.card.channels == 1
        tested = self._judge(folder, "openmsx", "test", self.hierarchy, mono)
        (overall,) = found_figures(tested.leaves).head(1).iter_rows(named=True)
        leaves = {name: overall[name] and round(overall[name], 3) for name in ("precision", "recall", "f1")}
        file = self.out / "openmsx.parquet"
        words = ("--corpus", self.corpora.folder("openmsx"), "--kind", "slakh", "--hierarchy", "slakh", "--depth", 3)
        file.unlink(missing_ok=True)  # the rows of an earlier model would be taken for this one's
        self.corpora.run(
            *("evaluate", folder, *words, "--skip-bad", *(() if mono else ("--stereo",)), "--no-bss", "--workers", 1),
            *("--duration", min(10, 2 * size.held_excerpt / 3), "--sample", 10 * size.judged, "-o", file),
        )
        metrics = {"openmsx": _by_level(file, model)}
        training = model.card.training | {"leaves_found": {"openmsx": leaves}}
        _change_card(folder, metrics=metrics, training=training)
        print(json.dumps(metrics | {"leaves found": leaves}, indent=2), flush=True)
        return folder

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
    parser.add_argument("--songs", type=int, default=100, help="of each corpus heard; of `own` twice as many")
    parser.add_argument("--note", default="", help="a sentence for the card on this training")
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
    recipe = Recipe(corpora, options.out, options.songs, options.note)
    print(recipe.publish(recipe.learn()))


if __name__ == "__main__":
    main()
