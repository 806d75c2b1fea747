"""iFlytek's own wire: speech over a WebSocket.

https://www.xfyun.cn/doc/tts/online_tts/API.html
"""
