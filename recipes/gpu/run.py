"""Teach the wide network on a machine with a GPU that has little time, no network, and gets only so many megabytes.

    python recipes/gpu/run.py pack SOURCES PACK          # here: sounds and notes of plan.yaml, cut, as Ogg Vorbis
    python recipes/gpu/run.py packages PACK              # here: the Python packages that the machine lacks, compressed
    python recipes/gpu/run.py there PACK WORK OUT --seconds 540        # there: render, train, evaluate, bring
    python recipes/gpu/run.py join OUT                   # here: weights that came back in parts, joined

`there` takes this repository and PACK, renders on all cores till a third of the seconds is over, trains as long as
leaves time to evaluate, and leaves in OUT the model at half precision, in files of at most `--megabytes-back`, the rows
of its evaluation on songs and sounds that it has not heard, its confusion, and what took how long. Its stages `render`,
`train`, `evaluate` and `bring` can be called by themselves, with the same arguments and seconds of their own; what is
done is not done again. Where a machine takes less than PACK at once, PACK/packages.tar.xz can travel first.
"""

import argparse
import io
import json
import lzma
import os
import re
import runpy
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

HERE, REPOSITORY = Path(__file__).parent, Path(__file__).parents[2]
STAGES = ("render", "train", "evaluate", "bring")
RENDER_SHARE, EVALUATE_SHARE = 0.33, 0.2
"""Of the time: until when another take of all songs may begin, and what is kept for evaluation and what follows."""
START_UP = 8
"""Steps whose time is not counted when the length of a step is measured."""

PACKAGES = "packages.tar.xz"


def pack(options: argparse.Namespace) -> None:
    """Copy notes and cut sounds into PACK/music; tell what they weigh."""
    from stemtree.rendering.sfz import check_sfz

    plan = yaml.safe_load(options.plan.read_text("utf-8"))
    music = options.pack / "music"
    shutil.rmtree(music, ignore_errors=True)
    carried: dict[str, Any] = {"sounds": {}, "licences": {"songs": {}, "sounds": {}}}
    for name, notes in plan["notes"].items():
        held_out = (options.plan.parent / notes["held_out"]).read_text("utf-8").split() if "held_out" in notes else []
        for file in sorted(options.sources.glob(notes["files"])):
            place = music / "notes" / ("validation" if file.name in held_out else "train") / file.name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, place)
        carried["licences"]["songs"][name] = notes["licence"]
    for number, (name, sound) in enumerate(plan["sounds"].items()):
        (instrument,) = options.sources.glob(sound["sfz"])
        check_sfz(instrument)
        file = cut_instrument(instrument, music / "sounds" / f"{number:02}", sound["seconds"])
        check_sfz(file)
        entry = {"file": str(file.relative_to(music)), "plays": sound["plays"], "split": sound.get("split", "train")}
        carried["sounds"][name] = entry
        carried["licences"]["sounds"][name] = sound["licence"]
    (music / "carried.yaml").write_text(yaml.safe_dump(carried, sort_keys=False), "utf-8")
    weigh(music, options.megabytes)


