"""Work whose results depend only on the job, distributed over processes or machines.

A job has the same result in every worker; if a worker dies, only its jobs are repeated.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Protocol

from ...system.requirements import install_command
from ..errors import WorkFailed

#: Number of consecutive crashes of workers, without a result between, after which the work is given up.
MAX_RESTARTS = 3

#: Creates the function that does the jobs; sent to every worker, so it has to be picklable.
JobFunctionFactory = Callable[[], Callable[[Any], Any]]


class ClusterUnavailable(ValueError):
    """Ray is not installed, or there is no cluster; the message is one line for the user."""


class WorkerCrashError(WorkFailed):
    """Workers die repeatedly; the message is one line for the user."""


class Executor(Protocol):
    """Several jobs may be submitted before the first result is requested."""

    #: Number of jobs to keep submitted, so that no worker waits.
    width: int

    def submit(self, job: Any) -> Any:
        """Submit a job; returns the handle for `result`."""

    def result(self, handle: Any) -> Any:
        """Wait for the result. Raises the exception of the job, or WorkerCrashError."""

    def close(self) -> None:
        """Stop; jobs that are not done are dropped."""


class LocalExecutor:
    """No other process: a job runs when its result is requested."""

    width = 1

    def __init__(self, work: Callable[[Any], Any]):
        self._work = work

    def submit(self, job: Any) -> Any:
        """See Executor."""
        return job

    def result(self, handle: Any) -> Any:
        """See Executor."""
        return self._work(handle)

    def close(self) -> None:
        """See Executor."""


class ProcessExecutor:
    """Processes on this machine."""

    def __init__(self, factory: JobFunctionFactory, count: int):
        self._factory, self._count = factory, count
        self.width = 2 * count
        self._restarts = 0
        self._pending: list[_PendingJob] = []
        self._start_pool()

    def submit(self, job: Any) -> _PendingJob:
        """See Executor."""
        handle = _PendingJob(job)
        self._pending.append(handle)
        self._submit_pending(handle)
        return handle

    def result(self, handle: _PendingJob) -> Any:
        """See Executor."""
        while True:
            try:
                answer = handle.future.result()
            except BrokenProcessPool:
                self._restart_pool()
                continue
            except BaseException:
                self._pending.remove(handle)
                raise
            self._pending.remove(handle)
            self._restarts = 0
            return answer

    def close(self) -> None:
        """See Executor."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _start_pool(self):
        # Not fork: libraries that have started threads break in the child.
        self._executor = ProcessPoolExecutor(
            self._count, multiprocessing.get_context('spawn'), initializer=_initialise_worker
        )

    def _submit_pending(self, handle):
        try:
            handle.future = self._executor.submit(run_job, self._factory, handle.job)
        except BrokenProcessPool:
            self._restart_pool()

    def _restart_pool(self):
        """One process has died, and the others with it: new ones get every job without a result."""
        self._restarts += 1
        if self._restarts > MAX_RESTARTS:
            raise WorkerCrashError(f'worker processes died {self._restarts} times in a row: is there memory for '
                              f'{self._count} of them? Fewer are tried with --workers')
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._start_pool()
        for handle in self._pending:
            if not handle.future.done() or handle.future.cancelled() or isinstance(
                    handle.future.exception(), BrokenProcessPool):
                handle.future = self._executor.submit(run_job, self._factory, handle.job)


class _PendingJob:
    """A job and its future."""

    def __init__(self, job):
        self.job = job
        self.future: Future = Future()      # not submitted yet


class RayExecutor:
    """The machines of a Ray cluster, each with this package and the files of the estimator."""

    def __init__(self, factory: JobFunctionFactory, address: str, gpus_per_worker: float = 0.0):
        """address: 'auto' finds the cluster of this machine, 'local' starts one that ends with this process.

        Raises ClusterUnavailable.
        """
        try:
            import ray  # pyright: ignore[reportMissingImports]  # an extra
        except ImportError:
            raise ClusterUnavailable(f'Ray is not installed here: {install_command("ray")}') from None
        self._ray = ray
        try:
            ray.init(address=address, log_to_driver=False, logging_level='error')
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise ClusterUnavailable(f'no Ray cluster at {address}: {" ".join(str(error).split())}') from None
        resources = ray.cluster_resources()
        kind = 'GPU' if gpus_per_worker else 'CPU'
        count = int(resources.get(kind, 0) / (gpus_per_worker or 1))
        if count < 1:
            raise ClusterUnavailable(f'the Ray cluster at {address} has no {kind} to work on')
        self.width = 2 * count
        self._factory = ray.put(factory)
        # Ray repeats a task elsewhere when its worker dies.
        self._work = ray.remote(num_cpus=1, num_gpus=gpus_per_worker, max_retries=MAX_RESTARTS)(run_job)

    def submit(self, job: Any) -> Any:
        """See Executor."""
        return self._work.remote(self._factory, job)

    def result(self, handle: Any) -> Any:
        """See Executor."""
        exceptions = self._ray.exceptions
        try:
            return self._ray.get(handle)
        except exceptions.RayTaskError as error:
            raise error.cause from None
        except (exceptions.WorkerCrashedError, exceptions.OutOfMemoryError, exceptions.RayError) as error:
            raise WorkerCrashError(f'the Ray workers fail: {" ".join(str(error).split())}') from None

    def close(self) -> None:
        """See Executor."""
        self._ray.shutdown()


#: In a worker: the last factory, and the function it created.
_cached_function: tuple[JobFunctionFactory, Callable[[Any], Any]] | None = None


def run_job(factory: JobFunctionFactory, job: Any) -> Any:
    """In a worker: the result of a job. The function is created for the first job and kept."""
    global _cached_function
    if _cached_function is None or _cached_function[0] != factory:
        _cached_function = factory, factory()
    return _cached_function[1](job)


def _initialise_worker():
    """In a new process: only the parent handles Ctrl-C, and no child outlives the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def watch():
        if parent is not None:
            parent.join()
        os._exit(1)
    threading.Thread(target=watch, name='parent watch', daemon=True).start()
