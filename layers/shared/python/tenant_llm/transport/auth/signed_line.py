"""The request's first line, its host and a date, signed with HMAC-SHA256; the signature travels in the query.

https://www.xfyun.cn/doc/tts/online_tts/API.html (its section on authentication).
"""

import hmac
from base64 import b64encode
from email.utils import formatdate

from httpx import Request

from tenant_llm.domain.target import Credential
from tenant_llm.domain.wire import SignedLine
from tenant_llm.transport.auth.static import key


def signed_line(request: Request, auth: SignedLine, credential: Credential, _means: object) -> None:
    """Put ``authorization``, ``date`` and ``host`` into the query; the provider allows a clock to be 300 s off."""
    key_id, secret = key(credential, auth.key_id), key(credential, auth.secret)
    host, date = request.url.host, formatdate(usegmt=True)
    signed = f"host: {host}\ndate: {date}\n{request.method} {request.url.path} HTTP/1.1"
    signature = b64encode(hmac.digest(secret.encode(), signed.encode(), "sha256")).decode()
    told = f'api_key="{key_id}", algorithm="hmac-sha256", headers="host date request-line", signature="{signature}"'
    authorization = b64encode(told.encode()).decode()
    request.url = request.url.copy_merge_params({"authorization": authorization, "date": date, "host": host})
