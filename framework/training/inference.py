"""Asking a trained model: the classes of picture files, and text that goes on from a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import framework
from framework.nn import Module
from framework.training.checkpoint import Checkpoint, load_checkpoint
from framework.training.config import Config, name_and_arguments
from framework.training.errors import TrainingError
from framework.training.session import Request, load_weights
from framework.training.tasks import known_part, stream_text

Array = np.ndarray[Any, Any]

SHOWN = 3


def predict(request: Request, path: Path, files: Sequence[str], invert: bool = False) -> int:
    """Print the likeliest classes of picture files, each brought to the size and the scale of the training images.

    Args:
        request: What the command was given.
        path: A checkpoint, or a run's folder.
        files: Pictures, in any format that Pillow reads.
        invert: Exchange light and dark first, for dark ink on paper where the model knows light ink on black.

    Raises:
        TrainingError: If the model is no classifier of images, or a file can't be read.
    """
    checkpoint, config, model = _trained(request, path)
    facts = checkpoint.data["facts"]
    if config.task.__struct_config__.tag != "classification" or "shape" not in facts:
        raise TrainingError(f"{checkpoint.path}: was not trained to classify images")
    if not files:
        raise TrainingError("--predict needs picture files after the checkpoint: --predict CHECKPOINT image.png …")
    shape = tuple(facts["shape"])
    mean, deviation = (np.asarray(facts[key], np.float32).reshape(-1, 1, 1) for key in ("mean", "deviation"))
    images = [read_image(file, shape, invert) for file in files]
    if not invert and all(_bright_border(image) for image in images) and 0 < float(mean.mean()) < 0.4:
        request.console.warn("The pictures are light at their border, the training images are dark: try --invert.")
    names = facts.get("classes") or []
    for file, image in zip(files, images, strict=True):
        inputs = framework.from_numpy((image - mean) / deviation)
        with framework.inference_mode():
            shares = model(inputs.unsqueeze(0).to(next(model.parameters()).dtype)).softmax(-1)[0].numpy()
        best = np.argsort(-shares, kind="stable")[:SHOWN]
        told = [f"{names[i] if i < len(names) else i} {shares[i]:.1%}" for i in best.tolist()]
        request.console.always(f"{file}: {', '.join(told)}")
    return 0


def sample(
    request: Request,
    path: Path,
    prompt: str | None = None,
    length: int = 500,
    temperature: float | None = None,
    seed: int = 0,
) -> int:
    """Print a text that a language model makes, each token as soon as it is there.

    Args:
        request: What the command was given.
        path: A checkpoint, or a run's folder.
        prompt: What it begins with; by default the config's prompt, as far as the model knows its characters.
        length: How many tokens are added.
        temperature: Lower is more careful; the config's by default.
        seed: Of the random choices.

    Raises:
        TrainingError: If the model is none of text.
    """
    checkpoint, config, model = _trained(request, path)
    if config.task.__struct_config__.tag != "language_model":
        raise TrainingError(f"{checkpoint.path}: was not trained on text")
    settings, facts = name_and_arguments(config.task)[1], checkpoint.data["facts"]
    for part in stream_text(
        model,
        facts,
        known_part(settings["prompt"], facts) if prompt is None else prompt,
        length,
        temperature=settings["temperature"] if temperature is None else temperature,
        top_k=settings["top_k"],
        generator=framework.Generator().manual_seed(seed),
    ):
        request.console.write(part)
    request.console.write("\n")
    return 0


def _trained(request: Request, path: Path) -> tuple[Checkpoint, Config, Module]:
    """The model of a checkpoint with its weights, in evaluation mode; the data set is not needed."""
    checkpoint = load_checkpoint(path, request.console.warn)
    config = request.load_stored(checkpoint)
    name, arguments = name_and_arguments(config.model)
    model = {**request.models, **request.opened}[name](**arguments)
    if config.train.precision == "float64":
        model.double()
    load_weights(model, checkpoint, config)
    return checkpoint, config, model.eval()


def read_image(file: str | Path, shape: tuple[int, int, int], invert: bool = False) -> Array:
    """A picture as float32 ``(C, H, W)`` from 0 to 1, scaled to that shape; what is transparent is white.

    Raises:
        TrainingError: If Pillow is not installed, or can't read the file.
    """
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError  # the extra "viz"
    except ImportError as error:
        raise TrainingError(
            "--predict reads pictures with Pillow, which is not installed: python -m pip install pillow"
        ) from error
    channels, height, width = shape
    try:
        with Image.open(file) as opened:
            image = ImageOps.exif_transpose(opened)
            if image.has_transparency_data:
                image = image.convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
            image = image.convert("L" if channels == 1 else "RGB")
            if image.size != (width, height):
                image = image.resize((width, height), Image.Resampling.LANCZOS)
            pixels = np.asarray(image, np.float32) / 255
    except UnidentifiedImageError as error:
        raise TrainingError(f"{file}: is no picture in a format that Pillow knows") from error
    except (OSError, Image.DecompressionBombError) as error:
        raise TrainingError(f"{file}: can't be read: {getattr(error, 'strerror', None) or error}") from error
    pixels = pixels[None] if channels == 1 else np.moveaxis(pixels, -1, 0)
    return np.ascontiguousarray(1 - pixels if invert else pixels)


def _bright_border(image: Array) -> bool:
    border = np.concatenate(
        [image[:, 0].ravel(), image[:, -1].ravel(), image[:, :, 0].ravel(), image[:, :, -1].ravel()]
    )
    return float(border.mean()) > 0.6
