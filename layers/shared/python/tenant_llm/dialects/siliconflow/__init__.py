"""SiliconFlow's speech: OpenAI's wire but for its voices, which belong to a model.

https://docs.siliconflow.cn/en/userguide/capabilities/text-to-speech
"""
