"""From a checked config to the objects that it names."""

from __future__ import annotations

import importlib.util
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

import framework
from framework import nn, optim
from framework.optim import lr_scheduler
from framework.training import tasks
from framework.training.callbacks import Callback, EarlyStopping, Ema, GradientWatch, TimeBudget
from framework.training.config import Config, ConfigError, name_and_arguments
from framework.training.data import ImageAugment, Parts
from framework.training.errors import TrainingError
from framework.training.progress import Console
from framework.training.schedule import Schedule
from framework.training.state import evaluation_mode, random_stream_apart
from framework.training.trainer import Trainer
from framework.utils.data import DataLoader

OPTIMIZERS: dict[str, Callable[..., optim.Optimizer]] = {
    "sgd": optim.SGD,
    "adam": optim.Adam,
    "adamw": optim.AdamW,
    "adadelta": optim.Adadelta,
    "adagrad": optim.Adagrad,
    "adamax": optim.Adamax,
    "nadam": optim.NAdam,
    "radam": optim.RAdam,
    "rmsprop": optim.RMSprop,
    "muon": optim.Muon,
    "lbfgs": optim.LBFGS,
}

LOSSES: dict[str, Callable[..., nn.Module]] = {
    "cross_entropy": nn.CrossEntropyLoss,
    "nll": nn.NLLLoss,
    "multi_margin": nn.MultiMarginLoss,
    "mse": nn.MSELoss,
    "l1": nn.L1Loss,
    "smooth_l1": nn.SmoothL1Loss,
    "huber": nn.HuberLoss,
    "gaussian_nll": nn.GaussianNLLLoss,
    "poisson_nll": nn.PoissonNLLLoss,
    "bce": nn.BCELoss,
    "bce_with_logits": nn.BCEWithLogitsLoss,
    "soft_margin": nn.SoftMarginLoss,
}

SCHEDULERS: dict[str, Callable[..., lr_scheduler.LRScheduler]] = {
    "step": lr_scheduler.StepLR,
    "multi_step": lr_scheduler.MultiStepLR,
    "constant": lr_scheduler.ConstantLR,
    "linear": lr_scheduler.LinearLR,
    "exponential": lr_scheduler.ExponentialLR,
    "polynomial": lr_scheduler.PolynomialLR,
    "cosine": lr_scheduler.CosineAnnealingLR,
    "cosine_restarts": lr_scheduler.CosineAnnealingWarmRestarts,
    "one_cycle": lr_scheduler.OneCycleLR,
    "cyclic": lr_scheduler.CyclicLR,
    "plateau": lr_scheduler.ReduceLROnPlateau,
}

# The argument in which a schedule is told its whole length.
_LENGTHS = {"linear": "total_iters", "polynomial": "total_iters", "cosine": "T_max", "one_cycle": "total_steps"}

# Each task's losses, the usual one first; none where the task has its own.
TASKS: dict[str, tuple[type[tasks.Task], tuple[str, ...]]] = {
    "classification": (tasks.Classification, ("cross_entropy", "nll", "multi_margin")),
    "regression": (
        tasks.Regression,
        ("mse", "l1", "smooth_l1", "huber", "gaussian_nll", "poisson_nll", "bce", "bce_with_logits", "soft_margin"),
    ),
    "language_model": (tasks.LanguageModel, ("cross_entropy",)),
    "autoencoder": (tasks.Autoencoder, ("mse", "bce_with_logits", "bce", "l1", "smooth_l1", "huber")),
    "gan": (tasks.WassersteinGAN, ()),
}

Models = Mapping[str, Callable[..., nn.Module]]


def build_trainer(config: Config, models: Models, parts: Parts, console: Console) -> Trainer:
    """Everything a run consists of, but its folder.

    Raises:
        TrainingError: If the parts don't fit each other; the message says which.
    """
    train_loader, test_loader = build_loaders(config, parts)
    task = build_task(config, parts)
    model = build_model(config, models, parts, task)
    train = config.train
    try_loss(task, model, parts, config.model.name)
    with _told("the optimizer can't be built"):
        optimizers = build_optimizers(config, task, model)
    trainer = Trainer(
        model,
        optimizers,
        train_loader,
        test_loader,
        task,
        epochs=train.epochs,
        steps=train.steps,
        accumulate=train.accumulate,
        clip_norm=train.clip_norm,
        clip_value=train.clip_value,
        eval_every=train.eval_every,
        log_every=train.log_every,
        monitor=train.monitor,
        augment=build_augment(config, parts),
        callbacks=build_callbacks(config),
        seed=config.seed,
        console=console,
    )
    with _told("the schedule can't be built"):
        trainer.schedules = [
            each for optimizer in optimizers.values() for each in build_schedules(config, optimizer, trainer)
        ]
    return trainer


