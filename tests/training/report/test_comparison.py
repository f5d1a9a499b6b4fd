import pytest

from framework.training.errors import TrainingError
from framework.training.report import compare_runs

from .test_run_report import text_of


def test_only_settings_that_differ_are_listed(make_run):
    text = compare_runs([make_run("a", lr=0.01), make_run("b", lr=0.1)])
    head, settings = text.split("\n\n")[0].split("\n", 1)
    assert head == "settings that differ"
    assert [line.split() for line in settings.splitlines()] == [
        ["a", "b"],
        ["name", "a", "b"],
        ["optimizer.lr", "0.01", "0.1"],
    ]


def test_results_and_curves_stand_side_by_side(make_run):
    text = compare_runs([make_run("a", accuracy=0.9), make_run("better", accuracy=0.95)])
    row = next(line for line in text.splitlines() if line.split()[:1] == ["accuracy"])
    assert row.split() == ["accuracy", "80.00%;", "90.00%", "85.00%;", "95.00%"]
    curves = text.split("accuracy (80.00% to 95.00%, step 0 to 200)\n")[1].splitlines()
    assert curves[0].split()[0] == "a"
    assert "▁" in curves[0]  # the least of both runs
    assert "█" in curves[1]  # the greatest
    assert curves[1].endswith("last 85.00%, best 95.00%")


def test_equal_runs_differ_in_nothing_but_their_names(make_run, tmp_path):
    a = make_run("a")
    twin = tmp_path / "other" / "a"
    twin.parent.mkdir()
    twin.symlink_to(a)
    copy = tmp_path / "copies" / "a"
    copy.mkdir(parents=True)
    for name in ("config.yaml", "metrics.jsonl"):
        (copy / name).write_bytes((a / name).read_bytes())
    assert "none" in compare_runs([a, copy]).split("\n\n")[0]
    assert "copies/a" in compare_runs([a, copy])


def test_the_page_has_it_too(make_run, tmp_path):
    compare_runs([make_run("a", lr=0.01), make_run("b", lr=0.1)], tmp_path / "both.html")
    words = text_of(tmp_path / "both.html")
    assert "optimizer.lr 0.01 0.1" in words


def test_one_run_is_too_few(make_run, tmp_path):
    with pytest.raises(TrainingError, match="two runs or more, but got 1"):
        compare_runs([make_run("a")])
    with pytest.raises(TrainingError, match="nowhere: is not the folder of a run"):
        compare_runs([tmp_path / "nowhere", make_run("b")])
