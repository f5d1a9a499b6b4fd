"""The models that a config can name, one architecture a file.

To add one: write the module, and give it its line here.
"""

from collections.abc import Callable

from framework import nn
from models.cnn import CNN
from models.gan import GAN, ImageGAN, PointGAN
from models.gpt import GPT
from models.lenet import LeNet
from models.lstm import LSTM
from models.mlp import MLP, MLPRegressor
from models.resnet import ResNet
from models.vae import VAE, Autoencoder

MODELS: dict[str, Callable[..., nn.Module]] = {
    "autoencoder": Autoencoder,
    "cnn": CNN,
    "gpt": GPT,
    "image_gan": ImageGAN,
    "lenet": LeNet,
    "lstm": LSTM,
    "mlp": MLP,
    "mlp_regressor": MLPRegressor,
    "point_gan": PointGAN,
    "resnet": ResNet,
    "vae": VAE,
}

__all__ = [
    "CNN",
    "GAN",
    "GPT",
    "LSTM",
    "MLP",
    "MODELS",
    "VAE",
    "Autoencoder",
    "ImageGAN",
    "LeNet",
    "MLPRegressor",
    "PointGAN",
    "ResNet",
]
