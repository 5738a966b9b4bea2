"""Train on the machines of a Ray cluster, with Ray Train.

    python train_on_ray.py --nodes 2 --workers 4 --gpu -o runs/tree tree
    python train_on_ray.py --address local --workers 2 -o runs/try CONFIG.yaml --set trainer.max_epochs=1

If a worker dies, the run goes on from its last checkpoint. All machines need this folder and the corpora by the same
names. It needs `pip install 'stemtree[cluster,train]' 'ray[train]'`.
"""

import argparse
import os
from pathlib import Path

import ray
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer


def train_here(options: argparse.Namespace) -> None:
    """Be one of the processes that train together; Ray has connected them."""
    os.environ["TORCHELASTIC_RUN_ID"] = "ray"  # so that Lightning takes ranks from the environment, as torchrun's
    os.environ["GROUP_RANK"] = os.environ["NODE_RANK"]
    from stemtree.training.configuration import read_settings
    from stemtree.training.run import train

    os.chdir(options.folder)
    changes = (
        f"trainer.num_nodes={options.nodes}",
        f"trainer.devices={options.workers}",
        f"trainer.accelerator={'gpu' if options.gpu else 'cpu'}",
        "trainer.strategy=ddp",
        *options.changes,
    )
    train(read_settings(options.configs, changes), Path(options.output))


def main() -> None:
    """Read the command line, and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="+", help="as of stemtree train")
    parser.add_argument("-o", "--output", required=True, help="folder of the run")
    parser.add_argument("--set", dest="changes", action="append", default=[], help="as of stemtree train")
    parser.add_argument("--address", default="auto", help="of the cluster")
    parser.add_argument("--nodes", type=int, default=1, help="how many machines")
    parser.add_argument("--workers", type=int, default=1, help="how many processes on each, one a GPU")
    parser.add_argument("--gpu", action="store_true")
    options = parser.parse_args()
    options.folder = os.getcwd()
    ray.init(options.address)
    scaling = ScalingConfig(num_workers=options.nodes * options.workers, use_gpu=options.gpu)
    again = RunConfig(
        name=Path(options.output).name,
        storage_path=os.path.abspath(options.output + ".ray"),
        failure_config=FailureConfig(max_failures=3),
    )
    TorchTrainer(train_here, train_loop_config=options, scaling_config=scaling, run_config=again).fit()


if __name__ == "__main__":
    main()
