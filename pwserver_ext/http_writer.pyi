from typing import Any

from pwserver_ext.http_gate import Timed

class ReplyWriter(Timed):
    transport: Any
