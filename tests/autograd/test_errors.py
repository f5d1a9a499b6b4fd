"""Errors that end the debugging: who saved, who changed, where, which operation made the first NaN, in which module."""

from __future__ import annotations

import sys
import warnings

import pytest

import framework as torch


@pytest.fixture
def anomaly():
    with warnings.catch_warnings(), torch.autograd.detect_anomaly():
        warnings.simplefilter("ignore")
        yield


def test_the_first_nan_of_the_forward_pass_is_named_with_its_line(anomaly):
    x = torch.tensor([-1.0, 4.0], requires_grad=True)
    y = x * 3
    z = y.log()  # the culprit
    w = (z + 1).exp()
    with pytest.raises(RuntimeError) as caught:
        w.sum().backward()
    message = str(caught.value)
    assert "returned nan values" in message
    first = message.split("The first NaN of the forward pass is the result of ")[1]
    assert (
        first.startswith("LogBackward0")
        and "# the culprit" in first
        and "# the culprit" not in message.split("The first")[0]
    )


def test_a_nan_that_only_backward_makes_is_named_at_its_node(anomaly):
    x = torch.tensor([0.0], requires_grad=True)
    y = x.sqrt()  # its slope is infinite
    with pytest.raises(
        RuntimeError, match=r"(?s)'SqrtBackward0' returned nan values in its 0th output.*its slope"
    ) as caught:
        (y * 0).backward()
    assert "forward pass" not in str(caught.value)


def test_check_nan_can_be_left_out():
    x = torch.tensor([0.0], requires_grad=True)
    with torch.autograd.detect_anomaly(check_nan=False):
        (x.sqrt() * 0).backward()
    assert x.grad.isnan().all()


def test_a_changed_saved_tensor_says_who_saved_and_who_changed_it(anomaly):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x.exp()
    z = y * y  # saved here
    y.add_(1)  # changed here
    with pytest.raises(RuntimeError) as caught:
        z.sum().backward()
    message = str(caught.value)
    assert "which MulBackward0 saved as 'input', and which is output 0 of ExpBackward0, is at version 1" in message
    saved, changed = message.split("and last changed here:")
    assert "# saved here" in saved and "# changed here" in changed


def test_without_anomaly_detection_the_message_says_how_to_find_out():
    y = torch.ones(2, requires_grad=True) * 2
    z = y * y
    y.add_(1)
    with pytest.raises(
        RuntimeError, match=r"MulBackward0 saved as 'input'.*expected version 0.*set_detect_anomaly\(True\)"
    ):
        z.sum().backward()


def test_a_freed_graph_names_the_node_and_where_it_was_made(anomaly):
    x = torch.ones(2, requires_grad=True)
    y = (x * x).sum()  # made here
    y.backward()
    with pytest.raises(
        RuntimeError, match=r"(?s)second time.*retain_graph=True.*The freed node is MulBackward0.*made here"
    ):
        y.backward()


def test_an_error_in_backward_is_reported_with_its_forward_call():
    class Fails(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            raise ValueError("boom")

    with torch.autograd.detect_anomaly():
        y = Fails.apply(torch.ones(1, requires_grad=True))  # this call
        with (
            pytest.warns(UserWarning, match=r"(?s)Error detected in FailsBackward.*this call"),
            pytest.raises(ValueError),
        ):
            y.backward()


def test_nothing_is_remembered_while_it_is_off():
    y = torch.ones(1, requires_grad=True) * 2
    assert y.grad_fn.extras is None


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.add_(torch.ones(3)),
        lambda a: a.copy_(torch.ones(3)),
        lambda a: a.mul_(torch.ones(3, 2)),
        lambda a: a.__setitem__(5, 1.0),
        lambda a: a.__setitem__(0, torch.ones(3)),
        lambda a: a.addcmul_(torch.ones(2), torch.ones(5)),
        lambda a: torch.add(a, torch.ones(2, requires_grad=True), out=a),
        lambda a: a.long().add_(1.5),
        lambda a: a.clamp_(torch.ones(3)),
        lambda a: a.masked_fill_(torch.tensor([True, True, False]), 0.0),
        lambda a: a.index_add_(0, torch.tensor([0, 7]), torch.ones(2)),
        lambda a: a.scatter_(0, torch.tensor([0, 9]), torch.ones(2)),
        lambda a: a.view(3),
    ],
)
def test_a_refused_operation_has_changed_nothing(change):
    for a in (torch.tensor([5.0, 7.0]), torch.tensor([5.0, 7.0], requires_grad=True) * 1):
        node = a.grad_fn
        with pytest.raises((RuntimeError, IndexError)):
            change(a)
        assert a.tolist() == [5, 7] and a._version == 0 and a.grad_fn is node


def test_leaves_and_inference_tensors_are_refused_before_the_write():
    leaf = torch.ones(2, requires_grad=True)
    with torch.inference_mode():
        inference = torch.ones(2)
    for tensor in (leaf, leaf[:1], leaf.view(1, 2), inference):
        with pytest.raises(RuntimeError):
            tensor.add_(1)
    assert leaf.tolist() == [1, 1] and inference.tolist() == [1, 1]


class Failing(torch.nn.Module):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def forward(self, x):
        raise self.error


def model(error):
    inner = torch.nn.ModuleDict({"layers": torch.nn.ModuleList([torch.nn.Identity(), Failing(error)])})

    class Encoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = inner

        def forward(self, x):
            for layer in self.parts["layers"]:
                x = layer(x)
            return x

    outer = torch.nn.Module()
    outer.encoder = Encoder()
    outer.forward = lambda x: outer.encoder(x)
    return outer


def test_an_error_names_the_path_of_its_module_once():
    with pytest.raises(RuntimeError) as caught:
        model(RuntimeError("wrong"))(1)
    assert str(caught.value) == "wrong\n  in module encoder.parts.layers.1 (Failing)"
    encoder = torch.nn.TransformerEncoder(torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 3)
    encoder.layers[2].linear1 = torch.nn.Linear(9, 16)
    with pytest.raises(RuntimeError, match=r"in module layers\.2\.linear1 \(Linear\)$"):
        encoder(torch.ones(1, 4, 8))


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exceptions have notes from Python 3.11 on")
def test_an_error_whose_arguments_mean_something_gets_the_path_as_a_note():
    with pytest.raises(KeyError) as caught:
        model(KeyError("missing"))(1)
    assert caught.value.args == ("missing",)
    assert caught.value.__notes__ == ["in module encoder.parts.layers.1 (Failing)"]
