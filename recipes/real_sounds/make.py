r"""Make corpora of real sounds, and teach the default model with them.

    python recipes/soundfonts/synthesisers.py SYNTHS
    python recipes/real_sounds/make.py corpora CLONES FREEDOOM OUT --synths SYNTHS [--instruments FOLDER] [--size tiny]
    recipes/default_model/corpora.sh FREEDOOM INSTRUMENTS OUT/data again again_plain
    python recipes/real_sounds/make.py start OUT --model START  # its weights as they were when they learned
    cd OUT && stemtree train REPOSITORY/recipes/real_sounds/train.yaml -o run
    python recipes/default_model/publish.py OUT/run -o OUT/model --average OUT/start --share 0.4 --temperature 1.3 \
        --prior other/fx_processed_sound=-1 percussion/nontonal_percussion=-0.5 --inactive-below -22 --position \
        --licences OUT/licences.yaml
    python recipes/real_sounds/make.py measure MODEL OUT [--openmsx CORPUS] [--sample CHUNKS]

START is what recipes/default_model/run.sh makes; without --model it is the shipped model, which has learned from these
sounds before. CLONES is a folder of clones, named NAME or OWNER+NAME, of the repositories that sounds.yaml lists;
FREEDOOM holds Freedoom's MIDI files (`musics/*.mid` in its source). Instruments of which a sample is missing, and stems
that are not there, are left out and reported. What is there already is left, so that a stopped run goes on. OUT/data
holds, as 16-bit FLAC of 44.1 kHz:

    own          songs of Freedoom with their own instruments, guitars through amplifiers
    stems        the same songs, in which recorded stems take the place of their leaves
    real         the same songs with instruments redrawn
    bands        songs that MMA composes, with their own instruments, guitars through amplifiers
    synths       the same songs as `own`, redrawn, keyboards and some basses played by SYNTHS
    unheard      songs and sounds that are kept for validation, with amplifiers
    unheard_clean, unheard_stems    the same, redrawn and without amplifiers; with recorded stems that are kept
    unheard_synths    the same, redrawn, keyboards and some basses played by those of SYNTHS that are kept

OUT/licences.yaml lists songs and sounds for the model's card, OUT/hours.yaml the hours of each leaf and licence in
these corpora (`again` and `again_plain`, which soundfonts play, are not in it).
`measure` prints a table of SI-SDR improvements, in dB and over how many chunks, from the true accompaniment. Needs the
extras render, sfz and train, and of Debian libfluidsynth3 mma fluid-soundfont-gm musescore-general-soundfont
csound-soundfont fretsonfire-songs-sectoid fretsonfire-songs-muldjord.
"""

import argparse
import os
import re
import subprocess
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from report import Runner, as_table, hours_by_licence, measure
from stems import mix_in, stretches

from stemtree.errors import StemtreeError
from stemtree.hierarchy import load
from stemtree.model import load_model, save_model
from stemtree.networks.folded_conv import add_to_logits
from stemtree.rendering.sfz import check_sfz
from stemtree.separation.splitters.abilities import DEFAULT_MODEL
from stemtree.staging import whole_file

HERE = Path(__file__).parent
TAIL = 2.0
"""Seconds that rendered songs last longer than their excerpts, at most."""


@dataclass(frozen=True)
class Size:
    """How much is rendered: takes with own and other instruments, songs, seconds to learn and validate."""

    takes: int = 8
    redrawn_takes: int = 4
    synth_takes: int = 3
    composed: int = 200
    songs: int | None = None
    excerpt: float = 12
    held_takes: int = 2
    held_excerpt: float = 16


SIZES = {"small": Size(), "tiny": Size(1, 1, 1, 2, 2, 2, 1, 2)}


