import torch

from stemtree.networks.mask_inference import MaskInference, MaskInferenceSettings


def test_logits_of_a_frame_are_one_linear_map_of_its_hidden_state() -> None:
    """Frame by frame, with the condition at the end of every frame's features."""
    torch.manual_seed(0)
    network = MaskInference(MaskInferenceSettings(layers=1, units=5), bins=6, channels=2, outputs=3, condition=4).eval()
    features, condition = torch.randn(2, 2, 6, 7), torch.randn(2, 4)
    with torch.inference_mode():
        logits = network(features, condition)
        normalised = network.norm(features)
        frames = [torch.cat([normalised[..., frame].reshape(2, 12), condition], dim=1) for frame in range(7)]
        hidden, _ = network.blstm(torch.stack(frames))
        for frame in range(7):
            torch.testing.assert_close(logits[..., frame], network.dense(hidden[frame]).view(2, 3, 2, 6))
