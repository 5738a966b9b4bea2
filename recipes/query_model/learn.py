"""What the model of queries learns beside the network that divides, from what that network hears (`hear.Heard`).

1. Classes: which instrument an example is, by its sound. A linear classifier.
2. Owners: which shares of the components an instrument has, its family, and the family of that. They maximise the mean
   SI-SDR improvement of the answers to examples from other songs.
3. Presence: which instruments are in a stretch of a song, by how loud its components are. A logistic regression; 0 is
   the threshold with which the greatest log-odds of songs have the greatest F1.

Each is a small problem that L-BFGS solves over all data at once.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from hear import Heard
from torch import Tensor
from torch.nn import functional

from stemtree.hierarchy import NodePath
from stemtree.masks.presence import best_threshold, component_loudness, greatest_odds
from stemtree.networks.component_query import ComponentQuery

WORST, BEST = -10.0, 25.0
"""Improvements in dB beyond which an answer counts no more."""


def learn(
    network: ComponentQuery,
    own: Heard,
    others: Heard,
    parts: Sequence[NodePath],
    composed: Heard | None = None,
    seed: int = 0,
) -> None:
    """Set all that the network has learned beside what divides.

    Parameters
    ----------
    network : ComponentQuery
        Whose classes are named.
    own : Heard
        Songs with the instruments that they were written for, as often as these are in songs.
    others : Heard
        Songs with other instruments, each as often as another.
    parts : sequence of NodePath
        The model's parts, in the order of its masks (`Partition.part_nodes`).
    composed : Heard, optional
        Songs by which is learned what is in a song, and nothing else: classes and shares lose by them.
    seed : int
        Of the draw of examples.
    """
    random = torch.Generator().manual_seed(seed)
    heard = own.with_songs(others)
    labels, classes = heard.example[:, 1], len(network.owners)
    # Sure of what it has seen, the classifier would be too sure: shares are learned with what it says of other songs.
    halves = heard.example[:, 0] % 2
    of_others = torch.zeros(len(labels), classes)
    for half in (0, 1):
        weight, bias = _classifier(heard.sound[halves != half], labels[halves != half], classes)
        of_others[halves == half] = heard.sound[halves == half] @ weight.T + bias
    sharpness, owners = _owners(heard, of_others, levels_of(parts), random)
    weight, bias = _classifier(heard.sound, labels, classes)
    assert network.presence is not None
    presence = _presence(own.with_songs(composed) if composed else own, others, random)
    with torch.no_grad():
        network.recognise.weight.copy_(sharpness * weight)
        network.recognise.bias.copy_(sharpness * bias)
        network.owners.copy_(owners)
        for parameter, value in zip(network.presence.parameters(), presence, strict=True):
            parameter.copy_(value)


def si_sdr_improvement(shares: Tensor, heard: Heard, answers: Tensor) -> Tensor:
    """``(answer, level)`` of ``(answer, level, component)`` shares, in dB; see the module `hear`."""
    product = (shares * heard.cross[answers]).sum(dim=2)
    energy = torch.einsum("alk,akm,alm->al", shares, heard.gram[heard.answer[answers, 0]], shares)
    power = heard.power[answers]
    return _ratio_db(product.square() / (power * energy)) - _ratio_db(heard.of_mixture[answers].square() / power)


def minimise(parameters: Sequence[Tensor], loss: Callable[[], Tensor], steps: int) -> None:
    """Find the parameters with the least loss."""
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimiser = torch.optim.LBFGS(parameters, max_iter=steps, line_search_fn="strong_wolfe")

    def step() -> float:
        optimiser.zero_grad()
        value = loss()
        value.backward()
        return float(value.detach())

    optimiser.step(step)
    for parameter in parameters:
        parameter.requires_grad_(False)


def _classifier(sounds: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Weights and bias; all classes count alike, but for those of which there are few examples."""
    weight, bias = torch.zeros(classes, sounds.shape[1]), torch.zeros(classes)
    counts = torch.bincount(labels, minlength=classes).clamp_min(20)
    each = (1 / counts)[labels]

    def loss() -> Tensor:
        wrong = functional.cross_entropy(sounds @ weight.T + bias, labels, reduction="none")
        return (wrong * each).sum() / each.sum() + 3e-3 * weight.square().sum()

    minimise([weight, bias], loss, 200)
    return weight, bias


def levels_of(parts: Sequence[NodePath]) -> Tensor:
    """``(level, part)``: 1 where a part belongs to the instrument, its family and so on, from below.

    The first part is the instrument, see `ComponentQuery`.
    """
    names = parts[0].split("/")
    nodes = ["/".join(names[:length]) for length in range(len(names), 0, -1)]
    return torch.tensor([[float(part == node or part.startswith(f"{node}/")) for part in parts] for node in nodes])


