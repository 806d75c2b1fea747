"""Google's own wire: contents of parts, thoughts and calls among them, settings in one object beside.

https://ai.google.dev/api/generate-content
"""
