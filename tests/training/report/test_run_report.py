import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from framework.training.errors import TrainingError
from framework.training.report import charts, write_report

VOID = {"meta", "img", "br", "hr", "link", "input"}

with_charts = pytest.mark.skipif(not charts.available(), reason="matplotlib (extra viz) is not installed")


class Outline(HTMLParser):
    """Checks that elements are closed in order, and collects what a reader and a browser see."""

    def __init__(self):
        super().__init__()
        self.open, self.words, self.addresses = [], [], []

    def handle_starttag(self, tag, attributes):
        self.addresses += [value for name, value in attributes if name in ("src", "href", "data", "srcset")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.addresses += [value for name, value in attributes if name in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def outline_of(path):
    outline = Outline()
    outline.feed(path.read_text(encoding="utf-8"))
    outline.close()
    assert outline.open == []
    return outline


def text_of(path):
    return " ".join(" ".join(outline_of(path).words).split())


def test_the_report_is_one_well_formed_file_that_loads_nothing(make_run):
    path = write_report(make_run("a"))
    outline = outline_of(path)
    assert all(address.startswith(("data:image/png;base64,", "#")) for address in outline.addresses)
    text = path.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "@import" not in text


def test_it_tells_results_settings_model_and_environment(make_run):
    words = text_of(write_report(make_run("a")))
    for expected in ("made & measured", "90.00%", "80.00%", "1 min 40 s", "optimizer.lr", "0.01", "layer kind <shape>"):
        assert expected in words
    assert "blas: threads 2" in words


def test_confusion_and_text_need_no_extra(make_run):
    path = write_report(make_run("a"))
    words = text_of(path)
    assert "<dog>" in words
    assert "--share:0.800" in path.read_text(encoding="utf-8")
    assert "To be <or> not & to be" in words
    assert "an old text" not in words  # of one title the newest is shown


def test_without_matplotlib_it_says_so_and_has_tables(make_run, monkeypatch):
    monkeypatch.setattr(charts, "available", lambda: False)
    path = write_report(make_run("a"))
    words = text_of(path)
    assert "python -m pip install matplotlib, then" in words
    assert "loss, each update" in words
    assert "<svg" not in path.read_text(encoding="utf-8")


@with_charts
def test_charts_are_well_formed_and_take_the_pages_colours(make_run):
    text = write_report(make_run("a")).read_text(encoding="utf-8")
    drawings = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(drawings) == 6  # loss, accuracy, learning rate, curve, fit, points
    for drawing in drawings:
        root = ElementTree.fromstring(drawing)
        assert root.get("width") is None
        assert "currentColor" in drawing
        assert "#010203" not in drawing
    names = re.findall(r'<svg.*?id="(.*?)"', text)
    ids = re.findall(r'clipPath id="(.*?)"', text)
    assert len(ids) == len(set(ids)) > 0, names


@with_charts
def test_mistakes_are_pictures_with_words(make_run):
    path = write_report(make_run("a"))
    assert "0, taken for 1 (99%)" in text_of(path)
    assert len([each for each in outline_of(path).addresses if each.startswith("data:")]) == 3 + 4


@with_charts
def test_the_same_run_gives_the_same_bytes(make_run):
    folder = make_run("a")
    assert write_report(folder).read_bytes() == write_report(folder).read_bytes()


def test_a_run_that_has_just_begun_has_a_report(make_run):
    folder = make_run("a", gallery=False)
    (folder / "metrics.jsonl").write_text("")
    (folder / "environment.json").unlink()
    (folder / "model.txt").unlink()
    assert "optimizer.lr" in text_of(write_report(folder))


def test_an_item_that_can_not_be_shown_is_named(make_run):
    folder = make_run("a")
    index = folder / "gallery" / "index.json"
    index.write_text(
        '[{"kind": "hologram", "title": "H", "file": "new.txt"}, {"kind": "confusion", "title": "C", "file": "fit.npz"}]'
    )
    words = text_of(write_report(folder))
    assert "no form for items of kind hologram" in words
    assert "C can't be shown: KeyError" in words


def test_a_folder_that_can_not_be_written(make_run):
    folder = make_run("a")
    (folder / "report.html").mkdir()
    with pytest.raises(TrainingError, match=r"report.html: the report can't be written"):
        write_report(folder)


@with_charts
def test_the_running_mean_of_a_constant_is_that_constant():
    assert charts.running_mean([3.0] * 50) == pytest.approx([3.0] * 50)
