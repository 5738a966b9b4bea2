import torch
from support.networks import SMALL, network_inputs

from stemtree.networks.query_by_example import QueryByExampleSettings, QueryNetwork


def test_anchor_is_the_mean_embedding_of_the_bins_present() -> None:
    """Against every bin's embedding held in memory and averaged one by one."""
    torch.manual_seed(0)
    settings = QueryByExampleSettings(units=5, dimensions=4)
    network = QueryNetwork(settings, bins=6, channels=2).eval()
    query, bin_weights = torch.randn(3, 2, 6, 7), torch.rand(3, 2, 6, 7).round()
    bin_weights[2] = 0
    with torch.no_grad():
        hidden, _ = network.blstm(network.norm(query).reshape(3, 12, 7).permute(2, 0, 1))
        embedded = network.dense(hidden).reshape(7, 3, 2, 6, 4)
        for batch in (0, 1):
            present = bin_weights[batch].permute(2, 0, 1).bool()
            mean = embedded[:, batch][present].mean(dim=0)
            torch.testing.assert_close(network(query, bin_weights)[batch], mean / mean.norm())
        assert (network(query, bin_weights)[2] == 0).all()
        by_frame = bin_weights[:, :1, :1]
        torch.testing.assert_close(network(query, by_frame), network(query, by_frame.expand_as(query)))


def test_a_query_decides() -> None:
    torch.manual_seed(0)
    network = SMALL["query_by_example"].build(9, 1, 1).eval()
    features, query, bin_weights = network_inputs(SMALL["query_by_example"], 1, 1, 9, 5)
    assert not torch.equal(network(features, query, bin_weights), network(features, -query, bin_weights))
    assert not torch.equal(network(features, query, bin_weights), network(features, query, 1 - bin_weights))
