"""What is timed: the rows of the table, with the bounds that the project sets itself.

A work is built in a process of its own kind by ``build(setting)``, which returns a step: a function without arguments that
does one unit of work and returns a number-like value (a loss) that must agree between the columns. The same code serves
PyTorch and framework, and the same seed gives both the same weights and data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks import models

Step = Callable[[], Any]


@dataclass(frozen=True)
class Setting:
    """What a column is built with.

    Attributes:
        torch: The module: ``torch`` or ``framework``.
        channels_last: Whether images and convolutional models are in PyTorch's channels-last format.
        compile: Whether models go through ``torch.compile``.
    """

    torch: Any
    channels_last: bool = False
    compile: bool = False


@dataclass(frozen=True)
class Work:
    """A row.

    Attributes:
        title: What the row is called in the table.
        build: Makes the step.
        bound, fast_bound: The ratio to PyTorch that is aimed at, with NumPy alone and with compiled kernels; None where the
            ratio is only recorded.
        scale: How many units one step does: its time is divided by this.
        unit: ``"ms"`` or ``"µs"``.
        tolerance: How far losses may be apart, relatively.
        columns: Kinds of column beside PyTorch and framework that can do it: ``"numpy"``, ``"channels_last"``, ``"compile"``.
    """

    title: str
    build: Callable[[Setting], Step]
    bound: float | None
    fast_bound: float | None
    scale: int = 1
    unit: str = "ms"
    tolerance: float = 2e-4
    columns: tuple[str, ...] = ()


# ---- Training steps ------------------------------------------------------------------------------------------


def _prepared(setting: Setting, model: Any) -> Any:
    if setting.channels_last:
        model = model.to(memory_format=setting.torch.channels_last)
    return setting.torch.compile(model) if setting.compile else model


def _inputs(setting: Setting, shape: tuple[int, ...]) -> Any:
    images = setting.torch.rand(*shape)
    return images.to(memory_format=setting.torch.channels_last) if setting.channels_last and len(shape) == 4 else images


def _training(model: Any, optimizer: Any, loss_of: Callable[[Any], Any]) -> Step:
    def step() -> Any:
        optimizer.zero_grad()
        loss = loss_of(model)
        loss.backward()
        optimizer.step()
        return loss

    return step


def _optimizer(setting: Setting, name: str, model: Any, **options: Any) -> Any:
    # Fused is PyTorch's fastest form on the CPU; framework takes the option and has one form.
    return getattr(setting.torch.optim, name)(model.parameters(), fused=True, **options)


def _classifier(
    model: Callable[[Any], Any], shape: tuple[int, ...], optimizer: str, **options: Any
) -> Callable[[Setting], Step]:
    def build(setting: Setting) -> Step:
        torch = setting.torch
        torch.manual_seed(0)
        network = _prepared(setting, model(torch))
        inputs = _inputs(setting, shape)
        labels = torch.randint(0, 10, (shape[0],))
        loss_of = lambda network: torch.nn.functional.cross_entropy(network(inputs), labels)
        return _training(network, _optimizer(setting, optimizer, network, **options), loss_of)

    return build


def _language_model(model: Callable[[Any], Any], batch: int, optimizer: str, **options: Any) -> Callable[[Setting], Step]:
    def build(setting: Setting) -> Step:
        torch = setting.torch
        torch.manual_seed(0)
        network = _prepared(setting, model(torch))
        tokens = torch.randint(0, 65, (batch, 65))
        inputs, targets = tokens[:, :-1].contiguous(), tokens[:, 1:].reshape(-1)
        loss_of = lambda network: torch.nn.functional.cross_entropy(network(inputs).reshape(-1, 65), targets)
        return _training(network, _optimizer(setting, optimizer, network, **options), loss_of)

    return build


def _vae(setting: Setting) -> Step:
    torch = setting.torch
    torch.manual_seed(0)
    network = _prepared(setting, models.vae(torch))
    images = torch.rand(128, 784)

    def loss_of(network: Any) -> Any:
        logits, mean, log_variance = network(images)
        functional = torch.nn.functional
        reconstruction = functional.binary_cross_entropy_with_logits(logits, images, reduction="sum")
        divergence = -0.5 * torch.sum(1 + log_variance - mean**2 - torch.exp(log_variance))
        return (reconstruction + divergence) / 128

    return _training(network, _optimizer(setting, "Adam", network, lr=1e-3), loss_of)


def _epoch(setting: Setting) -> Step:
    torch = setting.torch
    torch.manual_seed(0)
    network = _prepared(setting, models.lenet(torch))
    optimizer = _optimizer(setting, "SGD", network, lr=0.01, momentum=0.9)
    images = torch.rand(10_000, 1, 28, 28)
    labels = torch.randint(0, 10, (10_000,))
    dataset = torch.utils.data.TensorDataset(images, labels)
    loader = torch.utils.data.DataLoader(dataset, batch_size=64, shuffle=True)

    def step() -> Any:
        total = 0.0
        for batch, targets in loader:
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(network(batch), targets)
            loss.backward()
            optimizer.step()
            total += loss.item()
        return total / len(loader)

    return step


# ---- Inference -----------------------------------------------------------------------------------------------


def _inference(model: Callable[[Any], Any], shape: tuple[int, ...]) -> Callable[[Setting], Step]:
    def build(setting: Setting) -> Step:
        torch = setting.torch
        torch.manual_seed(0)
        network = _prepared(setting, model(torch)).eval()
        inputs = _inputs(setting, shape)

        def step() -> Any:
            with torch.inference_mode():
                return network(inputs)

        return step

    return build


# ---- Single operations ---------------------------------------------------------------------------------------


def _small_op(recorded: bool) -> Callable[[Setting], Step]:
    def build(setting: Setting) -> Step:
        torch = setting.torch
        torch.manual_seed(0)
        x = torch.rand(4).requires_grad_()
        other, gradient = torch.rand(4), torch.ones(4)

        def forward() -> Any:
            for _ in range(100):
                with torch.no_grad():
                    result = x * other
            return result

        def both() -> Any:
            for _ in range(100):
                x.grad = None
                (x * other).backward(gradient)
            return x.grad

        return both if recorded else forward

    return build


def _large_op(name: str) -> Callable[[Setting], Step]:
    def build(setting: Setting) -> Step:
        torch = setting.torch
        functional = torch.nn.functional
        torch.manual_seed(0)
        x = torch.randn(1000, 1000).requires_grad_()
        gradient = torch.randn(1000, 1000)
        weight, bias = torch.ones(1000).requires_grad_(), torch.zeros(1000).requires_grad_()
        function = {
            "gelu": functional.gelu,
            "softmax": lambda x: functional.softmax(x, dim=-1),
            "layer_norm": lambda x: functional.layer_norm(x, (1000,), weight, bias),
        }[name]

        def step() -> Any:
            x.grad = weight.grad = bias.grad = None
            function(x).backward(gradient)
            return x.grad

        return step

    return build


def _chain(length: int) -> Callable[[Setting], Step]:
    def build(setting: Setting) -> Step:
        torch = setting.torch
        torch.manual_seed(0)
        x, factor = torch.rand(4).requires_grad_(), torch.ones(4)

        def step() -> Any:
            x.grad = None
            y = x
            for _ in range(length):
                y = y * factor
            y.sum().backward()
            return x.grad

        return step

    return build


_IMAGES = ("channels_last", "compile")

WORKS: dict[str, Work] = {
    "mlp": Work(
        "MLP 784-256-128-10, batch 64, Adam",
        _classifier(models.mlp, (64, 784), "Adam", lr=1e-3), 1.0, 0.75, columns=("numpy", "compile"),
    ),
    "mlp512": Work(
        "the same, batch 512",
        _classifier(models.mlp, (512, 784), "Adam", lr=1e-3), 0.9, 0.8, columns=("numpy", "compile"),
    ),
    "lenet": Work(
        "LeNet-5, batch 64, SGD momentum",
        _classifier(models.lenet, (64, 1, 28, 28), "SGD", lr=0.01, momentum=0.9), 0.7, 0.6, columns=_IMAGES,
    ),
    "cnn": Work(
        "CNN 3×3 1→32→64, batch 64, Adam",
        _classifier(models.cnn, (64, 1, 28, 28), "Adam", lr=1e-3), 0.9, 0.7, columns=("numpy", *_IMAGES),
    ),
    "resnet20": Work(
        "ResNet-20 on 32×32, batch 32, SGD",
        _classifier(models.resnet20, (32, 3, 32, 32), "SGD", lr=0.01, momentum=0.9, weight_decay=1e-4), 1.0, 0.8,
        tolerance=2e-3, columns=_IMAGES,
    ),
    "lstm": Work(
        "LSTM 2×128, 64 steps, batch 32, Adam",
        _language_model(models.char_lstm, 32, "Adam", lr=1e-3), 0.8, 0.6, columns=("compile",),
    ),
    "gpt": Work(
        "GPT 4 layers × 128, context 64, batch 16, AdamW",
        _language_model(models.gpt, 16, "AdamW", lr=1e-3), 1.0, 0.85, tolerance=1e-3, columns=("compile",),
    ),
    "vae": Work("VAE MLP, batch 128, Adam", _vae, 1.0, 0.75, columns=("compile",)),
    "op": Work("one small op, forward + backward", _small_op(True), 0.7, 0.7, scale=100, unit="µs"),
    "op_no_grad": Work("one small op under no_grad", _small_op(False), 0.7, 0.7, scale=100, unit="µs"),
    "mlp_inference": Work(
        "MLP inference, batch 1", _inference(models.mlp, (1, 784)), 0.6, 0.6, unit="µs", columns=("compile",)
    ),
    "cnn_inference": Work(
        "CNN inference, batch 64", _inference(models.cnn, (64, 1, 28, 28)), 1.0, 0.8, columns=_IMAGES
    ),
    "gelu": Work("gelu, 10⁶ elements, forward + backward", _large_op("gelu"), None, 1.0),
    "softmax": Work("softmax, 1000 × 1000, forward + backward", _large_op("softmax"), None, 1.0),
    "layer_norm": Work("layer norm, 1000 × 1000, forward + backward", _large_op("layer_norm"), None, 1.0),
    "epoch": Work("MNIST-sized epoch with loader, LeNet, batch 64", _epoch, 0.6, 0.5, tolerance=2e-3),
    "chain1k": Work("autograd: a chain of 1,000, per node", _chain(1000), None, None, scale=1000, unit="µs"),
    "chain10k": Work("autograd: a chain of 10,000, per node", _chain(10_000), None, None, scale=10_000, unit="µs"),
    "chain100k": Work("autograd: a chain of 100,000, per node", _chain(100_000), None, None, scale=100_000, unit="µs"),
}  # fmt: skip