class _told:
    """Turns the errors of a constructor into words for the user."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if isinstance(error, (ValueError, TypeError, RuntimeError, KeyError, ArithmeticError)) and not isinstance(
            error, TrainingError
        ):
            raise TrainingError(f"{self.what}: {' '.join(str(error).split())}") from error


def build_loaders(config: Config, parts: Parts) -> tuple[DataLoader, DataLoader]:
    """A shuffling loader of the training samples and an ordered one of the test samples."""
    data = config.data
    with _told("data"):
        train = DataLoader(parts.train, batch_size=data.batch_size, shuffle=True, num_workers=data.workers)
        test = DataLoader(parts.test, batch_size=data.eval_batch_size, num_workers=data.workers)
    return train, test


def resolve_model(config: Config, models: Models, sizes: Mapping[str, Any]) -> dict[str, Any]:
    """The model's arguments: the config's, and the data's sizes where the config leaves them out."""
    name, arguments = name_and_arguments(config.model)
    taken = inspect.signature(models[name]).parameters
    return {**{key: value for key, value in sizes.items() if key in taken}, **arguments}


def build_model(config: Config, models: Models, parts: Parts, task: tasks.Task) -> nn.Module:
    """The model of the config, checked against the data with one forward pass.

    Raises:
        TrainingError: If it can't take these samples, or gives fewer scores than there are classes.
    """
    arguments = resolve_model(config, models, parts.sizes)
    inputs = example(parts)
    try:
        model = models[config.model.name](**arguments)
        if not isinstance(model, nn.Module):
            raise TypeError(f"it gives a {type(model).__name__}, not a Module")
        networks = {each.part for each in task.objectives() if each.part}
        if networks - {name for name, _ in model.named_modules()}:
            raise TypeError(f"task {task.name} needs a model with the parts {', '.join(sorted(networks))}")
        if config.train.precision == "float64":
            model.double()
            inputs = inputs.double() if inputs.is_floating_point() else inputs
        with evaluation_mode(model):
            outputs = model.critic(inputs) if "critic" in networks else model(inputs)
    except (RuntimeError, ValueError, TypeError, IndexError, AttributeError, MemoryError) as error:
        size = "×".join(str(n) for n in inputs.shape[1:])
        raise TrainingError(
            f"model {config.model.name} can't be built for samples of {size} with {arguments or 'its defaults'}: {error}"
        ) from error
    classes = parts.sizes.get("classes", parts.sizes.get("vocabulary"))
    if (
        isinstance(task, (tasks.Classification, tasks.LanguageModel))
        and classes is not None
        and outputs.shape[-1] < classes
    ):
        key = "classes" if "classes" in parts.sizes else "vocabulary"
        raise TrainingError(
            f"model {config.model.name} gives scores of shape {tuple(outputs.shape)}, but the data has {classes} {key}: "
            f"set model.{key}={classes}"
        )
    return model


def try_loss(task: tasks.Task, model: nn.Module, parts: Parts, name: str) -> None:
    """Judge two samples, on a random stream apart.

    Raises:
        TrainingError: If what the model gives is nothing that the task can compare with these targets.
    """
    batch = next(iter(DataLoader(parts.test, batch_size=2, generator=framework.Generator())))
    dtype = next(model.parameters()).dtype
    batch = [each.to(dtype) if each.is_floating_point() else each for each in batch]
    try:
        with random_stream_apart(0), evaluation_mode(model):
            result = task.evaluate(model, batch)
            task.measure(task.new_metrics(), result, batch)
    except (RuntimeError, ValueError, TypeError, IndexError, AttributeError) as error:
        if isinstance(error, TrainingError):
            raise
        shapes = ", ".join(str(tuple(each.shape[1:])) for each in batch)
        raise TrainingError(
            f"model {name} and this data (samples of {shapes}) are nothing for task {task.name}: {' '.join(str(error).split())}"
        ) from error
    if isinstance(getattr(task, "loss_function", None), nn.NLLLoss):
        total = result.outputs.exp().sum(1).max().item()
        if not math.isclose(total, 1, rel_tol=1e-2):
            raise TrainingError(
                f"loss nll needs log probabilities, but the exponentials of what model {name} gives sum to {total:.3g}: "
                "take loss cross_entropy, or end the model with log_softmax"
            )


def example(parts: Parts) -> framework.Tensor:
    """The inputs of a batch of one sample."""
    sample = parts.test[0]
    return (sample if isinstance(sample, framework.Tensor) else sample[0]).unsqueeze(0)


