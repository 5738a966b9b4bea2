"""The model that a run begins with, and the card that says what it is trained on."""

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from stemtree.corpora.fingerprint import corpus_fingerprint
from stemtree.corpora.track import Corpus
from stemtree.errors import ModelError, OptionError
from stemtree.model import Model, load_model, make_model
from stemtree.model_card import Card
from stemtree.networks.component_query import ComponentQuerySettings
from stemtree.training.settings import TrainSettings
from stemtree.training.targets import TrainingTargets


def initial_model(settings: TrainSettings, targets: TrainingTargets, corpus: Corpus) -> Model:
    """Make the model of a run, with random weights or those of the earlier model ``settings.weights``.

    Raises
    ------
    HierarchyError, OptionError
        If relation and nodes do not fit each other, if the network does not fit into memory, or if it keeps the weights
        that it begins with and begins with none.
    ModelError
        If the earlier model is damaged, or of another network or other nodes.
    """
    if isinstance(settings.network, ComponentQuerySettings) and settings.network.frozen and not settings.weights:
        raise OptionError(
            "the network would keep random weights ('network.frozen'): give 'weights', a model that divides songs "
            "already, or set network.frozen to false"
        )
    model = make_model(make_card(settings, targets, corpus))
    return _with_weights_of(settings.weights, model) if settings.weights else model


def make_card(settings: TrainSettings, targets: TrainingTargets, corpus: Corpus) -> Card:
    """Make the card of a model that is not trained yet; `corpus` holds the songs that it will be trained on."""
    hours: dict[str, float] = defaultdict(float)
    for track in corpus.tracks:
        for stem in track.stems:
            hours[stem.leaf] += track.duration / 3600
    trained_on = {
        "kinds": sorted({source.kind for source in settings.train}),
        "songs": len(corpus.tracks),
        "stem_hours": {leaf: round(total, 2) for leaf, total in sorted(hours.items())},
        "fingerprint": corpus_fingerprint(corpus),
    }
    training = settings.model_dump(mode="json", exclude={"train", "validation", "network", "relation", "stft"})
    if settings.weights:
        training["weights"] = settings.weights.name  # not where it lies on the machine that trains
    return Card(
        hierarchy=settings.hierarchy,
        tree=targets.tree.as_dict(),
        root=settings.subtree,
        nodes=targets.nodes,
        relation=settings.relation,
        network=settings.network,
        stft=settings.stft,
        channels=settings.channels,
        corpora=[trained_on],
        training=training,
    )


def _with_weights_of(folder: Path, model: Model) -> Model:
    """Load the weights of an earlier model, whose corpora and training settings are added to the card."""
    earlier = load_model(folder)
    if earlier.card.divides != model.card.divides:
        raise ModelError(f"the model '{folder}' is of another hierarchy or other nodes of it: give other 'weights'")
    try:
        model.network.load_state_dict(earlier.network.state_dict())
    except RuntimeError:
        raise ModelError(f"the model '{folder}' is of another network: give other 'weights'") from None
    update = {
        "corpora": [*model.card.corpora, *earlier.card.corpora],
        "training": model.card.training | {"began_with": earlier.card.training},
    }
    return replace(model, card=model.card.model_copy(update=update))