def _owners(heard: Heard, logits: Tensor, levels: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """How sharp the classifier is to be, and the logits of shares."""
    answers, examples = _draw(heard, 3, random)
    first = mean_shares(heard, levels, logits.shape[1]).clamp_min(0.01).log()
    sharpness, owners = torch.zeros(()), first.clone()
    if not len(answers):
        return torch.ones(()), first

    def loss() -> Tensor:
        likely = (logits[examples] * sharpness.exp()).softmax(dim=1)
        shares = torch.einsum("ai,lo,iok->alk", likely, levels, owners.softmax(dim=1))
        gained = si_sdr_improvement(shares, heard, answers).clamp(WORST, BEST).mean()
        return 1e-3 * (owners - first).square().sum() / len(owners) - gained

    minimise([sharpness, owners], loss, 60)
    return sharpness.exp(), owners


def mean_shares(heard: Heard, levels: Tensor, classes: int) -> Tensor:
    """``(class, part, component)``: how much of a component's energy is each part's, where the instrument plays."""
    song, label = heard.answer.T
    within = torch.zeros(classes, *heard.cross.shape[1:]).index_add_(0, label, heard.cross)
    whole = torch.zeros(classes, heard.gram.shape[1]).index_add_(0, label, heard.gram[song].sum(dim=2))
    within = (within / whole.unsqueeze(1).clamp_min(1e-9)).clamp(0, 1)
    # Each level has what the one beneath it has, and a part of its own; the rest of the song has what is left.
    grown = torch.cat([within.cummax(dim=1).values, torch.ones_like(within[:, :1])], dim=1)
    own = torch.cat([grown[:, :1], grown.diff(dim=1)], dim=1)
    return own[:, (levels == 0).sum(dim=0).long()]


def _draw(heard: Heard, times: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Examples for each answer, from songs of another title; answers without any are left out."""
    answers, examples = [], []
    title = heard.title[heard.answer[:, 0]]
    for answer, label in enumerate(heard.answer[:, 1].tolist()):
        others = ((heard.example[:, 1] == label) & (heard.example[:, 0] != title[answer])).nonzero()[:, 0]
        if len(others):
            examples += others[torch.randint(len(others), (times,), generator=random)].tolist()
            answers += [answer] * times
    return torch.tensor(answers, dtype=torch.long), torch.tensor(examples, dtype=torch.long)


def _presence(own: Heard, others: Heard, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Weights and bias of log-odds in a stretch; 0 is the threshold with the greatest F1 in songs."""
    heard = own.with_songs(others)
    x, there = component_loudness(heard.gram.diagonal(dim1=1, dim2=2)), heard.there
    counted = (there >= 0).float()
    weight, bias = torch.zeros(there.shape[1], x.shape[1]), torch.zeros(there.shape[1])

    def loss() -> Tensor:
        wrong = functional.binary_cross_entropy_with_logits(x @ weight.T + bias, there.clamp_min(0).float(), counted)
        return wrong * there.shape[1] + 1e-3 * weight.square().sum()

    minimise([weight, bias], loss, 200)
    odds = x @ weight.T + bias
    songs = [*_songs(own, random), *((song,) for song in range(len(own.gram), len(heard.gram)))]
    told: list[tuple[float, bool]] = []
    for takes in map(list, songs):
        in_song = greatest_odds(zip(heard.energy[takes].tolist(), odds[takes], strict=True))
        known = torch.where((there[takes] == 1).any(dim=0), 1, there[takes].amin(dim=0))
        told += [
            (value, found == 1) for value, found in zip(in_song.tolist(), known.tolist(), strict=True) if found >= 0
        ]
    threshold, f1 = best_threshold(told, sum(is_there for _, is_there in told))
    return weight, bias if math.isnan(f1) else bias - threshold


def _songs(own: Heard, random: torch.Generator, lengths: int = 8) -> Iterator[tuple[int, ...]]:
    """Takes of a title put together to songs of all lengths, from one take to all of them."""
    for title in own.title.unique():
        takes = (own.title == title).nonzero()[:, 0]
        for _ in range(lengths):
            number = int(torch.randint(len(takes), (1,), generator=random)) + 1
            yield tuple(takes[torch.randperm(len(takes), generator=random)[:number]].tolist())


def _ratio_db(coherence: Tensor) -> Tensor:
    """SI-SDR in dB of the squared cosine between estimate and truth."""
    coherence = coherence.clamp(1e-6, 1 - 1e-6)
    return 10 * (coherence / (1 - coherence)).log10()
