"""The files of a trained model, on this machine or on the Hugging Face hub; told without torch."""

import os
from pathlib import Path

from stemtree.hub import fetch, is_hub_name

CARD, WEIGHTS, README = "config.json", "model.safetensors", "README.md"
"""What a model is, its weights, and a page on it, as on the hub."""

OLD_CARD = "model.json"
"""How the card of earlier models is called."""

CARDS = (CARD, OLD_CARD)


def card_file(model: str | os.PathLike[str]) -> Path:
    """The card of a model; where there is none, where it belongs.

    Parameters
    ----------
    model : path-like
        A folder, its card or its weights; or ``hf:OWNER/NAME``, of which only the card is fetched.

    Raises
    ------
    LibraryError, ModelError
        See `stemtree.hub.fetch`.
    """
    if is_hub_name(model):
        return fetch(os.fspath(model), CARDS)
    path = Path(model)
    folder = path.parent if path.name in (*CARDS, WEIGHTS) else path
    if path.name in CARDS and path.is_file():
        return path
    return next((folder / name for name in CARDS if os.path.isfile(folder / name)), folder / CARD)


def weights_file(model: str | os.PathLike[str]) -> Path:
    """The weights of a model; see `card_file`."""
    if is_hub_name(model):
        return fetch(os.fspath(model), (WEIGHTS,))
    return card_file(model).with_name(WEIGHTS)


def has_model(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder on this machine holds a model."""
    return card_file(folder).is_file()
