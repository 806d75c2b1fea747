"""Replicate: every call is a prediction, a job that is created, asked for, and may be streamed.

https://replicate.com/docs/reference/http
"""
