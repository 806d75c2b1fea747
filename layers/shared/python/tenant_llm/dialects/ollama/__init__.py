"""Ollama's own wire: lines of JSON, options beside the messages, images as bare base64.

https://docs.ollama.com/api/chat, https://github.com/ollama/ollama/blob/main/docs/api.md
"""
