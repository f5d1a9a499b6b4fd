"""Train a network from a YAML config, evaluate a checkpoint, or continue a run.

python train.py --config mnist.yaml
python train.py --config mnist.yaml optimizer.lr=0.01 train.epochs=2
python train.py --resume runs/mnist-20260101-120000
python train.py --eval runs/mnist-20260101-120000/best.ckpt
"""

from __future__ import annotations

import sys

from framework.training.command import main
from models import MODELS

if __name__ == "__main__":
    sys.exit(main(MODELS))