def cut_instrument(instrument: Path, folder: Path, seconds: float) -> Path:
    """Copy an SFZ instrument with its samples cut and coded; returns the copy.

    Files keep their places within the folder that holds all of them. Wherever a text names samples, also in macros,
    their ending becomes ``.ogg``. Loops that only a sample's own header tells of are lost.
    """
    import numpy as np
    import soundfile

    from stemtree.rendering.sfz import sample_paths

    samples = {Path(os.path.normpath(instrument.parent / sample)) for sample in sample_paths(instrument)}
    top = Path(os.path.commonpath([instrument.parent, *(sample.parent for sample in samples)]))
    found = {str(file).casefold(): file for file in top.rglob("*") if file.is_file()}
    for file in found.values():
        if file.suffix.lower() in (".sfz", ".txt", ".inc"):
            text = file.read_bytes().decode("utf-8", "replace")
            text = re.sub(r"(\.|#define\s+\$\w+\s+)(wav|flac|aiff?)\b", r"\1ogg", text, flags=re.IGNORECASE)
            (folder / file.relative_to(top)).parent.mkdir(parents=True, exist_ok=True)
            (folder / file.relative_to(top)).write_text(text, "utf-8")
    for sample in samples:
        audio, rate = soundfile.read(found[str(sample).casefold()], dtype="float32", always_2d=True)
        audio = audio[: round(seconds * rate)]
        fade = min(len(audio), rate // 20)
        audio[len(audio) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)[:, None]
        place = (folder / sample.relative_to(top)).with_suffix(".ogg")
        place.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(place, audio, rate, format="OGG", subtype="VORBIS", compression_level=0.8)
    return folder / instrument.relative_to(top)


def weigh(folder: Path, megabytes: float) -> None:
    """Tell what a folder or file weighs; end if that is too much."""
    files = [file for file in folder.rglob("*") if file.is_file()] if folder.is_dir() else [folder]
    size = sum(file.stat().st_size for file in files) / 1e6
    print(f"{folder}: {len(files)} files, {size:.1f} MB")
    if size > megabytes:
        sys.exit(f"{folder} weighs {size:.1f} MB, more than {megabytes:g}: cut sounds shorter in the plan, or fewer")


def packages(options: argparse.Namespace) -> None:
    """Download what the machine lacks, as the plan says, and compress it."""
    wanted = yaml.safe_load(options.plan.read_text("utf-8"))["packages"]
    options.pack.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        platforms = [word for platform in wanted["platforms"] for word in ("--platform", platform)]
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--no-compile",
            "--target",
            temporary,
        ]
        command += ["--only-binary=:all:", "--python-version", wanted["python"], "--implementation", "cp", *platforms]
        subprocess.run([*command, "--constraint", REPOSITORY / "constraints.txt", *wanted["names"]], check=True)
        for left_out in (*Path(temporary).rglob("*.sf2"), *Path(temporary).rglob("tests")):
            shutil.rmtree(left_out) if left_out.is_dir() else left_out.unlink()
        with (
            lzma.open(options.pack / PACKAGES, "wb", preset=options.preset) as compressed,
            tarfile.open(fileobj=compressed, mode="w|") as archive,
        ):
            archive.add(temporary, ".")
    weigh(options.pack / PACKAGES, options.megabytes)


def unpack_packages(options: argparse.Namespace) -> None:
    """There: make the packages and this repository importable, by this process and those that it starts."""
    site = options.work / "site"
    if (options.pack / PACKAGES).exists() and not site.exists():
        with tarfile.open(options.pack / PACKAGES, "r:xz") as archive:
            archive.extractall(site, filter="data")
    places = [str(REPOSITORY / "src"), str(site)]
    os.environ["PYTHONPATH"] = os.pathsep.join([*places, os.environ.get("PYTHONPATH", "")])
    sys.path[:0] = [place for place in places if place not in sys.path]


def stemtree(*arguments: object) -> int:
    """Run a command of stemtree in this process; returns its exit status."""
    from stemtree.cli import app
    from stemtree.cli.messages import explain
    from stemtree.errors import StemtreeError

    try:
        return int(app([str(argument) for argument in arguments], standalone_mode=False) or 0)
    except StemtreeError as error:
        sys.exit(explain(error))


