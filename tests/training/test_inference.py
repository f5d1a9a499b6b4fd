"""Asking trained models: pictures, text, comparisons."""

import io
from pathlib import Path

import numpy as np
import pytest

from framework.datasets.digits import draw_digits
from framework.training.checkpoint import load_checkpoint
from framework.training.inference import read_image, sample
from framework.training.progress import Console
from framework.training.session import Request
from models import MODELS

Image = pytest.importorskip("PIL.Image", reason="Pillow (extra viz) is not installed")


@pytest.fixture
def pictures(tmp_path):
    """Ten new digits as PNG files, and what they are."""
    images, labels = draw_digits(10, seed=99)
    for number, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    return [f"{number}.png" for number in range(10)], labels


def answers(output):
    return [int(line.split(": ")[1].split()[0]) for line in output.splitlines() if ".png: " in line]


def test_pictures_are_classified_as_the_test_images_are(workplace, command, pictures):
    files, labels = pictures
    command("--config", "small", "--run-dir", "run", "train.epochs=12", "--quiet")
    status, output, errors = command("--predict", "run", *files)
    assert (status, errors) == (0, "")
    assert np.mean(np.array(answers(output)) == labels) >= 0.7
    # The same picture twice as large, and with light and dark exchanged, gives the same answers where that is said.
    for name in files:
        with Image.open(name) as image:
            Image.fromarray(255 - np.asarray(image.resize((56, 56), Image.Resampling.BOX))).save("large-" + name)
    _, inverted, _ = command("--predict", "run", "--invert", *("large-" + name for name in files))
    assert np.mean(np.array(answers(inverted)) == answers(output)) >= 0.9
    _, told, _ = command("--predict", "run", *("large-" + name for name in files))
    assert "try --invert" in told


def test_no_data_set_is_needed(workplace, command, pictures):
    command("--config", "small", "--run-dir", "run", "--quiet")
    Path("images.idx").unlink()
    assert command("--predict", "run/best.ckpt", "0.png")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--predict", "run"), "needs picture files"),
        (("--predict", "run", "nothing.png"), "nothing.png: can't be read: No such file"),
        (("--predict", "run", "labels.idx"), "labels.idx: is no picture"),
        (("--predict", "nowhere", "0.png"), "nowhere: no such checkpoint or run folder"),
        (("--sample", "run"), "was not trained on text"),
        (("--compare", "run"), "two runs or more"),
        (("--compare", "run", "nowhere"), "nowhere: is not the folder of a run"),
    ],
)
def test_wrong_requests_end_in_words(workplace, command, pictures, arguments, words):
    command("--config", "small", "--run-dir", "run", "train.epochs=1", "--quiet")
    status, _, errors = command(*arguments)
    assert status == 1
    assert words in errors
    assert "Traceback" not in errors


def test_runs_are_compared_in_text_and_as_a_page(workplace, command):
    command("--config", "small", "--run-dir", "runs/a", "--quiet")
    command("--config", "small", "--run-dir", "runs/b", "--quiet", "optimizer.lr=0.01")
    status, output, _ = command("--compare", "runs/a", "runs/b")
    assert status == 0
    assert "optimizer.lr  0.003  0.01" in output
    assert "optimizer.lr" in Path("runs/compare-a-b.html").read_text()


def test_colours_transparency_and_size(tmp_path):
    image = Image.new("RGBA", (6, 4), (255, 0, 0, 255))
    image.putpixel((0, 0), (0, 0, 0, 0))
    image.save(tmp_path / "i.png")
    pixels = read_image(tmp_path / "i.png", (3, 4, 6))
    assert pixels.shape == (3, 4, 6)
    assert pixels[:, 0, 0].tolist() == [1, 1, 1]
    assert pixels[:, 1, 1].tolist() == [1, 0, 0]
    assert read_image(tmp_path / "i.png", (1, 2, 3)).shape == (1, 2, 3)
    np.testing.assert_allclose(read_image(tmp_path / "i.png", (3, 4, 6), invert=True), 1 - pixels)


TEXT = """\
task: {name: language_model, prompt: "ab", length: 5}
data: {source: text, file: text.txt, context: 8, batch_size: 16}
model: {name: gpt, layers: 1, heads: 2, width: 16}
optimizer: {name: adam, lr: 0.01}
train: {epochs: 3}
logging: {report: false}
"""


def test_text_goes_on_from_the_prompt(workplace, command):
    Path("text.txt").write_text("abcdefgh" * 200)
    Path("text.yaml").write_text(TEXT)
    status, output, errors = command("--config", "text.yaml", "--run-dir", "run", "--quiet")
    assert status == 0, output + errors
    _, output, _ = command("--sample", "run", "--prompt", "cd", "--length", "12", "--temperature", "0")
    assert output == "cdefghabcdefgh\n"
    _, again, _ = command("--sample", "run", "--length", "30", "--temperature", "3")
    assert again.startswith("ab")
    assert len(again.strip("\n")) == 32
    assert command("--sample", "run", "--length", "30", "--temperature", "3")[1] == again
    assert command("--sample", "run", "--length", "30", "--temperature", "3", "--sample-seed", "1")[1] != again
    # The config's own prompt is taken as far as the text had its characters.
    assert command("--sample", "run", "--length", "3", "task.prompt=xbz")[1].startswith("b")
    for wrong, words in [
        (("--length", "-1"), "--length: expected a whole number >= 0, got '-1'"),
        (("--temperature", "-1"), "--temperature: expected a number >= 0, got '-1'"),
        (("--temperature", "nan"), "--temperature: expected a number >= 0, got 'nan'"),
    ]:
        status, _, errors = command("--sample", "run", *wrong)
        assert status == 2 and words in errors
    status, _, errors = command("--sample", "run", "--prompt", "xyz")
    assert status == 1
    assert "the prompt has characters that the model does not know: 'x' 'y' 'z'" in errors
    assert load_checkpoint(Path("run")).data["facts"]["characters"] == list("abcdefgh")


def test_text_is_written_as_it_is_made(workplace, command):
    Path("text.txt").write_text("abcdefgh" * 200)
    Path("text.yaml").write_text(TEXT)
    assert "making the gallery run/gallery" in command("--config", "text.yaml", "--run-dir", "run", "train.epochs=1")[1]
    written, shown = io.StringIO(), []
    written.flush = lambda: shown.append(written.getvalue())
    assert sample(Request(MODELS, [], Console(stream=written)), Path("run"), "cd", 4) == 0
    assert shown[-1].startswith("cd") and shown[-1].endswith("\n")
    assert [len(each) for each in shown] == [2, 3, 4, 5, 6, 7]
