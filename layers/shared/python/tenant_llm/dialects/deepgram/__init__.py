"""Deepgram's transcription, which others speak too: bare audio in, options in the query.

https://developers.deepgram.com/reference/speech-to-text/listen-pre-recorded
"""