@dataclass(frozen=True)
class Recipe:
    """Where things are, what is made of them, and what runs `stemtree`."""

    clones: Path
    freedoom: Path
    out: Path
    instruments: Path | None
    synths: Path
    sounds: Path
    plan: Path
    size: Size
    workers: int
    run: Runner

    def corpora(self) -> None:
        """Render and mix everything that is missing."""
        train, held_out = self._songs()
        synths, kept_synths = self._synths("train"), self._synths("validation")
        varied = ("--vary", "--effects", "--amplifiers")
        short = ("--split", "train", "--excerpt", self.size.excerpt, *self._sounds("train"))
        kept = ("--split", "validation", "--excerpt", self.size.held_excerpt, *self._sounds("validation"))
        self._render("own", train, *short, *varied, "--takes", self.size.takes, "--seed", 4)
        self._mix_stems("train", "own", "stems")
        self._render("unheard", held_out, *kept, "--takes", self.size.held_takes, "--amplifiers", "--seed", 7)
        self._mix_stems("validation", "unheard", "unheard_stems")
        self._render("unheard_clean", held_out, *kept, "--takes", self.size.held_takes, "--redraw", "--seed", 8)
        redrawn = ("--redraw", "--double", "--takes", self.size.redrawn_takes)
        self._render("real", train, *short, *varied, *redrawn, "--seed", 5)
        self.run("corpus", "compose", self.size.composed, "-o", self.out / "midi", "--seed", 8)
        self._render("bands", sorted((self.out / "midi").glob("*.mid")), *short, *varied, "--seed", 6)
        redrawn = ("--redraw", "--double", "--takes", self.size.synth_takes, *synths)
        self._render("synths", train, *short, *varied, *redrawn, "--seed", 9)
        redrawn = ("--redraw", "--takes", self.size.held_takes, *kept_synths)
        self._render("unheard_synths", held_out, *kept, *redrawn, "--seed", 10)
        self._write_licences()
        hours = hours_by_licence(self.out / "data", self._licence_of)
        (self.out / "hours.yaml").write_text(yaml.safe_dump(hours), "utf-8")
        print(as_table(hours))

    @cached_property
    def given(self) -> dict[str, Any]:
        """What sounds.yaml says."""
        return dict(yaml.safe_load(self.plan.read_text("utf-8")))

    @cached_property
    def whole(self) -> dict[str, tuple[Path, dict[str, Any]]]:
        """SFZ instruments that are there with all their samples: file and entry of each."""
        listed = {name: (self._file(entry["sfz"]), entry) for name, entry in self.given["sounds"].items()}
        for name, entry in self.given["instruments"].items() if self.instruments else ():
            listed[name] = (Path(self.instruments or "") / name / f"{name}.sfz", entry)
        whole = {}
        for name, (file, entry) in listed.items():
            try:
                if "set_cc" in entry and file.is_file():
                    file = preset(file, entry, self.out / "sfz" / f"{re.sub(r'[^a-z]+', '_', name)}.sfz")
                check_sfz(file)
                whole[name] = (file, entry)
            except StemtreeError as error:
                print(f"left out: {error}", flush=True)
        return whole

    def _file(self, path: str) -> Path:
        """A file in a clone, which may be called NAME or OWNER+NAME."""
        clone, _, rest = path.partition("/")
        places = [self.clones / clone, *sorted(self.clones.glob(f"*+{clone}"))]
        return next((place for place in places if place.is_dir()), places[0]) / rest

    def _songs(self) -> tuple[list[Path], list[Path]]:
        """Freedoom's songs to learn from, and those held out, as recipes/freedoom.sh divides them."""
        names = (HERE.parent / "freedoom_held_out.txt").read_text("utf-8").split()
        songs = [song for song in sorted(self.freedoom.glob("*.mid")) if song.name not in ("d_introa.mid", "dummy.mid")]
        train = [song for song in songs if song.name not in names]
        return train[: self.size.songs], [song for song in songs if song.name in names][: self.size.songs]

    def _sounds(self, split: str) -> list[object]:
        """Options of `stemtree corpus render`: fonts, and the instruments of a split."""
        mine = {name: one for name, one in self.whole.items() if one[1].get("split", "train") == split}
        heard = {label for _, entry in mine.values() for label in entry["plays"]} if split == "validation" else set()
        options: list[object] = []
        for entry in self.given["fonts"].values():
            font = self.sounds / entry["file"]
            if not font.is_file():
                print(f"left out: there is no '{font}'", flush=True)
            elif split == "train" or entry is next(iter(self.given["fonts"].values())):
                without = heard & set(leaf_names()) or set(entry.get("not", ()))
                labels = [*(leaf for leaf in leaf_names() if leaf not in without), *entry.get("but", ())]
                options += [word for label in labels for word in ("--soundfont", f"{label}={font}")]
                options += ["--drums", font] if split == "train" else []
        for file, entry in mine.values():
            for label in entry["plays"]:
                options += ["--drums", file] if label == "drums" else ["--soundfont", f"{label}={file}"]
        return options

    def _synths(self, split: str) -> list[object]:
        """Options of `stemtree corpus render`: the synthesisers' sounds of a split."""
        options: list[object] = []
        for entry in self.given["synths"].values():
            files = sorted(self.synths.glob(entry["files"])) if entry.get("split", "train") == split else []
            if not files and entry.get("split", "train") == split:
                raise SystemExit(f"there are no '{self.synths / entry['files']}': run synthesisers.py first")
            for file in files:
                options += [word for label in entry["plays"] for word in ("--soundfont", f"{label}={file}")]
        return options

    def _render(self, name: str, songs: list[Path], *options: object) -> None:
        """Render a corpus; silent excerpts and broken files are reported and left out."""
        common = ("--format", "flac", "--skip-bad", "--skip-parts", "--workers", self.workers)
        self.run("corpus", "render", *songs, "-o", self.out / "data" / name, *options, *common)

    def _mix_stems(self, split: str, bands: str, name: str) -> None:
        """Put recorded stems into songs of a rendered corpus."""
        songs = [file.parent for file in sorted((self.out / "data" / bands / split).glob("*/metadata.yaml"))]
        for source, entry in self.given["stems"].items():
            files = self._stem_files(entry) if entry.get("split", "train") == split else []
            if not files and entry.get("split", "train") == split:
                print(f"left out: there are no stems '{entry['files']}'", flush=True)
            for file in files:
                random = np.random.default_rng(zlib.crc32(file.name.encode() + file.parent.name.encode()))
                label = (
                    f"{re.sub(r'[^A-Za-z]+', '_', source)}{re.sub(r'[^A-Za-z0-9]+', '_', file.parent.name + file.stem)}"
                )
                length = TAIL + (self.size.excerpt if split == "train" else self.size.held_excerpt)
                for number, stretch in enumerate(stretches(file, length, entry.get("most"), random)):
                    for time in range(entry.get("songs", 1)):
                        place = self.out / "data" / name / split / f"{label}_{number:02}_{time}"
                        band, level = songs[random.integers(len(songs))], random.uniform(-4, 3)
                        if not place.exists():
                            mix_in(stretch, entry["leaf"], band, place, level)

    def _stem_files(self, entry: dict[str, Any]) -> list[Path]:
        place = Path(entry["files"])
        clone, _, rest = entry["files"].partition("/")
        files = Path("/").glob(str(place.relative_to("/"))) if place.is_absolute() else self._file(clone).glob(rest)
        return [file for file in sorted(files) if re.search(entry.get("named", ""), file.name)]

    def _write_licences(self) -> None:
        entries = {name: entry for name, (_, entry) in self.whole.items()} | self.given["fonts"] | self.given["stems"]
        entries |= self.given["synths"]
        sounds = {name: one["licence"] for name, one in entries.items() if one.get("split", "train") == "train"}
        began_with = load_model(DEFAULT_MODEL).card.licences
        ours = {"songs": self.given["songs"], "sounds": sounds}
        text = yaml.safe_dump({kind: began_with.get(kind, {}) | of for kind, of in ours.items()}, sort_keys=False)
        (self.out / "licences.yaml").write_text(text, "utf-8")

    @cached_property
    def _licence_of(self) -> dict[str, str]:
        """Licence by file name of a sound."""
        fonts = {Path(entry["file"]).name: entry["licence"] for entry in self.given["fonts"].values()}
        listed = [(file, entry) for file, entry in self.whole.values()]
        for entry in self.given["synths"].values():
            listed += [(file, entry) for file in self.synths.glob(entry["files"])]
        return fonts | {file.name: entry["licence"] for file, entry in listed}


