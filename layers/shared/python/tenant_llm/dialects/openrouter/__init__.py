"""OpenRouter: OpenAI's chat, with the providers that may serve a call.

https://openrouter.ai/docs/features/provider-routing
"""
