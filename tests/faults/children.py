"""Processes that may be killed: forked from one that has loaded what a tiny night needs and nothing heavier, once and for all."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Any

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.faults.doomed", "tests.faults.reading"])


def started(target: Callable[..., Any], *arguments: Any, **named: Any) -> BaseProcess:
    """Start a child."""
    child = CONTEXT.Process(target=target, args=arguments, kwargs=named)
    child.start()
    return child


def exit_code(target: Callable[..., Any], *arguments: Any, **named: Any) -> int:
    """Run a function in a child of its own; returns its exit code, or the signal that killed it as a negative number."""
    child = started(target, *arguments, **named)
    child.join(120)
    if child.exitcode is None:
        child.kill()
        raise AssertionError(f"{target.__name__} hangs")
    return child.exitcode
