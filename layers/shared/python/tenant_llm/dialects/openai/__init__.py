"""OpenAI's wire, which most providers speak: Chat Completions, embeddings, transcription and speech.

Here too: what its many speakers add to it or leave out, told apart by the answer itself, never by who sent it.
"""