def render(options: argparse.Namespace) -> None:
    """Render the songs of both splits: validation once, training take after take until its time is over."""
    music = options.pack / "music"
    carried = yaml.safe_load((music / "carried.yaml").read_text("utf-8"))["sounds"].values()
    apart = {label for sound in carried if sound["split"] == "validation" for label in sound["plays"]}
    stretches = ("--excerpt", options.excerpt, "--skip-bad", "--skip-parts", "--workers", options.cores)
    for split, varied in (("validation", ()), ("train", ("--redraw", "--vary"))):
        # Songs of validation hear sounds that are kept for them where there are any of a kind.
        mine = [
            sound for sound in carried
            if sound["split"] == split or (split == "validation" and not apart & set(sound["plays"]))
        ]  # fmt: skip
        sounds: list[object] = []
        for sound in mine:
            file = music / sound["file"]
            for label in sound["plays"]:
                sounds += ["--drums", file] if label == "drums" else ["--soundfont", f"{label}={file}"]
        notes, corpus = sorted((music / "notes" / split).iterdir()), options.work / "data"
        for take in range(min(2, options.takes), 1 + options.takes) if split == "train" else (1,):
            stemtree(
                "corpus",
                "render",
                *notes,
                "-o",
                corpus,
                "--split",
                split,
                *sounds,
                *varied,
                *stretches,
                "--takes",
                take,
            )
            print(f"{split}: {take} takes after {options.elapsed():.0f} s", flush=True)
            if options.elapsed() > RENDER_SHARE * options.seconds:
                break
    stemtree(
        "corpus", "index", options.work / "data", "--kind", "slakh", "--hierarchy", "ms21", "--duration", 4, "--hop", 2
    )


def train(options: argparse.Namespace) -> None:
    """Train till only the time of evaluation is left; the cosine ends there, by the measured length of a step."""
    import torch
    from pytorch_lightning.callbacks import Callback

    from stemtree.model_files import WEIGHTS
    from stemtree.training.configuration import read_settings
    from stemtree.training.monitor import Monitor
    from stemtree.training.run import fit, prepare, publish
    from stemtree.training.run_folder import SETTINGS, RunFolder

    corpus = {"root": str(options.work / "data"), "kind": "slakh"}
    changes = [f"{split}=[{json.dumps(corpus | {'split': split})}]" for split in ("train", "validation")]
    changes += [f"workers={min(options.cores - 1, 12)}"]
    if torch.cuda.is_available() and not torch.cuda.is_bf16_supported():
        changes += ["trainer.precision=16-mixed"]
    steps: list[float] = []

    class Clock(Callback):
        def on_train_batch_end(self, *_: Any) -> None:
            steps.append(time.monotonic())

    def run(folder: RunFolder, *more: str) -> Any:
        prepared = prepare(
            read_settings(options.config, [*changes, *more]), folder, progress_bar=False,
            monitor=Monitor(lambda sentence: print(sentence, flush=True)),
        )  # fmt: skip
        if options.compile and torch.cuda.is_available():
            prepared.module.model.network.compile()  # in place, so that weights keep their names
        prepared.trainer.callbacks.append(Clock())
        fit(prepared)
        return prepared

    folder = RunFolder(options.work / "run")
    if (folder.path / WEIGHTS).is_file():
        return
    if (folder.path / SETTINGS).exists():  # of a run that was stopped, whose cosine has its end
        began = yaml.safe_load((folder.path / SETTINGS).read_text("utf-8"))["trainer"]["max_epochs"]
        publish(run(folder, f"trainer.max_epochs={began}"))
        return
    settings = read_settings(options.config, changes)
    with tempfile.TemporaryDirectory(dir=options.work) as probe:
        tried = (START_UP + options.probe) * settings.batch
        run(RunFolder(Path(probe)), f"epoch={tried}", f"validation_size={settings.batch}", "trainer.max_epochs=1")
    of_step = (steps[-1] - steps[START_UP - 1]) / (len(steps) - START_UP)
    left = options.seconds * (1 - EVALUATE_SHARE) - options.elapsed()
    of_epoch = of_step * (settings.epoch / settings.batch + settings.validation_size / settings.batch)
    epochs = max(1, int(left / of_epoch))
    print(f"{of_step:.3f} s a step, {left:.0f} s left: {epochs} epochs of {settings.epoch} examples", flush=True)
    publish(run(folder, f"trainer.max_epochs={epochs}"))


def evaluate(options: argparse.Namespace) -> None:
    """Measure the model on the songs of validation, and what it mistakes for what."""
    of_corpus = ("--corpus", options.work / "data", "--kind", "slakh", "--hierarchy", "ms21", "--split", "validation")
    common = (*of_corpus, "--root", "accompaniment", "--stereo", "--sample", options.sample, "--workers", 1)
    stemtree("evaluate", options.work / "run", *common, "--no-bss", "--absent", "-o", options.work / "unheard.parquet")
    stemtree("confusion", options.work / "run", *common, "-o", options.work / "confusion.parquet")


