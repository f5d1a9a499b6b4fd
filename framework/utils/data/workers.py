"""Worker processes that make batches ahead of the training loop."""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
import queue
import random
import signal
import threading
import traceback
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy as np

from framework.kernels.threads import set_num_threads
from framework.random import get_rng_state, manual_seed, set_rng_state
from framework.utils.data import worker_info
from framework.utils.data.fetch import Recipe
from framework.utils.data.worker_info import WorkerInfo


class _End:
    """A worker's reply when its iterable data set has no more samples."""


@dataclass(frozen=True)
class _Failure:
    """A worker's reply when making a batch raised an error."""

    kind: type[BaseException]
    text: str
    worker: int

    def reraise(self) -> None:
        """Raise an error of the same kind with the worker's traceback in its message."""
        words = f"Caught {self.kind.__name__} in DataLoader worker process {self.worker}.\nOriginal {self.text}"
        try:
            # A KeyError shows the repr of its message, which would put the traceback on one line.
            error = self.kind(_Verbatim(words) if issubclass(self.kind, KeyError) else words)
        except Exception:
            # Some kinds of error can't be made from a message alone.
            raise RuntimeError(words) from None
        raise error


class _Verbatim(str):
    def __repr__(self) -> str:
        return str(self)


# ---- In the worker -----------------------------------------------------------------------------------------------


