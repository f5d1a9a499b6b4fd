"""A process that does a column's work on command: ``python -m benchmarks.worker '<column as JSON>'``.

It reads commands as lines of JSON and answers each with one. It is held open, so that one process's warm caches and threads
are there when its turn comes, and idle while another's turn is timed.
"""

from __future__ import annotations

import gc
import importlib
import json
import sys
import time
from typing import Any

from benchmarks.works import WORKS, Setting, Step


def value_of(result: Any) -> float:
    """A number for comparison: the mean size of what a step returned."""
    import numpy as np

    if not isinstance(result, (int, float)):
        result = result.detach().numpy()
    return float(np.mean(np.abs(np.asarray(result, np.float64))))


class Worker:
    """One column.

    Args:
        module: ``"torch"`` or ``"framework"``.
        kind: ``""``, or ``"numpy"``, ``"channels_last"``, ``"compile"``.
        threads: For PyTorch; NumPy's BLAS takes it from the environment.
    """

    def __init__(self, module: str, kind: str, threads: int) -> None:
        self.torch: Any = importlib.import_module(module)
        importlib.import_module(module + ".utils.data")
        self.kind = kind
        if module == "torch":
            self.torch.set_num_threads(threads)
        self.step: Step | None = None

    def build(self, work: str, steps: int) -> dict[str, Any]:
        """Make a step anew and run it some times; what it returned."""
        self.step = None
        gc.collect()
        if self.kind == "numpy":
            from benchmarks import by_hand

            self.step = by_hand.build(work, self.torch)
        else:
            setting = Setting(self.torch, self.kind == "channels_last", self.kind == "compile")
            self.step = WORKS[work].build(setting)
        return {"values": [value_of(self.step()) for _ in range(steps)]}

    def run(self, steps: int) -> dict[str, Any]:
        """Run the step some times: seconds of wall time a step, and of processor time over all threads."""
        step = self.step
        assert step is not None
        result = None
        processor, wall = time.process_time(), time.perf_counter()
        for _ in range(steps):
            result = step()
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        return {"wall": wall / steps, "processor": processor / steps, "value": value_of(result)}

    def versions(self) -> dict[str, Any]:
        """What runs here."""
        import numpy as np

        found = {"python": sys.version.split()[0], "numpy": np.__version__}
        found[self.torch.__name__] = str(self.torch.__version__)
        try:
            from threadpoolctl import threadpool_info
        except ImportError:
            return found
        for each in threadpool_info():
            if each["user_api"] == "blas":
                found["blas"] = f"{each['internal_api']} {each['version']}, {each.get('architecture', '')} kernels"
                found["blas threads"] = each["num_threads"]
        return found


def memory_now(field: str = "VmRSS") -> float:
    """Memory of this process in MiB, now or (``"VmHWM"``) at its peak.

    Raises:
        OSError: Where there is no ``/proc``.
    """
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith(field + ":"):
                return int(line.split()[1]) / 1024
    raise OSError(f"/proc/self/status has no {field}")


def serve(column: dict[str, Any]) -> None:
    """Answer commands until the input ends."""
    answers, sys.stdout = sys.stdout, sys.stderr  # what a library prints must not be taken for an answer
    worker = Worker(column["module"], column["kind"], column["threads"])
    for line in sys.stdin:
        command = json.loads(line)
        name = command.pop("do")
        try:
            answer = getattr(worker, name)(**command)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def peak(column: dict[str, Any]) -> None:
    """Train the CNN for some steps in this fresh process, and print its peak memory."""
    worker = Worker(column["module"], column["kind"], column["threads"])
    worker.build("cnn", 20)
    print(json.dumps({"peak": memory_now("VmHWM")}))


def flat(column: dict[str, Any], steps: int) -> None:
    """Train a small network for many steps, and print the memory in use along the way."""
    torch = importlib.import_module(column["module"])
    nn = torch.nn
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 16), nn.LayerNorm(16), nn.Linear(16, 4)
    )
    optimizer = torch.optim.Adam(model.parameters())
    images, labels = torch.rand(8, 1, 8, 8), torch.randint(0, 4, (8,))
    seen, objects = [], []
    for number in range(steps):
        if number % (steps // 20) == 0:
            gc.collect()
            seen.append(memory_now())
            objects.append(len(gc.get_objects()))
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
    print(json.dumps({"memory": seen, "objects": objects}))


def main(arguments: dict[str, Any]) -> None:
    """Do the task that the arguments name; by default, serve."""
    task = {"serve": serve, "peak": peak, "flat": flat}[arguments.pop("task", "serve")]
    steps = {"steps": arguments.pop("steps")} if "steps" in arguments else {}
    task(arguments, **steps)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
