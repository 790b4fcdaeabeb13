"""What Prefect watches over by itself, as code: runs that failed, crashed, did not start or whose process died unseen.

Everything is told by the tag that all our runs bear, so that other people's runs on the same server are let alone.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.automations import AutomationCore, EventTrigger, Posture
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState, SendNotification

from flows.prefect_endings import KEPT_LAST_GOOD, LOCK_HELD

HEARTBEAT_SECONDS = 60
ZOMBIE_AFTER_SECONDS = 300
"""Four beats may be missed, as when the server is started anew; the fifth makes a zombie. Prefect takes no heartbeat under 30 seconds."""

LATE_AFTER_SECONDS = 900
STATE = "prefect.flow-run."
ENDINGS = ("Completed", "Failed", KEPT_LAST_GOOD, "Cancelled", LOCK_HELD, "Crashed")
"""Every state that a run of ours may end in, by name: events bear the name of a state. One left out would make zombies of live runs."""

FAILED, KEPT, CRASHED, LATE, ZOMBIE = (
    f"nightly-recs: {what}" for what in ("failed", "kept the last good tables", "crashed", "late", "zombie")
)
LINK = "{{ flow_run|ui_url }}"
WATCHED = "{{ flow_run.state.message }}\n\n" + LINK


def automations(tag: str, notify: UUID | None) -> list[AutomationCore]:
    """Return what is to be watched over: zombies always, the rest where a block is named that can notify somebody."""
    watched = [zombie(tag)]
    if notify is not None:
        watched += [
            _told(FAILED, "failed", "A night or another run failed.", _when(tag, "Failed"), notify),
            _told(KEPT, "kept the last good tables", "The input or the gate refused a night.", _when(tag, KEPT_LAST_GOOD), notify),
            _told(CRASHED, "crashed", "The process of a run ended without a word, or a zombie was found.", _when(tag, "Crashed"), notify),
            _late(tag, notify),
        ]
    return watched


def zombie(tag: str, within_seconds: int = ZOMBIE_AFTER_SECONDS) -> AutomationCore:
    """Return what marks a run as Crashed whose heartbeats stopped: nobody else could, its process and its worker may both be gone."""
    said = f"no heartbeat for {within_seconds} seconds: its process, its worker or its machine died. `nightly status` tells the truth; "
    return AutomationCore(
        name=ZOMBIE,
        description="Marks a run as crashed when its heartbeats stop.",
        trigger=_absent(tag, after={f"{STATE}heartbeat"}, expect={f"{STATE}heartbeat", *_ended()}, seconds=within_seconds),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message=said + "run the same date again, it goes on where it was")],
    )


def _late(tag: str, notify: UUID) -> AutomationCore:
    minutes = LATE_AFTER_SECONDS // 60
    trigger = _absent(tag, after={f"{STATE}Late"}, expect={f"{STATE}Pending", f"{STATE}Running", *_ended()}, seconds=LATE_AFTER_SECONDS)
    said = f"It has not started {minutes} minutes after its time: is a worker running? Start one, or `nightly serve`.\n\n"
    description = f"A run did not start within {minutes} minutes of its time."
    return _told(LATE, "has not started", description, trigger, notify, said + LINK)


def _told(name: str, what: str, description: str, trigger: EventTrigger, notify: UUID, body: str = WATCHED) -> AutomationCore:
    subject = f"{{{{ flow_run.name }}}} {what}"
    return AutomationCore(
        name=name,
        description=description,
        trigger=trigger,
        actions=[SendNotification(block_document_id=notify, subject=subject, body=body)],
    )


def _when(tag: str, state: str) -> EventTrigger:
    return EventTrigger(expect={STATE + state}, posture=Posture.Reactive, threshold=1, **_our_runs(tag))


def _absent(tag: str, after: set[str], expect: set[str], seconds: int) -> EventTrigger:
    within = timedelta(seconds=seconds)
    return EventTrigger(after=after, expect=expect, posture=Posture.Proactive, threshold=1, within=within, **_our_runs(tag))


def _our_runs(tag: str) -> dict[str, Any]:
    return {
        "match": {"prefect.resource.id": f"{STATE}*"},
        "match_related": {"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{tag}"},
        "for_each": {"prefect.resource.id"},
    }


def _ended() -> set[str]:
    return {STATE + name for name in ENDINGS}
