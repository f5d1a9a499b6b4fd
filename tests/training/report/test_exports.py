import csv
import struct

import pytest

from framework.training.errors import TrainingError
from framework.training.report import EventWriter, write_csv


def test_csv_has_a_row_for_each_record(make_run):
    path = write_csv(make_run("a"))
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 202
    assert list(rows[0]) == ["kind", "epoch", "step", "seconds", "loss", "lr", "test_loss", "test_accuracy"]
    evaluated = [row for row in rows if row["kind"] == "eval"]
    assert [(row["step"], row["test_accuracy"], row["loss"]) for row in evaluated] == [
        ("100", "0.9", ""),
        ("200", "0.8", ""),
    ]


def scalars_in(folder):
    """What TensorBoard would read: the files are length-prefixed protocol buffers between checksums."""
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2", reason="tensorboardX (extra viz) is not installed")
    found, voided = {}, []
    for path in sorted(folder.glob("events.*")):
        data = path.read_bytes()
        while data:
            (length,) = struct.unpack("<Q", data[:8])
            event = event_pb2.Event.FromString(data[12 : 12 + length])
            data = data[16 + length :]
            if event.HasField("session_log"):
                voided.append(event.step)
            for value in event.summary.value:
                found[value.tag, event.step] = value.simple_value
    return found, voided


def test_tensorboard_files_hold_the_figures(tmp_path):
    pytest.importorskip("tensorboardX", reason="tensorboardX (extra viz) is not installed")
    writer = EventWriter(tmp_path)
    writer.write({"kind": "step", "step": 3, "epoch": 1, "seconds": 2.0, "loss": 0.5, "note": "text"})
    writer.write({"kind": "eval", "step": 4, "epoch": 1, "test_accuracy": 0.75})
    writer.close()
    assert scalars_in(tmp_path / "tensorboard")[0] == {("loss", 3): 0.5, ("test_accuracy", 4): 0.75}


def test_a_resumed_run_voids_what_came_after(tmp_path):
    pytest.importorskip("tensorboardX", reason="tensorboardX (extra viz) is not installed")
    writer = EventWriter(tmp_path, after_step=10)
    writer.write({"kind": "step", "step": 11, "loss": 0.5})
    writer.close()
    assert scalars_in(tmp_path / "tensorboard")[1] == [11]


def test_without_tensorboardx_there_are_words(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tensorboardX", None)
    with pytest.raises(TrainingError, match=r"pip install tensorboardX, or set logging\.tensorboard=false"):
        EventWriter(tmp_path)
