"""Wire formats: ``<family>/<model_type>.py`` renders domain requests and parses provider answers.

Here: pure functions from values to values. Not here: sending, signing, sleeping, clocks, environment, logs, and the
name of any provider.
"""
