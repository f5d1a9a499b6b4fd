"""The command line of ``train.py``."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from framework.training.build import Models
from framework.training.config import ConfigError, find_config, list_configs
from framework.training.errors import TrainingError
from framework.training.inference import predict, sample
from framework.training.progress import Console
from framework.training.report import compare_runs
from framework.training.session import Request, dry_run, evaluate, find_rate, resume, train

CONFIGS = Path("configs")
INTERRUPTED = 130
BROKEN_PIPE = 141


def main(models: Models, arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        models: The models that a config can name.
        arguments: The command line; ``sys.argv`` by default.

    Returns:
        The exit status: 0, 1 for a run that failed, 2 for a request that can't be met, 130 after Ctrl-C, 141 if the
        output's reader has gone.
    """
    try:
        try:
            return _run(models, arguments)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # whoever read the output has gone, as "| head -1" does
        for stream in (sys.stdout, sys.stderr):  # nor can the rest of it be written at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return BROKEN_PIPE


def _run(models: Models, arguments: Sequence[str] | None) -> int:
    parser = _parser()
    options = parser.parse_intermixed_args(arguments)
    request = Request(models, options.overrides, Console(options.quiet), options.allow_code)
    try:
        if options.eval is not None:
            return evaluate(request, Path(options.eval))
        if options.compare is not None:
            return compare(options.compare, request.console)
        if options.predict is not None:
            # Files that stand behind another option come as overrides, which have an equals sign.
            files = options.predict[1:] + [each for each in options.overrides if "=" not in each]
            request.overrides = [each for each in options.overrides if "=" in each]
            return predict(request, Path(options.predict[0]), files, options.invert)
        if options.sample is not None:
            return sample(
                request, Path(options.sample), options.prompt, options.length, options.temperature, options.sample_seed
            )
        if options.resume is not None:
            return resume(request, Path(options.resume))
        if options.config is None:
            parser.print_help()
            return 2 if options.overrides or options.dry_run or options.find_lr else 0
        file = find_config(options.config, [Path("."), CONFIGS])
        if options.dry_run:
            return dry_run(request, file)
        if options.find_lr:
            return find_rate(request, file)
        return train(request, file, None if options.run_dir is None else Path(options.run_dir))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except TrainingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except MemoryError as error:
        print(f"error: not enough memory: {error}. Try a smaller data.batch_size, or a smaller model.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def compare(runs: Sequence[str], console: Console) -> int:
    """Print a comparison of runs, and write it as an HTML page beside the first of them."""
    folders = [Path(run) for run in runs]
    names = "-".join(folder.resolve().name for folder in folders[:4])
    page = folders[0].resolve().parent / f"compare-{names[:100]}.html"
    console.always(compare_runs(folders, page))
    console.always(f"\nas a page: {page}")
    return 0


def _parser() -> argparse.ArgumentParser:
    listed = "".join(f"\n  {name:20} {description}" for name, description in list_configs(CONFIGS))
    parser = argparse.ArgumentParser(
        prog="train.py",
        description="Train a network from a YAML config, evaluate a checkpoint, or continue a run.",
        epilog=f"configs:{listed or ' none in the folder configs/'}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--config", metavar="NAME", help="a config file, here or in configs/, with or without .yaml")
    what.add_argument(
        "--eval",
        metavar="CHECKPOINT",
        help="evaluate a checkpoint, or the last one of a run's folder, on the test data",
    )
    what.add_argument(
        "--resume", metavar="RUN_OR_CHECKPOINT", help="continue a run from its last checkpoint, or from the one given"
    )
    what.add_argument(
        "--compare",
        nargs="+",
        metavar="RUN",
        help="show in which settings runs differ, and their curves side by side; also written as an HTML page",
    )
    what.add_argument(
        "--predict",
        nargs="+",
        metavar=("CHECKPOINT", "IMAGE"),
        help="the classes of picture files, by a checkpoint or a run's folder",
    )
    what.add_argument(
        "--sample", metavar="CHECKPOINT", help="text from a language model, by a checkpoint or a run's folder"
    )
    parser.add_argument("--invert", action="store_true", help="with --predict: exchange light and dark in the pictures")
    parser.add_argument("--prompt", metavar="TEXT", help="with --sample: what the text begins with")
    parser.add_argument(
        "--length", type=_whole_number, default=500, metavar="N", help="with --sample: how many characters"
    )
    parser.add_argument(
        "--temperature",
        type=_not_negative,
        metavar="T",
        help="with --sample: lower is more careful, 0 takes the likeliest",
    )
    parser.add_argument(
        "--sample-seed", type=int, default=0, metavar="N", help="with --sample: another seed, another text"
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="build everything, print the model and the resolved config, train nothing",
    )
    parser.add_argument(
        "--find-lr",
        action="store_true",
        help="try growing learning rates on the config's first batches, and name a good one; train nothing",
    )
    parser.add_argument("--run-dir", metavar="FOLDER", help="the run's folder; runs/<name>-<time> by default")
    parser.add_argument("--quiet", action="store_true", help="print only warnings and the summary")
    parser.add_argument(
        "--allow-code",
        action="store_true",
        help="allow model.file: to run a Python file of your own that has the model",
    )
    parser.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help="change a setting of the config, such as optimizer.lr=0.01"
    )
    return parser


def _whole_number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number >= 0, got {text!r}")
    return int(text)


def _not_negative(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number >= 0, got {text!r}")
    return number
