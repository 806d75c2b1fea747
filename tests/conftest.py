"""Fixtures for every suite; they live where they are described, in ``tests/support``."""

pytest_plugins = [
    "tests.support.aws",
    "tests.support.faults",
    "tests.support.ministack",
    "tests.support.provider",
    "tests.support.langfuse",
]