def leaf_names() -> list[str]:
    """Names of the leaves of MS21, which are labels too."""
    ms21 = load("ms21")
    return [leaf.rpartition("/")[2] for leaf in ms21.leaves()]


def preset(instrument: Path, entry: dict[str, Any], place: Path) -> Path:
    """Write an instrument with its knobs set, where its player would set them; samples stay where they are."""
    place.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(os.path.relpath(instrument.parent, place.parent))
    text = instrument.read_text("utf-8", "replace")
    text = re.sub(r'#include\s*"', lambda match: f"{match[0]}{folder.as_posix()}/", text)
    for name, value in entry.get("define", {}).items():
        text = text.replace(f"${name}", (folder / value).as_posix())
    for number, value in entry["set_cc"].items():
        text = re.sub(rf"set_cc{number}=\d+", f"set_cc{number}={value}", text)
    with whole_file(place) as file:
        file.write_text(text, "utf-8")
    return place


def start(out: Path, model: Path) -> None:
    """Write the model that training begins with: the given one without what publish.py did to its logits."""
    trained = load_model(model)
    training, priors = trained.card.training, trained.card.training.get("priors", {})
    weights = {name: one.clone() for name, one in trained.network.state_dict().items()}
    add_to_logits(weights, [-priors.get(node, 0.0) for node in trained.relation.partition.part_nodes])
    for name, one in weights.items():
        if name.startswith("unfold."):
            one *= training.get("temperature", 1.0)
    trained.network.load_state_dict(weights)
    save_model(trained, out / "start")


