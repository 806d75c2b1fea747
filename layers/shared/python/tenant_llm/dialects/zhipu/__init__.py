"""Zhipu's transcription: OpenAI's wire but for the fields it knows and the length of audio it takes.

https://docs.bigmodel.cn/cn/guide/models/sound-and-video/glm-asr
"""
