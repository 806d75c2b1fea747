"""OpenAI's wire where tenants may still have keys stored for the platform that was there before it."""
