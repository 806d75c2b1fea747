"""Where a call goes, and where its options stand."""

from dataclasses import replace

from tenant_llm.domain.quirks import Quirks
from tenant_llm.domain.target import Target

_OPTIONS = (
    "f16_kv", "frequency_penalty", "logits_all", "low_vram", "main_gpu", "min_p", "mirostat", "mirostat_eta",
    "mirostat_tau", "num_batch", "num_ctx", "num_gpu", "num_keep", "num_predict", "num_thread", "numa",
    "penalize_newline", "presence_penalty", "repeat_last_n", "repeat_penalty", "seed", "stop", "temperature", "tfs_z",
    "top_k", "top_p", "typical_p", "use_mlock", "use_mmap", "vocab_only",
)  # fmt: skip


def path(target: Target, operation: str) -> str:
    """The path of an operation; tenants give the root, with ``/api``, or with the ``/v1`` of the other wire it has."""
    base = target.config.base_url.rstrip("/")
    if base.endswith("/v1"):
        return f"../api/{operation}"
    return operation if base.endswith("/api") else f"api/{operation}"


def with_options(target: Target, given: tuple[str, ...] = ()) -> Target:
    """The target, its options nested where they belong: all that are known, and those the caller named as such.

    https://docs.ollama.com/modelfile#valid-parameters-and-values
    """
    config = target.config
    nest = Quirks(nest=dict.fromkeys((*_OPTIONS, *given), "options"))
    return replace(target, config=replace(config, quirks=nest.merge(config.quirks)))
