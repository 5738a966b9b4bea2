r"""Make the folder of a model that comes along from a training run: weights in half precision, and a complete card.

    python recipes/default_model/publish.py RUN METRICS.parquet... -o FOLDER --average FIRST --temperature 1.5 \
        --inactive-below -22 --position

METRICS are files of rows by `stemtree evaluate`, named after their test corpora. `--average` takes the mean of the
weights of RUN, which count with `--share`, and of the run that it was started from; it generalises better than either
(Wortsman et al. 2022, "Robust fine-tuning of zero-shot models"). `--temperature` divides the logits: a network is
overconfident on songs unlike its training data. `--prior NODE=VALUE` adds to a part's logits, the logarithm of how much
rarer or commoner it is in songs than in training. For `--inactive-below` see
`stemtree.masks.activity.suppress_inactive`, for `--position` `stemtree.masks.position.follow_position_`. `--licences`
is a YAML file of songs and sounds for the card, in place of those of the default model; `--hours` one of hours by leaf
and licence.
"""

import argparse
import json
from pathlib import Path

import polars as pl
import torch
import yaml
from safetensors.torch import load_file, save

from stemtree.hierarchy import from_dict
from stemtree.masks.partition import Partition
from stemtree.model_files import card_file
from stemtree.networks.folded_conv import add_to_logits

SOURCES = {
    "songs": {
        "Freedoom": "BSD-3-Clause",
        "Simutrans": "Artistic-1.0",
        "composed by stemtree with MMA": "MMA is GPL; what it plays from random chords is not covered",
    },
    "sounds": {
        "FluidR3_GM": "MIT",
        "MuseScore_General": "MIT",
        "sf_GMbank (Csound)": "public domain",
        "OPL-3_FM_128M": "CC-BY-SA-4.0",
        "models of instruments (recipes/soundfonts/modelled.orc)": "MIT",
        "Freepats": "GPL-2.0+, with an exception for compositions",
        "AVL Drumkits (Black Pearl, Red Zeppelin)": "CC-BY-SA-3.0",
        "Hydrogen: BJA Pacific": "CC-BY-SA-3.0",
        "Hydrogen: Rumpf kit": "CC-BY-3.0",
        "Hydrogen: Audiophob": "CC0",
        "Hydrogen: Colombo": "GPL-2.0+, with an exception for compositions",
        "Hydrogen: Electric Empire, Hard Electro, VariBreaks": "GPL-2.0+, all rights granted by their author",
        "Salamander grand piano": "CC-BY",
        "VCSL, VSCO, Martin HD28, Yamaha CP80, Rhodes": "CC0",
        "Stratocaster (Gestalt LUR)": "MIT",
        "saxophone (Karoryfer)": "CC0",
    },
}


def improvements(file: Path) -> dict[str, dict[str, float]]:
    """Average the SI-SDR improvement of each node over its counted chunks."""
    rows = pl.read_parquet(file).filter((pl.col("status") == "counted") & pl.col("si_sdr_improvement").is_finite())
    means = rows.group_by("node").agg(pl.col("si_sdr_improvement").mean(), pl.len()).sort("node")
    return {node: {"si_sdr_improvement": round(mean, 2), "chunks": count} for node, mean, count in means.iter_rows()}


def prior(text: str) -> tuple[str, float]:
    """Read ``NODE=VALUE``."""
    node, _, value = text.partition("=")
    return node, float(value)


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("metrics", type=Path, nargs="*")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--average", type=Path)
    parser.add_argument("--share", type=float, default=0.5)
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--prior", type=prior, nargs="+", default=[], metavar="NODE=VALUE")
    parser.add_argument("--inactive-below", type=float)
    parser.add_argument("--position", action="store_true")
    parser.add_argument("--licences", type=Path)
    parser.add_argument("--hours", type=Path)
    parser.add_argument("--cpu-seconds", type=float, help="of the network per second of audio, for the card")
    options = parser.parse_args()
    licences = yaml.safe_load(options.licences.read_text("utf-8")) if options.licences else SOURCES
    card = json.loads(card_file(options.run).read_text("utf-8"))
    card["metrics"] = {file.stem: improvements(file) for file in options.metrics}
    averaged = {"averaged_with_first": options.average is not None}
    averaged |= {"share": options.share} if options.average else {}
    card["training"] |= {"temperature": options.temperature} | averaged
    if options.prior:
        card["training"]["priors"] = dict(options.prior)
    card |= {"licences": licences, "inactive_below_db": options.inactive_below, "follows_position": options.position}
    if options.hours:
        card["corpora"][0]["licence_hours"] = yaml.safe_load(options.hours.read_text("utf-8"))
    if options.cpu_seconds:
        card["cpu_seconds"] = options.cpu_seconds
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "config.json").write_text(json.dumps(card, indent=2) + "\n", "utf-8")
    (options.output / "model.json").unlink(missing_ok=True)  # of an earlier model
    weights = load_file(options.run / "model.safetensors")
    if options.average:
        first = load_file(options.average / "model.safetensors")
        weights = {
            name: torch.lerp(first[name], tensor, options.share) if tensor.is_floating_point() else tensor
            for name, tensor in weights.items()
        }
    for name, tensor in weights.items():
        if name.startswith("unfold."):
            tensor /= options.temperature
    nodes = Partition(from_dict(card["hierarchy"], card["tree"]), card["nodes"]).part_nodes
    priors = dict(options.prior)
    add_to_logits(weights, [priors.get(node, 0.0) for node in nodes])
    halved = {name: tensor.half() if tensor.dtype == torch.float32 else tensor for name, tensor in weights.items()}
    (options.output / "model.safetensors").write_bytes(save(halved))


if __name__ == "__main__":
    main()
