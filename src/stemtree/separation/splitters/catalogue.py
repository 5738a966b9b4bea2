"""What the models of other separators make, as their packages' own catalogues say, read without importing them."""

import json
from functools import cache
from importlib import util
from pathlib import Path
from typing import Any

import yaml

from stemtree.hierarchy.labels import normal_form
from stemtree.separation.splitters.stem_map_files import listed_stems
from stemtree.separation.splitters.stem_maps import ANY, StemMap

_CATALOGUES = {"pymss": "resources/model_catalog.json", "unblend": "metadata.yaml"}


def category_of(package: str, model: str) -> str:
    """Where a model stands in its package's catalogue, such as ``music_stems/drum_stems``; empty if nowhere."""
    entry = _pymss_entry(model) if package == "pymss" else None
    names = [] if entry is None else [entry.get("primary_category"), entry.get("secondary_category")]
    return "/".join(str(name) for name in names if name)


def stems_of(package: str, model: str, stem_map: StemMap | None = None) -> tuple[str, ...] | None:
    """The stems of a model as far as they are known without its weights, not necessarily in its own order.

    No catalogue says what a model of one stem calls the rest of the song. That name is taken from the user's own stem
    map.
    """
    if (listed := listed_stems(package, model)) is not None:
        return listed
    if package == "unblend":
        entry = _content("unblend").get("models", {}).get(model, {})
        return tuple(entry["sources"]) if entry.get("sources") else None
    entry = _pymss_entry(model) if package == "pymss" else None
    if entry is None or not entry.get("target_stem"):
        return None
    stems = tuple(entry["target_stem"].split("/"))
    if stems == ("other",):  # of what, only the model's own settings say
        return None
    return stems if len(stems) > 1 else (*stems, _rest_of(stems[0], stem_map))


def _rest_of(stem: str, stem_map: StemMap | None) -> str:
    names = [name for line in stem_map.lines for name in line.stems] if stem_map else []
    return next((name for name in names if name not in (normal_form(stem), ANY)), "other")


def _pymss_entry(model: str) -> dict[str, Any] | None:
    """The entry of a model, by any of its names as pymss itself compares them."""
    wanted = model.strip().lower()
    for entry in _content("pymss").get("models", ()):
        names = (entry["name"], Path(entry["name"]).stem, *entry.get("aliases", ()))
        if wanted in (name.strip().lower() for name in names):
            return dict(entry)
    return None


@cache
def _content(package: str) -> dict[str, Any]:
    """A package's catalogue; empty if it has none or has it elsewhere."""
    spec = util.find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        try:
            text = Path(folder, _CATALOGUES[package]).read_text("utf-8")
            content = json.loads(text) if package == "pymss" else yaml.safe_load(text)
        except (OSError, ValueError, yaml.YAMLError):
            continue
        return content if isinstance(content, dict) else {}
    return {}
