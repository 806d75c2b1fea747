"""Use cases: what happens, in which order. One verb a module, ``invoke`` for the model types.

Here: resolution, the pipeline, settling. Not here: HTTP bodies (surface), wires (dialects), tables (repositories).
"""
