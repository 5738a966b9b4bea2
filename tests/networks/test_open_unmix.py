import torch
from support.separator_packages import have

from stemtree.networks.open_unmix import OpenUnmix, OpenUnmixSettings


def test_it_is_the_published_network() -> None:
    """With its weights in the published code, and a ReLU behind it, as there."""
    have("openunmix")
    from openunmix import model

    published = model.OpenUnmix(20, 2, hidden_size=8, nb_layers=2, max_bin=12).eval()
    torch.manual_seed(0)
    network = OpenUnmix(OpenUnmixSettings(units=8, layers=2, heard=12), 20, 2, 1).eval()
    published.lstm.load_state_dict(network.blstm.state_dict())
    for theirs, ours in (
        (published.fc1, network.narrow[0]),
        (published.bn1, network.narrow[1]),
        (published.fc2, network.widen[0]),
        (published.bn2, network.widen[1]),
        (published.fc3, network.widen[3]),
        (published.bn3, network.widen[4]),
    ):
        theirs.load_state_dict(ours.state_dict())
    torch.nn.init.zeros_(published.output_mean)  # which the batch norm before it can learn
    magnitudes = torch.rand(3, 2, 20, 7) + 0.1
    with torch.inference_mode():
        logits = network(20 * magnitudes.log10())[:, 0]
        torch.testing.assert_close(logits.relu() * magnitudes, published(magnitudes), atol=1e-4, rtol=1e-4)
