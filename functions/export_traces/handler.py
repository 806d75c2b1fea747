"""Traces: what calls have told, from the queue to each tenant's Langfuse."""

from tenant_llm.bootstrap import trace_export
from tenant_llm.surface import queue_events

handler = queue_events.consuming(
    queue_events.generations(lambda generations, has_time: trace_export().export_all(generations, has_time)),
    prepare=trace_export,
)
