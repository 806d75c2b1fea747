"""Fish Audio: speech in a chosen or cloned voice.

https://docs.fish.audio/api-reference/endpoint/openapi-v1/text-to-speech
"""
