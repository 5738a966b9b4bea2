"""The page on a model, ``README.md``, as the Hugging Face hub shows it."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml


def model_page(card: Mapping[str, Any], name: str, splitter: str = "") -> str:
    """Write the page: how to use the model, its tree, what it reaches, and what it was trained on.

    Parameters
    ----------
    card : mapping
        What the card's file holds; see `stemtree.model_card.Card`.
    name : str
        What the model is called.
    splitter : str
        What ``--splitter`` takes for it; empty for one that separates songs by default.
    """
    about: dict[str, Any] = {"library_name": "stemtree", "pipeline_tag": "audio-to-audio"}
    about |= {"tags": ["stemtree", "audio-source-separation", "music"]}
    if card.get("licence"):
        about["license"] = str(card["licence"]).lower()
    kind, root = card["network"].get("kind"), card.get("root") or "the song"
    lines = [
        "---", yaml.safe_dump(about, sort_keys=False).rstrip(), "---", "", f"# {name}", "",
        f"A model of [stemtree](https://pypi.org/project/stemtree/) (`{kind}`, relation "
        f"`{card['relation'].get('kind')}`, hierarchy `{card['hierarchy']}`). It divides {root} into", "",
        "```", *_drawn(card["tree"]), "```", "",
        "```sh", _used(str(kind), splitter), "```",
        *_positions(card), *_cost(card.get("cpu_seconds")), *_figures(card.get("metrics") or {}),
        *_corpora(card.get("corpora") or ()), *_note(card.get("training") or {}),
        *_licences(card.get("licences") or {}),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def takes_query(kind: str) -> bool:
    """Whether a network of this kind needs an example of what to separate, told without torch: its name says so."""
    return "query" in kind


def _used(kind: str, splitter: str) -> str:
    """The command that uses the model."""
    if takes_query(kind):
        return f"stemtree query song.wav --like example.wav{' --model ' * bool(splitter)}{splitter}"
    return f"stemtree separate song.wav{' --splitter ' * bool(splitter)}{splitter}"


def _drawn(tree: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """The tree as a drawing; what is no tree is left out."""
    for place, (node, below) in enumerate(tree.items()):
        last = place == len(tree) - 1
        yield f"{before}{'└── ' if last else '├── '}{node}"
        if isinstance(below, dict):
            yield from _drawn(below, before + ("    " if last else "│   "))


def _positions(card: Mapping[str, Any]) -> Iterator[str]:
    if card.get("follows_position"):
        yield from ("", "Its masks of stereo songs follow where in the stereo image the parts lie.")


def _cost(cpu_seconds: Any) -> Iterator[str]:
    if cpu_seconds:
        yield from (
            "",
            f"Its network takes {cpu_seconds:.2g} CPU seconds per second of 44.1 kHz stereo, in one thread.",
        )


def _figures(metrics: Mapping[str, Any]) -> Iterator[str]:
    for corpus, nodes in metrics.items():
        found = {node: of if isinstance(of, dict) else {"si_sdr_improvement": of} for node, of in nodes.items()}
        counts = "examples" if any("examples" in of for of in found.values()) else "chunks"
        yield from (
            "",
            f"## Measured on {corpus}",
            "",
            f"| node | SI-SDR improvement in dB | {counts} |",
            "|---|---|---|",
        )
        for node, of in found.items():
            gained = of.get("si_sdr_improvement")
            yield f"| {node} | {'' if gained is None else gained} | {of.get(counts, '')} |"


def _corpora(corpora: Any) -> Iterator[str]:
    if corpora:
        yield from ("", "## Trained on", "", "| corpora | songs | hours of each node |", "|---|---|---|")
    for corpus in corpora:
        hours = ", ".join(f"{node} {some}" for node, some in (corpus.get("stem_hours") or {}).items())
        yield f"| {', '.join(map(str, corpus.get('kinds', ())))} | {corpus.get('songs', '')} | {hours} |"


def _note(training: Mapping[str, Any]) -> Iterator[str]:
    if training.get("note"):
        yield from ("", str(training["note"]))


def _licences(licences: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    if licences:
        yield from ("", "## Licences of what it was trained on", "", "| | | licence |", "|---|---|---|")
    for kind, of_kind in licences.items():
        yield from (f"| {kind} | {what} | {licence} |" for what, licence in of_kind.items())
