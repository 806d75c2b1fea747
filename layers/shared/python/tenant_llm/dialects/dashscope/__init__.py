"""Alibaba Cloud Model Studio's own wire: a model, an ``input`` and ``parameters`` in; an ``output`` and ``usage`` out.

https://www.alibabacloud.com/help/en/model-studio/. Its chat speaks OpenAI's wire and needs nothing from here.
"""
