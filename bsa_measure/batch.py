"""Many photographs at once, over a ``concurrent.futures`` executor: this computer's cores, or a Dask cluster's."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from typing import TypeVar

from .errors import BsaMeasureError, StudyError

Job = TypeVar("Job")
Outcome = TypeVar("Outcome")

_MOST_WORKERS = 8  # more processes than this fight over one disk
_AHEAD = 2  # jobs that a worker has, so that it need not wait for the next
_AHEAD_ON_A_CLUSTER = 500

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)
_KEPT = 2**30  # bytes that are free before any go back to the system
_LARGEST_KEPT = 2**25  # bytes of one array; the most that glibc takes


def default_workers() -> int:
    """As many processes as this computer has cores, within reason."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    return max(1, min(count, _MOST_WORKERS))


def run(
    work: Callable[[Job], Outcome], jobs: Sequence[Job], *, workers: int = 1, scheduler: str | None = None
) -> Iterator[tuple[int, Outcome]]:
    """Do every job; yields (index of the job, outcome) as they are done.

    Stopping early (an error, Ctrl-C) lets the running jobs finish, drops the rest, and raises.

    Args:
        work: a function that can be sent to another process.
        jobs: what to do.
        workers: number of processes; 1 works in this one.
        scheduler: address of a Dask scheduler whose workers see the same folders; overrides ``workers``.

    Raises:
        StudyError: a worker process was killed, or the scheduler cannot be reached.
        BsaMeasureError: whatever a job raises.
    """
    if scheduler is None and (workers <= 1 or len(jobs) <= 1):
        for index, job in enumerate(jobs):
            yield index, work(job)
        return
    waiting = iter(enumerate(jobs))
    running: dict[Future[Outcome], tuple[Executor, int]] = {}

    def hand_out(executor: Executor) -> None:
        for index, job in itertools.islice(waiting, 1):
            running[executor.submit(work, job)] = executor, index

    try:
        with _executors(min(workers, len(jobs)), scheduler) as executors:
            ahead = _AHEAD if scheduler is None else _AHEAD_ON_A_CLUSTER
            with _deaf_to_ctrl_c():
                for executor in executors * ahead:
                    hand_out(executor)
            try:
                while running:
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        executor, index = running.pop(future)
                        outcome = future.result()
                        hand_out(executor)
                        yield index, outcome
            except BrokenExecutor:
                raise  # a broken pool ends what is open itself, and stumbles over a future cancelled meanwhile
            except BaseException:
                for future in running:
                    future.cancel()
                raise
    except BrokenExecutor as error:
        raise StudyError(
            "A worker process was ended from outside, most likely for want of memory: run again with --workers 1."
        ) from error


@contextlib.contextmanager
def _executors(workers: int, scheduler: str | None) -> Iterator[list[Executor]]:
    if scheduler is not None:
        with _dask_executor(scheduler) as executor:
            yield [executor]
        return
    # spawn: the same on every system, and no copies of threads that OpenCV has started.
    context = multiprocessing.get_context("spawn")
    # A pool for each worker: one that breaks while it still starts another worker loses count, and waits for ever.
    pools: list[Executor] = [
        ProcessPoolExecutor(1, mp_context=context, initializer=_prepare_worker) for _ in range(workers)
    ]
    try:
        yield pools
    finally:
        for pool in pools:
            pool.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes started in here ignore Ctrl-C from their first instruction; it takes a few milliseconds."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _prepare_worker() -> None:
    # Ctrl-C reaches every process of the terminal; only the main one answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _keep_memory()
    import cv2

    cv2.setNumThreads(1)  # one process a core already


def _keep_memory() -> None:
    """Keep what one photograph needed for the next, instead of handing it back and having the system clear it again:
    a fifth of a worker's time. Only where the C library is glibc, whose mallopt this is."""
    mallopt = None if os.name == "nt" else getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, _KEPT)
        mallopt(_MMAP_THRESHOLD, _LARGEST_KEPT)


def _end_with_parent() -> None:
    """A worker whose main process was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextlib.contextmanager
def _dask_executor(address: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ImportError as error:
        raise BsaMeasureError("--scheduler needs Dask: install it with  pip install bsa-measure[cluster]") from error
    try:
        client = Client(address, timeout="15s", set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise StudyError(f"No Dask scheduler answers at {address}: check the address.") from error
    with client, client.get_executor() as executor:
        yield executor
