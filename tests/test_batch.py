"""Many jobs over several processes: what comes back, and what happens when a process is killed."""

from __future__ import annotations

import multiprocessing
import os
import platform
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from terminal import children

from bsa_measure.batch import run
from bsa_measure.errors import StudyError

JOBS = 16


def wait_a_little(number: int) -> int:
    time.sleep(0.2)
    return number


def kill_the_first_worker() -> None:
    """As soon as one is there, while the others are still being started."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for child in children(os.getpid()):
            os.kill(child, signal.SIGKILL)
            return


def test_every_job_is_done_once_and_found_by_its_number() -> None:
    assert dict(run(wait_a_little, range(5), workers=2)) == {n: n for n in range(5)}


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes in /proc")
def test_a_worker_killed_while_others_are_started_ends_the_batch_with_a_sentence() -> None:
    killer = threading.Thread(target=kill_the_first_worker)
    killer.start()
    with pytest.raises(StudyError, match="ended from outside"):
        list(run(wait_a_little, range(JOBS), workers=8))
    killer.join()
    # Nothing is left behind to wait for work for ever.
    assert multiprocessing.active_children() == []


def pages_asked_for(_: int) -> int:
    """How many pages of memory the system has to hand out for pictures such as a photograph takes."""
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(4):
        pictures = [np.ones((2048, 1536), np.uint8) for _ in range(4)]
        del pictures
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the allocator is glibc's")
def test_a_worker_needs_no_new_memory_from_photograph_to_photograph() -> None:
    found = dict(run(pages_asked_for, range(6), workers=2))
    first, others = [found[0], found[1]], [found[n] for n in range(4, 6)]
    assert min(first) > 1000  # of 4096 bytes: four pictures of 3 MB are 3072
    assert max(others) < 50