def seed_worker(base_seed: int, number: int) -> int:
    """Seed a worker's generators (the framework's, Python's and NumPy's), as PyTorch's workers are; returns its seed."""
    seed = base_seed + number
    random.seed(seed)
    manual_seed(seed)
    entropy = [number, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    np.random.seed(np.random.SeedSequence(entropy).generate_state(4))
    return seed


def _random_states() -> bytes:
    version, words, gauss = random.getstate()
    states = get_rng_state(), (version, np.array(words, np.uint32), gauss), np.random.get_state()
    return pickle.dumps(states, pickle.HIGHEST_PROTOCOL)


def _set_random_states(states: Any) -> None:
    framework_state, (version, words, gauss), numpy_state = states
    set_rng_state(framework_state)
    random.setstate((version, tuple(words.tolist()), gauss))
    np.random.set_state(tuple(numpy_state))


def _work(
    recipe: Recipe,
    base_seed: int,
    states: Any,
    number: int,
    count: int,
    init_fn: Callable[[int], None] | None,
    tasks: Connection,
    results: Connection,
    others: list[Connection],
) -> None:
    """The life of a worker: make the batches that are asked for until there are no more, or the main process is gone."""
    set_num_threads(1)  # the main process's threads have the other cores
    for connection in others:
        # The main process's ends: were they open here too, its death would go unnoticed.
        connection.close()
    stopping = threading.Event()
    todo: queue.SimpleQueue[Any] = queue.SimpleQueue()
    # Tasks are taken in at once, so that the main process never waits to send one while this one waits to send a batch.
    threading.Thread(target=_take_in, args=(tasks, todo, stopping), daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        worker_info.current = WorkerInfo(number, count, seed_worker(base_seed, number), recipe.dataset)
        failure, fetch, present = None, None, None
        try:
            if init_fn is not None:
                init_fn(number)
        except Exception as error:
            failure = _failure(error, number)
        if states is not None:
            _set_random_states(states)
        before = _random_states()
        while (task := todo.get()) is not None and not stopping.is_set():
            run, index, work = task
            reply: Any
            try:
                if failure is None:
                    if run != present:
                        fetch, present = recipe.start(), run
                    reply = _End() if fetch is None else fetch(work)
                else:
                    reply = failure
                after = _random_states()
                message = ForkingPickler.dumps(
                    (run, index, number, reply, None if after == before else after), pickle.HIGHEST_PROTOCOL
                )
                before = after
            except Exception as error:
                ended = recipe.iterable and isinstance(error, StopIteration)
                fetch = None if ended else fetch
                reply = _End() if ended else _failure(error, number)
                message = ForkingPickler.dumps((run, index, number, reply, None))
            results.send_bytes(message)


def _take_in(tasks: Connection, todo: queue.SimpleQueue[Any], stopping: threading.Event) -> None:
    task: Any = ()
    while task is not None:
        try:
            task = tasks.recv()
        except (EOFError, OSError):
            task = None
        if task is None:
            stopping.set()
        todo.put(task)


def _failure(error: Exception, number: int) -> _Failure:
    text = "".join(traceback.format_exception(error))
    try:
        pickle.dumps(type(error))
    except Exception:
        # A class made inside a function can't be sent; its name is in the traceback.
        return _Failure(RuntimeError, text, number)
    return _Failure(type(error), text, number)


# ---- In the main process -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Worker:
    process: Any
    tasks: Connection
    results: Connection


class WorkerPool:
    """The worker processes of a loader.

    Args:
        recipe: How batches are made.
        count: How many workers.
        base_seed: Worker ``i`` is seeded by ``base_seed + i``.
        states: Those of an earlier pool's workers, unpickled, to go on from; None to start from the seeds.
        context: Of ``multiprocessing``: how processes are started; the system's own for None.
        init_fn: Called in each worker with its number, after seeding.
        prefetch_factor: Batches that are asked for ahead, for each worker.
        timeout: Seconds to wait for a batch; 0 for ever.
        in_order: Give batches in the order of the work; else as they come.
    """

    def __init__(
        self,
        recipe: Recipe,
        count: int,
        base_seed: int,
        states: list[Any] | None,
        context: Any,
        init_fn: Callable[[int], None] | None,
        prefetch_factor: int,
        timeout: float,
        in_order: bool,
    ) -> None:
        context = context or multiprocessing.get_context()
        self._ahead = prefetch_factor
        self._timeout = timeout
        self._in_order = in_order
        self._run = 0
        self._workers: list[_Worker] = []
        #: The random states of each worker after the last batch of its that was given, pickled where they are of this pool;
        #: None where it has drawn nothing since it was seeded.
        self.states: list[Any] = list(states or [None] * count)
        #: Ends the processes: when called, when the pool is collected, or at the program's end.
        self.close = weakref.finalize(self, _end, self._workers)
        try:
            for number in range(count):
                task_reader, task_writer = context.Pipe(duplex=False)
                result_reader, result_writer = context.Pipe(duplex=False)
                process = context.Process(
                    target=_work,
                    args=(recipe, base_seed, self.states[number], number, count, init_fn, task_reader, result_writer,
                          [task_writer, result_reader]),
                    daemon=True,
                )  # fmt: skip
                process.start()
                # Now only the worker has these open, so that its death shows as the end of the pipe.
                task_reader.close()
                result_writer.close()
                self._workers.append(_Worker(process, task_writer, result_reader))
        except BaseException:
            self.close()
            raise

    @property
    def pids(self) -> list[int]:
        """The processes' ids."""
        return [worker.process.pid for worker in self._workers]

    def batches(self, work: Iterator[Any], first: int) -> Iterator[Any]:
        """The batches of a pass, where this worker has the first turn.

        The first pieces of work are handed out at once, before the first batch is asked for.
        """
        self._run += 1
        run = _Pass(self, self._run, work, first)
        run.hand_out(self._ahead * len(self._workers))
        return run.batches()

    def send(self, number: int, task: Any) -> None:
        """Send a task to a worker.

        Raises:
            RuntimeError: If it is dead.
        """
        try:
            self._workers[number].tasks.send(task)
        except BrokenPipeError:
            raise self._died([number]) from None

    def receive(self) -> Any:
        """The next message of any worker.

        Raises:
            RuntimeError: If a worker has died, or none sent anything in time.
        """
        pipes: dict[Any, int] = {worker.results: number for number, worker in enumerate(self._workers)}
        ready = wait(list(pipes), self._timeout or None)
        if not ready:
            raise RuntimeError(f"DataLoader timed out after {self._timeout} seconds")
        for pipe in ready:
            with contextlib.suppress(EOFError, ConnectionResetError):
                return pickle.loads(pipe.recv_bytes())  # type: ignore[union-attr]
        raise self._died([pipes[pipe] for pipe in ready])

    def _died(self, numbers: list[int]) -> RuntimeError:
        causes = []
        for number in numbers:
            process = self._workers[number].process
            process.join(1)
            code = process.exitcode
            killed = code is not None and code < 0
            how = f"killed by signal {signal.Signals(-code).name}" if killed else f"exit code {code}"
            causes.append(f"{process.pid}: {how}")
        return RuntimeError(
            f"DataLoader worker (pid(s) {', '.join(causes)}) exited unexpectedly; out of memory, a crash in the data set, or "
            "os._exit may be the cause: num_workers=0 shows errors where they happen"
        )


class _Pass:
    """One pass over a data set: which work was handed out, and which replies have come."""

    def __init__(self, pool: WorkerPool, run: int, work: Iterator[Any], first: int) -> None:
        self._pool = pool
        self._run = run
        self._work = work
        self._turns = cycle([*range(first, len(pool._workers)), *range(first)])
        self._active = set(range(len(pool._workers)))
        self._load = [0] * len(pool._workers)
        self._sent = 0
        self._replies: dict[int, Any] = {}

    def hand_out(self, count: int) -> None:
        """Send the next pieces of work to the workers in turn."""
        for _ in range(count):
            worker = self._next_worker()
            if worker is None:
                return
            try:
                work = next(self._work)
            except StopIteration:
                return
            self._pool.send(worker, (self._run, self._sent, work))
            self._load[worker] += 1
            self._sent += 1

    def _next_worker(self) -> int | None:
        for _ in self._load:
            worker = next(self._turns)
            # Out of order, a slow worker gets no more than its share.
            most = self._pool._ahead * len(self._load) // max(1, len(self._active))
            if worker in self._active and (self._pool._in_order or self._load[worker] < most):
                return worker
        return None

    def batches(self) -> Iterator[Any]:
        given = 0
        while given < self._sent:
            wanted = given if self._pool._in_order else next(iter(self._replies), None)
            if wanted is None or wanted not in self._replies:
                self._receive()
                continue
            worker, reply, state = self._replies.pop(wanted)
            if state is not None:
                self._pool.states[worker] = state
            given += 1
            if isinstance(reply, _Failure):
                reply.reraise()
            self.hand_out(1)
            if not isinstance(reply, _End):
                yield reply

    def _receive(self) -> None:
        run, index, worker, reply, state = self._pool.receive()
        if run != self._run:
            self._pool.states[worker] = state or self._pool.states[worker]
            return  # of an earlier pass, which was left before its end
        self._load[worker] -= 1
        if isinstance(reply, _End):
            self._active.discard(worker)
        self._replies[index] = worker, reply, state


def _end(workers: list[_Worker]) -> None:
    for worker in workers:
        with contextlib.suppress(OSError):
            worker.tasks.send(None)
        worker.tasks.close()
        worker.results.close()
    for worker in workers:
        worker.process.join(5)
        if worker.process.is_alive():
            worker.process.terminate()
            worker.process.join()
