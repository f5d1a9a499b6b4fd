"""Data sets: images in MNIST's and CIFAR's formats, built-in digits, text, sums, made points. Arrays in, arrays out."""

from framework.datasets.cifar import download_cifar10, load_cifar10
from framework.datasets.digits import draw_digits, load_digits
from framework.datasets.download import DownloadError
from framework.datasets.fashion_mnist import download_fashion_mnist, load_fashion_mnist
from framework.datasets.files import DataError
from framework.datasets.idx import read_idx, write_idx
from framework.datasets.images import ImageData, load_idx_pair
from framework.datasets.mnist import download_mnist, load_mnist
from framework.datasets.sums import SumData, load_sums
from framework.datasets.synthetic import curve_noise, make_curve, make_mixture, make_spirals
from framework.datasets.text import TextData, Windows, load_built_in_text, load_shakespeare, load_text
from framework.datasets.vision import load_images

__all__ = [
    "DataError",
    "DownloadError",
    "ImageData",
    "SumData",
    "TextData",
    "Windows",
    "curve_noise",
    "download_cifar10",
    "download_fashion_mnist",
    "download_mnist",
    "draw_digits",
    "load_built_in_text",
    "load_cifar10",
    "load_digits",
    "load_fashion_mnist",
    "load_idx_pair",
    "load_images",
    "load_mnist",
    "load_shakespeare",
    "load_sums",
    "load_text",
    "make_curve",
    "make_mixture",
    "make_spirals",
    "read_idx",
    "write_idx",
]
