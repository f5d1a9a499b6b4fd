"""Data sets: MNIST and other IDX files, and built-in generated digits. Arrays in, arrays out."""

from framework.datasets.digits import draw_digits, load_digits
from framework.datasets.download import DownloadError
from framework.datasets.files import DataError
from framework.datasets.idx import read_idx, write_idx
from framework.datasets.images import ImageData, load_idx_pair
from framework.datasets.mnist import download_mnist, load_mnist
from framework.datasets.vision import load_images

__all__ = [
    "DataError",
    "DownloadError",
    "ImageData",
    "download_mnist",
    "draw_digits",
    "load_digits",
    "load_idx_pair",
    "load_images",
    "load_mnist",
    "read_idx",
    "write_idx",
]
