"""Tiny untrained models of other separators, kept on disk where these separators look for theirs."""

import functools
import importlib
import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch
import yaml
from safetensors.torch import save_file

STEMS = ["drums", "bass", "other", "vocals"]
SIX = ["bass", "drums", "other", "vocals", "guitar", "piano"]
SMALL = {"channels": 16, "segment": 7.8, "dconv_mode": 3, "t_layers": 1, "t_heads": 2, "bottom_channels": 16}


@functools.cache
def have(package: str) -> None:
    """Skip what needs a package that is not installed."""
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    if package not in ("demucs", "pymss"):
        _import_torchaudio()
    importlib.import_module(package)


def _import_torchaudio() -> None:
    """PyPI's builds are for CUDA; where torch has none, leave out the compiled part, which neither package calls."""
    try:
        importlib.import_module("torchaudio")
    except OSError:
        glob = Path.glob

        def without_library(self: Path, pattern: str) -> list[Path]:
            return [] if "torchaudio" in pattern else list(glob(self, pattern))

        with mock.patch.object(Path, "glob", without_library):
            importlib.import_module("torchaudio")


def demucs(folder: Path, sources: list[str] = STEMS) -> str:
    have("demucs")
    from demucs.htdemucs import HTDemucs

    torch.manual_seed(0)
    network = HTDemucs(sources, **SMALL)
    package = {"klass": HTDemucs, "args": (sources,), "kwargs": SMALL, "state": network.state_dict()}
    torch.save(package, folder / "tiny.th")
    return f"demucs:{folder}/tiny"


def demucs_hub(cache: Path, name: str, sources: list[str] = STEMS) -> None:
    """The files of a model as Hugging Face's cache keeps them."""
    from demucs.hf import hf_repo_name
    from demucs.htdemucs import HTDemucs

    place = cache / f"models--adefossez--{hf_repo_name(name)}"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text("0" * 40)
    snapshot = place / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / f"{name}.yaml").write_text(yaml.safe_dump({"models": ["abc"]}))
    facts = {"klass": "demucs.htdemucs.HTDemucs", "args": json.dumps([sources]), "kwargs": json.dumps(SMALL)}
    save_file(HTDemucs(sources, **SMALL).state_dict(), snapshot / "abc.safetensors", facts)


def openunmix(folder: Path, sources: list[str] = STEMS, channels: int = 2) -> str:
    have("openunmix")
    from openunmix.model import OpenUnmix

    torch.manual_seed(0)
    sizes = {"nfft": 4096, "nb_channels": channels, "hidden_size": 8}
    for source in sources:
        network = OpenUnmix(2049, channels, 8, max_bin=1487)
        torch.save(network.state_dict(), folder / f"{source}.pth")
        (folder / f"{source}.json").write_text(json.dumps({"args": sizes}))
    (folder / "separator.json").write_text(json.dumps({**sizes, "sample_rate": 44100, "nhop": 1024}))
    return f"openunmix:{folder}"


def unblend(folder: Path, monkeypatch: pytest.MonkeyPatch, architecture: str = "htdemucs") -> str:
    """An entry in a models file of the user's own."""
    have("unblend")
    from unblend.htdemucs import HTDemucs
    from unblend.roformer import BSRoformer

    torch.manual_seed(0)
    if architecture == "htdemucs":
        sources = STEMS
        config = {**SMALL, "sources": sources, "samplerate": 44100, "audio_channels": 2}
        network, more = HTDemucs(**config), {}
    else:
        sources = ["vocals", "other"]
        config = {"dim": 8, "depth": 1, "stereo": True, "num_stems": 1, "dim_head": 4, "heads": 2}
        config |= {"time_transformer_depth": 1, "freq_transformer_depth": 1, "mask_estimator_depth": 1}
        network, more = BSRoformer(**config), {"samplerate": 44100, "segment_samples": 352800}
    save_file(network.state_dict(), folder / "tiny.safetensors")
    entry = {"license": "none", "sources": sources, "architecture": architecture, "config": config, **more}
    entry["checkpoint"] = {"format": "safetensors", "path": str(folder / "tiny.safetensors")}
    (folder / "models.yaml").write_text(yaml.safe_dump({"models": {"tiny": entry}}))
    monkeypatch.setenv("UNBLEND_EXTRA_MODELS", str(folder / "models.yaml"))
    return "unblend:tiny"


_BS_ROFORMER = {
    "dim": 8, "depth": 1, "stereo": True, "dim_head": 4, "heads": 2, "time_transformer_depth": 1,
    "freq_transformer_depth": 1, "mask_estimator_depth": 1,
}  # fmt: skip
_MDX23C = {
    "act": "gelu", "norm": "InstanceNorm", "bottleneck_factor": 4, "growth": 4, "num_blocks_per_scale": 1,
    "num_channels": 4, "num_scales": 1, "num_subbands": 4, "scale": [2, 2],
}  # fmt: skip


def pymss(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, stems: list[str], target: str | None = None) -> str:
    """A model of the catalogue where pymss looks for it, of its real type but tiny."""
    have("pymss")
    from pymss.model_registry import get_model_entry
    from pymss.utils import get_model_from_config

    monkeypatch.setattr("pymss.model_registry.DEFAULT_MODEL_DIR", folder)
    entry = get_model_entry(name)
    config: dict[str, Any] = {"training": {"instruments": stems, "target_instrument": target}}
    config["inference"] = {"batch_size": 1, "num_overlap": 1}
    config["audio"] = {"sample_rate": 44100, "chunk_size": 127 * 512, "num_channels": 2}
    if entry.model_type == "mdx23c":
        config["audio"] |= {"dim_f": 256, "dim_t": 128, "hop_length": 512, "n_fft": 1024}
        config["model"] = _MDX23C
    else:
        config["model"] = {**_BS_ROFORMER, "num_stems": 1 if target else len(stems)}
    file = folder / entry.config_relpath
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(config))
    torch.manual_seed(0)
    network, _ = get_model_from_config(entry.model_type, str(file))
    torch.save(network.state_dict(), folder / entry.relpath)
    return f"pymss:{name}"


MAKE: dict[str, Callable[[Path, pytest.MonkeyPatch], str]] = {
    "demucs": lambda folder, monkeypatch: demucs(folder),
    "demucs, six stems": lambda folder, monkeypatch: demucs(folder, [*STEMS, "guitar", "piano"]),
    "openunmix": lambda folder, monkeypatch: openunmix(folder),
    "unblend": lambda folder, monkeypatch: unblend(folder, monkeypatch),
    "unblend, two stems": lambda folder, monkeypatch: unblend(folder, monkeypatch, "bs_roformer"),
}
"""What makes a model and returns the name that ``--splitter`` takes."""
