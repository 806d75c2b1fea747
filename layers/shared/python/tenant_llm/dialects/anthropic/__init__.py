"""The Messages wire: a conversation of content blocks, system text beside it.

https://platform.claude.com/docs/en/api/messages
"""
