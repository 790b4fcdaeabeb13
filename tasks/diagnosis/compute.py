"""What a night computes with: memory against what tonight takes, threads against cores. Unlike the other looks, it loads the models."""

from __future__ import annotations

import os
from collections.abc import Iterator

from models.compute import ComputeConfig
from tasks.course import last_costs, last_sizes
from tasks.diagnosis.finding import Finding, Scene
from tasks.memory import GB, all_there_is, offered
from tasks.needs import Plans, excess, needs


def memory(scene: Scene, compute: ComputeConfig, plans: Plans) -> Iterator[Finding]:
    """Compare what a night as large as the last takes with what there is, and memory_gb with what the machine has."""
    has, offers, settings = all_there_is(), offered(compute), scene.workspace.settings_file
    if compute.memory_gb is not None and compute.memory_gb * GB > has.bytes:
        sentence = f"memory_gb in [compute] is {compute.memory_gb:g}, and {has.by} has {has.bytes / GB:.1f} GB"
        yield Finding("memory", "warn", sentence, f"lower memory_gb in {settings} to less than that; or unset it")
    costs, counted = last_costs(scene.workspace, scene.now.date()), last_sizes(scene.workspace, scene.now.date())
    told = f"{offers.bytes / GB:.1f} GB offered by {offers.by}"
    if counted and counted.sizes:
        expected = needs(counted.sizes, plans, offers)
        need = excess(expected, offers)
        if need:
            sentence = f"tonight does not fit: {need.step} takes about {need.bytes / GB:.1f} GB, most of it for {need.mostly}; {told}"
            yield Finding("memory", "bad", sentence, f"{need.advice}, in {settings}; {scene.command('plan')} says more")
            return
        told = f"tonight takes about {max(need.bytes for need in expected) / GB:.1f} GB; {told}"
    if costs and costs.peak_bytes > offers.bytes:
        sentence = f"the last night held {costs.peak_bytes / GB:.1f} GB; {told}"
        yield Finding("memory", "warn", sentence, f"{scene.command('plan')}; it says which step needs how much")
    else:
        yield Finding("memory", "ok", told)


def threads(scene: Scene, compute: ComputeConfig) -> Iterator[Finding]:
    """Compare the threads that are set with the cores this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    sentence = f"{compute.threads} in [compute], {cores} cores"
    if compute.threads > cores:
        step = f"lower threads of [compute] in {scene.workspace.settings_file}; another number gives other bytes, from the next night on"
        yield Finding("threads", "warn", f"{sentence}: nights take longer than they need", step)
    else:
        yield Finding("threads", "ok", sentence)