def run_stemtree(*words: object) -> None:
    """Run the command; what `corpus render --skip-bad` leaves out is no failure."""
    command = ["stemtree", *map(str, words)]
    code = subprocess.run(command, check=False).returncode
    if code and not (code == 1 and "render" in command):
        raise SystemExit(f"{' '.join(map(str, words[:2]))} ended with {code}: see above, then run this again to go on")


def main() -> None:
    """Do what is asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    corpora = commands.add_parser("corpora")
    for name in ("clones", "freedoom", "out"):
        corpora.add_argument(name, type=Path)
    corpora.add_argument("--instruments", type=Path)
    corpora.add_argument("--synths", type=Path, required=True)
    corpora.add_argument("--sounds", type=Path, default=Path("/usr/share/sounds"))
    corpora.add_argument("--plan", type=Path, default=HERE / "sounds.yaml")
    corpora.add_argument("--size", choices=SIZES, default="small")
    corpora.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    begun = commands.add_parser("start")
    begun.add_argument("out", type=Path)
    begun.add_argument("--model", type=Path, default=DEFAULT_MODEL)
    measured = commands.add_parser("measure")
    measured.add_argument("model")
    measured.add_argument("out", type=Path)
    measured.add_argument("--openmsx", type=Path)
    measured.add_argument("--sample", type=int)
    options = vars(parser.parse_args())
    command = options.pop("command")
    if command == "measure":
        measure(**options, run=run_stemtree)
    elif command == "start":
        start(**options)
    else:
        Recipe(**options | {"size": SIZES[options["size"]], "run": run_stemtree}).corpora()


if __name__ == "__main__":
    main()
