"""The models that a config can name, one architecture a file.

To add one: write the module, and give it its line here.
"""

from collections.abc import Callable

from framework import nn
from models.cnn import CNN
from models.gan import ImageGAN, PointGAN
from models.gpt import GPT
from models.lenet import LeNet
from models.lstm import LSTM
from models.mlp import MLP, GaussianMLP, VectorMLP
from models.resnet import ResNet
from models.vae import VAE, Autoencoder

MODELS: dict[str, Callable[..., nn.Module]] = {
    "autoencoder": Autoencoder,
    "cnn": CNN,
    "gaussian_mlp": GaussianMLP,
    "gpt": GPT,
    "image_gan": ImageGAN,
    "lenet": LeNet,
    "lstm": LSTM,
    "mlp": MLP,
    "point_gan": PointGAN,
    "resnet": ResNet,
    "vae": VAE,
    "vector_mlp": VectorMLP,
}

__all__ = [
    "CNN",
    "GPT",
    "LSTM",
    "MLP",
    "MODELS",
    "VAE",
    "Autoencoder",
    "GaussianMLP",
    "ImageGAN",
    "LeNet",
    "PointGAN",
    "ResNet",
    "VectorMLP",
]