def build_task(config: Config, parts: Parts) -> tasks.Task:
    """The task of the config, with its loss function and metrics.

    That they fit each other was checked when the config was read, see ``consistency.py``.

    Raises:
        TrainingError: If there are not as many weights as classes.
    """
    name, settings = name_and_arguments(config.task)
    kind, losses = TASKS[name]
    options = {"metrics": config.metrics, "facts": parts.facts, **settings}
    if not losses:
        return kind(**options)
    loss, arguments = (losses[0], {}) if config.loss is None else name_and_arguments(config.loss)
    words = wrong_weights(arguments.get("weight"), parts.sizes.get("classes"))
    if words:
        raise TrainingError(f"loss.weight: {words}")
    if arguments.get("weight") is not None:
        arguments["weight"] = framework.tensor(arguments["weight"], dtype=getattr(framework, config.train.precision))
    return kind(LOSSES[loss](**arguments), **options)


def wrong_weights(weights: Sequence[float] | None, classes: int | None) -> str | None:
    """What is wrong with a loss's weights for so many classes (None: not known), if anything."""
    if weights is None or classes is None or len(weights) == classes:
        return None
    return f"the data has {classes} classes, but there are {len(weights)} weights"


def build_optimizers(config: Config, task: tasks.Task, model: nn.Module) -> dict[str, optim.Optimizer]:
    """An optimizer of the config for each objective, over the parameters that it trains."""
    name, arguments = name_and_arguments(config.optimizer)
    return {
        objective.name: OPTIMIZERS[name](
            [each for each in objective.module(model).parameters() if each.requires_grad], **arguments
        )
        for objective in task.objectives()
    }


def build_schedules(config: Config, optimizer: optim.Optimizer, trainer: Trainer) -> list[Schedule]:
    """The schedule of the config for an optimizer, in a list; an empty one where there is none."""
    if config.scheduler is None:
        return []
    name, arguments = name_and_arguments(config.scheduler)
    interval = arguments.pop("interval", "epoch")
    length = _length_of_run(trainer, interval)
    if name not in ("sequential", "chained"):
        if name == "plateau":
            arguments["mode"] = "min" if trainer.smaller_is_better else "max"
        return [Schedule(_scheduler(name, arguments, optimizer, length), interval)]
    milestones = arguments.get("milestones") or [0] * (len(arguments["schedulers"]) - 1)
    parts = []
    for begins, section in zip([0, *milestones], config.scheduler.schedulers, strict=True):  # type: ignore[union-attr]
        part, settings = name_and_arguments(section)
        settings.pop("interval")
        parts.append(_scheduler(part, settings, optimizer, None if length is None else max(length - begins, 1)))
    if name == "sequential":
        return [Schedule(lr_scheduler.SequentialLR(optimizer, parts, milestones), interval)]
    return [Schedule(lr_scheduler.ChainedScheduler(parts), interval)]


def _scheduler(
    name: str, arguments: dict[str, Any], optimizer: optim.Optimizer, length: int | None
) -> lr_scheduler.LRScheduler:
    key = _LENGTHS.get(name)
    if key is not None and arguments[key] is None:
        if length is None:
            raise TrainingError(f"scheduler.{key}: give it, since the length of this run is not known beforehand")
        arguments[key] = length
    return SCHEDULERS[name](optimizer, **arguments)


def _length_of_run(trainer: Trainer, interval: str) -> int | None:
    updates = trainer.total_updates
    if interval == "step" or updates is None:
        return updates
    per_epoch = trainer.updates_per_epoch
    return None if per_epoch is None else -(-updates // per_epoch)


def build_augment(config: Config, parts: Parts) -> ImageAugment | None:
    """What changes training images at random, if anything."""
    settings = getattr(config.data, "augment", None)
    if settings is None:
        return None
    smallest = min(example(parts).shape[-2:])
    if settings.shift >= smallest:
        raise TrainingError(
            f"data.augment.shift: expected less than the images' {smallest} pixels, got {settings.shift}"
        )
    return ImageAugment(**msgspec.structs.asdict(settings))


def build_callbacks(config: Config) -> list[Callback]:
    """The callbacks that the config asks for."""
    train = config.train
    callbacks: list[Callback] = []
    if train.ema is not None:
        callbacks.append(Ema(train.ema))
    if train.early_stopping is not None:
        callbacks.append(EarlyStopping(**msgspec.structs.asdict(train.early_stopping)))
    if train.max_minutes is not None:
        callbacks.append(TimeBudget(train.max_minutes))
    if config.logging.gradient_norms:
        callbacks.append(GradientWatch())
    return callbacks


def open_model_file(file: str, name: str) -> Callable[..., nn.Module]:
    """Run a Python file and give the model in it of this name; only for ``--allow-code``.

    Raises:
        ConfigError: If the file can't be run or has no such model.
    """
    path = Path(file)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ConfigError([f"{file}: is no Python file"])
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's own code raises
        raise ConfigError([f"{file}: can't be run: {type(error).__name__}: {error}"]) from error
    found = getattr(module, name, None)
    if not callable(found):
        models = [
            key for key, value in vars(module).items() if isinstance(value, type) and issubclass(value, nn.Module)
        ]
        raise ConfigError([f"{file} has no model {name}; it has {', '.join(models) or 'none'}"])
    return found
