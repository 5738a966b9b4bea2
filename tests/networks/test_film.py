import torch

from stemtree.networks.film import Film, FilmMaskInference
from stemtree.networks.mask_inference import MaskInference, MaskInferenceSettings
from stemtree.networks.query_by_example import QueryByExampleSettings

SIZES = MaskInferenceSettings(layers=2, units=5, dropout=0.3)


def test_without_a_condition_it_is_mask_inference() -> None:
    """With all scales and shifts zero, and the weights of a stacked BLSTM."""
    plain = MaskInference(SIZES, bins=7, channels=1, outputs=2).eval()
    network = FilmMaskInference(SIZES, bins=7, channels=1, outputs=2, condition=3).eval()
    for film in network.films:
        torch.nn.init.zeros_(film.linear.weight)
        torch.nn.init.zeros_(film.linear.bias)
    network.dense.load_state_dict(plain.dense.state_dict())
    for number, layer in enumerate(network.layers):
        for name in layer.state_dict():
            layer.state_dict()[name].copy_(plain.blstm.state_dict()[name.replace("_l0", f"_l{number}")])
    features = torch.randn(3, 1, 7, 4)
    torch.testing.assert_close(network(features, torch.randn(3, 3)), plain(features))


def test_scale_and_shift() -> None:
    film = Film(1, 2)
    with torch.no_grad():
        film.linear.weight.copy_(torch.tensor([[1.0], [2.0], [3.0], [4.0]]))
        film.linear.bias.zero_()
    filmed = film(torch.ones(5, 1, 2), torch.tensor([[0.5]]))
    assert filmed[0, 0].tolist() == [1.5 + 1.5, 2 + 2] and filmed.shape == (5, 1, 2)


def test_the_query_changes_the_logits_and_learns() -> None:
    settings = QueryByExampleSettings(layers=2, query_layers=1, units=4, dimensions=3, conditioning="film")
    network = settings.build(bins=6, channels=1, outputs=2).eval()
    features, bin_weights = torch.randn(2, 1, 6, 5), torch.ones(2, 1, 6, 8)
    queries = torch.randn(2, 2, 1, 6, 8)
    first, second = (network(features, query, bin_weights) for query in queries)
    assert first.shape == (2, 2, 1, 6, 5) and not torch.allclose(first, second)
    first.square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