def bring(options: argparse.Namespace) -> None:
    """Leave in OUT what is to come back: few files, none of them large."""
    licences = options.work / "licences.yaml"
    carried = yaml.safe_load((options.pack / "music" / "carried.yaml").read_text("utf-8"))
    licences.write_text(yaml.safe_dump(carried["licences"]), "utf-8")
    sys.argv = ["publish.py", str(options.work / "run"), str(options.work / "unheard.parquet")]
    sys.argv += ["-o", str(options.work / "model"), "--licences", str(licences)]
    runpy.run_path(str(HERE.parent / "default_model" / "publish.py"), run_name="__main__")
    options.out.mkdir(parents=True, exist_ok=True)
    for file in (options.work / "model" / "config.json", *options.work.glob("*.parquet")):
        shutil.copy(file, options.out)
    weights = io.BytesIO((options.work / "model" / "model.safetensors").read_bytes())
    for part in iter(lambda: weights.read(int(options.megabytes_back * 1e6)), b""):
        number = weights.tell() - len(part)
        (options.out / f"model.safetensors.{number:012}").write_bytes(part)
    report = {"seconds": round(options.elapsed()), "stages": options.took}
    (options.out / "report.json").write_text(json.dumps(report), "utf-8")


def join(options: argparse.Namespace) -> None:
    """Join the parts of the weights, beside config.json: the folder is a model then."""
    parts = sorted(options.pack.glob("model.safetensors.*"))
    (options.pack / "model.safetensors").write_bytes(b"".join(part.read_bytes() for part in parts))


def there(options: argparse.Namespace, stages: tuple[str, ...] = STAGES) -> None:
    """Run stages, and tell how long each took."""
    options.work.mkdir(parents=True, exist_ok=True)
    unpack_packages(options)
    of_name: dict[str, Callable[[argparse.Namespace], None]] = {
        "render": render, "train": train, "evaluate": evaluate, "bring": bring,
    }  # fmt: skip
    for stage in stages:
        began = options.elapsed()
        of_name[stage](options)
        options.took[stage] = round(options.elapsed() - began, 1)
        print(f"{stage}: {options.took[stage]} s", flush=True)


def main() -> None:
    """Run a stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=("pack", "packages", "there", *STAGES, "join"))
    parser.add_argument("places", type=Path, nargs="+")
    parser.add_argument("--plan", type=Path, default=HERE / "plan.yaml")
    parser.add_argument("--megabytes", type=float, default=60, help="that PACK's music, and its packages, may weigh")
    parser.add_argument("--preset", type=int, default=9, help="of xz")
    parser.add_argument("--config", nargs="+", default=[str(HERE / "wide.yaml")])
    parser.add_argument("--seconds", type=float, default=540)
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--excerpt", type=float, default=16, help="seconds of a song in a take")
    parser.add_argument("--takes", type=int, default=50, help="at most")
    parser.add_argument("--probe", type=int, default=24, help="steps by which the length of a step is measured")
    parser.add_argument("--compile", action="store_true", help="by torch.compile, on a GPU")
    parser.add_argument("--sample", type=int, default=60, help="chunks of the evaluation")
    parser.add_argument("--megabytes-back", type=float, default=15)
    options = parser.parse_args()
    began = time.monotonic()
    options.elapsed, options.took = lambda: time.monotonic() - began, {}
    wanted = {"pack": ("sources", "pack"), "packages": ("pack",), "join": ("pack",)}.get(
        options.stage, ("pack", "work", "out")
    )
    if len(options.places) != len(wanted):
        parser.error(f"{options.stage} takes {' '.join(wanted).upper()}")
    for name, place in zip(wanted, options.places, strict=True):
        setattr(options, name, place.absolute())
    if options.stage in ("there", *STAGES):
        there(options, STAGES if options.stage == "there" else (options.stage,))
    else:
        {"pack": pack, "packages": packages, "join": join}[options.stage](options)


if __name__ == "__main__":
    main()
