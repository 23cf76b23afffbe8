"""Settings that networks run with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar, cast

_Item = TypeVar('_Item')
_Result = TypeVar('_Result')
_OtherResult = TypeVar('_OtherResult')


class Runtime:
    """Settings that the networks of a pipeline share. Raises ValueError for numbers below 1.

    workers: number of networks that run in parallel. threads: number of threads of each; the networks are small, and
    two in parallel gain more than two threads in one. exact_crops: see crops.matrix.
    """

    def __init__(self, workers: int = 1, threads: int = 1, exact_crops: bool = False):
        if workers < 1 or threads < 1:
            raise ValueError(f'workers and threads must be 1 or more, found {workers} and {threads}')
        self.workers, self.threads, self.exact_crops = workers, threads, exact_crops
        # The calling thread is one of the workers.
        self._pool = ThreadPoolExecutor(workers - 1, 'landmarks') if workers > 1 else None

    def map(self, function: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
        """[function(item) for item in items], in parallel. A call may use `map` itself.

        An exception of a call is raised when no other call is running any more.
        """
        items = list(items)
        if self._pool is None or len(items) < 2:
            return [function(item) for item in items]
        futures = [self._pool.submit(function, item) for item in items[1:]]
        try:
            results = [function(items[0])]
            # Calls that no worker has started run here. So only running calls are waited for, and nested calls cannot
            # wait for each other.
            later = [function(item) if future.cancel() else future.result()
                     for future, item in reversed(list(zip(futures, items[1:])))]
            return results + later[::-1]
        finally:
            wait([future for future in futures if not future.cancel()])

    def both(self, one: Callable[[], _Result], other: Callable[[], _OtherResult]) -> tuple[_Result, _OtherResult]:
        """The results of two calls, in parallel, as `map`."""
        results = self.map(lambda call: call(), [one, other])
        return cast(_Result, results[0]), cast(_OtherResult, results[1])
